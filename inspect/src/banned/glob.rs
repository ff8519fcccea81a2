//! `*` and `?`, as a pattern for the crate `regex`: the whole text, without case.

/// The pattern that `glob` means. A backslash takes `*`, `?` and itself as they are.
pub(super) fn pattern(glob: &str) -> String {
    let mut out = String::from(r"(?is)\A");
    let mut characters = glob.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '*' => {
                while characters.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '?' => out.push('.'),
            '\\' => {
                let next = characters.next_if(|next| matches!(next, '*' | '?' | '\\'));
                out.push_str(&regex::escape(next.unwrap_or('\\').encode_utf8(&mut [0; 4])));
            }
            _ => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(r"\z");
    out
}
