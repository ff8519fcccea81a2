//! Whole scans: what the client hears, and that a failure is never clean.

use std::time::Duration;

use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use proto::{Endpoint, ForwardPath, Group, MailParams, Recipient, ReversePath, TxId};

use super::*;
use crate::inspect::tests::Fake;
use crate::{OnFailure, clamd, scanners};

const PLAIN: &[u8] = b"Subject: x\r\n\r\nhello\r\n";
const BANNED: &[u8] = b"Content-Type: a/b; name=evil.exe\r\n\r\nx\r\n";

fn mail(content: &[u8]) -> Mail {
    let recipient = Recipient::new(ForwardPath::parse("<a@example.org>", false).unwrap());
    let envelope = Envelope::new(ReversePath::Null, MailParams::default(), vec![recipient]).unwrap();
    Mail::new(TxId::new(uuid::Uuid::from_u128(1)), envelope, content.to_vec().into())
}

/// Its children are tasks that know [`BANNED`].
fn scanner(settings: Settings, metrics: Metrics) -> Scanner {
    Scanner::with(settings, Box::new(Fake::default()), metrics)
}

fn minute() -> Deadline {
    Deadline::after(Instant::now().into_std(), Duration::from_secs(60))
}

/// A clamd that answers every scan with `answer` and closes; `None` closes at once.
async fn clamd(tasks: &mut JoinSet<()>, answer: Option<Vec<u8>>) -> clamd::Settings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let Some(answer) = &answer else { continue };
            let mut request = Vec::new();
            while !request.ends_with(&[0; 4]) {
                if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            // The client may be gone.
            let _result: std::io::Result<()> = socket.write_all(answer).await;
        }
    });
    clamd::Settings {
        hosts: vec![Endpoint::Tcp { host: "127.0.0.1".into(), port }],
        total_timeout: Duration::from_secs(5),
        options: clamd::Options::without_canary(),
        ..clamd::Settings::default()
    }
}

async fn scan(content: &[u8], clamd: Option<clamd::Settings>) -> (Verdict, Group) {
    let settings = Settings { clamd, hostname: "mx.example.org".into(), ..Settings::default() };
    let scanner = scanner(settings, Metrics::register(&mut Registry::default()));
    let mail = mail(content);
    let verdict = scanner.scan(&mail, minute()).await;
    let [(group, _)] = verdict.groups_of(&mail.envelope).try_into().unwrap();
    (verdict, group)
}

fn headers(group: &Group) -> Vec<String> {
    let line = |edit: &HeaderEdit| match edit {
        HeaderEdit::Prepend { name, value } => Some(format!("{name}: {value}")),
        HeaderEdit::Strip { .. } => None,
    };
    group.edits.iter().filter_map(line).collect()
}

#[tokio::test]
async fn without_clamd_nobody_claims_to_have_scanned() {
    let (verdict, group) = scan(PLAIN, None).await;
    assert_eq!(verdict.category(), Category::Clean);
    assert_eq!(group.disposition, Disposition::Pass);
    assert!(headers(&group).is_empty());
    let (_, group) = scan(BANNED, None).await;
    assert_eq!(group.final_reply().to_string(), "554 5.7.0 rejected, BANNED: .exe: evil.exe");
}

#[tokio::test]
async fn each_answer_of_clamd_has_its_treatment() {
    const SCANNED: &str = "X-Virus-Scanned: Mailweir at mx.example.org";
    type Case = (&'static [u8], &'static [u8], Disposition, &'static [&'static str]);
    let cases: [Case; 6] = [
        (PLAIN, b"1: stream: OK\0", Disposition::Pass, &[SCANNED]),
        (PLAIN, b"1: stream: Eicar FOUND\0", Disposition::Discard, &[]),
        (BANNED, b"1: stream: OK\0", Disposition::Reject, &[]),
        (BANNED, b"1: stream: Eicar FOUND\0", Disposition::Discard, &[]),
        (
            PLAIN,
            b"1: stream: Heuristics.Encrypted.Zip FOUND\0",
            Disposition::Tag,
            &["X-Amavis-Alert: UNCHECKED, unchecked-encrypted: Heuristics.Encrypted.Zip"],
        ),
        (
            PLAIN,
            b"1: INSTREAM size limit exceeded. ERROR\0",
            Disposition::Tag,
            &["X-Amavis-Alert: UNCHECKED, unchecked-over-limit: stream size limit of clamd"],
        ),
    ];
    let mut tasks = JoinSet::new();
    for (content, answer, disposition, lines) in cases {
        let clamd = clamd(&mut tasks, Some(answer.to_vec())).await;
        let (_, group) = scan(content, Some(clamd)).await;
        assert_eq!(group.disposition, disposition);
        assert_eq!(headers(&group), lines);
    }
}

