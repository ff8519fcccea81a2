//! One new header field as text: clean, and folded (RFC 5322 section 2.2.3).
//!
//! A fold puts a line end before a space that is there anyway, so unfolding gives the value back. Only where a word
//! is longer than a line may be is it cut.

/// Line length aimed at, in bytes without line end.
const LINE_BYTES_WANTED: usize = 78;
/// Line length never exceeded (RFC 5322 section 2.1.1).
const LINE_BYTES_MAX: usize = 998;

/// Appends `name: value`, folded, with its line end. A name without a usable character adds nothing.
pub(super) fn field(out: &mut String, name: &str, value: &str, utf8: bool) {
    let name: String =
        name.chars().filter(|c| c.is_ascii_graphic() && *c != ':').take(LINE_BYTES_WANTED).collect();
    if name.is_empty() {
        return;
    }
    let value: String = value.trim().chars().map(|c| clean(c, utf8)).collect();
    out.push_str(&name);
    out.push(':');
    let mut column = name.len() + 1;
    let mut blanks = 1;
    let mut line_has_word = false;
    for word in value.split(' ') {
        if word.is_empty() {
            blanks += 1;
            continue;
        }
        let too_long = column + blanks + word.len() > LINE_BYTES_WANTED;
        if (line_has_word && too_long) || column + blanks >= LINE_BYTES_MAX {
            out.push_str("\r\n");
            column = 0;
        }
        // A long run of blanks counts like a word that is cut.
        blanks = blanks.min(LINE_BYTES_WANTED);
        out.extend(std::iter::repeat_n(' ', blanks));
        column += blanks;
        column = push_word(out, word, column);
        line_has_word = true;
        blanks = 1;
    }
    out.push_str("\r\n");
}

/// Appends a word at `column`, cut where it does not fit a line; returns the column behind it.
fn push_word(out: &mut String, word: &str, mut column: usize) -> usize {
    for c in word.chars() {
        if column + c.len_utf8() > LINE_BYTES_MAX {
            out.push_str("\r\n ");
            column = 1;
        }
        out.push(c);
        column += c.len_utf8();
    }
    column
}

/// Nothing in a value may end a line; 8-bit characters need SMTPUTF8.
pub(super) fn clean(c: char, utf8: bool) -> char {
    match c {
        c if c.is_control() || c.is_whitespace() => ' ',
        c if c.is_ascii() || utf8 => c,
        _ => '?',
    }
}
