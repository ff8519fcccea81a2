//! Every test file of ClamAV, as Debian has them: its type, and the name and type of everything that is found in it.
//!
//! Each holds `clam.exe`, a program that does nothing. Where it is not among what is found, the format is one that is
//! typed only and left to the virus scanner: packed programs, installers, chm, cpio, BinHex, SZDD, SIS, RTF, HTML, PDF.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const DIRECTORY: &str = "/usr/share/clamav-testfiles";
const DECLARED: &str = "application/octet-stream";
const PROGRAM: &str = ".exe,.exe-ms,clam.exe";
const WINDOWS: &str = ".exe,.exe-ms";

/// What every release of InstallShield's engine brings along in a cabinet.
const ENGINE: &[&str] = &[
    ".exe,.exe-ms,.dll,IKernel.dll",
    ".exe,.exe-ms,.dll,ctor.dll",
    ".exe,.exe-ms,.dll,IScript.dll",
    ".exe,.exe-ms,.dll,IUser.dll",
    ".exe,.exe-ms,.dll,objectps.dll",
    ".exe,.exe-ms,DotNetInstaller.exe",
    "iKernel.rgs",
    "ISProBE9x.tlb",
    "ISProBENT.tlb",
    "ISBEW64.rgs",
    "IsBEW64.tlb",
    ".exe,.exe-ms,ISBEW64.exe",
    ".exe,.exe-ms,ISBEW64A.exe",
];

const DOCUMENT: &[&str] = &[
    "Data",
    "WordDocument",
    "ObjectPool",
    "ObjectPool/_1279313719",
    "ObjectPool/_1279313719/\u{1}Ole",
    "ObjectPool/_1279313719/\u{1}CompObj",
    "ObjectPool/_1279313719/\u{3}ObjInfo",
    ".exe,.exe-ms,Clam.exe",
    "ObjectPool/_1279313719/\u{1}Ole10Native",
    "1Table",
    "\u{5}SummaryInformation",
    "\u{5}DocumentSummaryInformation",
    "\u{1}CompObj",
];

const PRESENTATION: &[&str] = &[
    "Pictures",
    ".ole,.doc",
    "PowerPoint Document",
    "\u{5}SummaryInformation",
    "\u{5}DocumentSummaryInformation",
    "Current User",
    PROGRAM,
    "\u{1}Ole10Native",
    "\u{1}CompObj",
];

const CACHED: &[&str] =
    &[".tar", ".gz,clam01.tgz", ".gz,clam02.tgz", ".gz,clam03.tgz", ".gz,clam04.tgz", ".gz,clam05.tgz"];