#[tokio::test]
async fn a_failed_scan_is_tempfailed_or_passed_marked_as_configured() {
    let mut tasks = JoinSet::new();
    for answer in [None, Some(b"1: stream: OK".to_vec()), Some(b"1: stream: x ERROR\0".to_vec())] {
        let mut clamd = clamd(&mut tasks, answer).await;
        let (verdict, group) = scan(PLAIN, Some(clamd.clone())).await;
        assert_eq!(verdict.category(), Category::Unchecked(Unchecked::Failed));
        assert!(
            group.final_reply().to_string().starts_with("451 4.5.0 virus scanning unavailable"),
            "{}",
            group.final_reply()
        );

        clamd.on_failure = OnFailure::PassUnchecked;
        let (verdict, group) = scan(PLAIN, Some(clamd.clone())).await;
        assert_eq!(verdict.category(), Category::Unchecked(Unchecked::Failed));
        assert_eq!(group.disposition, Disposition::Tag);
        let [line] = headers(&group).try_into().unwrap();
        assert!(line.starts_with("X-Amavis-Alert: UNCHECKED, unchecked-failed: 127.0.0.1:"), "{line}");

        // What is known counts nevertheless.
        let (_, group) = scan(BANNED, Some(clamd)).await;
        assert_eq!(group.disposition, Disposition::Reject);
    }
}

#[tokio::test]
async fn a_poisoned_mail_is_unchecked_and_not_touched() {
    let scanner = scanner(Settings::default(), Metrics::register(&mut Registry::default()));
    let mail = mail(BANNED);
    let verdict = scanner.poisoned(&mail.envelope);
    assert_eq!(verdict.category(), Category::Unchecked(Unchecked::Failed));
    let [(group, _)] = verdict.groups_of(&mail.envelope).try_into().unwrap();
    assert_eq!(group.disposition, Disposition::Tempfail);
    assert_eq!(group.final_reply().to_string(), "451 4.5.0 scanning it failed every time");
}

/// Whether fields about spam that came with a mail are taken out.
fn strips_spam(group: &Group) -> bool {
    group.edits.contains(&HeaderEdit::Strip { name: "X-Spam-Flag".into() })
}

#[tokio::test]
async fn foreign_fields_about_spam_are_taken_out_where_somebody_looks_for_spam() {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let spamd = scanners::settings::Settings {
        name: "sa".into(),
        kind: scanners::settings::Kind::Spamd(crate::spamd::Options::default()),
        pool: crate::pool::testing::settings(&[Endpoint::Tcp { host: "127.0.0.1".into(), port }]),
        on_failure: OnFailure::PassUnchecked,
        ..clamd::Settings::default().into()
    };
    let policy = policy::Table { unchecked_failed: Disposition::Tag, ..policy::Table::default() };
    for all in [vec![], vec![spamd]] {
        let is_expected = !all.is_empty();
        let settings = Settings { scanners: all, policy, ..Settings::default() };
        let scanner = scanner(settings, Metrics::register(&mut Registry::default()));
        let mail = mail(PLAIN);
        for verdict in [scanner.scan(&mail, minute()).await, scanner.poisoned(&mail.envelope)] {
            let [(group, _)] = verdict.groups_of(&mail.envelope).try_into().unwrap();
            assert!(group.disposition.delivers());
            assert_eq!(strips_spam(&group), is_expected);
        }
    }
}

#[tokio::test]
async fn metrics_tell_verdicts_and_requests() {
    let mut tasks = JoinSet::new();
    let clamd = clamd(&mut tasks, Some(b"1: stream: Eicar FOUND\0".to_vec())).await;
    let host = clamd.hosts[0].to_string();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let settings = Settings { clamd: Some(clamd), ..Settings::default() };
    scanner(settings, metrics).scan(&mail(PLAIN), minute()).await;
    let text = exposed(&registry);
    for line in [
        "mailweir_worker_mails_total{category=\"virus\",disposition=\"discard\"} 1".to_owned(),
        "mailweir_worker_passed_unchecked_total 0".to_owned(),
        "mailweir_worker_scan_seconds_count{class=\"s\"} 1".to_owned(),
        format!(
            "mailweir_worker_scanner_requests_total{{scanner=\"clamd\",host=\"{host}\",result=\"infected\"}} 1"
        ),
        format!("mailweir_worker_scanner_busy{{scanner=\"clamd\",host=\"{host}\"}} 0"),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn what_is_passed_unchecked_is_counted_whatever_else_was_found() {
    let mut tasks = JoinSet::new();
    let mut clamd = clamd(&mut tasks, None).await;
    clamd.on_failure = OnFailure::PassUnchecked;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let mut settings = Settings { clamd: Some(clamd), ..Settings::default() };
    settings.policy.banned = Disposition::Pass;
    let verdict = scanner(settings, metrics).scan(&mail(BANNED), minute()).await;
    assert_eq!(verdict.category(), Category::Banned);
    assert!(exposed(&registry).contains("mailweir_worker_passed_unchecked_total 1"));
}

fn exposed(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever clamd answers, only its one word for clean lets a mail pass unmarked.
    #[test]
    fn a_failure_is_never_clean(answer in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "(1|2)?: (stream: )?(OK|x FOUND|x ERROR|PONG)?\0?[ -~]?".prop_map(String::into_bytes),
    ]) {
        prop_assume!(answer != b"1: stream: OK\0");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (verdict, group) = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let mut clamd = clamd(&mut tasks, Some(answer)).await;
            clamd.on_failure = OnFailure::PassUnchecked;
            scan(PLAIN, Some(clamd)).await
        });
        prop_assert_ne!(verdict.category(), Category::Clean);
        prop_assert_ne!(group.disposition, Disposition::Pass);
    }
}
