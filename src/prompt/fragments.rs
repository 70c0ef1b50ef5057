//! The attention syntax of AUTOMATIC1111's web UI (`parse_prompt_attention` there), as its users write it.

const BREAK: &str = "BREAK";
const BREAK_WEIGHT: f64 = -1.0;
const SYNTAX: [char; 6] = ['\\', '(', ')', '[', ']', ':'];
const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / ROUND;

/// A piece of a prompt whose tokens all have one weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragment {
    /// The piece, without brackets and weight.
    pub text: String,
    /// 1 is as written.
    pub weight: f64,
}

impl Fragment {
    fn new(text: &str, weight: f64) -> Self {
        let text = text.to_owned();
        Self { text, weight }
    }

    /// Whether this is no text but the start of another chunk. A `BREAK` inside of brackets is text, because they scale
    /// its weight too.
    pub fn is_break(&self) -> bool {
        self.text == BREAK && self.weight == BREAK_WEIGHT
    }
}

/// Reads `(text)`, which multiplies the weight by 1.1, `[text]`, which divides it, `(text:1.3)`, and `BREAK`, a word of its
/// own. A backslash takes the meaning off a bracket. Any text is valid: brackets that are never closed reach to the end,
/// and what opens or closes nothing, or is not a number, is text. Neighbours of the same weight are one fragment.
pub fn fragments(prompt: &str) -> Vec<Fragment> {
    let mut parser = Parser::default();
    let mut rest = prompt;
    while !rest.is_empty() {
        rest = &rest[parser.read(rest)..];
    }
    parser.finish()
}

#[derive(Default)]
struct Parser {
    fragments: Vec<Fragment>,
    /// Where brackets were opened, as indices of fragments.
    round: Vec<usize>,
    square: Vec<usize>,
}

impl Parser {
    /// Reads what `rest` starts with; how many bytes that is.
    fn read(&mut self, rest: &str) -> usize {
        let here = self.fragments.len();
        match rest.as_bytes() {
            [b'\\', b'(' | b')' | b'[' | b']' | b'\\', ..] => {
                self.push(&rest[1..2]);
                return 2;
            }
            // Nothing, and yet a fragment: it keeps its neighbours apart.
            [b'\\', ..] => self.push(""),
            [b'(', ..] => self.round.push(here),
            [b'[', ..] => self.square.push(here),
            [b')', ..] => match self.round.pop() {
                Some(start) => self.scale(start, ROUND),
                None => self.push(")"),
            },
            [b']', ..] => match self.square.pop() {
                Some(start) => self.scale(start, SQUARE),
                None => self.push("]"),
            },
            [b':', ..] => {
                let Some((weight, length)) = explicit_weight(rest) else {
                    self.push(":");
                    return 1;
                };
                match self.round.pop() {
                    Some(start) => self.scale(start, weight),
                    None => self.push(&rest[..length]),
                }
                return length;
            }
            _ => {
                let length = rest.find(SYNTAX).unwrap_or(rest.len());
                self.text(&rest[..length]);
                return length;
            }
        }
        1
    }

    /// Text without brackets, in which a `BREAK` takes the white space around it along.
    fn text(&mut self, text: &str) {
        let mut start = 0;
        for (at, word) in text.match_indices(BREAK) {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            if before.ends_with(is_of_word) || after.starts_with(is_of_word) {
                continue;
            }
            self.push(text[start..at].trim_end_matches(is_space));
            self.fragments.push(Fragment::new(BREAK, BREAK_WEIGHT));
            start = text.len() - after.trim_start_matches(is_space).len();
        }
        self.push(&text[start..]);
    }

    fn push(&mut self, text: &str) {
        self.fragments.push(Fragment::new(text, 1.0));
    }

    fn scale(&mut self, start: usize, factor: f64) {
        for fragment in &mut self.fragments[start..] {
            fragment.weight *= factor;
        }
    }

    fn finish(mut self) -> Vec<Fragment> {
        for start in std::mem::take(&mut self.round) {
            self.scale(start, ROUND);
        }
        for start in std::mem::take(&mut self.square) {
            self.scale(start, SQUARE);
        }
        if self.fragments.is_empty() {
            self.push("");
        }
        let mut merged: Vec<Fragment> = Vec::new();
        for fragment in self.fragments {
            match merged.last_mut() {
                Some(last) if last.weight == fragment.weight => last.text += &fragment.text,
                _ => merged.push(fragment),
            }
        }
        merged
    }
}

