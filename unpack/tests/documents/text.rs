//! uuencode and yEnc, between lines of a mail.

use unpack::{Format, formats};

use crate::cab::text;
use crate::run::run;

pub(crate) fn uu(name: &str, content: &[u8]) -> String {
    let mut lines = format!("begin 644 {name}\n");
    for line in content.chunks(45) {
        let coded = |sextet: u32| if sextet == 0 { '`' } else { char::from_u32(32 + sextet).unwrap() };
        lines.push(coded(u32::try_from(line.len()).unwrap()));
        for group in line.chunks(3) {
            let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
            let bits = at(0) << 16 | at(1) << 8 | at(2);
            lines.extend([18, 12, 6, 0].map(|shift| coded(bits >> shift & 63)));
        }
        lines.push('\n');
    }
    lines + "`\nend\n"
}

pub(crate) fn yenc(fields: &str, content: &[u8]) -> Vec<u8> {
    let mut lines = format!("=ybegin line=128 size={}{fields}\r\n", content.len()).into_bytes();
    for line in content.chunks(128) {
        for byte in line {
            let moved = byte.wrapping_add(42);
            match moved {
                0 | b'\n' | b'\r' | b'=' => lines.extend([b'=', moved.wrapping_add(64)]),
                moved => lines.push(moved),
            }
        }
        lines.extend(b"\r\n");
    }
    let crc = crc32fast::hash(content);
    lines.extend(format!("=yend size={} crc32={crc:08x}\r\n", content.len()).bytes());
    lines
}

fn every_byte() -> Vec<u8> {
    (0..=255).cycle().take(1_000).collect()
}

#[test]
fn every_uuencoded_block_in_a_mail_is_given() {
    let mail = format!("Hello,\n\n{}and\n{}bye\n", uu("a b.exe", &every_byte()), uu("two", b""));
    for mail in [mail.clone(), mail.replace('\n', "\r\n"), mail.replace('`', " ")] {
        let run = run(Format::UuEncode, mail.as_bytes());
        assert_eq!(run.whole("a b.exe"), every_byte());
        assert_eq!(run.names(), ["a b.exe", "two"]);
        assert_eq!(run.told(), [""; 0]);
    }
}

#[test]
fn blanks_lost_at_the_end_of_a_line_are_zeros() {
    let content = [b"MZ".as_slice(), &[0; 88]].concat();
    let lines = uu("a", &content).replace('`', " ");
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    assert_eq!(run(Format::UuEncode, lines.join("\n").as_bytes()).whole("a"), content);
}

#[test]
fn prose_is_no_uuencode() {
    for prose in [
        "begin 644 is how a block begins.\nSo it does.\n",
        "We begin 644 times\nM````\n",
        "begin again\n",
        "begin\n",
        "begin 644 \n",
    ] {
        assert_eq!(formats(prose.as_bytes()), [], "{prose}");
    }
}

#[test]
fn outlook_takes_two_blanks_for_a_beginning() {
    let lines = uu("a.exe", b"MZ").replace("begin 644 ", "begin  ");
    assert_eq!(run(Format::UuEncode, lines.as_bytes()).whole("a.exe"), b"MZ");
}

#[test]
fn the_younger_form_is_base64() {
    let lines = "begin-base64 644 a.exe\nTVogYW5k\nIG1vcmU=\n====\n";
    assert_eq!(run(Format::UuEncode, lines.as_bytes()).whole("a.exe"), b"MZ and more");
}

#[test]
fn a_foreign_line_does_not_hide_what_follows() {
    let content = text(200);
    let lines = uu("a", &content);
    let middle = lines.match_indices('\n').nth(2).unwrap().0;
    let with_line = format!("{}\nthis is not encoded{}", &lines[..middle], &lines[middle..]);
    let run_line = run(Format::UuEncode, with_line.as_bytes());
    assert_eq!(run_line.named("a").content.bytes, content);
    assert_eq!(run_line.told(), ["damaged: line that is not encoded"]);

    let no_end = format!("{}{}", uu("a", &content).replace("end\n", ""), uu("b", b"two"));
    let run_end = run(Format::UuEncode, no_end.as_bytes());
    assert_eq!(run_end.named("a").content.bytes, content);
    assert_eq!(run_end.whole("b"), b"two");
    assert_eq!(run_end.told(), ["damaged: no end"]);
}

