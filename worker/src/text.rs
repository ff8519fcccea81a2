//! The one place where a name that came from outside becomes text for a reply, a header or a log line.

/// Longest name that is shown, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// `name` as printable ASCII without control characters, encoded words, or runs of spaces, cut at
/// [`NAME_BYTES_MAX`].
pub(crate) fn printable(name: &str) -> String {
    let mut out = String::with_capacity(name.len().min(NAME_BYTES_MAX));
    for c in name.chars() {
        if out.len() == NAME_BYTES_MAX {
            break;
        }
        match c {
            // `=?` would start an encoded word, which a mail client decodes and shows as something else.
            '?' if out.ends_with('=') => out.push('_'),
            ' '..='~' if c == ' ' && (out.is_empty() || out.ends_with(' ')) => {}
            ' '..='~' => out.push(c),
            _ if c.is_control() || c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ => out.push('_'),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_becomes_short_plain_text() {
        let cases = [
            ("evil.exe", "evil.exe"),
            ("a\r\nX-Spam: no\r\n\r\nb", "a X-Spam: no b"),
            ("=?utf-8?q?evil?=.exe", "=_utf-8?q?evil?=.exe"),
            ("\u{202e}exe.pdf\0", "_exe.pdf"),
            ("  a   b  ", "a b"),
            ("é", "_"),
            ("\u{1b}[31mred", "[31mred"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(printable(name), expected);
        }
    }

    #[test]
    fn a_name_is_cut_at_the_limit() {
        assert_eq!(printable(&"x".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(printable(&"x".repeat(NAME_BYTES_MAX + 1)).len(), NAME_BYTES_MAX);
        assert_eq!(printable(&"é".repeat(10_000)).len(), NAME_BYTES_MAX);
    }
}
