//! Prompts are whatever somebody types: no text may stop the tokenizers or the parser of weights.

use std::sync::LazyLock;

use proptest::prelude::*;
use sdxl_web::pipeline::TextModel;
use sdxl_web::prompt::{Chunk, Fragment, PromptSyntax, Reading, chunks, fragments, reading};
use sdxl_web::tokenizer::Tokenizer;

use crate::demo;

/// Both, with CLIP's real vocabulary, whose size stands beside them.
static TOKENIZERS: LazyLock<[(Tokenizer, usize); 2]> = LazyLock::new(|| {
    let model = demo("base", |_| ());
    [model.text, model.text_2].map(|text: Option<TextModel>| {
        let tokenizer = text.unwrap().tokenizer;
        let vocab_size = tokenizer.vocab_size();
        (tokenizer, vocab_size)
    })
});

/// Text in which the syntax is frequent.
fn prompt() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[()\\[\\]:\\\\]",
        "[+-]?[0-9.]{0,4}",
        "[ a-c!_]{0,4}",
        Just("BREAK".to_owned()),
        Just("<|endoftext|>".to_owned()),
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

fn of(text: &str, weight: f64) -> Fragment {
    let text = text.to_owned();
    Fragment { text, weight }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_as_many_ids_as_asked_for(text in any::<String>(), length in 2_usize..80) {
        for (tokenizer, vocab_size) in TOKENIZERS.iter() {
            let ids = tokenizer.encode(&text, length).unwrap();
            prop_assert_eq!(ids.len(), length);
            let largest = ids.into_iter().max().unwrap_or_default();
            prop_assert!((largest as usize) < *vocab_size);
        }
    }

    #[test]
    fn what_is_shown_of_a_prompt_is_what_is_read(text in prompt(), length in 3_usize..12) {
        let texts = |reading: &Reading| reading.pieces.iter().map(|piece| piece.text.as_str()).collect::<String>();
        for (tokenizer, _) in TOKENIZERS.iter() {
            let read = |syntax| reading(&text, syntax, tokenizer, length).unwrap();
            let plain = read(PromptSyntax::Plain);
            prop_assert_eq!(texts(&plain), text.as_str());
            prop_assert_eq!(plain.tokens, tokenizer.ids(&text).unwrap().len());
            let is_cut = plain.pieces.iter().any(|piece| piece.chunk.is_none());
            prop_assert_eq!(is_cut, plain.tokens > plain.room);

            let weighted = read(PromptSyntax::Weighted);
            let words = fragments(&text).into_iter().filter(|fragment| !fragment.is_break());
            let words: Vec<Fragment> = words.collect();
            prop_assert_eq!(texts(&weighted), words.iter().map(|word| word.text.as_str()).collect::<String>());
            let tokens: usize = words.iter().map(|word| tokenizer.ids(&word.text).unwrap().len()).sum();
            prop_assert_eq!(weighted.tokens, tokens);
            let chunks = chunks(&text, PromptSyntax::Weighted, tokenizer, length).unwrap();
            for piece in &weighted.pieces {
                prop_assert!(piece.chunk.unwrap() < chunks.len());
            }
        }
    }

    #[test]
    fn text_without_syntax_is_one_fragment_of_weight_1(text in "[^()\\[\\]:\\\\]*") {
        prop_assume!(!text.contains("BREAK"));
        prop_assert_eq!(fragments(&text), vec![of(&text, 1.0)]);
    }

    #[test]
    fn escaped_text_is_text(text in prompt()) {
        let text = text.replace([':', 'K'], "");
        let escaped: String = text
            .chars()
            .flat_map(|c| "()[]\\".contains(c).then_some('\\').into_iter().chain([c]))
            .collect();
        prop_assert_eq!(fragments(&escaped), vec![of(&text, 1.0)]);
    }

    #[test]
    fn chunks_hold_every_token_with_its_weight(text in prompt(), length in 3_usize..12) {
        let fragments = fragments(&text);
        prop_assume!(!fragments.iter().any(Fragment::is_break));
        for (tokenizer, _) in TOKENIZERS.iter() {
            let mut tokens = Vec::new();
            for Fragment { text, weight } in &fragments {
                let ids = tokenizer.ids(text).unwrap().into_iter();
                tokens.extend(ids.map(|id| (id, *weight as f32)));
            }
            let chunks = chunks(&text, PromptSyntax::Weighted, tokenizer, length).unwrap();
            prop_assert_eq!(chunks.len(), tokens.len().div_ceil(length - 2).max(1));
            let frame = tokenizer.enclose(&[], length);
            let mut held = Vec::new();
            for Chunk { ids, weights } in chunks {
                prop_assert_eq!([ids.len(), weights.len()], [length; 2]);
                prop_assert_eq!([ids[0], weights[0].to_bits()], [frame[0], 1_f32.to_bits()]);
                held.extend(ids.into_iter().zip(weights).take(length - 1).skip(1));
            }
            prop_assert_eq!(&held[..tokens.len()], &tokens[..]);
            prop_assert!(held[tokens.len()..].iter().all(|(_, weight)| *weight == 1.0));
        }
    }
}
