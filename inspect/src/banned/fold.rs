//! A name as a reader's machine takes it: without what is invisible, with the plain forms of characters that have
//! several (Unicode's compatibility forms).
//!
//! Look-alikes of other alphabets stay: a Cyrillic `ехе` is no program to anybody.

use unicode_normalization::UnicodeNormalization as _;

/// `text` with its characters folded; NUL stays, since readers differ in what they make of it.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter_map(character).collect();
    }
    // Invisible characters first: they would keep others from being composed.
    text.chars().filter_map(character).nfkc().filter_map(character).collect()
}

/// The character that a reader sees, if any.
fn character(c: char) -> Option<char> {
    match c {
        '\0' => Some('\0'),
        // Soft hyphen, joiners, fillers, direction marks and overrides, variation selectors, tags, byte order mark.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        // What is a dot or a slash to some and has no compatibility form.
        '\u{3002}' => Some('.'),
        '\u{2215}' | '\u{2044}' | '\u{29f8}' => Some('/'),
        '\u{29f5}' | '\u{2216}' => Some('\\'),
        // Without dot and with dot: one letter in capitals.
        '\u{131}' => Some('i'),
        '\u{130}' => Some('I'),
        '\t' | '\r' | '\n' => Some(c),
        _ if c.is_control() => None,
        _ if c.is_whitespace() => Some(' '),
        _ => Some(c),
    }
}
