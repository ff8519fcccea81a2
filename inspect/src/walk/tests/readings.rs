//! An archive with a program in it, hidden where only some readers find it: it is found, or the mail is unchecked.

use super::make;
use super::*;

/// An archive in base64, in lines, which holds `evil.exe`.
fn archive() -> String {
    make::base64(&make::deflated("evil.exe", b"harmless text"))
}

/// `@` in `mail` becomes the archive.
fn with(mail: &str) -> Vec<u8> {
    mail.replace('@', &archive()).replace('\n', "\r\n").replace("\r\r\n", "\r\n").into_bytes()
}

const PART: &str = "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n@\n";

#[track_caller]
fn found_in(mail: &[u8]) -> Vec<Found> {
    let found = inspect(mail);
    assert!(found.contains(&Found::new(Category::Banned, ".exe: evil.exe")), "{found:?}\n{}", text(mail));
    found
}

fn text(mail: &[u8]) -> String {
    String::from_utf8_lossy(mail).into_owned()
}

/// Mails that readers read in different ways. `PART` is the part with the archive.
const AMBIGUOUS: &[&str] = &[
    // Two of each header or parameter (B24).
    "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--a\n\nx\n--a--\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=b; boundary=a\n\n--a\n\nx\n--a--\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n--a\n\nx\n--a--\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain\n\n--b\nPART--b--\n",
    "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n--b\nPART--b--\n",
    "Content-Type: text/plain\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n@\n",
    "Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n@\n",
    "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: base64\n\n@\n",
    // Boundaries (B26).
    "Content-Type: multipart/mixed\n\n--a\nPART--a--\n",
    "Content-Type: multipart/mixed; boundary=\"\"\n\n--\nPART----\n",
    "Content-Type: multipart/mixed; boundary=never\n\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=b(comment)\n\n--b(comment)\n\nx\n--b(comment)--\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=b(comment)\n\n--b\n\nx\n--b--\n--b(comment)\nPART--b(comment)--\n",
    "Content-Type: multipart/mixed; boundary=\"b\"c\n\n--b\n\nx\n--b--\n--bc\nPART--bc--\n",
    "Content-Type: multipart/mixed; boundary=\"b\"c\n\n--bc\n\nx\n--bc--\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=\"b\0c\"\n\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=\"b\0c\"\n\n--bc\nPART--bc--\n",
    "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--b\n\nx\n--b--\n--bc\nPART--bc--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b--\nPART",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\nPART--b--\n",
    // The end of headers (B29).
    "Content-Type: application/zip\n \nContent-Transfer-Encoding: base64\n\n@\n",
    "Content-Type: application/zip\n\t\nX: y\nContent-Transfer-Encoding: base64\n\n@\n",
    "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n@\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n@\n--b--\n",
];

#[test]
fn what_only_some_readers_find_is_found_and_told() {
    for mail in AMBIGUOUS {
        let mail = with(&mail.replace("PART", PART));
        let found = found_in(&mail);
        let ambiguous = Category::Unchecked(Unchecked::Ambiguous);
        assert!(found.iter().any(|found| found.category == ambiguous), "{found:?}\n{}", text(&mail));
    }
}

/// Mails that all readers read in the same way, or in which it does not matter how.
const PLAIN: &[&str] = &[
    "PART",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nPART",
    "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b \t\nPART--b--\n",
    "Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/mixed; boundary=b\n\n--b\nPART--b--\n--bb--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\nPART--bb--\n--b--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\nPART--b--\n--b--\n",
    "Content-Type: multipart/mixed; boundary=\"b\n\n--b\nPART--b--\n",
    // Before and behind the parts.
    "Content-Type: multipart/mixed; boundary=b\n\nPART--b\n\nx\n--b--\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\nPART",
    // Encodings (B27, B28).
    "Content-Type: application/zip\nContent-Transfer-Encoding: BASE64\n\n@\n",
    "Content-Type: application/zip\nContent-Transfer-Encoding: x-what\n\n@\n",
    "Content-Type: application/zip\nContent-Transfer-Encoding: base64 (c)\n\n! - . @\n",
    "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\nQQ==\n@\n",
    "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n@\nQUJD=QUJD",
    "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nPART",
    "Content-Type: message/news\n\nPART",
    "Content-Type: multipart/digest; boundary=b\n\n--b\n\nPART--b--\n",
    "Content-Type: multipart/\n digest; boundary=b\n\n--b\n\nPART--b--\n",
    "Content-Type: multipart/ digest; boundary=b\n\n--b\nX: y\n\nPART--b--\n",
    "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n@\n",
];

