//! What the answers of several scanners mean together.

mod feed;

use std::future::ready;
use std::io;
use std::sync::Mutex;

use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use proto::Points;

use super::settings::{Feed, Kind};
use super::virus_scores::VirusScores;
use super::*;
use crate::pool::testing::{mail, minute, settings};
use crate::spamd::Options;

const CLEAN: &[u8] = b"1: stream: OK\0";
const FOUND: &[u8] = b"1: stream: Eicar FOUND\0";
const PHISH: &[u8] = b"1: stream: Phishing.Email FOUND\0";
const LIMIT: &[u8] = b"1: INSTREAM size limit exceeded. ERROR\0";
const ERROR: &[u8] = b"1: stream: no memory ERROR\0";
const SPAM: &[u8] = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\nSpam: True ; 7.0 / 5.0\r\n\r\nGTUBE";

/// Scanners on ports, each with one answer; they count who asks.
struct World {
    all: Vec<Settings>,
    tasks: JoinSet<()>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        Self { all: Vec::new(), tasks: JoinSet::new(), asked: Arc::default() }
    }

    /// One more of that kind.
    async fn with(mut self, name: &str, kind: Kind, group: Group, answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, is_spamd) = (self.asked.clone(), kind.scores());
        let who = name.to_owned();
        self.tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                // spamd's client ends its request with its half of the connection.
                while is_spamd || !request.ends_with(&[0; 4]) {
                    if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                asked.lock().unwrap().push(who.clone());
                // The client may be gone.
                let _result: io::Result<()> = socket.write_all(answer).await;
            }
        });
        let endpoint = Endpoint::Tcp { host: "127.0.0.1".into(), port };
        self.all.push(Settings {
            name: name.into(),
            kind,
            group,
            pool: settings(&[endpoint]),
            bytes_max: 1_000,
            feed: Feed::Whole,
            on_failure: OnFailure::Tempfail,
            score_factor: Points::ONE,
            virus_scores: VirusScores::default(),
        });
        self
    }

    async fn clamds(answers: &[(&str, Group, &'static [u8])]) -> Self {
        let mut world = Self::new();
        for (name, group, answer) in answers {
            world =
                world.with(name, Kind::Clamd(crate::clamd::Options::without_canary()), *group, answer).await;
        }
        world
    }

    async fn scan(&self, bytes: usize) -> Scanned {
        self.scan_with(bytes, Inspected::default()).await
    }

    async fn scan_with(&self, bytes: usize, inspected: Inspected) -> Scanned {
        let scanners = Scanners::new(
            self.all.clone(),
            Levels::default(),
            cache::Settings::default(),
            &Metrics::register(&mut Registry::default()),
        );
        let content = [&vec![b'x'; bytes.saturating_sub(2)][..], b"\r\n"].concat();
        scanners.scan(&mail(&content), ready(Arc::new(inspected)), minute()).await
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort_unstable();
        asked
    }
}

fn said(scanned: &Scanned) -> Vec<(String, &'static str)> {
    let finding = |found: &Found| (found.finding.check.clone(), found.finding.category.name());
    scanned.found.iter().map(finding).collect()
}

fn spamd() -> Kind {
    Kind::Spamd(Options::default())
}

#[tokio::test]
async fn groups_are_those_of_amavis() {
    use Group::{Backup, Primary};
    type Case<'a> = (&'a [(&'a str, Group, &'static [u8])], &'a [&'a str], &'a [(&'a str, &'a str)], bool);
    let cases: [Case<'_>; 9] = [
        // All primaries are asked; backups are not when one has answered.
        (&[("a", Primary, CLEAN), ("b", Primary, CLEAN), ("c", Backup, FOUND)], &["a", "b"], &[], true),
        (&[("a", Primary, CLEAN), ("b", Primary, FOUND)], &["a", "b"], &[("b", "virus")], true),
        // A failure is made up for by another primary, or by a backup.
        (&[("a", Primary, ERROR), ("b", Primary, CLEAN), ("c", Backup, FOUND)], &["a", "b"], &[], true),
        (&[("a", Primary, ERROR), ("c", Backup, CLEAN)], &["a", "c"], &[], true),
        (&[("a", Primary, ERROR), ("c", Backup, FOUND)], &["a", "c"], &[("c", "virus")], true),
        // Nobody looked.
        (
            &[("a", Primary, ERROR), ("c", Backup, ERROR)],
            &["a", "c"],
            &[("a", "unchecked-failed"), ("c", "unchecked-failed")],
            false,
        ),
        // Over the limit is an answer, but nobody looked at the whole.
        (
            &[("a", Primary, LIMIT), ("b", Primary, ERROR)],
            &["a", "b"],
            &[("a", "unchecked-over-limit"), ("b", "unchecked-failed")],
            false,
        ),
        (
            &[("a", Primary, LIMIT), ("b", Primary, CLEAN)],
            &["a", "b"],
            &[("a", "unchecked-over-limit")],
            true,
        ),
        // Where there is no primary, backups are asked.
        (&[("c", Backup, CLEAN)], &["c"], &[], true),
    ];
    for (scanners, asked, findings, is_complete) in cases {
        let world = World::clamds(scanners).await;
        let scanned = world.scan(100).await;
        let expected: Vec<_> =
            findings.iter().map(|(check, category)| ((*check).to_owned(), *category)).collect();
        assert_eq!(said(&scanned), expected, "{scanners:?}");
        assert_eq!(
            (world.asked(), scanned.is_complete),
            (asked.iter().map(|s| (*s).into()).collect(), is_complete)
        );
    }
}

