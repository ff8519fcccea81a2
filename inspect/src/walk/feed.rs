//! What is handed back for virus scanners: decoded parts, and members of archives.
//!
//! A virus scanner that gets the whole mail opens it by its own means. What it may not come upon by these is hidden: what
//! stands in a container that it does not open, behind a password that was found, in one of several readings, or in no
//! part. What clamd 1.4 opens was found out by asking it. Each content is kept once.

use std::collections::HashMap;

use proto::inspection::{Limits, Wanted};
use unpack::{Format, Trouble};

use super::Walk;
use super::headers::Headers;
use super::look::Look;

/// One part in so many of the room is for what is hidden.
const RESERVE: usize = 4;

/// A content for virus scanners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    pub(crate) content: Vec<u8>,
    /// Whether a scanner that sees the whole mail may not come upon it.
    pub(crate) is_hidden: bool,
}

/// All of a mail.
#[derive(Debug)]
pub(super) struct Feed {
    wanted: Wanted,
    bytes_left: usize,
    parts_left: usize,
    kept: Vec<Fed>,
    /// Where each is, by digest.
    known: HashMap<[u8; 32], usize>,
    /// Members of the archive that is being read, until it is known whether it can be read in one way only.
    aside: Vec<Vec<u8>>,
    aside_bytes: usize,
    /// Some could not be put aside.
    has_lost: bool,
    /// How much must be left for what is hidden.
    reserve: (usize, usize),
    /// Something in plain sight was not kept for want of room.
    is_cut: bool,
}

/// There is more that is hidden than may be handed back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Feed {
    pub(super) fn new(wanted: Wanted, limits: &Limits) -> Self {
        Self {
            wanted,
            bytes_left: limits.feed_bytes_max,
            parts_left: limits.feed_parts_max,
            kept: Vec::new(),
            known: HashMap::new(),
            aside: Vec::new(),
            aside_bytes: 0,
            has_lost: false,
            reserve: (limits.feed_bytes_max / RESERVE, limits.feed_parts_max / RESERVE),
            is_cut: false,
        }
    }

    /// Whether anything is wanted.
    pub(super) fn is_on(&self) -> bool {
        self.wanted > Wanted::Nothing
    }

    /// Keeps a content, where it is wanted.
    pub(super) fn keep(
        &mut self,
        content: impl Into<Vec<u8>> + AsRef<[u8]>,
        is_hidden: bool,
    ) -> Result<(), TooMuch> {
        let length = content.as_ref().len();
        if length == 0 || !self.wants(is_hidden) {
            return Ok(());
        }
        let digest = *blake3::hash(content.as_ref()).as_bytes();
        if let Some(known) = self.known.get(&digest).and_then(|at| self.kept.get_mut(*at)) {
            known.is_hidden |= is_hidden;
            return Ok(());
        }
        let (bytes, parts) = if is_hidden { (0, 0) } else { self.reserve };
        if length > self.bytes_left.saturating_sub(bytes) || self.parts_left <= parts {
            return self.cut(is_hidden);
        }
        self.bytes_left -= length;
        self.parts_left -= 1;
        self.known.insert(digest, self.kept.len());
        self.kept.push(Fed { content: content.into(), is_hidden });
        Ok(())
    }

    /// Puts a member aside until [`Feed::decide`] is called.
    pub(super) fn put_aside(&mut self, content: &[u8]) {
        if content.is_empty() || !self.is_on() {
            return;
        }
        let bytes = self.aside_bytes + content.len();
        if bytes > self.bytes_left || self.aside.len() >= self.parts_left {
            self.has_lost = true;
            return;
        }
        self.aside_bytes = bytes;
        self.aside.push(content.to_vec());
    }

    /// Keeps what is wanted of the members put aside, now that it is known whether they are hidden.
    pub(super) fn decide(&mut self, are_hidden: bool) -> Result<(), TooMuch> {
        let aside = std::mem::take(&mut self.aside);
        self.aside_bytes = 0;
        let has_lost = std::mem::take(&mut self.has_lost);
        if !self.wants(are_hidden) {
            return Ok(());
        }
        for content in aside {
            self.keep(content, are_hidden)?;
        }
        if has_lost { self.cut(are_hidden) } else { Ok(()) }
    }

    /// What is in plain sight may be left out: whoever gets the whole mail comes upon it.
    fn cut(&mut self, is_hidden: bool) -> Result<(), TooMuch> {
        self.is_cut = true;
        if is_hidden { Err(TooMuch) } else { Ok(()) }
    }

    /// Whether something was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn into_list(self) -> Vec<Fed> {
        self.kept
    }

    /// Of a content that is hidden, or is not.
    fn wants(&self, is_hidden: bool) -> bool {
        match self.wanted {
            Wanted::Nothing => false,
            Wanted::Hidden => is_hidden,
            Wanted::All => true,
        }
    }
}

impl Walk<'_> {
    /// Keeps a content for virus scanners, where it is wanted.
    pub(super) fn feed(&mut self, content: &[u8], is_hidden: bool) {
        if self.feed.keep(content, is_hidden) == Err(TooMuch) {
            self.feed_is_over();
        }
    }

    /// The members put aside of an archive are hidden, or are not.
    pub(super) fn decide_members(&mut self, are_hidden: bool) {
        if self.feed.decide(are_hidden) == Err(TooMuch) {
            self.feed_is_over();
        }
    }

    fn feed_is_over(&mut self) {
        self.findings.over_limit("what is handed to virus scanners");
    }
}

