//! Verdicts from findings: the deciding one, replies, headers.

use proto::{ForwardPath, MailParams, Recipient, ReversePath, Unchecked};

use super::*;

const ALL: [Category; 10] = [
    Category::Oversized,
    Category::BadHeader,
    Category::Spammy,
    Category::Spam,
    Category::Unchecked(Unchecked::Encrypted),
    Category::Unchecked(Unchecked::OverLimit),
    Category::Unchecked(Unchecked::Ambiguous),
    Category::Unchecked(Unchecked::Failed),
    Category::Banned,
    Category::Virus,
];
const DISPOSITIONS: [Disposition; 5] =
    [Disposition::Pass, Disposition::Tag, Disposition::Reject, Disposition::Discard, Disposition::Tempfail];

fn envelope() -> Envelope {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
    Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient; 2]).unwrap()
}

fn tx() -> TxId {
    TxId::parse("0190163d8694739b8e3a4c0d54a1c8a1").unwrap()
}

fn judged(check: &str, category: Category, name: &str, disposition: Disposition) -> Judged {
    Judged { finding: Finding { check: check.into(), category, name: name.into() }, disposition }
}

fn fold_all(found: Vec<Judged>, scanned_by: Option<&str>) -> (Verdict, Group) {
    let envelope = envelope();
    let frame = Frame {
        envelope: &envelope,
        tx: Some(tx()),
        scanned_by: scanned_by.map(str::to_owned),
        virus_scanners: &["clamd".to_owned()],
        marks: Vec::new(),
    };
    let (verdict, disposition) = fold(found, &frame);
    let [(group, members)] = verdict.groups_of(&envelope).try_into().unwrap();
    assert_eq!(members.len(), 2);
    assert_eq!(group.disposition, disposition);
    (verdict, group)
}

/// What is put on top. Behind it, those fields are taken out that speak for us.
fn headers(group: &Group) -> Vec<String> {
    let (mut added, mut stripped) = (Vec::new(), Vec::new());
    for edit in &group.edits {
        match edit {
            HeaderEdit::Prepend { name, value } => added.push(format!("{name}: {value}")),
            HeaderEdit::Strip { name } => stripped.push(name.as_str()),
        }
    }
    if group.disposition.delivers() {
        assert_eq!(stripped, ["X-Amavis-Alert", "X-Virus-Scanned"]);
    }
    added
}

#[test]
fn nothing_found_passes_and_says_who_scanned_only_if_somebody_did() {
    let (verdict, group) = fold_all(vec![], Some("Mailweir at mx"));
    assert_eq!((verdict.category(), group.disposition), (Category::Clean, Disposition::Pass));
    assert_eq!(headers(&group), ["X-Virus-Scanned: Mailweir at mx"]);
    assert!(headers(&fold_all(vec![], None).1).is_empty());
}

#[test]
fn replies_are_those_that_operators_grep_for() {
    let failed = Category::Unchecked(Unchecked::Failed);
    let cases = [
        (
            judged("clamd", Category::Virus, "Eicar", Disposition::Discard),
            "250 2.7.0 Ok, discarded, id=0190163d8694739b8e3a4c0d54a1c8a1 - INFECTED: Eicar",
        ),
        (
            judged("clamd", Category::Virus, "Eicar", Disposition::Reject),
            "554 5.7.0 rejected, INFECTED: Eicar",
        ),
        (
            judged("attachments", Category::Banned, ".exe: a.exe", Disposition::Reject),
            "554 5.7.0 rejected, BANNED: .exe: a.exe",
        ),
        (
            judged("clamd", failed, "no answer", Disposition::Tempfail),
            "451 4.5.0 virus scanning unavailable, id=0190163d8694739b8e3a4c0d54a1c8a1",
        ),
        (
            judged("attachments", failed, "panic", Disposition::Tempfail),
            "451 4.5.0 content inspection unavailable, id=0190163d8694739b8e3a4c0d54a1c8a1",
        ),
        (
            judged("scanner", failed, "scanning it failed every time", Disposition::Tempfail),
            "451 4.5.0 scanning it failed every time, id=0190163d8694739b8e3a4c0d54a1c8a1",
        ),
        (
            judged("clamd", Category::Virus, "Eicar", Disposition::Tempfail),
            "451 4.7.0 not accepted now, id=0190163d8694739b8e3a4c0d54a1c8a1 - INFECTED: Eicar",
        ),
    ];
    for (found, reply) in cases {
        let (_, group) = fold_all(vec![found], Some("x"));
        assert_eq!(group.final_reply().to_string(), reply);
        assert!(group.edits.is_empty());
    }
}

