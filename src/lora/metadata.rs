//! What trainers write into a LoRA's file about it.

use std::collections::BTreeMap;

use super::LoraHeader;

/// Of the tags a LoRA was trained on, so many are worth telling.
const TAGS: usize = 10;

impl LoraHeader {
    /// The words that call it up, best first: the trigger phrase where the author gave one, or else the commonest tags of the
    /// pictures it was trained on.
    pub fn trigger_words(&self) -> Vec<String> {
        let phrase = self.metadata.get("modelspec.trigger_phrase");
        match phrase.filter(|phrase| !phrase.trim().is_empty()) {
            Some(phrase) => words(phrase),
            None => self.commonest_tags(),
        }
    }

    /// The model it was trained on, in the trainer's words.
    pub fn base_model(&self) -> Option<&str> {
        let keys = ["ss_base_model_version", "modelspec.architecture"];
        keys.iter()
            .find_map(|key| self.metadata.get(*key))
            .map(String::as_str)
    }

    /// Whether the trainer's words, or the names of the tensors, speak of a model that is not SDXL.
    pub(super) fn is_for_another_model(&self) -> bool {
        let says = |base: &str| !base.to_ascii_lowercase().contains("xl");
        // Only models with a single text encoder leave it without a number.
        self.base_model().is_some_and(says)
            || self
                .modules
                .keys()
                .any(|module| module.starts_with("lora_te_"))
    }

    fn commonest_tags(&self) -> Vec<String> {
        type Frequencies = BTreeMap<String, BTreeMap<String, f64>>;
        let json = self.metadata.get("ss_tag_frequency");
        let folders: Frequencies = json
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for (tag, count) in folders.values().flatten() {
            *counts.entry(tag.trim()).or_default() += count;
        }
        let mut tags: Vec<(&str, f64)> = counts.into_iter().collect();
        tags.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let tags = tags.into_iter().take(TAGS);
        tags.map(|(tag, _)| tag.to_owned()).collect()
    }
}

fn words(phrase: &str) -> Vec<String> {
    let words = phrase.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lora(metadata: &[(&str, &str)]) -> LoraHeader {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        LoraHeader {
            name: "test".into(),
            modules: BTreeMap::new(),
            metadata: metadata.iter().map(owned).collect(),
        }
    }

    #[test]
    fn trigger_words_are_the_authors_or_else_the_commonest_tags() {
        let tags = r#"{"10_fox": {"a fox": 10, "snow": 3}, "reg": {"snow": 9}}"#;
        let both = [
            ("ss_tag_frequency", tags),
            ("modelspec.trigger_phrase", "foxy, in snow"),
        ];
        assert_eq!(lora(&both).trigger_words(), ["foxy", "in snow"]);
        assert_eq!(lora(&both[..1]).trigger_words(), ["snow", "a fox"]);
        assert!(
            lora(&[("ss_tag_frequency", "no JSON")])
                .trigger_words()
                .is_empty()
        );
    }

    #[test]
    fn a_lora_of_another_model_is_known_by_its_trainers_words() {
        for base in ["sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"] {
            assert!(!lora(&[("ss_base_model_version", base)]).is_for_another_model());
        }
        assert!(lora(&[("ss_base_model_version", "sd_v1")]).is_for_another_model());
        assert!(!lora(&[]).is_for_another_model());
    }
}
