//! CLIP's byte-pair encoding, as `CLIPTokenizer` in transformers does it, which is what SDXL is run with.

use ahash::AHashMap;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use crate::error::Cause;
use crate::{Error, Result};

/// Words, contractions, single digits, and runs of anything else; CLIP's own pattern.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Turns prompts into the ids of one text encoder.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
    padding: u32,
}

/// `special_tokens_map.json`. SDXL's two tokenizers differ in the padding alone.
#[derive(Debug, Deserialize)]
struct SpecialTokens {
    bos_token: Special,
    eos_token: Special,
    unk_token: Special,
    pad_token: Special,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Special {
    Text(String),
    Token {
        content: String,
        /// Whether it is looked for behind the normalizer, where upper case is lower case.
        #[serde(default)]
        normalized: bool,
    },
}

impl Special {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Token { content: text, .. } => text,
        }
    }

    fn token(&self) -> AddedToken {
        let normalized = matches!(
            self,
            Self::Token {
                normalized: true,
                ..
            }
        );
        AddedToken::from(self.text(), true).normalized(normalized)
    }
}

impl Tokenizer {
    /// From the contents of `vocab.json`, `merges.txt` and `special_tokens_map.json`.
    pub fn new(vocab: &[u8], merges: &[u8], special_tokens_map: &Value) -> Result<Self> {
        let special: SpecialTokens = serde_json::from_value(special_tokens_map.clone())
            .map_err(|source| refuse("special_tokens_map.json is not understood", source))?;
        let vocab: std::collections::HashMap<String, u32> = serde_json::from_slice(vocab)
            .map_err(|source| refuse("vocab.json is not understood", source))?;
        let vocab: AHashMap<String, u32> = vocab.into_iter().collect();
        let merges = parse_merges(merges)?;
        let bpe = BPE::builder()
            .vocab_and_merges(vocab, merges)
            .unk_token(special.unk_token.text().to_owned())
            .end_of_word_suffix("</w>".to_owned())
            .build()
            .map_err(|source| refuse("vocab.json and merges.txt contradict each other", source))?;

        let mut inner = tokenizers::Tokenizer::new(bpe);
        let whitespace = Replace::new(
            tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()),
            " ",
        )
        .map_err(|source| refuse("the pattern for white space is refused", source))?;
        inner
            .with_normalizer(Some(Normalizers::new(vec![
                NFC.into(),
                whitespace.into(),
                Lowercase.into(),
            ])))
            .map_err(|source| refuse("the normalizer is refused", source))?;
        let words = Split::new(
            SplitPattern::Regex(WORDS.into()),
            SplitDelimiterBehavior::Removed,
            true,
        )
        .map_err(|source| refuse("the pattern for words is refused", source))?;
        inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![
            PreTokenizerWrapper::Split(words),
            PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
        ])));
        // The last of equal ones counts: of encoder 1's end token, that is the padding.
        inner
            .add_special_tokens([
                special.bos_token.token(),
                special.eos_token.token(),
                special.unk_token.token(),
                special.pad_token.token(),
            ])
            .map_err(|source| refuse("the special tokens are refused", source))?;

        let id = |special: &Special| {
            inner
                .token_to_id(special.text())
                .ok_or_else(|| Error::Tokenizer {
                    problem: format!("`{}` is not in vocab.json", special.text()),
                    source: None,
                })
        };
        let (start, end, padding) = (
            id(&special.bos_token)?,
            id(&special.eos_token)?,
            id(&special.pad_token)?,
        );
        Ok(Self {
            start,
            end,
            padding,
            inner,
        })
    }

    /// One more than the largest id.
    pub fn vocab_size(&self) -> usize {
        let ids = self.inner.get_vocab(true).into_values();
        ids.max().map_or(0, |id| id as usize + 1)
    }

    /// The ids of a prompt, without start, end and padding.
    pub fn ids(&self, prompt: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode(prompt, false)
            .map_err(|source| refuse("a prompt cannot be encoded", source))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Where each token of a prompt begins: its byte, or that of the character which the token is a part of.
    pub fn starts(&self, prompt: &str) -> Result<Vec<usize>> {
        let encoding = self
            .inner
            .encode(prompt, false)
            .map_err(|source| refuse("a prompt cannot be encoded", source))?;
        let starts = encoding.get_offsets().iter();
        Ok(starts
            .map(|&(start, _)| prompt.floor_char_boundary(start))
            .collect())
    }

    /// Start, the prompt, end, and padding: exactly `length` ids. What does not fit is cut off.
    pub fn encode(&self, prompt: &str, length: usize) -> Result<Vec<u32>> {
        let mut ids = self.ids(prompt)?;
        ids.truncate(length.saturating_sub(2));
        Ok(self.enclose(&ids, length))
    }

    /// Puts start and end around ids, and padding behind them: exactly `length`, of which the ids leave room for two.
    pub fn enclose(&self, ids: &[u32], length: usize) -> Vec<u32> {
        let mut ids = [&[self.start], ids, &[self.end]].concat();
        ids.resize(length, self.padding);
        ids
    }
}

fn parse_merges(text: &[u8]) -> Result<Vec<(String, String)>> {
    let text =
        std::str::from_utf8(text).map_err(|source| refuse("merges.txt is not UTF-8", source))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
    lines
        .map(|(number, line)| match line.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(Error::Tokenizer {
                problem: format!("line {} of merges.txt is not a pair", number + 1),
                source: None,
            }),
        })
        .collect()
}

fn refuse(problem: &str, source: impl Into<Cause>) -> Error {
    Error::Tokenizer {
        problem: problem.to_owned(),
        source: Some(source.into()),
    }
}