#[test]
fn delivered_mail_is_marked_once_per_category_the_worst_on_top() {
    let over_limit = Category::Unchecked(Unchecked::OverLimit);
    let found = vec![
        judged("clamd", over_limit, "too big", Disposition::Tag),
        judged("attachments", Category::Banned, ".exe: a.exe", Disposition::Tag),
        judged("attachments", Category::Banned, ".exe: b.exe", Disposition::Tag),
        judged("x", Category::BadHeader, "8-bit", Disposition::Pass),
    ];
    let (verdict, group) = fold_all(found, Some("Mailweir at mx"));
    assert_eq!(verdict.category(), Category::Banned);
    assert_eq!(group.disposition, Disposition::Tag);
    assert_eq!(
        headers(&group),
        [
            "X-Amavis-Alert: BANNED, message contains .exe: b.exe",
            "X-Amavis-Alert: UNCHECKED, unchecked-over-limit: too big",
            "X-Virus-Scanned: Mailweir at mx",
        ]
    );
    let virus = judged("clamd", Category::Virus, "Eicar", Disposition::Tag);
    assert_eq!(
        headers(&fold_all(vec![virus], None).1),
        ["X-Amavis-Alert: INFECTED, message contains virus: Eicar"]
    );
}

#[test]
fn no_pair_of_findings_delivers_what_one_of_them_keeps_back() {
    for (one, two) in ALL.iter().flat_map(|one| ALL.iter().map(move |two| (*one, *two))) {
        for first in DISPOSITIONS {
            for second in DISPOSITIONS {
                let found = vec![judged("a", one, "1", first), judged("b", two, "2", second)];
                let (verdict, group) = fold_all(found, None);
                let all_deliver = first.delivers() && second.delivers();
                assert_eq!(group.disposition.delivers(), all_deliver);
                assert_eq!(verdict.category().rank(), one.rank().max(two.rank()));
                // The worst that keeps it back decides.
                if !first.delivers() && (one.rank() > two.rank() || second.delivers()) {
                    assert_eq!(group.disposition, first);
                }
            }
        }
    }
}

#[test]
fn of_equal_rank_the_severe_one_decides_and_names_the_category() {
    let encrypted = judged("clamd", Category::Unchecked(Unchecked::Encrypted), "zip", Disposition::Tag);
    let failed = judged("attachments", Category::Unchecked(Unchecked::Failed), "x", Disposition::Tempfail);
    for found in [vec![encrypted.clone(), failed.clone()], vec![failed, encrypted]] {
        let (verdict, group) = fold_all(found, None);
        assert_eq!(verdict.category(), Category::Unchecked(Unchecked::Failed));
        assert_eq!(group.disposition, Disposition::Tempfail);
    }
}

#[test]
fn a_hostile_name_stays_on_one_short_line_everywhere() {
    let name = format!("a\r\nX-Evil: 1\r\n\r\n\0=?utf-8?q?x?={}", "y".repeat(10_000));
    for disposition in DISPOSITIONS {
        let (verdict, group) = fold_all(vec![judged("clamd", Category::Virus, &name, disposition)], None);
        let texts = headers(&group)
            .into_iter()
            .chain(verdict.findings().iter().map(|finding| finding.name.clone()))
            .chain([group.final_reply().to_string()]);
        for text in texts {
            assert!(text.len() < 300 && text.is_ascii(), "{text}");
            assert!(!text.bytes().any(|byte| byte.is_ascii_control()), "{text}");
            assert!(!text.contains("=?"), "{text}");
        }
    }
}
