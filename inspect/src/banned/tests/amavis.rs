//! amavis' rules, as its documentation and Debian's configuration have them, with their translation.

use super::*;

/// `$banned_filename_re` of Debian's package, those that are on and those that are commented out in use there.
const DEBIAN: &[&str] = &[
    r"ban qr'\.[^./]*\.(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)\.?$'i",
    r"ban qr'\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$'i",
    r"ban qr'^application/x-msdownload$'i",
    r"ban qr'^application/x-msdos-program$'i",
    r"ban qr'^application/hta$'i",
    r"ban qr'.\.(exe|vbs|pif|scr|bat|cmd|com|cpl)$'i",
    r"ban qr'^\.(exe-ms)$'",
];

#[test]
fn debians_rules_judge_as_they_do_in_amavis() {
    let rules = rules(DEBIAN);
    for (text, expected) in [
        // The paths are those of amavis' README.banned.
        ("M=multipart/mixed | M=text/plain,T=asc", None),
        ("M=multipart/mixed | M=application/vnd.ms-excel,T=doc,N=kal_ftr1.xls", None),
        ("M=multipart/mixed | M=application/msword,T=doc,N=Bilten 2004 - 09.doc", None),
        (
            "M=multipart/mixed | M=application/octet-stream,T=zip,N=transcript.zip | \
             T=exe,T=exe-ms,N=transcript.exe",
            Some("transcript.exe"),
        ),
        ("M=multipart/related | M=audio/x-wav,T=exe,T=exe-ms,N=message.scr", Some("message.scr")),
        ("M=multipart/mixed | M=application/octet-stream,T=html,N=MoreInfo.hta", None),
        (
            "M=multipart/mixed | M=application/x-zip-compressed,T=zip,N==?koi8-r?B?Zm90by56aXA=?=,N=foto.zip | \
             T=exe,T=exe-ms,N=foto/expander.exe",
            Some("foto/expander.exe"),
        ),
        (
            "M=multipart/mixed | M=application/x-zip-compressed,T=zip,N=photo.zip | \
             T=exe,T=exe-ms,N=photo.jpg            .scr",
            Some("photo.jpg            .scr"),
        ),
        ("M=multipart/mixed | M=application/x-tgz,T=gz,N=00.tar.gz | T=tar,N=00.tar | N=alpha,A=D", None),
        ("M=multipart/mixed | M=application/x-tgz,T=gz,N=00.tar.gz | T=tar,N=00.tar | N=last", None),
        ("T=exe,T=exe-ms,N=harmless", Some(".exe,.exe-ms: harmless")),
        ("M=application/hta,N=x", Some("application/hta: x")),
        ("N=a.{00020810-0000-0000-C000-000000000046}", Some("a.{00020810-0000-0000-C000-000000000046}")),
    ] {
        assert_eq!(shown(&rules, text).as_deref(), expected, "{text}");
    }
}

#[test]
fn what_is_in_archives_of_unix_may_be_allowed() {
    let rules = rules(&[
        r"ban qr'\.[^./]*\.(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)\.?$'i",
        r"allow qr'^\.(Z|gz|bz2|rpm|cpio|tar|zip|rar|arc|arj|zoo)$'",
        r"ban qr'^\.(exe-ms)$'",
    ]);
    for (text, is_banned) in [
        ("T=tar,N=a.tar | T=exe,T=exe-ms,N=b.exe", false),
        ("T=gz,N=a.tar.gz | T=tar,N=a.tar | T=exe,T=exe-ms,N=b", false),
        ("T=zip,N=a.zip | T=exe,T=exe-ms,N=b.pdf.exe", true),
        ("T=7z,N=a.7z | T=exe,T=exe-ms,N=b", true),
        ("T=exe,T=exe-ms,N=b", true),
    ] {
        assert_eq!(judge(&rules, text).is_some(), is_banned, "{text}");
    }
}

#[test]
fn undecipherable_parts_can_be_banned() {
    let rules = rules(&[r"ban qr'^UNDECIPHERABLE$'"]);
    assert_eq!(shown(&rules, "T=zip,N=a.zip,A=U").as_deref(), Some("UNDECIPHERABLE: a.zip"));
    assert_eq!(shown(&rules, "T=zip,N=a.zip"), None);
    assert_eq!(shown(&rules, "N=undecipherable"), None);
}

#[test]
fn comments_of_a_rule_are_told() {
    let rules = rules(&[r"ban qr'^\.(exe-ms|dll)$(?# rule #9)'", r"ban extension lnk  # no shortcuts"]);
    let hit =
        judge(&rules, "M=multipart/mixed | M=application/octet-stream,T=exe,T=exe-ms,N=videos.exe").unwrap();
    assert_eq!((hit.rule.as_str(), hit.shown.as_str()), ("rule #9", "rule #9:.exe,.exe-ms: videos.exe"));
    assert_eq!(shown(&rules, "N=a.lnk").as_deref(), Some("no shortcuts:.lnk: a.lnk"));
}

