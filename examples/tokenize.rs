//! Prints the token ids of prompts, for `tools/tokenizer-check`: each line of stdin is a prompt as a JSON string, each
//! line of stdout the JSON list of its ids. The argument is a tokenizer's folder, as diffusers has it.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use sdxl_web::tokenizer::Tokenizer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a tokenizer's folder")?;
    let read = |name: &str| fs::read(Path::new(&folder).join(name));
    let special = serde_json::from_slice(&read("special_tokens_map.json")?)?;
    let tokenizer = Tokenizer::new(&read("vocab.json")?, &read("merges.txt")?, &special)?;
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let prompt: String = serde_json::from_str(&line?)?;
        writeln!(out, "{:?}", tokenizer.ids(&prompt)?)?;
    }
    Ok(())
}
