//! Transfer encodings as they should be and as they come, and text that hides files without any.

use harness::mails::{base64_lines, eicar};
use harness::zip::zip;

use super::letter::{TEXT, encoded, multipart, quoted_printable, uuencode, yenc};
use super::{Row, sample};

pub(super) fn rows() -> Vec<Row> {
    [plain(), base64(), quoted(), words(), in_text(), around_parts()].into_iter().flatten().collect()
}

fn line() -> Vec<u8> {
    [eicar(), b"\r\n".to_vec()].concat()
}

fn single(name: &str, encoding: &str, body: &[u8]) -> Row {
    let fields =
        format!("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: {encoding}\r\n");
    Row::of(name, &fields, body)
}

fn part(name: &str, encoding: &str, body: &[u8]) -> Row {
    Row::part(name, encoded(encoding, body))
}

fn plain() -> Vec<Row> {
    let binary = [eicar(), b"\0\x01\xff\r\n".to_vec()].concat();
    vec![
        Row::of("the body", "", &line()),
        part("7bit", "7bit", &line()),
        part("8bit", "8bit", &[line(), b"\xe4\xf6\r\n".to_vec()].concat()),
        part("binary", "binary", &binary),
    ]
}

fn base64() -> Vec<Row> {
    let text = base64_lines(&sample());
    let bytes = text.as_bytes();
    let junk =
        text.chars().map(|digit| if digit.is_ascii_control() { digit.into() } else { format!("{digit}!") });
    let junk: String = junk.collect();
    let short = text.split("\r\n").collect::<String>();
    let short: Vec<u8> = short.as_bytes().chunks(3).flat_map(|three| [three, b"\r\n"].concat()).collect();
    let eicar = eicar();
    let restart = [&eicar[..31], &eicar[31..]].map(base64_lines).concat();
    let archive = zip(&[("letter.txt", &sample())]);
    let restart_of_zip = [&archive[..100], &archive[100..]].map(base64_lines).concat();
    vec![
        part("base64", "base64", bytes),
        single("base64, without a multipart", "base64", bytes),
        part("base64 with junk", "base64", junk.as_bytes()),
        part("base64 with a line of junk", "base64", &[&bytes[..78], b"*** ---\r\n", &bytes[78..]].concat()),
        part("base64 in lines of three", "base64", &short),
        part("base64 with a restart behind padding", "base64", restart.as_bytes()),
        part("base64 of a zip with a restart behind padding", "base64", restart_of_zip.as_bytes()),
        part("base64 behind padding", "base64", &[b"====\r\n", bytes].concat()),
        part("base64 without padding", "base64", text.replace('=', "").as_bytes()),
    ]
}

fn quoted() -> Vec<Row> {
    let eicar = eicar();
    let blanks: Vec<u8> = eicar.chunks(10).flat_map(|chunk| [chunk, b"= \t\r\n"].concat()).collect();
    let blanks = [blanks, b"\r\n".to_vec()].concat();
    let archive = zip(&[("letter.txt", &sample())]);
    vec![
        part("quoted-printable", "quoted-printable", &quoted_printable(&eicar)),
        part("quoted-printable of a zip", "quoted-printable", &quoted_printable(&archive)),
        part("quoted-printable with blanks behind soft breaks", "quoted-printable", &blanks),
        single("quoted-printable, without a multipart", "quoted-printable", &quoted_printable(&eicar)),
    ]
}

/// The word that names the encoding.
fn words() -> Vec<Row> {
    let behind_semicolon = "Content-Type: application/zip;\r\nContent-Transfer-Encoding: base64\r\n";
    let text = base64_lines(&sample());
    let bytes = text.as_bytes();
    vec![
        part("x-uuencode", "x-uuencode", &uuencode(&sample())),
        part("x-uuencode of a zip", "x-uuencode", &uuencode(&zip(&[("letter.txt", &sample())]))),
        part("an unknown word, of base64", "x-unknown", bytes),
        part("an unknown word, of quoted-printable", "x-unknown", &quoted_printable(&sample())),
        part("base-64", "base-64", bytes),
        Row::of("base64 behind a semicolon", behind_semicolon, bytes),
        part("base64 behind many folds", &format!("{}base64", "\r\n ".repeat(200)), bytes),
        part("base64 behind a long comment", &format!("({}) base64", "x".repeat(3000)), bytes),
        part("base64 in quotes", "\"base64\"", bytes),
        part("base64 with comments", "(a) base64 (b)", bytes),
        part("7bit and base64", "7bit\r\nContent-Transfer-Encoding: base64", bytes),
        part("base64 and 7bit", "base64\r\nContent-Transfer-Encoding: 7bit", bytes),
        part("base64 on a folded line", "\r\n base64", bytes),
    ]
}

