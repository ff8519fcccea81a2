//! Addresses by pattern: `*` stands for anything, everything else for itself, without regard to case.

/// Whether the whole of `address` is like `pattern`.
pub(super) fn matches(pattern: &str, address: &str) -> bool {
    let (pattern, address) = (pattern.to_lowercase(), address.to_lowercase());
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = address.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<_> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, address, expected) in [
            ("a@b", "a@b", true),
            ("a@b", "A@B", true),
            ("a@b", "a@bc", false),
            ("a@b", "xa@b", false),
            ("*@b", "x@b", true),
            ("*@b", "x@c", false),
            ("refused*", "refused@example.net", true),
            ("*", "", true),
            ("*a*", "bab", true),
            ("*a*b", "ab", true),
            ("*ab", "a", false),
            ("a*a", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, address), expected, "{pattern} {address}");
        }
    }
}
