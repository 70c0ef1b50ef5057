//! How a text encoder reads a prompt, for people to see: which words weigh how much, and where its chunks end.

use serde::Serialize;

use super::{Fragment, PromptSyntax, fragments};
use crate::Result;
use crate::tokenizer::Tokenizer;

/// A prompt as an encoder reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// How many it has in all.
    pub tokens: usize,
    /// How many fit into a chunk.
    pub room: usize,
    /// In their order; without the brackets and weights that were read.
    pub pieces: Vec<Piece>,
}

/// Text that is read in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Piece {
    /// Part of the prompt.
    pub text: String,
    /// 1 is as written.
    pub weight: f64,
    /// Which chunk it is in; `None` where it is cut off.
    pub chunk: Option<usize>,
}

/// As [`super::chunks`] cuts it, by the same tokens.
pub fn reading(
    prompt: &str,
    syntax: PromptSyntax,
    tokenizer: &Tokenizer,
    length: usize,
) -> Result<Reading> {
    let fragments = match syntax {
        PromptSyntax::Weighted => fragments(prompt),
        PromptSyntax::Plain => vec![Fragment {
            text: prompt.to_owned(),
            weight: 1.0,
        }],
    };
    let room = length - 2;
    let (mut tokens, mut chunk, mut used) = (0, 0, 0);
    let mut pieces = Vec::new();
    for fragment in fragments {
        if syntax == PromptSyntax::Weighted && fragment.is_break() {
            (chunk, used) = (chunk + 1, 0);
            continue;
        }
        let Fragment { text, weight } = fragment;
        let mut push = |text: &str, chunk: usize| {
            let is_read = syntax == PromptSyntax::Weighted || chunk == 0;
            let chunk = is_read.then_some(chunk);
            let text = text.to_owned();
            if !text.is_empty() {
                pieces.push(Piece {
                    text,
                    weight,
                    chunk,
                });
            }
        };
        let starts = tokenizer.starts(&text)?;
        tokens += starts.len();
        let mut from = 0;
        for start in starts {
            if used == room {
                push(&text[from..start], chunk);
                (from, chunk, used) = (start, chunk + 1, 0);
            }
            used += 1;
        }
        push(&text[from..], chunk);
    }
    Ok(Reading {
        tokens,
        room,
        pieces,
    })
}
