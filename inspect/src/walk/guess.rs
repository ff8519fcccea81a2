//! The second reading of a mail: parts by what they look like, whatever their boundaries are.
//!
//! Where readers may disagree about boundaries and about where headers end, each of them still needs a header that says
//! what a part is before it decodes anything. So every run of lines with such a header counts as a part. Its body goes
//! to the next line that begins as a delimiter does, and in another reading to the next such run. No reader's part is
//! missed by both.

use std::ops::Range;

use super::headers::{line_starts, part_field};

/// Most parts that are guessed.
const PARTS_MAX: usize = 2_000;
/// How much of a line is looked at for a colon.
const FIELD_NAME_BYTES_MAX: usize = 200;

/// A part that may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) block: Range<usize>,
    /// To the next line that begins with two dashes, or the next block.
    pub(super) short: Range<usize>,
    /// To the next block.
    pub(super) long: Range<usize>,
}

/// What a line is to somebody who looks for headers.
enum Line {
    Delimiter,
    Blank,
    PartField,
    /// Another field, or the rest of one.
    Field,
    Text,
}

#[derive(Default)]
struct Scan {
    guesses: Vec<Guess>,
    /// From here on a guess has no end yet.
    short_open: usize,
    long_open: usize,
    /// Where the present run of lines begins.
    block: usize,
    has_field: bool,
    /// A line that is no header stood in this run already.
    has_text: bool,
}

/// Every part that `content` may have, and whether there were more.
pub(super) fn guess(content: &[u8]) -> (Vec<Guess>, bool) {
    let mut scan = Scan::default();
    for at in line_starts(content) {
        let rest = content.get(at..).unwrap_or_default();
        let next = || at + memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        match line(rest) {
            Line::Delimiter => {
                scan.close_short(at);
                scan.body(at, at, content.len());
                scan.close_short(at);
                scan.start(next());
            }
            Line::Blank => {
                scan.body(at, next(), content.len());
                scan.start(next());
            }
            Line::PartField if !scan.has_field => {
                scan.has_field = true;
                scan.close_short(scan.block);
                scan.close_long(scan.block);
            }
            Line::PartField | Line::Field => {}
            Line::Text => {
                if !scan.has_text {
                    scan.body(at, at, content.len());
                }
                scan.has_text = true;
            }
        }
        if scan.guesses.len() > PARTS_MAX {
            return (scan.guesses, true);
        }
    }
    // A block that nothing ends has no body.
    scan.body(content.len(), content.len(), content.len());
    (scan.guesses, false)
}

impl Scan {
    /// The block so far may end at `end`, and its body begin at `start`.
    fn body(&mut self, end: usize, start: usize, content_end: usize) {
        if self.has_field {
            let body = start..content_end;
            self.guesses.push(Guess { block: self.block..end, short: body.clone(), long: body });
        }
    }

    fn start(&mut self, at: usize) {
        (self.block, self.has_field, self.has_text) = (at, false, false);
    }

    fn close_short(&mut self, end: usize) {
        for guess in self.guesses.get_mut(self.short_open..).unwrap_or_default() {
            guess.short.end = end.max(guess.short.start);
        }
        self.short_open = self.guesses.len();
    }

    fn close_long(&mut self, end: usize) {
        for guess in self.guesses.get_mut(self.long_open..).unwrap_or_default() {
            guess.long.end = end.max(guess.long.start);
        }
        self.long_open = self.guesses.len();
    }
}

fn line(rest: &[u8]) -> Line {
    if rest.starts_with(b"--") {
        return Line::Delimiter;
    }
    let mut bytes = rest.iter().take(FIELD_NAME_BYTES_MAX).skip_while(|b| matches!(b, b' ' | b'\t' | b'\r'));
    if matches!(bytes.next(), None | Some(b'\n')) {
        return Line::Blank;
    }
    if rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Line::Field;
    }
    if part_field(rest).is_some() {
        return Line::PartField;
    }
    let window = rest.get(..FIELD_NAME_BYTES_MAX).unwrap_or(rest);
    let name = window.iter().position(|byte| matches!(byte, b':' | b'\n' | b'\r'));
    let (name, behind) = window.split_at(name.unwrap_or(window.len()));
    let is_name = !name.is_empty() && name.trim_ascii_end().iter().all(u8::is_ascii_graphic);
    if is_name && behind.starts_with(b":") { Line::Field } else { Line::Text }
}

