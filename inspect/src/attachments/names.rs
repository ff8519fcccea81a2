//! What a name may turn into on the reader's machine: its extension in every view of it.
//!
//! Names are only compared, never used as paths.

/// Every view of `name`: lower case, without path, blanks and dots at the end, invisible characters, look-alikes of
/// ASCII, escapes, and what stands behind a NUL or a colon.
pub(super) fn views(name: &str) -> Vec<String> {
    let mut views = vec![name.to_lowercase()];
    let mut sources = vec![name.to_owned()];
    if name.contains('%') {
        let decoded = super::decode::percent(name.as_bytes());
        sources.push(String::from_utf8_lossy(&decoded).into_owned());
    }
    for source in &sources {
        let folded: String = source.chars().filter_map(fold).flat_map(char::to_lowercase).collect();
        let cut = folded.split('\0').next().unwrap_or_default();
        let removed = folded.replace('\0', "");
        for text in [cut, &removed] {
            let base = text.rsplit(['/', '\\']).next().unwrap_or_default();
            views.push(trim(base));
            if base.contains(':') {
                // Alternate streams: `evil.exe::$DATA`, `a.txt:evil.exe`.
                views.extend(base.split(':').map(trim));
            }
        }
    }
    views.sort();
    views.dedup();
    views
}

/// Windows drops blanks and dots at the end of a name; quotes are left over from broken headers.
fn trim(name: &str) -> String {
    let is_junk = |c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | ';' | ',' | '<' | '>');
    name.trim_end_matches(is_junk)
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<'))
        .to_owned()
}

/// The character that a reader sees: none for invisible ones, ASCII for its wide forms.
fn fold(c: char) -> Option<char> {
    match c {
        '\0' => Some('\0'),
        // Soft hyphen, joiners, direction marks and overrides, variation selectors, tags, byte order mark.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{2024}' | '\u{fe52}' | '\u{3002}' | '\u{ff61}' => Some('.'),
        '\u{2215}' | '\u{2044}' | '\u{29f8}' => Some('/'),
        '\u{17f}' => Some('s'),
        '\t' | '\r' | '\n' => Some(' '),
        _ if c.is_control() => None,
        _ if c.is_whitespace() => Some(' '),
        _ => Some(c),
    }
}

/// What is behind the last dot, without blanks around it.
pub(super) fn extension(view: &str) -> Option<&str> {
    let (_, extension) = view.rsplit_once('.')?;
    Some(extension.trim()).filter(|extension| !extension.is_empty())
}

/// The last extension, when another one with a letter in it stands before (amavis' rule for double extensions).
pub(super) fn double_extension(view: &str) -> Option<&str> {
    let (before, last) = view.rsplit_once('.')?;
    let (_, inner) = before.rsplit_once('.')?;
    let has_letter = inner.bytes().any(|byte| byte.is_ascii_alphabetic());
    has_letter.then_some(last.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(name: &str, extension_wanted: &str) -> bool {
        views(name).iter().any(|view| extension(view) == Some(extension_wanted))
    }

    #[test]
    fn the_extension_is_found_in_every_disguise() {
        for name in [
            "a.exe",
            "a.EXE",
            "a.exe.",
            "a.exe...",
            "a.exe ",
            "a.exe . .",
            "a. exe",
            "a.exe\u{a0}",
            "a.exe\u{3000}",
            "a.exe%20",
            "a%2Eexe",
            "a.exe\0",
            "a.exe\0.txt",
            "a.e\0xe",
            "a.exe%00.txt",
            "a.ex\u{200b}e",
            "a.\u{202e}exe",
            "a\u{2024}exe",
            "a\u{ff0e}exe",
            "a.\u{ff45}\u{ff58}\u{ff45}",
            "../../a.exe",
            "C:\\x\\a.exe",
            "\\\\host\\a.exe",
            "a.exe::$DATA",
            "a.txt:b.exe",
            "\"a.exe\"",
            "a.exe;",
            ".exe",
            "a.exe\t",
            "a.exe\r\n",
            "\u{feff}a.exe",
            "a.\u{ad}exe",
            "a.exe'",
        ] {
            assert!(has(name, "exe"), "{name:?}: {:?}", views(name));
        }
        assert!(has("a.\u{17f}cr", "scr"));
    }

    #[test]
    fn honest_names_have_their_own() {
        for name in ["a.pdf", "exe", "a.exe.pdf", "", ".", "...", "a.exe/b.txt"] {
            assert!(!has(name, "exe"), "{name:?}: {:?}", views(name));
        }
    }

    #[test]
    fn double_extensions_need_a_letter_before() {
        let cases = [
            ("a.pdf.exe", Some("exe")),
            ("a.b2.exe", Some("exe")),
            ("a.2.exe", None),
            ("a.exe", None),
            ("setup-1.2.exe", None),
            ("x.y.z", Some("z")),
        ];
        for (name, expected) in cases {
            assert_eq!(double_extension(name), expected, "{name}");
        }
    }
}
