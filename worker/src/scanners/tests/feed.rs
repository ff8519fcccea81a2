//! What a virus scanner gets of a mail, and what its answers mean together.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proto::inspection::Found as Seen;

use super::*;
use crate::inspect::Part;

/// A clamd that judges by words in what it gets, and keeps that.
struct Clamd {
    settings: Settings,
    got: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Clamd {
    async fn new(feed: Feed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, mut task) = (got.clone(), JoinSet::new());
        task.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(&[0; 4]) {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let text = String::from_utf8_lossy(&request);
                let text = text.rsplit('\0').find(|piece| piece.len() > 1).unwrap_or_default();
                let has = |word: &str| text.contains(word);
                let answer = match () {
                    () if has("virus") => FOUND,
                    () if has("phish") => PHISH,
                    () if has("broken") => ERROR,
                    () => CLEAN,
                };
                kept.lock().unwrap().push(
                    text.trim_matches(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER)
                        .to_owned(),
                );
                // The client may be gone.
                let _result: io::Result<()> = socket.write_all(answer).await;
            }
        });
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
        let mut world = World::new();
        world = world
            .with("clamd", Kind::Clamd(crate::clamd::Options::without_canary()), Group::Primary, CLEAN)
            .await;
        let settings = Settings { feed, pool: settings(&[endpoint]), ..world.all.remove(0) };
        Self { settings, got, _task: task }
    }

    /// What is said of a mail with these parts, a hidden one marked by `?`, and what was sent, sorted.
    async fn said(
        &self,
        mail_text: &str,
        parts: &[&str],
        findings: &[Category],
    ) -> (Vec<String>, Vec<String>) {
        let inspected = inspected(parts, findings);
        let mail = mail(format!("{mail_text}\r\n").as_bytes());
        let scanned = self.scanners().scan(&mail, ready(Arc::new(inspected)), minute()).await;
        let mut got = self.take_got();
        got.sort_unstable();
        (said(&scanned).into_iter().map(|(_, category)| category.to_owned()).collect(), got)
    }

    fn scanners(&self) -> Scanners {
        let metrics = Metrics::register(&mut Registry::default());
        let all = vec![self.settings.clone()];
        Scanners::new(all, Levels::default(), cache::Settings::default(), &metrics)
    }

    /// What it got, in that order.
    fn take_got(&self) -> Vec<String> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

/// With these parts, a hidden one marked by `?`.
fn inspected(parts: &[&str], findings: &[Category]) -> Inspected {
    let part = |text: &&str| {
        let content = Bytes::copy_from_slice(text.trim_start_matches('?').as_bytes());
        Part { content, is_hidden: text.starts_with('?') }
    };
    Inspected {
        findings: findings.iter().map(|category| Seen::new(*category, "x")).collect(),
        parts: parts.iter().map(part).collect(),
        ..Inspected::default()
    }
}

const AMBIGUOUS: &[Category] = &[Category::Unchecked(Unchecked::Ambiguous)];

#[tokio::test]
async fn each_feed_sends_what_it_says() {
    type Case<'a> = (Feed, &'a str, &'a [&'a str], &'a [Category], &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 14] = [
        (Feed::Whole, "mail", &["a", "b"], &[], &[], &["mail"]),
        (Feed::Whole, "mail", &["virus", "?b"], &[], &[], &["b", "mail"]),
        (Feed::Whole, "mail", &["a", "?virus"], &[], &["virus"], &["mail", "virus"]),
        (Feed::Whole, "virus mail", &["?a"], &[], &["virus"], &["virus mail"]),
        (Feed::Whole, "mail", &["?broken"], &[], &["unchecked-failed"], &["broken", "mail"]),
        (Feed::Whole, "broken", &["?virus"], &[], &["virus"], &["broken", "virus"]),
        (Feed::Parts, "virus mail", &["a", "?b"], &[], &[], &["a", "b"]),
        (Feed::Parts, "virus mail", &["a"], AMBIGUOUS, &["virus"], &["a", "virus mail"]),
        (Feed::Parts, "mail", &["a"], &[Category::Banned], &[], &["a"]),
        (Feed::Parts, "virus mail", &[], &[], &["virus"], &["virus mail"]),
        (Feed::Both, "mail", &["a", "?b"], &[], &[], &["a", "b", "mail"]),
        (Feed::Both, "mail", &["virus"], &[], &["virus"], &["virus"]),
        (Feed::Both, "virus mail", &["a"], &[], &["virus"], &["a", "virus mail"]),
        (Feed::Both, "virus mail", &["broken"], &[], &["virus"], &["broken", "virus mail"]),
    ];
    for (feed, mail, parts, findings, said, sent) in cases {
        let clamd = Clamd::new(feed).await;
        let got = clamd.said(mail, parts, findings).await;
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(got, (owned(said), owned(sent)), "{feed:?} {mail} {parts:?} {findings:?}");
    }
}

#[tokio::test]
async fn the_whole_comes_last_or_first_when_the_parts_are_long_in_coming() {
    let clamd = Clamd::new(Feed::Both).await;
    let mail = mail(b"mail\r\n");
    let parts = Arc::new(inspected(&["part"], &[]));
    clamd.scanners().scan(&mail, ready(parts.clone()), minute()).await;
    assert_eq!(clamd.take_got(), ["part", "mail"]);
    let got = clamd.got.clone();
    let late = async move {
        while got.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        parts
    };
    clamd.scanners().scan(&mail, late.shared(), minute()).await;
    assert_eq!(clamd.take_got(), ["mail", "part"]);
}

#[tokio::test]
async fn no_more_parts_are_sent_behind_a_virus() {
    let clamd = Clamd::new(Feed::Parts).await;
    let parts = ["1", "2", "virus", "4", "5", "6"];
    let (said, sent) = clamd.said("mail", &parts, &[]).await;
    assert_eq!(
        (said, sent),
        (vec!["virus".to_owned()], ["1", "2", "4", "virus"].map(str::to_owned).to_vec())
    );
    let (said, sent) = clamd.said("mail", &["1", "2", "3", "4", "5", "virus"], &[]).await;
    assert_eq!((said, sent.len()), (vec!["virus".to_owned()], 6));
}

#[tokio::test]
async fn a_name_that_is_a_score_hides_no_virus_and_no_failure() {
    let mut clamd = Clamd::new(Feed::Both).await;
    clamd.settings.virus_scores = VirusScores(vec!["Phishing.*=9".parse().unwrap()]);
    assert_eq!(clamd.said("phish", &["virus"], &[]).await.0, ["virus"]);
    assert_eq!(clamd.said("mail", &["phish", "broken"], &[]).await.0, ["unchecked-failed"]);
    assert_eq!(clamd.said("mail", &["phish", "b"], &[]).await.0, ["spam"]);
}

#[tokio::test]
async fn the_size_limit_is_that_of_what_is_sent() {
    let (long, just) = ("x".repeat(1_001), "x".repeat(1_000));
    let over = vec!["unchecked-over-limit".to_owned()];
    let parts = Clamd::new(Feed::Parts).await;
    assert_eq!(parts.said(&long, &[&just], &[]).await, (vec![], vec![just.clone()]));
    assert_eq!(parts.said("mail", &[&long, "b"], &[]).await, (over.clone(), vec!["b".to_owned()]));
    let both = Clamd::new(Feed::Both).await;
    assert_eq!(both.said(&long, &[&just], &[]).await, (over, vec![just]));
}
