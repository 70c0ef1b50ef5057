use super::{PromptSyntax, fragments};
use crate::Result;
use crate::prompt::Fragment;
use crate::tokenizer::Tokenizer;

/// As many tokens as an encoder reads at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Start, part of a prompt, end and padding.
    pub ids: Vec<u32>,
    /// Of each of them; start, end and padding have 1.
    pub weights: Vec<f32>,
}

impl Chunk {
    /// Of those tokens, which leave room for start and end.
    fn new(tokens: &[u32], weights: &[f32], tokenizer: &Tokenizer, length: usize) -> Self {
        let mut weights = [&[1.0], weights].concat();
        weights.resize(length, 1.0);
        Self {
            ids: tokenizer.enclose(tokens, length),
            weights,
        }
    }

    /// Of the empty prompt.
    pub fn empty(tokenizer: &Tokenizer, length: usize) -> Self {
        Self::new(&[], &[], tokenizer, length)
    }

    /// Whether any weight says something.
    pub fn is_weighted(&self) -> bool {
        self.weights.iter().any(|&weight| weight != 1.0)
    }
}

/// Cuts a prompt into chunks of `length` tokens, at least 3; one of them at least.
///
/// Each fragment is tokenized by itself. A chunk ends at a break or where it is full, even within a word: unlike the web
/// UI, this looks for no comma to end it at. SDXL's encoders chunk by their own tokens, as diffusers cuts by them; where
/// these differ in number (`!!!` is one to encoder 1 and three to encoder 2), so may the chunks.
pub fn chunks(
    prompt: &str,
    syntax: PromptSyntax,
    tokenizer: &Tokenizer,
    length: usize,
) -> Result<Vec<Chunk>> {
    if syntax == PromptSyntax::Plain {
        let ids = tokenizer.encode(prompt, length)?;
        let weights = vec![1.0; length];
        return Ok(vec![Chunk { ids, weights }]);
    }
    let room = length - 2;
    let mut chunks = Vec::new();
    for section in fragments(prompt).split(Fragment::is_break) {
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        for fragment in section {
            ids.extend(tokenizer.ids(&fragment.text)?);
            weights.resize(ids.len(), fragment.weight as f32);
        }
        if ids.is_empty() {
            chunks.push(Chunk::empty(tokenizer, length));
        }
        let parts = ids.chunks(room).zip(weights.chunks(room));
        chunks.extend(parts.map(|(ids, weights)| Chunk::new(ids, weights, tokenizer, length)));
    }
    Ok(chunks)
}
