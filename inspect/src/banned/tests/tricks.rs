//! Names and types by which programs were sent past filters, and honest ones that look a little like them.

use super::*;

/// What it is, a name, and whether the default rules ban it.
const NAMES: &[(&str, &[u8], bool)] = &[
    // Plain.
    ("a program", b"a.exe", true),
    ("in capitals", b"A.EXE", true),
    ("in both", b"a.eXe", true),
    ("DOS program", b"a.com", true),
    ("screen saver", b"a.scr", true),
    ("program information", b"a.pif", true),
    ("batch file", b"a.bat", true),
    ("command file", b"a.cmd", true),
    ("control panel", b"a.cpl", true),
    ("library", b"a.dll", true),
    ("Basic script", b"a.vbs", true),
    ("encoded Basic script", b"a.vbe", true),
    ("script", b"a.js", true),
    ("encoded script", b"a.jse", true),
    ("script host file", b"a.wsf", true),
    ("HTML application", b"a.hta", true),
    ("installer", b"a.msi", true),
    ("shortcut", b"a.lnk", true),
    ("compiled help", b"a.chm", true),
    ("registry file", b"a.reg", true),
    ("PowerShell script", b"a.ps1", true),
    ("Java archive", b"a.jar", true),
    ("internet shortcut", b"a.url", true),
    ("ClickOnce", b"a.appref-ms", true),
    ("nothing but the extension", b".exe", true),
    // Double extensions.
    ("behind a document", b"invoice.pdf.exe", true),
    ("behind many blanks", b"invoice.pdf                                                       .exe", true),
    ("behind three", b"a.b.c.exe", true),
    ("behind underscores", b"invoice.pdf_____________________.scr", true),
    ("class id of HTML application", b"a.txt.{3050f4d8-98B5-11CF-BB82-00AA00BDCE0B}", true),
    ("class id, not closed", b"a.txt.{3050f4d8-98B5-11CF-BB82-00AA00BDCE0B", true),
    ("class id as only extension", b"a.{00020810-0000-0000-C000-000000000046}", true),
    ("braces that are no class id", b"a.{final}", false),
    ("class id that is too short", b"a.{3050f4d8-98B5-11CF-BB82}", false),
    // What Windows drops at the end.
    ("dot at the end", b"a.exe.", true),
    ("dots at the end", b"a.exe...", true),
    ("blank at the end", b"a.exe ", true),
    ("dots and blanks at the end", b"a.exe . .", true),
    ("blank before the extension", b"a. exe", true),
    ("no-break space at the end", b"a.exe\xc2\xa0", true),
    ("ideographic space at the end", b"a.exe\xe3\x80\x80", true),
    ("tab at the end", b"a.exe\t", true),
    ("line end at the end", b"a.exe\r\n", true),
    ("line end within", b"a.e\r\nxe", true),
    ("tab within", b"a.e\txe", true),
    ("escape character within", b"a.e\x1bxe", true),
    ("bell at the end", b"a.exe\x07", true),
    ("delete within", b"a.ex\x7fe", true),
    // NUL.
    ("NUL at the end", b"a.exe\0", true),
    ("cut at NUL", b"a.exe\0.txt", true),
    ("NUL within", b"a.e\0xe", true),
    ("NUL first", b"\0a.exe", true),
    ("NUL between all", b"a\0.\0e\0x\0e\0", true),
    ("NUL and blanks", b"a.exe \0 .txt", true),
    ("document that is cut at NUL", b"a.txt\0.pdf", false),
    // Quotes.
    ("in quotes", b"\"a.exe\"", true),
    ("in single quotes", b"'a.exe'", true),
    ("in typographic quotes", "\u{201c}a.exe\u{201d}".as_bytes(), true),
    ("in guillemets", "\u{ab}a.exe\u{bb}".as_bytes(), true),
    ("one quote", b"a.exe\"", true),
    ("backquote", b"a.exe`", true),
    ("semicolon", b"a.exe;", true),
    ("comma", b"a.exe,", true),
    ("angle brackets", b"<a.exe>", true),
    // Escapes.
    ("escaped blank", b"a.exe%20", true),
    ("escaped dot", b"a%2Eexe", true),
    ("escaped letter", b"a.e%78e", true),
    ("escaped NUL", b"a.exe%00.txt", true),
    ("escaped twice", b"a%252eexe", true),
    ("escaped slash", b"x%2fa.exe", true),
    ("all escaped", b"%61%2e%65%78%65", true),
    ("escaped override", b"a.%E2%80%AEexe", true),
    ("a percent sign", b"100% profit.pdf", false),
    ("escaped blank in a document", b"my%20report.pdf", false),
    // Encoded words.
    ("encoded word, base64", b"=?utf-8?B?ZXZpbC5leGU=?=", true),
    ("encoded word, quoted-printable", b"=?utf-8?Q?evil=2Eexe?=", true),
    ("encoded word, other charset", b"=?koi8-r?B?Zm90by5leGU=?=", true),
    ("encoded words side by side", b"=?utf-8?Q?evil?= =?utf-8?Q?=2Eexe?=", true),
    ("encoded word before the extension", b"=?utf-8?Q?evil?=.exe", true),
    ("encoded word, extension only", b"evil.=?utf-8?Q?exe?=", true),
    ("encoded word, escaped within", b"=?utf-8?Q?evil=252eexe?=", true),
    ("encoded word of a document", b"=?utf-8?Q?report=2Epdf?=", false),
    ("encoded word of an archive", b"=?koi8-r?B?Zm90by56aXA=?=", false),
    ("unknown encoding", b"=?utf-8?X?evil?=.pdf", false),
    // Invisible characters.
    ("zero width space", "a.ex\u{200b}e".as_bytes(), true),
    ("zero width joiner", "a.e\u{200d}xe".as_bytes(), true),
    ("zero width non-joiner", "a.e\u{200c}xe".as_bytes(), true),
    ("word joiner", "a.\u{2060}exe".as_bytes(), true),
    ("soft hyphen", "a.\u{ad}exe".as_bytes(), true),
    ("byte order mark", "\u{feff}a.exe".as_bytes(), true),
    ("byte order mark at the end", "a.exe\u{feff}".as_bytes(), true),
    ("grapheme joiner", "a.e\u{34f}xe".as_bytes(), true),
    ("variation selector", "a.exe\u{fe0f}".as_bytes(), true),
    ("late variation selector", "a.exe\u{e0100}".as_bytes(), true),
    ("tag characters", "a.exe\u{e0041}\u{e007f}".as_bytes(), true),
    ("Hangul filler", "a.ex\u{3164}e".as_bytes(), true),
    ("half width filler", "a.ex\u{ffa0}e".as_bytes(), true),
    ("Mongolian vowel separator", "a.ex\u{180e}e".as_bytes(), true),
    ("invisible times", "a.ex\u{2062}e".as_bytes(), true),
    ("annotation anchor", "a.exe\u{fff9}".as_bytes(), true),
    ("dot behind which nothing is seen", "a.exe.\u{200b}".as_bytes(), true),
    // Direction.
    ("right-to-left override", "evil\u{202e}fdp.exe".as_bytes(), true),
    ("override before the extension", "a.\u{202e}exe".as_bytes(), true),
    ("left-to-right override", "a.exe\u{202d}".as_bytes(), true),
    ("isolate", "a.\u{2067}exe\u{2069}".as_bytes(), true),
    ("direction mark", "a.exe\u{200f}".as_bytes(), true),
    ("Arabic letter mark", "a.\u{61c}exe".as_bytes(), true),
    ("pop directional formatting", "a.e\u{202c}xe".as_bytes(), true),
    ("a picture that reads like a program", "evil\u{202e}exe.png".as_bytes(), false),
    ("a Hebrew document", "\u{5d3}\u{5d5}\u{5d7}\u{200f}.pdf".as_bytes(), false),
    // Compatibility forms.
    ("full width letters", "a.\u{ff45}\u{ff58}\u{ff45}".as_bytes(), true),
    ("full width dot", "a\u{ff0e}exe".as_bytes(), true),
    ("one dot leader", "a\u{2024}exe".as_bytes(), true),
    ("small full stop", "a\u{fe52}exe".as_bytes(), true),
    ("ideographic full stop", "a\u{3002}exe".as_bytes(), true),
    ("half width ideographic full stop", "a\u{ff61}exe".as_bytes(), true),
    ("bold letters", "a.\u{1d41e}\u{1d431}\u{1d41e}".as_bytes(), true),
    ("letters in circles", "a.\u{24d4}\u{24e7}\u{24d4}".as_bytes(), true),
    ("superscript letters", "a.\u{1d49}\u{2e3}\u{1d49}".as_bytes(), true),
    ("long s", "a.\u{17f}cr".as_bytes(), true),
    ("dotless i", "a.p\u{131}f".as_bytes(), true),
    ("capital i with a dot", "A.P\u{130}F".as_bytes(), true),
    ("Kelvin sign", "a.ln\u{212a}".as_bytes(), true),
    ("ellipsis at the end", "a.exe\u{2026}".as_bytes(), true),
    ("Cyrillic letters are no program", "a.\u{435}\u{445}\u{435}".as_bytes(), false),
    ("full width name of a document", "\u{ff41}.pdf".as_bytes(), false),
    // Paths.
    ("up", b"../../a.exe", true),
    ("absolute", b"/tmp/a.exe", true),
    ("drive", b"C:\\x\\a.exe", true),
    ("drive without a slash", b"C:a.exe", true),
    ("UNC", b"\\\\host\\share\\a.exe", true),
    ("device path", b"\\\\.\\C:\\a.exe", true),
    ("division slash", "x\u{2215}a.exe".as_bytes(), true),
    ("full width slash", "x\u{ff0f}a.exe".as_bytes(), true),
    ("full width backslash", "x\u{ff3c}a.exe".as_bytes(), true),
    ("a directory with the name of a host", b"www.example.com/index.html", false),
    ("a directory that ends like a program", b"a.exe/b.txt", false),
    ("a directory alone", b"www.example.com/", false),
    // Streams.
    ("default stream", b"a.exe::$DATA", true),
    ("named stream", b"a.txt:b.exe", true),
    ("stream of a program", b"a.exe:x.txt", true),
    ("a forwarded mail about a host", b"Fwd: Your order at example.com: thank you.eml", false),
    ("a time of day", b"10:30 meeting.ics", false),
    // Bytes.
    ("invalid UTF-8 in the name", b"\xff\xfe a.exe", true),
    ("invalid UTF-8 in the extension", b"a.exe\xff.exe", true),
    ("Latin-1 name", b"M\xfcller.exe", true),
    ("Latin-1 no-break space", b"a.exe\xa0", true),
    ("Latin-1 soft hyphen", b"a.e\xadxe", true),
    ("dot in two bytes", b"a\xc0\xaeexe", true),
    ("slash in two bytes", b"x\xc0\xafa.exe", true),
    ("half a character", b"a.exe\xe2\x80", false),
    ("Latin-1 document", b"Gr\xfc\xdfe.pdf", false),
    // Device names.
    ("console", b"con.exe", true),
    ("null device", b"NUL.scr", true),
    ("console as text", b"con.txt", false),
    ("auxiliary", b"aux", false),
    // Honest.
    ("nothing", b"", false),
    ("a dot", b".", false),
    ("dots", b"...", false),
    ("no extension", b"exe", false),
    ("extension of a word", b"a.executive", false),
    ("program that is packed", b"a.exe.zip", false),
    ("list of programs", b"programs.exe.txt", false),
    ("version", b"report v1.2.pdf", false),
    ("picture", b"IMG_0001.JPG", false),
    ("JSON", b"a.json", false),
    ("message", b"Re: your a.exe question.eml", false),
    ("signature", b"smime.p7s", false),
    ("calendar", b"invite.ics", false),
    ("spreadsheet", b"Q3.xlsx", false),
    ("compressed archive", b"backup.tar.gz", false),
    ("umlauts", "\u{dc}berpr\u{fc}fung.docx".as_bytes(), false),
    ("Japanese", "\u{8cc7}\u{6599}.pdf".as_bytes(), false),
    ("emoji", "\u{1f600}.png".as_bytes(), false),
    ("accent of its own", "re\u{301}sume\u{301}.doc".as_bytes(), false),
    ("a hidden file", b".htaccess", false),
    ("a library of Unix", b"libfoo.so.1", false),
];