#[tokio::test]
async fn each_scanner_says_what_its_failure_means() {
    let mut world =
        World::clamds(&[("a", Group::Primary, ERROR)]).await.with("s", spamd(), Group::Primary, b"x").await;
    world.all[1].on_failure = OnFailure::PassUnchecked;
    let scanned = world.scan(100).await;
    let found: Vec<_> =
        scanned.found.iter().map(|found| (found.finding.check.as_str(), found.passes_unchecked)).collect();
    assert_eq!(found, [("a", false), ("s", true)]);
    assert_eq!(scanned.spam.total(), None);
    assert!(scanned.told.contains("a=failed/") && scanned.told.contains(" s=failed/"), "{}", scanned.told);
}

#[tokio::test]
async fn a_mail_above_the_limit_is_never_clean() {
    let world = World::clamds(&[("clamd", Group::Primary, CLEAN)])
        .await
        .with("s", spamd(), Group::Primary, SPAM)
        .await;
    assert_eq!(said(&world.scan(1_000).await), [("spam".into(), "spam")]);
    assert_eq!(world.asked(), ["clamd", "s"]);
    let scanned = world.scan(1_001).await;
    let names: Vec<_> = scanned.found.iter().map(|found| found.finding.name.as_str()).collect();
    assert_eq!(names, ["larger than clamd is set to take", "scanned 1000 of 1001 bytes", "score=7"]);
    assert!(!scanned.is_complete);
    // The virus scanner was not asked, the spam scanner had the head.
    assert_eq!(world.asked(), ["s"]);
}

#[tokio::test]
async fn scores_are_weighted_and_some_virus_names_are_scores() {
    let mut world = World::clamds(&[("clamd", Group::Primary, PHISH)])
        .await
        .with("s", spamd(), Group::Primary, SPAM)
        .await
        .with("t", spamd(), Group::Primary, SPAM)
        .await;
    world.all[0].virus_scores = VirusScores(vec!["Phishing.*=1.5".parse().unwrap()]);
    world.all[2].score_factor = "0.5".parse().unwrap();
    let scanned = world.scan(100).await;
    assert_eq!(scanned.spam.total(), "12".parse().ok());
    assert_eq!(said(&scanned), [("spam".into(), "spam")]);
    assert!(scanned.is_complete);
    assert!(scanned.told.starts_with("clamd=infected/"), "{}", scanned.told);
    assert!(scanned.told.contains(" s=7/") && scanned.told.contains(" t=7/"), "{}", scanned.told);
    let results = scanned.spam.into_results();
    assert_eq!(results[0].result.symbols[0].name, "AV:Phishing.Email");
    // A name that is none of these is a virus.
    world.all[0].virus_scores = VirusScores(vec!["Spam.*=1.5".parse().unwrap()]);
    assert_eq!(said(&world.scan(100).await)[0], ("clamd".into(), "virus"));
}
