//! Patterns of tensors that llama.cpp is told to put elsewhere (`--override-tensor`): the part of
//! regular expressions that people write.

/// A piece of a pattern with how often it may come.
struct Piece {
    what: What,
    least: usize,
    most: usize,
}

/// What a piece matches.
enum What {
    /// One byte within any of the ranges, or within none.
    Byte { ranges: Vec<(u8, u8)>, is_negated: bool },
    /// One of several sequences.
    Either(Vec<Vec<Piece>>),
    /// The start of the text.
    Start,
    /// The end of the text.
    End,
}

/// Steps after which a match is given up: names of tensors are short.
const FUEL: usize = 20_000;

/// Whether `pattern` matches somewhere in `text`; `None` if it is none that is understood.
pub fn finds(pattern: &str, text: &str) -> Option<bool> {
    let mut rest = pattern.as_bytes();
    let sequences = sequences(&mut rest, 0)?;
    if !rest.is_empty() {
        return None;
    }
    let (text, mut fuel) = (text.as_bytes(), FUEL);
    let from = |at| {
        let mut found =
            |sequence: &Vec<Piece>| matches(sequence, text, at, &mut fuel, &mut |_, _| true);
        sequences.iter().any(&mut found)
    };
    Some((0..=text.len()).any(from))
}

/// Reads sequences between bars, up to a closing parenthesis or the end.
fn sequences(rest: &mut &[u8], depth: usize) -> Option<Vec<Vec<Piece>>> {
    let mut all = vec![Vec::new()];
    while let Some((first, after)) = rest.split_first() {
        if *first == b')' && depth > 0 {
            break;
        }
        *rest = after;
        let what = match first {
            b'|' => {
                all.push(Vec::new());
                continue;
            }
            b'(' if depth < 16 => {
                *rest = rest.strip_prefix(b"?:").unwrap_or(rest);
                let inner = sequences(rest, depth + 1)?;
                *rest = rest.strip_prefix(b")")?;
                What::Either(inner)
            }
            b'[' => class(rest)?,
            b'.' => What::Byte { ranges: Vec::new(), is_negated: true },
            b'^' => What::Start,
            b'$' => What::End,
            b'\\' => {
                let (escaped, after) = rest.split_first()?;
                *rest = after;
                What::Byte { ranges: escape(*escaped)?, is_negated: false }
            }
            b'(' | b')' | b']' | b'*' | b'+' | b'?' | b'{' => return None,
            byte => What::Byte { ranges: vec![(*byte, *byte)], is_negated: false },
        };
        let (least, most) = times(rest)?;
        all.last_mut()?.push(Piece { what, least, most });
    }
    Some(all)
}

/// Reads how often a piece may come.
fn times(rest: &mut &[u8]) -> Option<(usize, usize)> {
    let (times, length) = match rest.first() {
        Some(b'*') => ((0, usize::MAX), 1),
        Some(b'+') => ((1, usize::MAX), 1),
        Some(b'?') => ((0, 1), 1),
        Some(b'{') => {
            let end = rest.iter().position(|byte| *byte == b'}')?;
            let inner = std::str::from_utf8(&rest[1..end]).ok()?;
            let number = |text: &str| text.trim().parse::<usize>().ok();
            let times = match inner.split_once(',') {
                None => (number(inner)?, number(inner)?),
                Some((least, "")) => (number(least)?, usize::MAX),
                Some((least, most)) => (number(least)?, number(most)?),
            };
            (times, end + 1)
        }
        _ => ((1, 1), 0),
    };
    *rest = &rest[length..];
    Some(times)
}

/// Reads a class behind its opening bracket.
fn class(rest: &mut &[u8]) -> Option<What> {
    let is_negated = rest.first() == Some(&b'^');
    *rest = &rest[usize::from(is_negated)..];
    let mut ranges = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        *rest = after;
        match (first, *rest) {
            (b']', _) => return Some(What::Byte { ranges, is_negated }),
            (b'\\', [escaped, after @ ..]) => {
                ranges.extend(escape(*escaped)?);
                *rest = after;
            }
            (low, [b'-', high, after @ ..]) if *high != b']' => {
                ranges.push((*low, *high));
                *rest = after;
            }
            (byte, _) => ranges.push((*byte, *byte)),
        }
    }
}

