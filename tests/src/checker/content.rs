//! The mails of a run: made from their number alone, so that what must arrive can be told without keeping it.
//!
//! The token of a mail stands in each RCPT, in a header field and in the body. The body also holds a second mail behind
//! a line with nothing but a dot, in several spellings of line ends: a filter that lets it escape makes a copy that
//! nobody has sent.

use std::fmt;

/// One mail of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailId {
    /// Who sends it.
    pub client: u32,
    /// Which of this client's.
    pub number: u32,
}

impl MailId {
    /// The recipient with that index.
    pub fn to(self, recipient: u32) -> Key {
        Key { mail: self, recipient }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (client, number) = text.strip_prefix('c')?.split_once("-n")?;
        Some(Self { client: client.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}-n{}", self.client, self.number)
    }
}

/// One recipient of one mail: what is delivered once, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The mail.
    pub mail: MailId,
    /// Index in the order of its RCPT.
    pub recipient: u32,
}

impl Key {
    /// The mail address.
    pub fn address(self) -> String {
        format!("{self}@check.example.net")
    }

    /// Of a mail address, with or without angle brackets and parameters.
    pub fn of_address(address: &str) -> Option<Self> {
        let (local, domain) = address.trim_start_matches('<').split_once('@')?;
        let (mail, recipient) = local.rsplit_once("-r")?;
        let key = Self { mail: MailId::parse(mail)?, recipient: recipient.parse().ok()? };
        domain.starts_with("check.example.net").then_some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-r{}", self.mail, self.recipient)
    }
}

/// How the mails of a run are made.
#[derive(Clone, Copy, Debug)]
pub struct Mails {
    /// Recipients of a mail are 1 to this many, by its number.
    pub recipients_max: u32,
    /// Which are large.
    pub large: fn(MailId) -> bool,
    /// Bytes that a large one has more.
    pub large_bytes: usize,
    /// All contents are the same, and only the envelopes differ.
    pub identical: bool,
}

impl Mails {
    /// Small ones with up to three recipients.
    pub fn small() -> Self {
        Self { recipients_max: 3, large: |_| false, large_bytes: 0, identical: false }
    }

    /// How many recipients it has.
    pub fn recipients(&self, id: MailId) -> u32 {
        1 + id.number % self.recipients_max
    }

    /// Its queue id at the client.
    pub fn ident(&self, id: MailId) -> String {
        format!("4Q{:04X}{:06X}", id.client, id.number)
    }

    /// The content that is sent, before dot-stuffing.
    pub fn content(&self, id: MailId) -> Vec<u8> {
        if self.identical {
            return b"From: <sender@example.org>\r\nSubject: always the same\r\n\r\nAlways the same.\r\n"
                .to_vec();
        }
        let recipients: Vec<String> = (0..self.recipients(id)).map(|to| id.to(to).address()).collect();
        let end = ["\r\n.\r\n", "\n.\n", "\r\n.\n", "\r.\r"][id.number as usize % 4];
        let mut content = format!(
            "From: <sender@example.org>\r\nTo: {}\r\nSubject: check {id}\r\nX-Check: {id}\r\n\
             Message-ID: <{id}@check.example.org>\r\n\r\nThe body of {id} for {}.\r\n..two dots{end}\
             MAIL FROM:<smuggler@example.org>\r\nRCPT TO:<smuggled-{id}@check.example.net>\r\nDATA\r\n\
             Subject: smuggled\r\nX-Check: smuggled-{id}\r\n\r\nSmuggled with {id}.\r\n",
            recipients.join(",\r\n "),
            recipients.join(" ")
        )
        .into_bytes();
        if (self.large)(id) {
            let line = format!("{id} and the quick brown fox jumps over the lazy dog, 0123456789.\r\n");
            let lines = self.large_bytes.div_ceil(line.len());
            content.extend(line.as_bytes().repeat(lines));
        }
        content
    }

    /// The content that must arrive, apart from added header fields: each CR or LF that is no part of a CRLF has become
    /// one.
    pub fn delivered(&self, id: MailId) -> Vec<u8> {
        repaired(&self.content(id))
    }
}

fn repaired(content: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(content.len() + 16);
    let mut rest = content;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(b"\r\n");
        rest = &rest[at + if rest[at..].starts_with(b"\r\n") { 2 } else { 1 }..];
    }
    whole.extend_from_slice(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_back() {
        let key = MailId { client: 3, number: 17 }.to(2);
        assert_eq!(key.address(), "c3-n17-r2@check.example.net");
        assert_eq!(Key::of_address(&key.address()), Some(key));
        assert_eq!(Key::of_address("<c3-n17-r2@check.example.net> ORCPT=x"), Some(key));
        for alien in
            ["smuggled-c3-n17@check.example.net", "c3-n17@check.example.net", "c3-n17-r2@other.example"]
        {
            assert_eq!(Key::of_address(alien), None, "{alien}");
        }
    }

    #[test]
    fn only_bare_line_ends_are_repaired() {
        assert_eq!(repaired(b"a\r\nb\nc\rd\r\r\n\n"), b"a\r\nb\r\nc\r\nd\r\n\r\n\r\n");
    }

    #[test]
    fn large_ones_come_at_their_turn() {
        let large = |id: MailId| id.number % 10 == 9;
        let mails = Mails { large, large_bytes: 50_000, ..Mails::small() };
        let size = |number| mails.content(MailId { client: 0, number }).len();
        assert!(size(8) < 2_000);
        assert!((50_000..52_000).contains(&size(9)));
    }
}
