//! Content-Type and Content-Disposition by their grammar (RFC 2045 section 5.1, RFC 2183, RFC 2231).

/// A value and its parameters.
#[derive(Debug)]
pub struct Field {
    /// In lower case.
    pub word: String,
    /// In lower case, and as they are.
    parameters: Vec<(String, String)>,
}

impl Field {
    /// The parameter as it is.
    pub fn plain(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameter; its extended form is preferred to its plain one.
    pub fn parameter(&self, name: &str) -> Option<String> {
        if let Some(value) = self.plain(&format!("{name}*")) {
            return extended(value);
        }
        let mut text = String::new();
        let mut bytes = Vec::new();
        let mut is_utf8 = true;
        for index in 0.. {
            if let Some(value) = self.plain(&format!("{name}*{index}*")) {
                let value = match index {
                    0 => {
                        let (charset, value) = split_charset(value)?;
                        is_utf8 = is_known(charset);
                        value
                    }
                    _ => value,
                };
                bytes.extend(percent(value));
            } else if let Some(value) = self.plain(&format!("{name}*{index}")) {
                bytes.extend(value.bytes());
            } else {
                break;
            }
        }
        if bytes.is_empty() {
            return self.plain(name).map(str::to_owned);
        }
        text.push_str(&String::from_utf8(bytes).ok().filter(|_| is_utf8)?);
        Some(text)
    }
}

/// `charset'language'text`, in the charsets that are known here.
fn extended(value: &str) -> Option<String> {
    let (charset, text) = split_charset(value)?;
    String::from_utf8(percent(text)).ok().filter(|_| is_known(charset))
}

fn split_charset(value: &str) -> Option<(&str, &str)> {
    let (charset, rest) = value.split_once('\'')?;
    Some((charset, rest.split_once('\'')?.1))
}

fn is_known(charset: &str) -> bool {
    charset.is_empty() || charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii")
}

fn percent(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match hex.filter(|_| bytes[at] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// Reads an unfolded value; nothing where it is not in the grammar.
pub fn field(value: &[u8], is_type: bool) -> Option<Field> {
    let mut reader = Reader { rest: std::str::from_utf8(value).ok()? };
    reader.filler()?;
    let mut word = reader.token()?.to_ascii_lowercase();
    if is_type {
        reader.filler()?;
        reader.rest = reader.rest.strip_prefix('/')?;
        reader.filler()?;
        word = format!("{word}/{}", reader.token()?.to_ascii_lowercase());
    }
    let mut parameters = Vec::new();
    loop {
        reader.filler()?;
        if reader.rest.is_empty() {
            return Some(Field { word, parameters });
        }
        reader.rest = reader.rest.strip_prefix(';')?;
        reader.filler()?;
        let name = reader.token()?.to_ascii_lowercase();
        reader.filler()?;
        reader.rest = reader.rest.strip_prefix('=')?;
        reader.filler()?;
        parameters.push((name, reader.value()?));
    }
}

struct Reader<'v> {
    rest: &'v str,
}

impl<'v> Reader<'v> {
    /// Blanks and comments, which may be nested (RFC 5322 section 3.2.2).
    fn filler(&mut self) -> Option<()> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let Some(mut rest) = self.rest.strip_prefix('(') else { return Some(()) };
            let mut depth = 1;
            while depth > 0 {
                let c = rest.chars().next()?;
                rest = &rest[c.len_utf8()..];
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    '\\' => rest = &rest[rest.chars().next()?.len_utf8()..],
                    _ => {}
                }
            }
            self.rest = rest;
        }
    }

    /// RFC 2045 section 5.1.
    fn token(&mut self) -> Option<&'v str> {
        let is_token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn value(&mut self) -> Option<String> {
        let Some(mut rest) = self.rest.strip_prefix('"') else { return self.token().map(str::to_owned) };
        let mut value = String::new();
        loop {
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            match c {
                '"' => break,
                '\\' => {
                    let c = rest.chars().next()?;
                    rest = &rest[c.len_utf8()..];
                    value.push(c);
                }
                _ => value.push(c),
            }
        }
        self.rest = rest;
        Some(value)
    }
}
