//! What clamd makes of a mail as a whole, and of its decoded parts one by one: its own CPU time and ours of waiting.
//!
//! Nothing stands between this program and clamd, so that only the way of feeding differs: INSTREAM over one session,
//! as the worker does it over TCP. No mail is sent twice, since clamd remembers what it found clean.

use anyhow::{Context as _, Result, ensure};
use harness::clamd::Clamd;
use harness::io::{Io, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::mail::Mail;
use crate::proc::{self, Role};
use crate::report::median;
use crate::setup::temporary;

/// Behind `--only`.
pub(crate) const NAME: &str = "feed";

/// Bytes of a mail, and how many of each round.
const SIZES: [(&str, usize, u32); 3] =
    [("60 KB", 60_000, 200), ("1 MB", 1_000_000, 30), ("10 MB", 10_000_000, 5)];
const ROUNDS: usize = 3;

/// What of a mail is sent.
#[derive(Clone, Copy, Debug)]
enum Feed {
    Whole,
    /// Each decoded part, the zip as it is.
    Parts,
    /// The same, and the members of the zip, as amavisd does it.
    PartsAndMembers,
    /// All of these and then the whole mail, as the worker does it.
    Both,
}

impl Feed {
    const ALL: [Self; 4] = [Self::Whole, Self::Parts, Self::PartsAndMembers, Self::Both];

    fn name(self) -> &'static str {
        match self {
            Self::Whole => "the whole mail",
            Self::Parts => "decoded parts",
            Self::PartsAndMembers => "decoded parts and members of the zip",
            Self::Both => "decoded parts, members, then the whole mail",
        }
    }

    fn of(self, mail: &Mail) -> Vec<&[u8]> {
        let whole = [mail.content.as_slice()].into_iter();
        let parts = mail.parts.iter().map(Vec::as_slice);
        let members = mail.members.iter().map(Vec::as_slice);
        match self {
            Self::Whole => whole.collect(),
            Self::Parts => parts.collect(),
            Self::PartsAndMembers => parts.chain(members).collect(),
            Self::Both => parts.chain(members).chain(whole).collect(),
        }
    }
}

/// Markdown.
pub(crate) async fn table() -> Result<String> {
    let clamd = Clamd::start_in(&temporary()).await;
    let role = Role { name: "clamd", pid: clamd.process().id() };
    let mut session = Session::open(&clamd.unix()).await?;
    let mut lines = vec![
        "| size | clamd is sent | clamd CPU ms per mail | × whole | ms per mail |".to_owned(),
        "|---|---|--:|--:|--:|".to_owned(),
    ];
    let mut serial = 0;
    round(&mut session, &role, Feed::Both, 60_000, 50, &mut serial).await?;
    for (size, bytes, mails) in SIZES {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            for feed in Feed::ALL {
                rounds.push((feed, round(&mut session, &role, feed, bytes, mails, &mut serial).await?));
            }
        }
        let of = |name: &str, figure: fn(&(f64, f64)) -> f64| {
            median(rounds.iter().filter(|(feed, _)| feed.name() == name).map(|(_, round)| figure(round)))
        };
        let whole = of(Feed::Whole.name(), |(cpu, _)| *cpu);
        for feed in Feed::ALL {
            let (cpu, elapsed) = (of(feed.name(), |round| round.0), of(feed.name(), |round| round.1));
            let ratio = cpu / whole;
            lines.push(format!("| {size} | {} | {cpu:.2} | {ratio:.2} | {elapsed:.2} |", feed.name()));
        }
    }
    Ok(lines.join("\n"))
}

/// CPU milliseconds of clamd, and milliseconds that passed, per mail.
async fn round(
    session: &mut Session,
    clamd: &Role,
    feed: Feed,
    bytes: usize,
    mails: u32,
    serial: &mut u64,
) -> Result<(f64, f64)> {
    let first = *serial;
    *serial += u64::from(mails);
    let contents: Vec<Mail> = (first..*serial).map(|serial| Mail::new(serial, bytes)).collect();
    let before = proc::cpu(clamd)?;
    let start = Instant::now();
    for mail in &contents {
        for content in feed.of(mail) {
            session.scan(content).await?;
        }
    }
    let elapsed = start.elapsed().as_secs_f64() * 1_000.0 / f64::from(mails);
    Ok((proc::cpu(clamd)?.since(before).per(mails).all, elapsed))
}

/// A kept connection to clamd.
struct Session {
    io: Box<dyn Io>,
    scans: u64,
}

impl Session {
    async fn open(endpoint: &str) -> Result<Self> {
        let mut io = connect(endpoint).await.context("connecting to clamd")?;
        io.write_all(b"zIDSESSION\0").await?;
        Ok(Self { io, scans: 0 })
    }

    async fn scan(&mut self, content: &[u8]) -> Result<()> {
        self.scans += 1;
        let length = u32::try_from(content.len())?.to_be_bytes();
        let head = [b"zINSTREAM\0", &length[..]].concat();
        self.io.write_all(&head).await?;
        self.io.write_all(content).await?;
        self.io.write_all(&[0; 4]).await?;
        let mut answer = Vec::new();
        while self.io.read_u8().await.map(|byte| answer.push(byte)).is_ok() && answer.last() != Some(&0) {}
        let expected = format!("{}: stream: OK\0", self.scans);
        ensure!(answer == expected.as_bytes(), "clamd says {}", String::from_utf8_lossy(&answer));
        Ok(())
    }
}
