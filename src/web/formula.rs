//! A formula of the report, taken apart so that its names can be shown in the reader's language.

/// A part of a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A name, such as `context`.
    Name(&'a str),
    /// Operators, numbers, brackets and spaces, as they stand.
    Sign(&'a str),
}

/// The pieces of `formula` in order. Together they are the formula.
pub fn pieces(formula: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = formula;
    while let Some(first) = rest.chars().next() {
        let is_name = starts_name(first);
        let same = |c: char| if is_name { goes_on_name(c) } else { !starts_name(c) };
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        out.push(if is_name { Piece::Name(piece) } else { Piece::Sign(piece) });
        rest = after;
    }
    out
}

/// A name without the number of its group: `layers2` is `layers` of group 2.
pub fn group(name: &str) -> (&str, &str) {
    name.split_at(name.trim_end_matches(|c: char| c.is_ascii_digit()).len())
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn goes_on_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signs_are_told_apart() {
        let pieces = pieces("layers * (k_bytes2 + 2) / 1.5");
        use Piece::{Name, Sign};
        assert_eq!(pieces, [Name("layers"), Sign(" * ("), Name("k_bytes2"), Sign(" + 2) / 1.5")]);
    }

    #[test]
    fn a_group_is_told_from_its_name() {
        assert_eq!(group("layers"), ("layers", ""));
        assert_eq!(group("layers12"), ("layers", "12"));
        assert_eq!(group("_"), ("_", ""));
    }

    #[test]
    fn nothing_is_lost() {
        for formula in ["", "×", "a", "2a", "a×ü b", "sum(x) \u{1F600}"] {
            let text: String = pieces(formula)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Name(text) | Piece::Sign(text) => text,
                })
                .collect();
            assert_eq!(text, formula);
        }
    }
}
