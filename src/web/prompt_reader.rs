//! How a prompt is read, told while it is typed, without an engine or its weights.

use wasm_bindgen::prelude::*;

use super::{bad_request, into_js, to_js};
use crate::prompt::{PromptSyntax, reading};
use crate::tokenizer::Tokenizer;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** See `src/prompt/reading.rs`. */
export interface Reading { tokens: number; room: number; pieces: { text: string; weight: number; chunk: number | null }[]; }
"#;

/// A tokenizer, and how many tokens its encoder reads at once.
#[wasm_bindgen]
pub struct PromptReader {
    tokenizer: Tokenizer,
    length: usize,
}

#[wasm_bindgen]
impl PromptReader {
    /// From the contents of `vocab.json`, `merges.txt` and `special_tokens_map.json`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        vocab: &[u8],
        merges: &[u8],
        #[wasm_bindgen(js_name = specialTokensMap, unchecked_param_type = "object")]
        special_tokens_map: JsValue,
        length: usize,
    ) -> Result<PromptReader, JsValue> {
        let special = serde_wasm_bindgen::from_value(special_tokens_map)
            .map_err(|error| bad_request("specialTokensMap", &error.to_string()))?;
        // Start and end take one each.
        let length = length.max(3);
        let tokenizer = Tokenizer::new(vocab, merges, &special).map_err(into_js)?;
        Ok(Self { tokenizer, length })
    }

    /// How the encoder would read a prompt.
    #[wasm_bindgen(unchecked_return_type = "Reading")]
    pub fn read(
        &self,
        prompt: &str,
        #[wasm_bindgen(unchecked_param_type = "'plain' | 'weighted'")] syntax: JsValue,
    ) -> Result<JsValue, JsValue> {
        let syntax: PromptSyntax = serde_wasm_bindgen::from_value(syntax)
            .map_err(|error| bad_request("promptSyntax", &error.to_string()))?;
        let reading = reading(prompt, syntax, &self.tokenizer, self.length).map_err(into_js)?;
        to_js(&reading)
    }
}