#[test]
fn something_behind_the_data_of_a_line_hides_nothing() {
    let content = text(200);
    for junk in ["x", "~", "\t", " a remark", "!"] {
        let lines = uu("a", &content).replace('\n', &format!("{junk}\n"));
        let lines =
            lines.replace(&format!("begin 644 a{junk}"), "begin 644 a").replace(&format!("end{junk}"), "end");
        let run = run(Format::UuEncode, lines.as_bytes());
        assert_eq!(run.members[0].content.bytes, content, "{junk:?}");
    }
    // Who passes such lines over sees what is in the others.
    let mut lines: Vec<String> = uu("a", &content).lines().map(str::to_owned).collect();
    lines[2].push_str(" and a remark");
    let run = run(Format::UuEncode, lines.join("\n").as_bytes());
    let contents: Vec<&[u8]> = run.members.iter().map(|member| member.content.bytes.as_slice()).collect();
    assert_eq!(contents, [content.as_slice(), &[&content[..45], &content[90..]].concat()]);
    assert_eq!(run.told(), ["damaged: line that is not encoded"]);
}

#[test]
fn a_first_line_may_have_any_blanks_and_no_name() {
    let lines = uu("a.exe", b"MZ");
    for (begin, name) in [
        ("begin\t644\ta.exe", "a.exe"),
        ("begin 644\ta.exe", "a.exe"),
        ("begin   644   a.exe", "a.exe"),
        ("begin \ta.exe", "a.exe"),
        ("begin 644", ""),
        ("begin 0644 ", ""),
    ] {
        let run = run(Format::UuEncode, lines.replace("begin 644 a.exe", begin).as_bytes());
        assert_eq!(run.members[0].content.bytes, b"MZ", "{begin:?}");
        assert_eq!(run.names().join(" "), name, "{begin:?}");
    }
    for prose in ["begin 64", "begin 64400", "begin", "begin a.exe", "begin644 a.exe"] {
        assert_eq!(formats(lines.replace("begin 644 a.exe", prose).as_bytes()), [], "{prose}");
    }
}

#[test]
fn names_may_be_in_base64() {
    let uu = uu("a", b"MZ").replace("begin 644 a", "begin-encoded 644 YS5leGU=");
    let base64 = "begin-base64-encoded 644 YS5leGU=\nTVo=\n====\n".to_owned();
    for lines in [uu, base64] {
        let run = run(Format::UuEncode, lines.as_bytes());
        assert_eq!(run.whole("YS5leGU="), b"MZ");
        assert_eq!(run.whole("a.exe"), b"MZ");
    }
}

#[test]
fn a_group_of_base64_may_go_over_lines() {
    for lines in ["TVogY\nW5kIG\n1vcmU=", "T\nVogYW5kIG1vcmU", "TVogYW5kIG1vcm\nU\n="] {
        let lines = format!("begin-base64 644 a.exe\n{lines}\n====\n");
        assert_eq!(run(Format::UuEncode, lines.as_bytes()).whole("a.exe"), b"MZ and more", "{lines}");
    }
    let lines = "begin-base64 644 a\nTVo=\nTVo=\n====\n";
    assert_eq!(run(Format::UuEncode, lines.as_bytes()).whole("a"), b"MZMZ");
}

#[test]
fn every_yenc_block_in_a_mail_is_given() {
    let blocks = [yenc(" name=a b.exe", &every_byte()), yenc(" name=\"c d\"", b"two")];
    let run = run(Format::YEnc, &[b"Hello,\r\n".as_slice(), &blocks[0], b"and\r\n", &blocks[1]].concat());
    assert_eq!(run.whole("a b.exe"), every_byte());
    assert_eq!(run.names(), ["a b.exe", "c d", "\"c d\""]);
    assert_eq!(run.told(), [""; 0]);
}

#[test]
fn a_part_and_a_wrong_checksum_of_yenc_are_told() {
    let part = yenc(" part=1 total=2 name=a", b"MZ");
    let at = part.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let part = [&part[..at], b"=ypart begin=1 end=2\r\n", &part[at..]].concat();
    let run_part = run(Format::YEnc, &part);
    assert_eq!(run_part.named("a").content.bytes, b"MZ");
    assert_eq!(run_part.told(), ["damaged: part of several"]);

    let whole = yenc(" name=a", b"MZ");
    for field in [b" size=".as_slice(), b" crc32="] {
        let mut wrong = whole.clone();
        let at = wrong.windows(field.len()).rposition(|window| window == field).unwrap() + field.len();
        wrong[at] = if wrong[at] == b'1' { b'2' } else { b'1' };
        assert_eq!(run(Format::YEnc, &wrong).told(), ["damaged: checksum"]);
    }
    let cut = yenc(" name=a", b"MZ and more");
    assert_eq!(run(Format::YEnc, &cut[..cut.len() - 40]).told(), ["damaged: no end"]);
}
