//! Words of a mail's text that may be the password of an archive in it.
//!
//! People write the password into the same mail. Words behind one that announces a password come first, then all
//! others in their order; each once, as written and without the punctuation around it.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::attachments::decode;

/// Most bytes of text that are kept of one part, and of all together.
const PART_BYTES_MAX: usize = 64 * 1024;
const BYTES_MAX: usize = 256 * 1024;
/// Length of a password, in bytes.
const WORD_BYTES_MIN: usize = 3;
const WORD_BYTES_MAX: usize = 64;
/// How many words behind an announcement are taken for likely.
const LIKELY_WORDS: usize = 5;
/// Beginnings of words that announce a password.
const ANNOUNCEMENTS: [&str; 20] = [
    "password",
    "passwd",
    "passwort",
    "passcode",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "kennwort",
    "code",
    "pin",
    "пароль",
    "contrase",
    "clave",
    "mot",
    "wachtwoord",
    "senha",
    "hasło",
    "密码",
    "密碼",
];

/// The texts of a mail.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: Vec<String>,
    bytes: usize,
}

impl Texts {
    /// Keeps the text of a part, or a subject.
    pub(super) fn add(&mut self, text: &[u8], charset: &str, is_html: bool) {
        let room = PART_BYTES_MAX.min(BYTES_MAX.saturating_sub(self.bytes));
        let text = text.get(..room).unwrap_or(text);
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        let text = decode::text(text, charset.as_bytes());
        self.texts.push(if is_html { without_tags(&text) } else { text });
    }

    /// At most `max` words, the likely ones first.
    pub(super) fn words(&self, max: usize) -> Vec<Vec<u8>> {
        let mut words = Words { seen: HashSet::new(), list: Vec::new(), max };
        for text in &self.texts {
            likely(text, &mut words);
        }
        for word in self.texts.iter().flat_map(|text| text.split_whitespace()) {
            words.add(word);
        }
        words.list
    }
}

struct Words {
    seen: HashSet<String>,
    list: Vec<Vec<u8>>,
    max: usize,
}

impl Words {
    /// As written, and without the punctuation around it.
    fn add(&mut self, word: &str) {
        let is_around = |c: char| !c.is_alphanumeric();
        let is_mark = |c: char| "\"'`“”„‚‘’«»<>()[]{},;:.!?：。*_".contains(c);
        for word in [word.trim_matches(is_mark), word, word.trim_matches(is_around)] {
            let is_word = (WORD_BYTES_MIN..=WORD_BYTES_MAX).contains(&word.len());
            if is_word && self.list.len() < self.max && self.seen.insert(word.to_owned()) {
                self.list.push(word.as_bytes().to_vec());
            }
        }
    }
}

/// Adds what stands behind announcements.
fn likely(text: &str, words: &mut Words) {
    for line in text.lines().collect::<Vec<_>>().windows(2).map(<[_]>::to_vec).chain(last_line(text)) {
        let pair = line.join(" ");
        let mut rest = pair.split_whitespace();
        let first_length = line.first().map_or(0, |line| line.split_whitespace().count());
        for _ in 0..first_length {
            let Some(word) = rest.next() else { break };
            let lower = word.to_lowercase();
            let lower = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
            if !ANNOUNCEMENTS.iter().any(|announcement| lower.starts_with(announcement)) {
                continue;
            }
            // `password:secret` in one word.
            if let Some((_, value)) = word.split_once([':', '=', '：']) {
                words.add(value);
            }
            // What stands behind a colon is more likely than what follows at once: `the password is: secret`.
            let behind: Vec<&str> = rest.clone().take(LIKELY_WORDS).collect();
            let colon = behind.iter().position(|word| word.ends_with([':', '=', '：']));
            for word in behind.get(colon.map_or(0, |at| at + 1)..).unwrap_or_default() {
                words.add(word);
            }
            for word in &behind {
                words.add(word);
            }
        }
    }
}

fn last_line(text: &str) -> Option<Vec<&str>> {
    text.lines().last().map(|line| vec![line])
}

/// The text of a page, roughly: tags are blanks, and the entities that passwords have are characters.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                out.push(' ');
            }
            _ if is_tag => {}
            _ => out.push(c),
        }
    }
    let entities =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let mut text = Cow::Borrowed(out.as_str());
    for (entity, character) in entities {
        if text.contains(entity) {
            text = Cow::Owned(text.replace(entity, character));
        }
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn place(text: &str, password: &str) -> usize {
        let mut texts = Texts::default();
        texts.add(text.as_bytes(), "utf-8", text.contains('<'));
        let words = texts.words(200);
        words
            .iter()
            .position(|word| word == password.as_bytes())
            .unwrap_or_else(|| panic!("not in {words:?}"))
    }

    #[test]
    fn announced_passwords_come_first() {
        for (text, password) in [
            ("Hello,\n\nsee the file. The password is infected.\n\nRegards, Bob", "infected"),
            ("Hello,\r\nPassword: infected\r\nRegards", "infected"),
            ("password:infected", "infected"),
            ("PW=s3cret!x", "s3cret!x"),
            ("Das Kennwort für die Datei lautet: Straße99", "Straße99"),
            ("Passwort \"geheim\"", "geheim"),
            ("Password:\r\n\r\n    later", "later"),
            ("le mot de passe est : zut", "zut"),
            ("Ваш пароль: 1234", "1234"),
            ("密码：abc123", "abc123"),
            ("<html><p>The <b>password</b>: <i>a&amp;b</i></p>", "a&b"),
            ("contraseña: hola", "hola"),
        ] {
            let before = "word0 other thing ".repeat(3);
            let text = format!("{before}\n{text}\n{before}");
            assert!(place(&text, password) < 9, "{text}");
        }
    }

    #[test]
    fn other_words_follow_in_their_order_and_the_number_is_bounded() {
        assert_eq!(place("one two (three)", "three"), 2);
        let mut texts = Texts::default();
        let many: String = (0..1_000).map(|n| format!("word{n} ")).collect();
        texts.add(many.as_bytes(), "", false);
        assert_eq!(texts.words(200).len(), 200);
        for _ in 0..10 {
            texts.add(&vec![b'x'; 1_000_000], "", false);
        }
        assert!(texts.texts.iter().map(String::len).sum::<usize>() <= BYTES_MAX);
    }
}