#[test]
fn what_all_readers_find_is_found() {
    for mail in PLAIN {
        found_in(&with(&mail.replace("PART", PART)));
    }
}

#[test]
fn encoded_containers_of_parts_are_decoded() {
    let inner = with(&format!("--b\n{PART}--b--\n"));
    for encoding in ["base64", "quoted-printable", "x-what"] {
        let body = match encoding {
            "quoted-printable" => make::quoted_printable(&inner),
            _ => make::base64(&inner),
        };
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n"
        );
        found_in(mail.as_bytes());
        let nested = format!(
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n{mail}\r\n--o\r\n\r\nx\r\n--o--\r\n"
        );
        found_in(nested.as_bytes());
    }
}

#[test]
fn parts_without_headers_are_read_between_each_boundary() {
    for head in [
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain",
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Type:",
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; boundary=a",
        "Content-Type: multipart/mixed; boundary=a\r\nContent-Type: multipart/mixed; boundary=b",
        "Content-Type: multipart/mixed; boundary=a; boundary=b",
        "Content-Type: multipart/mixed; boundary=b; boundary=a",
    ] {
        let body = "--a\r\n\r\nx\r\n--a--\r\n--b\r\n\r\nMZ\u{1}\0\u{3}\0\0\0\r\n--b--\r\n";
        let found = categories(format!("{head}\r\n\r\n{body}").as_bytes());
        assert!(found.contains(&Category::Banned), "{head}: {found:?}");
    }
}

#[test]
fn a_multipart_of_a_type_that_is_none_is_text_to_its_end() {
    let rules = by(AttachmentRules { types: vec!["emf".into()], ..AttachmentRules::default() });
    // The mark of its type stands behind a delimiter that only some take for one.
    let unending = "preamble\r\n--b\nContent-Transfer-Encoding: EMF";
    let usual = "preamble\r\n--b\r\nX-Filler: 123456789012345 EMF\r\n\r\nx\r\n";
    for (head, body) in [
        ("Content-Type:multipart/\nmultipart;boundary=b", unending),
        ("Content-Type: multipart; boundary=b", usual),
        ("Content-Type: multipart/\u{e9}mixed; boundary=b", usual),
        ("Content-Type: multipart/mixed; x; boundary=b", usual),
    ] {
        assert_eq!(body.find(" EMF"), Some(40));
        let found = rules.inspect(format!("{head}\n\n{body}").as_bytes(), Wanted::Nothing).findings;
        assert!(found.iter().any(|found| found.category == Category::Banned), "{head}: {found:?}");
    }
}

#[test]
fn escapes_of_quoted_printable_that_are_split_are_joined() {
    let encoded = "Content-Type: a/b\r\nContent-Transfer-Encoding: quoted-printable";
    for start in ["=4 D=5\r\nA", "=4\r\nDZ", "= 4D=\t5A", "M\rZ", "=4D=5A"] {
        let mail = mail(encoded, &format!("{start}=90=00=03=00=00=00"));
        assert!(categories(mail.as_bytes()).contains(&Category::Banned), "{start:?}");
    }
}

#[test]
fn a_delimiter_within_a_body_does_not_cut_it_for_all_readers() {
    let archive = archive();
    let (start, end) = archive.split_at(60);
    for junk in ["\r\n--b!\r\n", "--b", "\r\n--b-c\r\n", " --b\r\n"] {
        let junk = junk.replace('b', "=.=");
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=\"=.=\"\r\n\r\n--=.=\r\nContent-Type: application/zip\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{start}{junk}{end}\r\n--=.=--\r\n"
        );
        let found = inspect(mail.as_bytes());
        assert!(
            found.iter().any(|f| f.category == Category::Unchecked(Unchecked::Ambiguous)),
            "{junk:?}: {found:?}"
        );
    }
}

#[test]
fn encoded_files_in_text_are_found_wherever_the_text_is() {
    let files = [make::uuencode("evil.exe", b"harmless"), make::yenc("evil.exe", b"harmless")];
    for file in files {
        let file = [b"see below\r\n\r\n".as_slice(), &file].concat();
        for mail in [
            "Subject: x\r\n\r\n@",
            "Content-Type: text/html\r\n\r\n@",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n@\r\n--b\r\n\r\nx\r\n--b--\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n@",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n@\r\n--b--\r\n",
        ] {
            let (before, after) = mail.split_once('@').unwrap();
            found_in(&[before.as_bytes(), &file, after.as_bytes()].concat());
        }
    }
}

