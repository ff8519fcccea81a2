//! Patterns for expected lines: literal text in which `*` stands for anything.

/// Whether the whole of `text` has the form of `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn star_stands_for_anything_and_the_rest_for_itself() {
        for (pattern, text) in [
            ("250 ok", "250 ok"),
            ("250 *", "250 "),
            ("250 *", "250 2.0.0 ok"),
            ("*queued*", "250 queued as 7"),
            ("250 * as *", "250 queued as 7"),
            ("*aa", "aaa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("250 ok", "250 ok "), ("250 ok", "x250 ok"), ("250 *", "251 x"), ("a*a", "a"), ("*b*b", "ab")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
