//! Letters in lower case, of the two alphabets that questions and names are written in: the standard
//! library's tables for all of them are 12 kB of the page.

/// Returns `text` with its Latin letters without marks and its Cyrillic letters in lower case.
pub fn lowercase(text: &str) -> String {
    text.chars().map(lower).collect()
}

fn lower(c: char) -> char {
    let later = |by: u32| char::from_u32(c as u32 + by).unwrap_or(c);
    match c {
        'А'..='Я' => later(32),
        'Ѐ'..='Џ' => later(80),
        c => c.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "what it is compared with")]
    fn letters_of_both_alphabets_are_as_in_the_standard_library() {
        for c in ('\0'..='\u{7f}').chain('\u{400}'..='\u{42f}') {
            assert_eq!(lowercase(&c.to_string()), c.to_lowercase().to_string(), "{c}");
        }
        assert_eq!(lowercase("ЛАМА Qwen3 Ёлка 72Б"), "лама qwen3 ёлка 72б");
    }
}