/// What a byte behind a backslash matches.
fn escape(byte: u8) -> Option<Vec<(u8, u8)>> {
    match byte {
        b'd' => Some(vec![(b'0', b'9')]),
        b'w' => Some(vec![(b'0', b'9'), (b'a', b'z'), (b'A', b'Z'), (b'_', b'_')]),
        byte if byte.is_ascii_punctuation() => Some(vec![(byte, byte)]),
        _ => None,
    }
}

/// What comes behind the place where a sequence ends.
type Then<'a> = &'a mut dyn FnMut(usize, &mut usize) -> bool;

/// Whether `sequence` matches `text` from `at` on, and `then` what is behind.
fn matches(sequence: &[Piece], text: &[u8], at: usize, fuel: &mut usize, then: Then<'_>) -> bool {
    let Some((first, rest)) = sequence.split_first() else { return then(at, fuel) };
    repeated(first, 0, text, at, fuel, &mut |at, fuel| matches(rest, text, at, fuel, then))
}

/// Whether `piece` matches from `at` on, having come `count` times already, and `then` what is
/// behind. As often as possible is tried first.
fn repeated(
    piece: &Piece,
    count: usize,
    text: &[u8],
    at: usize,
    fuel: &mut usize,
    then: Then<'_>,
) -> bool {
    if *fuel == 0 {
        return false;
    }
    *fuel -= 1;
    let again = count < piece.most
        && match &piece.what {
            What::Byte { ranges, is_negated } => {
                let byte = text.get(at);
                let within =
                    |byte: &u8| ranges.iter().any(|(low, high)| (low..=high).contains(&byte));
                byte.is_some_and(|byte| within(byte) != *is_negated)
                    && repeated(piece, count + 1, text, at + 1, fuel, then)
            }
            What::Either(sequences) => sequences.iter().any(|sequence| {
                matches(sequence, text, at, fuel, &mut |end, fuel| {
                    end > at && repeated(piece, count + 1, text, end, fuel, then)
                })
            }),
            What::Start => at == 0 && count == 0 && then(at, fuel),
            What::End => at == text.len() && count == 0 && then(at, fuel),
        };
    again || count >= piece.least && then(at, fuel)
}

/// How many of `layers` layers have their routed experts on the CPU under the overrides `text`, such
/// as `blk\.(1[0-9])\.ffn_.*_exps\.=CPU`; a layer of which a third stays counts as a third. `None`
/// if no expert does, or a pattern is not understood.
pub fn layers_on_cpu(text: &str, layers: u64) -> Option<u64> {
    let overrides = text.split(',').map(|part| part.rsplit_once('='));
    let overrides: Vec<(&str, &str)> = overrides.collect::<Option<_>>()?;
    let mut tensors = 0;
    for layer in 0..layers {
        for part in ["gate", "up", "down"] {
            let name = format!("blk.{layer}.ffn_{part}_exps.weight");
            let mut place = None;
            for (pattern, buffer) in &overrides {
                if finds(pattern, &name)? {
                    place = Some(buffer.to_ascii_lowercase());
                    break;
                }
            }
            tensors += u64::from(place.is_some_and(|place| place.contains("cpu")));
        }
    }
    (tensors > 0).then_some(tensors.div_ceil(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_as_llama_cpp_matches_them() {
        let on_cpu = |text| layers_on_cpu(text, 48);
        assert_eq!(on_cpu("exps=CPU"), Some(48));
        assert_eq!(on_cpu(r".ffn_.*_exps.=CPU"), Some(48));
        assert_eq!(on_cpu(r"blk\.(1[0-9]|2[0-3])\.ffn_.*_exps\.weight=CPU"), Some(14));
        assert_eq!(on_cpu(r"blk\.\d+\.ffn_up_exps=CPU"), Some(16));
        assert_eq!(on_cpu(r"blk\.([0-9])\.ffn=CUDA0,exps=CPU"), Some(38));
        assert_eq!(on_cpu(r"\.(6|7|8|9|[0-9][0-9])\.ffn_(gate|up|down)_exps.=CPU"), Some(42));
        assert_eq!((on_cpu("attn=CPU"), on_cpu("(exps=CPU"), on_cpu("exps")), (None, None, None));
    }

    #[test]
    fn no_pattern_takes_long() {
        assert_eq!(finds("(a*)*b", &"a".repeat(60)), Some(false));
        assert_eq!(finds(&"(".repeat(40), "a"), None);
        assert_eq!(finds("^blk.{1,3}x{2}$", "blk..xx"), Some(true));
    }
}