/// The number between the colon that `rest` starts with and the next closing bracket, and the bytes up to behind that.
fn explicit_weight(rest: &str) -> Option<(f64, usize)> {
    let end = rest.find(')')?;
    let number = rest[1..end].trim_matches(is_space);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let weight: f64 = number.parse().ok().filter(|_| plain)?;
    (weight as f32).is_finite().then_some((weight, end + 1))
}

/// `\s` of Python, which the web UI is written in.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `\w` of Python.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prompt: &str) -> Vec<(String, f64)> {
        let fragments = fragments(prompt).into_iter();
        fragments.map(|f| (f.text, f.weight)).collect()
    }

    fn assert_reads(prompt: &str, expected: &[(&str, f64)]) {
        let actual = read(prompt);
        let same = |((text, weight), (t, w)): (&(String, f64), &(&str, f64))| {
            text == t && (weight - w).abs() < 1e-12
        };
        assert!(
            actual.len() == expected.len() && actual.iter().zip(expected).all(same),
            "{prompt:?}: {actual:?}, not {expected:?}"
        );
    }

    /// What the web UI makes of the examples of its own documentation.
    #[test]
    fn brackets_weigh_what_they_enclose() {
        assert_reads("normal text", &[("normal text", 1.0)]);
        assert_reads(
            "an (important) word",
            &[("an ", 1.0), ("important", 1.1), (" word", 1.0)],
        );
        assert_reads("(unbalanced", &[("unbalanced", 1.1)]);
        assert_reads("\\(literal\\]", &[("(literal]", 1.0)]);
        assert_reads("(unnecessary)(parens)", &[("unnecessaryparens", 1.1)]);
        assert_reads(
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            &[
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        );
        assert_reads(
            "nested (a (b:2) [c]) d",
            &[
                ("nested ", 1.0),
                ("a ", 1.1),
                ("b", 2.2),
                (" ", 1.1),
                ("c d", 1.0),
            ],
        );
        assert_reads(
            "(neg:-0.5) (dot:.5)(int: +2 )",
            &[("neg", -0.5), (" ", 1.0), ("dot", 0.5), ("int", 2.0)],
        );
        assert_reads("", &[("", 1.0)]);
    }

    #[test]
    fn what_is_no_weight_is_text() {
        assert_reads(
            "colon a:b and (x:) and :1.3) tail",
            &[
                ("colon a:b and ", 1.0),
                ("x:", 1.1),
                (" and :1.3) tail", 1.0),
            ],
        );
        assert_reads("(a:1.2.3)(b:1e5)(c:inf)", &[("a:1.2.3b:1e5c:inf", 1.1)]);
        assert_reads("]a)", &[("]a)", 1.0)]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_off_brackets_alone() {
        assert_reads(
            "a \\\\ backslash \\(smile\\) (face\\):1.2)",
            &[("a \\ backslash (smile) ", 1.0), ("face)", 1.2)],
        );
        assert_reads("l\\one", &[("lone", 1.0)]);
        assert_reads("(a)\\(b)", &[("a", 1.1), ("(b)", 1.0)]);
    }

    #[test]
    fn a_break_is_a_word_outside_of_brackets() {
        assert_reads(
            "left BREAK right",
            &[("left", 1.0), (BREAK, BREAK_WEIGHT), ("right", 1.0)],
        );
        assert_reads(
            "BREAK BREAK",
            &[
                ("", 1.0),
                (BREAK, BREAK_WEIGHT),
                ("", 1.0),
                (BREAK, BREAK_WEIGHT),
                ("", 1.0),
            ],
        );
        let words = "xBREAK BREAKy _BREAK BREAK2 break";
        assert_reads(words, &[(words, 1.0)]);
        assert_reads("(BREAK)", &[("", 1.1), (BREAK, -1.1), ("", 1.1)]);
        assert!(!fragments("(BREAK)").iter().any(Fragment::is_break));
    }
}