#[test]
fn rules_about_whole_paths_judge_as_they_do_in_amavis() {
    let double = "ban path qr'^ (.*\\t)? N= [^\\t\\n]* \\. [^./\\t\\n]* \\. \
                  (exe|vbs|pif|scr|bat|cmd|com|dll) (\\t.*)? $'xmi";
    let empty = "ban path qr'(?# BLOCK EMPTY MIME PART APPLICATION/OCTET-STREAM ) \
                 ^ (.*\\t)? M=application/octet-stream \\t(.*\\t)* T=empty (\\t.*)? $'xmi";
    let within = "ban path qr'^ (.*\\t)? T=(rar|arj) (\\t.*)? \\n (.*\\t)? T=exe (\\t.*)? $'xmi";
    let rules = rules(&[double, empty, within]);
    for (text, expected) in [
        (
            "P=p002,M=application/octet-stream,T=zip,N=document.zip | P=p003,T=exe,T=exe-ms,N=document.htm   .scr",
            Some(".exe,.exe-ms,document.htm   .scr"),
        ),
        ("P=p002,M=application/octet-stream,T=zip,N=paypal.zip | P=p003,T=exe,N=paypal.scr", None),
        (
            "M=application/octet-stream,T=empty,N=a",
            Some("BLOCK EMPTY MIME PART APPLICATION/OCTET-STREAM:application/octet-stream,.empty,a"),
        ),
        ("M=text/plain,T=empty,N=a", None),
        ("T=rar,N=a.rar | T=exe,T=exe-ms,N=b", Some(".exe,.exe-ms,b")),
        ("T=zip,N=a.zip | T=exe,T=exe-ms,N=b", None),
        ("T=rar,N=a.rar | T=zip,N=b.zip | T=exe,T=exe-ms,N=b", None),
    ] {
        assert_eq!(shown(&rules, text).as_deref(), expected, "{text}");
    }
}

#[test]
fn the_text_of_a_path_is_amavis_own() {
    let text = "P=p003,L=1,M=multipart/mixed | P=p002,L=1/2,M=application/zip,T=zip,N=a.zip | \
                P=p004,L=1/2/1,T=exe,T=exe-ms,N=b.exe,A=C,A=U";
    let path = path(text);
    let rules = rules(&[]);
    let known: Vec<Known<'_>> = path[1..].iter().map(|node| (node, rules.facts(node))).collect();
    assert_eq!(path::text(&known), text.replace(',', "\t").replace(" | ", "\n"));
}

#[test]
fn a_tab_or_line_end_in_a_name_begins_no_field() {
    let rules = rules(&[r"ban path /^N=secret/m", r"ban path /\tN=secret/"]);
    let names = vec![b"a\nN=secret".to_vec(), b"b\tN=secret".to_vec()];
    let node = Node { level: 1, names, ..Node::default() };
    assert_eq!(rules.judge(None, &[&node]), None);
}

#[test]
fn steps_say_the_same_without_a_regular_expression() {
    let rules =
        rules(&["ban path T=rar|arj > T=exe", "ban path M=message/rfc822 >> N=*.zip A=C", "ban path L=1/3"]);
    for (text, is_banned) in [
        ("T=rar,N=a.rar | T=exe,T=exe-ms,N=b", true),
        ("T=arj | T=exe", true),
        ("T=rar | T=zip | T=exe", false),
        ("T=exe", false),
        ("T=rar", false),
        ("M=message/rfc822 | N=a.zip,A=C", true),
        ("M=message/rfc822 | M=multipart/mixed | N=a.zip,A=C", true),
        ("M=message/rfc822 | N=a.zip", false),
        ("N=a.zip,A=C | M=message/rfc822", false),
        ("M=multipart/mixed | L=1/3,M=text/plain", true),
        ("M=multipart/mixed | L=1/2,M=text/plain", false),
    ] {
        assert_eq!(judge(&rules, text).is_some(), is_banned, "{text}");
    }
}

#[test]
fn logged_expressions_of_perl_are_read() {
    let rules = rules(&[
        r"ban /(?^i:^\.(exe-ms|dll)$)/",
        r"ban /(?-xism:^x\.bin$)/",
        r"ban /(?^xi: ^ y [ ] \. bin $ )/",
    ]);
    assert_eq!(shown(&rules, "T=exe-ms").as_deref(), Some(".exe-ms"));
    assert_eq!(shown(&rules, "N=x.bin").as_deref(), Some("x.bin"));
    assert_eq!(shown(&rules, "N=X.bin"), None);
    assert_eq!(shown(&rules, "N=Y .BIN").as_deref(), Some("Y .BIN"));
}