/// A file, its types, declared types, types and names of what is in it in the order in which it is found, and what of it
/// is unchecked.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const FILES: &[Row] = &[
    ("clam-aspack.exe", WINDOWS, &[], &[]),
    ("clam-fsg.exe", WINDOWS, &[], &[]),
    ("clam-mew.exe", WINDOWS, &[], &[]),
    ("clam-nsis.exe", WINDOWS, &[], &[]),
    ("clam-pespin.exe", WINDOWS, &[], &[]),
    ("clam-petite.exe", WINDOWS, &[], &[]),
    ("clam-upack.exe", WINDOWS, &[], &[]),
    ("clam-upx.exe", WINDOWS, &[], &[]),
    ("clam-wwpack.exe", WINDOWS, &[], &[]),
    ("clam-yc.exe", WINDOWS, &[], &[]),
    ("clam.7z", ".7z", &[PROGRAM], &[]),
    ("clam.arj", ".arj", &[PROGRAM], &[]),
    ("clam.bin-be.cpio", ".cpio", &[], &[]),
    ("clam.bin-le.cpio", ".cpio", &[], &[]),
    ("clam.bz2.zip", ".zip", &[PROGRAM], &[]),
    ("clam.cab", ".cab", &[PROGRAM], &[]),
    ("clam.chm", ".chm", &[], &[]),
    ("clam.d64.zip", ".zip", &[PROGRAM], &[]),
    ("clam.ea05.exe", WINDOWS, &[], &[]),
    ("clam.ea06.exe", WINDOWS, &[], &[]),
    ("clam.exe", WINDOWS, &[], &[]),
    ("clam.exe.binhex", ".hqx", &[], &[]),
    ("clam.exe.bz2", ".bz2", &[".exe,.exe-ms"], &[]),
    // A link and nothing else, which only a browser takes for HTML.
    ("clam.exe.html", "", &[], &[]),
    ("clam.exe.mbox.base64", "", &["application/octet-stream,.exe,.exe-ms,clam.exe"], &[]),
    (
        "clam.exe.mbox.uu",
        ".uue",
        &["application/octet-stream,.uue,clam.exe", PROGRAM],
        &["unchecked-ambiguous damaged uue (no end): clam.exe"],
    ),
    ("clam.exe.rtf", ".rtf", &[], &[]),
    ("clam.exe.szdd", ".szdd", &[], &[]),
    (
        "clam.impl.zip",
        ".zip",
        &[".empty,CLAM.EXE"],
        &["unchecked-ambiguous zip that is not read (zip method implode): CLAM.EXE"],
    ),
    (
        "clam.mail",
        "",
        &["multipart/mixed", "text/plain", "application/x-ms-dos-executable,.exe,.exe-ms,clam.exe"],
        &[],
    ),
    ("clam.newc.cpio", ".cpio", &[], &[]),
    ("clam.odc.cpio", ".cpio", &[], &[]),
    ("clam.ole.doc", ".ole,.doc", DOCUMENT, &[]),
    ("clam.pdf", ".pdf", &[], &[]),
    ("clam.ppt", ".ole,.doc", PRESENTATION, &[]),
    ("clam.sis", ".sis", &[], &[]),
    ("clam.tar.gz", ".gz", &[".tar", PROGRAM], &[]),
    ("clam.tnef", ".tnef", &[".rtf", ".html", "", PROGRAM], &["unchecked-ambiguous damaged tnef (checksum)"]),
    ("clam.zip", ".zip", &[PROGRAM], &[]),
    // Programs with a cabinet in them; what they install is in a format of their own.
    ("clam_IScab_ext.exe", ".exe,.exe-ms,.cab", ENGINE, &[]),
    ("clam_IScab_int.exe", ".exe,.exe-ms,.cab", ENGINE, &[]),
    ("clam_ISmsi_ext.exe", WINDOWS, &[], &[]),
    ("clam_ISmsi_int.exe", WINDOWS, &[], &[]),
    // Made to be deeper than scanners go.
    ("clam_cache_emax.tgz", ".gz", CACHED, &["unchecked-over-limit beyond the limit of archive depth"]),
];

/// All that is found in a mail that is this content and nothing else, by a rule that bans everything.
fn all(content: &[u8]) -> Vec<String> {
    let set = vec!["ban path /./".to_owned()];
    let banned = proto::inspection::BannedRules { set: "all".into(), sets: [("all".to_owned(), set)].into() };
    let head = format!("Content-Type: {DECLARED}\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    let mail = [&head, &make::base64(content), "\r\n"].concat();
    let found = by(AttachmentRules { banned, ..AttachmentRules::default() })
        .walk(mail.as_bytes(), Wanted::Nothing)
        .findings;
    let shown = |found: Found| match found.category {
        Category::Banned => found.name,
        other => format!("{} {}", other.name(), found.name),
    };
    found.into_iter().map(shown).collect()
}

#[test]
fn each_has_its_type_and_what_is_in_it_has_its_name_and_type() {
    let mut wrong = Vec::new();
    for (file, types, inner, unchecked) in FILES {
        let path = Path::new(DIRECTORY).join(file);
        let content = std::fs::read(&path).expect("package clamav-testfiles is installed");
        let own = if types.is_empty() { DECLARED.to_owned() } else { format!("{DECLARED},{types}") };
        let expected: Vec<&str> = [own.as_str()].iter().chain(*inner).chain(*unchecked).copied().collect();
        let found = all(&content);
        if found != expected {
            wrong.push(format!("{file}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn none_is_left_out() {
    let there = std::fs::read_dir(DIRECTORY).expect("package clamav-testfiles is installed");
    let there: BTreeSet<String> =
        there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let known: BTreeSet<String> = FILES.iter().map(|(file, ..)| (*file).to_owned()).collect();
    assert_eq!(there, known);
}