#[test]
fn names_are_banned_in_every_disguise_and_honest_ones_are_not() {
    let rules = Rules::new(&AttachmentRules::default()).unwrap();
    let mut wrong = Vec::new();
    for (what, name, is_banned) in NAMES {
        let names = vec![name.to_vec()];
        let node = Node { level: 1, names, ..Node::default() };
        if rules.judge(None, &[&Node::default(), &node]).is_some() != *is_banned {
            let views: Vec<String> = names::views(&node.names).into_iter().map(|view| view.text).collect();
            wrong.push(format!("{what}: {:?} {views:?}", String::from_utf8_lossy(name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(NAMES.len() >= 150, "{}", NAMES.len());
}

/// What it is, the path, and what is said of it.
const TYPES: &[(&str, &str, Option<&str>)] = &[
    ("program as text", "M=text/plain,T=exe,T=exe-ms,N=a.txt", Some(".exe,.exe-ms: a.txt")),
    ("program of Unix", "T=exe,T=exe-unix,N=a", Some(".exe,.exe-unix: a")),
    ("library as picture", "M=image/png,T=exe,T=exe-ms,T=dll,N=a.png", Some(".exe,.exe-ms,.dll: a.png")),
    ("shortcut as document", "T=lnk,N=a.pdf", Some(".lnk: a.pdf")),
    ("HTML application as page", "T=html,T=hta,N=a.html", Some(".html,.hta: a.html")),
    ("help as archive", "T=chm,N=a.zip", Some(".chm: a.zip")),
    ("program without a name", "T=exe", Some(".exe")),
    ("polyglot of document and program", "T=exe,T=exe-ms,T=pdf,N=a.pdf", Some(".exe,.exe-ms,.pdf: a.pdf")),
    ("declared program", "M=application/x-msdownload,N=a", Some("application/x-msdownload: a")),
    ("declared DOS program", "M=application/x-msdos-program", Some("application/x-msdos-program")),
    ("declared HTML application", "M=application/hta", Some("application/hta")),
    ("part of a mail", "M=message/partial", Some("message/partial")),
    ("second declared type", "M=text/plain,M=application/hta", Some("application/hta")),
    ("in an archive", "T=zip,N=a.zip | T=exe,N=b", Some(".exe: b")),
    ("name in an archive", "T=zip,N=a.zip | N=x/b.scr", Some(".scr: x/b.scr")),
    ("six archives deep", "T=zip | T=zip | T=gz | T=tar | T=7z | T=rar | N=b.exe", Some(".exe: b.exe")),
    ("in a mail in a mail", "M=message/rfc822 | M=message/rfc822 | N=b.exe", Some(".exe: b.exe")),
    ("archive that is named so", "T=zip,N=a.scr | N=b.txt", Some(".scr: a.scr")),
    ("second name", "N=a.txt,N=b.exe", Some(".exe: b.exe")),
    ("self-extracting archive", "T=exe,T=exe-ms,T=zip,N=a.zip", Some(".exe,.exe-ms,.zip: a.zip")),
    ("directory named after a host", "T=tar | N=www.example.com,A=D", None),
    ("document", "M=application/pdf,T=pdf,N=a.pdf", None),
    ("archive", "M=application/zip,T=zip,N=a.zip | T=pdf,N=b.pdf", None),
    ("encrypted archive", "T=zip,N=a.zip,A=C", None),
    ("undecodable part", "N=a.pdf,A=U", None),
    ("unknown content", "M=application/octet-stream,N=a.bin", None),
    ("nothing known", "", None),
];

#[test]
fn types_are_banned_wherever_they_are() {
    let rules = Rules::new(&AttachmentRules::default()).unwrap();
    for (what, text, expected) in TYPES {
        assert_eq!(shown(&rules, text).as_deref(), *expected, "{what}: {text}");
    }
}

#[test]
fn what_has_no_name_is_told_in_words() {
    let rules = Rules::new(&AttachmentRules::default()).unwrap();
    assert!(judge(&rules, "T=exe").unwrap().wants_words);
    assert!(!judge(&rules, "T=exe,N=a").unwrap().wants_words);
    assert!(!judge(&rules, "M=application/hta").unwrap().wants_words);
}

#[test]
fn exempt_names_are_exempt_by_name_only() {
    let allowed_names = vec!["Setup.exe".to_owned()];
    let rules = Rules::new(&AttachmentRules { allowed_names, ..AttachmentRules::default() }).unwrap();
    assert_eq!(shown(&rules, "N=setup.EXE"), None);
    assert_eq!(shown(&rules, "N=setup.exe,T=exe").as_deref(), Some(".exe: setup.exe"));
    assert_eq!(shown(&rules, "N=setup.exe,N=b.exe").as_deref(), Some(".exe: b.exe"));
    assert_eq!(shown(&rules, "N=x/setup.exe").as_deref(), Some(".exe: x/setup.exe"));
}