/// Whether readers may see the end of the header block `block` at different lines. It ends with its empty line.
pub(super) fn has_doubtful_end(block: &[u8]) -> bool {
    let mut is_doubtful = false;
    let mut has_field = false;
    let mut blank = None;
    for at in line_starts(block).filter(|at| *at < block.len()) {
        let rest = block.get(at..).unwrap_or_default();
        let is_first = at == 0;
        // Something follows a blank line within the block.
        is_doubtful |= blank.take().is_some();
        match line(rest) {
            Line::Blank => {
                let is_empty = rest.starts_with(b"\r\n") || rest.starts_with(b"\n");
                is_doubtful |= !is_empty;
                blank = Some(at);
            }
            Line::PartField => has_field = true,
            // The line of an mbox.
            Line::Text => is_doubtful |= !is_first && !rest.starts_with(b">From "),
            Line::Delimiter | Line::Field => {}
        }
    }
    is_doubtful && has_field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Vec<[&str; 3]> {
        let (guesses, is_cut) = guess(content.as_bytes());
        assert!(!is_cut);
        let text = |range: Range<usize>| content[range].trim();
        guesses.into_iter().map(|g| [text(g.block), text(g.short), text(g.long)]).collect()
    }

    #[test]
    fn parts_are_found_without_boundaries() {
        let content = "Subject: x\nContent-Type: a/a; boundary=b\n\npreamble\n--b\nContent-Type: b/b\n\none\n--c\ntwo\n\
            --b\nContent-Disposition: c\nX: y\n\nthree\n\nfour\n--b--\nepilogue\n";
        assert_eq!(
            read(content),
            [
                ["Subject: x\nContent-Type: a/a; boundary=b", "preamble", "preamble\n--b"],
                ["Content-Type: b/b", "one", "one\n--c\ntwo\n--b"],
                ["Content-Disposition: c\nX: y", "three\n\nfour", "three\n\nfour\n--b--\nepilogue"],
            ]
        );
    }

    #[test]
    fn bodies_that_begin_without_an_empty_line_are_found() {
        assert_eq!(
            read("Content-Type: a/a\nAAAA\nBBBB\n--b\n"),
            [
                ["Content-Type: a/a", "AAAA\nBBBB", "AAAA\nBBBB\n--b"],
                ["Content-Type: a/a\nAAAA\nBBBB", "", "--b"],
            ]
        );
        assert_eq!(read("Content-Type: a/a\n \nContent-Encoding: x\n\nbody\n").len(), 1);
        assert_eq!(
            read("Content-Type: a/a\r\n \r\nContent-Transfer-Encoding: x\r\n\r\nbody\r\n").pop().unwrap(),
            ["Content-Transfer-Encoding: x", "body", "body"]
        );
    }

    #[test]
    fn doubtful_ends() {
        for block in [
            "Content-Type: a/a\r\n \r\nX: y\r\n\r\n",
            "Content-Type: a/a\r\n\r\r\n",
            "Content-Type: a/a\r\nAAAA\r\n\r\n",
            "X: y\r\nno field\r\nContent-Type: a/a\r\n\r\n",
        ] {
            assert!(has_doubtful_end(block.as_bytes()), "{block:?}");
        }
        for block in [
            "",
            "\r\n",
            "X: y\r\nContent-Type: a/a\r\n\r\n",
            "X: y\nContent-Type: a/a\n\tb\n\n",
            "From x@y Tue\r\n>From z\r\nContent-Type: a/a\r\n\r\n",
            "X: y\r\nno field\r\n\r\n",
            "Content-Type: a/a\r\n",
        ] {
            assert!(!has_doubtful_end(block.as_bytes()), "{block:?}");
        }
    }

    #[test]
    fn too_many_parts_are_told() {
        let part = "Content-Type: a/a\n\n";
        assert!(!guess(part.repeat(PARTS_MAX).as_bytes()).1);
        assert!(guess(part.repeat(PARTS_MAX + 1).as_bytes()).1);
    }
}