#[test]
fn a_part_that_says_that_it_is_uuencoded_is_read_so_only() {
    // Its lines may look like escapes of quoted-printable.
    let content = [vec![b'x'; 45], b"vi\xa6".repeat(1_000)].concat();
    let body = make::uuencode("good.bin", &content);
    assert!(memchr::memmem::find(&body, b"=FFF=FFF").is_some());
    for (encoding, categories) in [("x-uuencode", 0), ("x-other", 1)] {
        let mail = mail(&format!("Content-Type: a/b\r\nContent-Transfer-Encoding: {encoding}"), "@");
        let (before, after) = mail.split_once('@').unwrap();
        let found = inspect(&[before.as_bytes(), &body, after.as_bytes()].concat());
        assert_eq!(found.len(), categories, "{encoding}: {found:?}");
    }
}

#[test]
fn an_external_body_is_judged_by_what_it_says_and_nothing_else() {
    let external = |inner: &str| {
        format!(
            "Content-Type: message/external-body; access-type=URL; URL=\"http://127.0.0.1:1/x\"\r\n\r\n\
             Content-Type: application/octet-stream{inner}\r\n\r\n"
        )
    };
    assert_eq!(inspect(external("").as_bytes()), []);
    found_in(external("; name=evil.exe").as_bytes());
}

#[test]
fn honest_mails_with_attachments_are_clean() {
    let zip = make::zip(&[("report.pdf", b"%PDF-1.4"), ("notes/", b""), ("notes/a.txt", b"hello")]);
    let outer = make::zip(&[("inner.zip", &zip), ("b.txt", b"x")]);
    for (name, content) in
        [("a.zip", zip), ("b.zip", outer), ("c.tar.gz", make::gzip("c.tar", &make::tar("x", b"y")))]
    {
        assert_eq!(inspect(&archives::attached(name, &content)), [], "{name}");
    }
    for mail in [
        // Quoted headers in prose, lines of dashes, an mbox line on top.
        "Subject: x\n\nHello,\nContent-Type: is a header.\n--\nBob\n",
        "From a@b Tue\nSubject: x\nContent-Type: text/plain\n\nhello\n",
        "Content-Type: multipart/mixed; boundary=\"----=_Part_1\"\n\n------=_Part_1\nContent-Type: multipart/alternative; \
         boundary=\"----=_Part_10\"\n\n------=_Part_10\nContent-Type: text/plain\n\nx\n------=_Part_10--\n\n\
         ------=_Part_1--\n",
        "Content-Type: multipart/report; boundary=b; report-type=delivery-status\n\n--b\n\nx\n--b\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b\n--b\n\
         Content-Type: message/rfc822\n\nSubject: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ncut\n--b--\n",
    ] {
        assert_eq!(inspect(mail.replace('\n', "\r\n").as_bytes()), [], "{mail}");
    }
}

/// Each of many multiparts asks for a search for each of many boundaries.
#[test]
fn many_encoded_multiparts_with_many_boundaries_are_bounded() {
    let part = |n: usize| {
        format!(
            "--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            n + 1
        )
    };
    let parts: String = (0..18).map(part).chain((0..400).map(|_| part(18))).collect();
    let filler = "QUJD".repeat(1_000_000);
    let mail = format!("Content-Type: multipart/mixed; boundary=b0\r\n\r\n{parts}{filler}");
    let start = thread_seconds();
    assert!(categories(mail.as_bytes()).contains(&Category::Unchecked(Unchecked::OverLimit)));
    let seconds = thread_seconds() - start;
    assert!(seconds < 60, "{seconds} s");
}

proptest! {
    /// The union of all readings holds what each of them finds: a part that one boundary delimits is found whatever
    /// else is declared and whatever stands around it.
    #[test]
    fn no_second_boundary_hides_a_part(
        pieces in proptest::collection::vec(guard::tests::piece(), 0..12),
        order in any::<bool>(),
        other in "[a-z]{1,4}",
    ) {
        let [first, second] = if order { ["real", &other] } else { [other.as_str(), "real"] };
        let mut mail = format!("Content-Type: multipart/mixed; boundary={first}; boundary={second}\r\n\r\n").into_bytes();
        mail.extend(pieces.concat());
        mail.extend(with(&format!("\n--real\n{PART}--real--\n")));
        let found = inspect(&mail);
        let is_seen = |found: &Found| {
            found.name == ".exe: evil.exe" || found.category == Category::Unchecked(Unchecked::OverLimit)
        };
        prop_assert!(found.iter().any(is_seen), "{found:?}\n{}", text(&mail));
    }
}