/// Whether clamd does not open the container by itself. Rare methods of formats that it does open come with the member.
pub(super) fn is_hidden(format: Format) -> bool {
    match format {
        Format::Lzma | Format::Lzip | Format::Zstd | Format::Rar | Format::UuEncode | Format::YEnc => true,
        Format::Zip
        | Format::SevenZ
        | Format::Tar
        | Format::Gzip
        | Format::Bzip2
        | Format::Xz
        | Format::Cab
        | Format::Cfb
        | Format::Tnef
        | Format::Lha
        | Format::Iso9660
        | Format::Arj => false,
    }
}

/// Whether what `trouble` is with may be read otherwise than it was read here.
pub(super) fn is_doubtful(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Damaged(_) | Trouble::Ambiguous(_) => true,
        Trouble::Limit(_) | Trouble::Encrypted | Trouble::Unsupported(_) => false,
    }
}

/// Whether a reading of a part is hidden, of `readings` readings; nothing where it is no content of its own, being the
/// encoded form of another.
pub(super) fn of_part(
    headers: &Headers,
    body: &[u8],
    is_decoded: bool,
    look: &Look,
    readings: usize,
) -> Option<bool> {
    // Some readers decode these, against RFC 2045 section 6.4.
    let is_encoded_container = headers.is_encoded() && headers.kinds.iter().any(|kind| is_container(kind));
    let is_usual =
        !headers.is_ambiguous && !is_encoded_container && readings <= 2 && headers.has_usual_encoding(body);
    if !is_usual {
        return Some(true);
    }
    let is_encoded_form = headers.is_encoded() && !is_decoded;
    let is_opened = !look.formats.is_empty();
    (!is_encoded_form || is_opened).then_some(is_encoded_form)
}

/// Reports about messages, too: clamd decodes nothing of this type at the top of a mail.
fn is_container(kind: &str) -> bool {
    kind.starts_with("message/") || kind.starts_with("multipart/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(wanted: Wanted) -> Feed {
        Feed::new(wanted, &Limits { feed_bytes_max: 10, feed_parts_max: 3, ..Limits::default() })
    }

    fn kept(feed: Feed) -> Vec<(String, bool)> {
        let text = |fed: Fed| (String::from_utf8(fed.content).unwrap(), fed.is_hidden);
        feed.into_list().into_iter().map(text).collect()
    }

    #[test]
    fn what_is_kept_depends_on_what_is_wanted() {
        let cases = [
            (Wanted::Nothing, vec![]),
            (Wanted::Hidden, vec![("b", true)]),
            (Wanted::All, vec![("a", false), ("b", true)]),
        ];
        for (wanted, expected) in cases {
            let mut feed = feed(wanted);
            assert_eq!(feed.keep(b"a".as_slice(), false), Ok(()));
            assert_eq!(feed.keep(b"b".as_slice(), true), Ok(()));
            assert_eq!(feed.keep(b"".as_slice(), true), Ok(()));
            let expected: Vec<_> =
                expected.into_iter().map(|(text, hidden)| (text.to_owned(), hidden)).collect();
            assert_eq!(kept(feed), expected, "{wanted:?}");
        }
    }

    #[test]
    fn the_same_content_is_kept_once_and_hidden_where_it_is_anywhere() {
        let mut feed = feed(Wanted::All);
        for is_hidden in [false, true, false] {
            assert_eq!(feed.keep(b"123456".as_slice(), is_hidden), Ok(()));
        }
        assert_eq!(kept(feed), [("123456".to_owned(), true)]);
    }

    #[test]
    fn both_limits_at_both_sides() {
        let mut bytes = feed(Wanted::All);
        assert_eq!(bytes.keep([b'x'; 10], true), Ok(()));
        assert_eq!(bytes.keep(b"y".as_slice(), true), Err(TooMuch));
        let mut parts = feed(Wanted::All);
        for content in ["1", "2", "3"] {
            assert_eq!(parts.keep(content.as_bytes(), true), Ok(()));
        }
        assert_eq!(parts.keep(b"4".as_slice(), true), Err(TooMuch));
        assert_eq!(parts.keep(b"3".as_slice(), true), Ok(()));
    }

    #[test]
    fn what_is_in_plain_sight_leaves_room_and_is_left_out_in_silence() {
        let mut room = feed(Wanted::All);
        assert_eq!(room.keep([b'x'; 9], false), Ok(()));
        assert!(room.is_cut());
        assert_eq!(kept(room), []);
        let mut room = feed(Wanted::All);
        assert_eq!(room.keep([b'x'; 8], false), Ok(()));
        assert_eq!(room.keep(b"12".as_slice(), true), Ok(()));
        assert!(!room.is_cut());
        assert_eq!(room.keep(b"3".as_slice(), false), Ok(()));
        room.put_aside(b"4");
        assert_eq!(room.decide(false), Ok(()));
        assert!(room.is_cut());
        assert_eq!(kept(room).len(), 2);
    }

    #[test]
    fn members_count_once_their_archive_is_known() {
        let mut clear = feed(Wanted::Hidden);
        clear.put_aside(&[b'x'; 9]);
        clear.put_aside(b"more than there is room for");
        assert_eq!(clear.decide(false), Ok(()));
        clear.put_aside(b"12345");
        assert_eq!(clear.decide(true), Ok(()));
        assert_eq!(kept(clear), [("12345".to_owned(), true)]);

        let mut lost = feed(Wanted::Hidden);
        lost.put_aside(b"12345");
        lost.put_aside(b"more than there is room for");
        assert_eq!(lost.decide(true), Err(TooMuch));
        assert_eq!(lost.decide(true), Ok(()), "told once");
        assert_eq!(kept(lost), [("12345".to_owned(), true)]);

        let mut all = feed(Wanted::All);
        all.put_aside(b"1");
        assert_eq!(all.decide(false), Ok(()));
        assert_eq!(kept(all), [("1".to_owned(), false)]);
    }
}