const PROSE: &[u8] = b"See what I have for you:\r\n\r\n";

/// uuencode and yEnc, with nothing that says so.
fn in_text() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, block) in [("uuencode", uuencode(&sample())), ("yEnc", yenc(&sample()))] {
        let behind = [PROSE, &block].concat();
        let encoded_twice = base64_lines(&behind);
        let two = [PROSE, &uuencode(b"harmless"), &block].concat();
        rows.extend([
            Row::of(&format!("{kind} on top of the body"), "", &block),
            Row::of(&format!("{kind} behind prose"), "", &behind),
            Row::of(&format!("{kind} behind another block"), "", &two),
            Row::part(&format!("{kind} in a part"), [b"\r\n", &behind[..]].concat()),
            Row::attached(&format!("{kind} in base64"), &block),
            part(&format!("{kind} behind prose, in base64"), "base64", encoded_twice.as_bytes()),
            part(&format!("{kind} in quoted-printable"), "quoted-printable", &quoted_printable(&block)),
        ]);
    }
    rows
}

/// In no part, or in one that not everybody sees.
fn around_parts() -> Vec<Row> {
    let (field, body) = multipart("=b=", &[TEXT.into()]);
    let attachment = encoded("base64", base64_lines(&sample()).as_bytes());
    let archive = base64_lines(&zip(&[("letter.txt", &sample())]));
    let (_, hidden) = multipart("=b=", std::slice::from_ref(&attachment));
    let (other, _) = multipart("=x=", &[]);
    let mixed = [field.as_bytes(), b"\r\n", &hidden].concat();
    let (outer, inner) = multipart("=o=", &[mixed, TEXT.into()]);
    let (_, signed) = multipart("=b=", &[TEXT.into(), encoded("base64", archive.as_bytes())]);
    let whole = [body.clone(), hidden.clone()].concat();
    let encoded_whole = base64_lines(&hidden);
    let mut unknown = Row::of("a mail without the fields of one", &field, &hidden);
    let at = memchr::memmem::find(&unknown.content, b"X-Token").unwrap();
    let rest = String::from_utf8(unknown.content.split_off(at)).unwrap();
    unknown.content = rest.replace("MIME-Version: 1.0\r\n", "").into_bytes();
    let unclosed = hidden[..hidden.len() - b"--=b=--\r\n".len()].to_vec();
    vec![
        Row::of("the preamble", &field, &[line(), body.clone()].concat()),
        Row::of("the epilogue", &field, &[body.clone(), line()].concat()),
        Row::of("uuencode in the epilogue", &field, &[body, uuencode(&sample())].concat()),
        Row::of("a part behind the end", &field, &whole),
        unknown,
        Row::of("a multipart without an end", &field, &unclosed),
        Row::of("two Content-Type fields", &format!("{other}{field}"), &hidden),
        Row::of("two Content-Type fields, the other way round", &format!("{field}{other}"), &hidden),
        Row::of("a signed mail, EICAR in what is signed", &outer.replace("mixed", "signed"), &inner),
        Row::of("multipart/parallel", &field.replace("mixed", "parallel"), &hidden),
        Row::of("a signed mail, EICAR behind what is signed", &field.replace("mixed", "signed"), &signed),
        Row::of(
            "a multipart in base64",
            &format!("{field}Content-Transfer-Encoding: base64\r\n"),
            encoded_whole.as_bytes(),
        ),
    ]
}
