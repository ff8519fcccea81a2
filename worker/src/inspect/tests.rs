//! The pool with children that are tasks, and with children that are processes of the shell.

mod pool;
mod process;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proto::Category;
use proto::inspection::{
    Found, Hello, InForce, Inspect, Message, PREFIX_BYTES, Part as PartHeader, Report, Setup, Wanted, encode,
    header, prefix,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use super::Launch;
use super::launch::Launched;

/// What a slow one takes.
pub(crate) const SLOW: Duration = Duration::from_secs(3);

/// What a fake child does with a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Finds `evil.exe` by its name, and hands back what stands before empty lines.
    #[default]
    Honest,
    /// The same after a while.
    Slow,
    /// Says nothing for ever.
    Hang,
    /// Closes the pipe.
    Close,
    /// Says no frame.
    Garbage,
    /// Repeats the serial number before this one.
    Stale,
    /// Reports twice.
    Twice,
    /// Hands back a content that nobody wanted.
    Unasked,
    /// Hands back a content of another mail.
    StalePart,
    /// Begins a content and closes the pipe.
    EndlessPart,
    /// Closes the pipe before it has greeted.
    Mute,
}

/// Makes children that are tasks of this process.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) behaviour: Arc<Mutex<Behaviour>>,
    pub(crate) started: Arc<AtomicUsize>,
    tasks: Arc<Mutex<JoinSet<io::Result<()>>>>,
}

impl Fake {
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }
}

impl Launch for Fake {
    fn launch(&self) -> io::Result<Launched> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let (input, theirs_in) = tokio::io::duplex(64 * 1024);
        let (output, theirs_out) = tokio::io::duplex(64 * 1024);
        self.tasks.lock().unwrap().spawn(child(theirs_in, theirs_out, self.behaviour.clone()));
        Ok(Launched { input: Box::new(input), output: Box::new(output), process: None })
    }
}

async fn child(
    mut input: DuplexStream,
    mut output: DuplexStream,
    behaviour: Arc<Mutex<Behaviour>>,
) -> io::Result<()> {
    take::<Setup>(&mut input).await?;
    if *behaviour.lock().unwrap() == Behaviour::Mute {
        return Ok(());
    }
    say(&mut output, &Hello { in_force: InForce { seccomp: true, ..InForce::default() } }).await?;
    loop {
        let (Inspect { serial, wanted }, content) = take(&mut input).await?;
        let is_evil = content.windows(8).any(|window| window == b"evil.exe");
        let found = is_evil.then(|| Found::new(Category::Banned, ".exe: evil.exe"));
        let report = |serial| Report {
            serial,
            micros: 500_000,
            findings: found.clone().into_iter().collect(),
            opened: 0,
            is_cut: false,
        };
        let behaviour = *behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Honest => {
                let mut left = if wanted == Wanted::Nothing { &[][..] } else { &content };
                while let Some(at) = left.windows(2).position(|window| window == b"\n\n") {
                    hand_back(&mut output, serial, &left[..at]).await?;
                    left = &left[at + 2..];
                }
                say(&mut output, &report(serial)).await?;
            }
            Behaviour::Unasked => {
                hand_back(&mut output, serial, b"unasked").await?;
                say(&mut output, &report(serial)).await?;
            }
            Behaviour::StalePart => {
                hand_back(&mut output, serial + 1, b"of another mail").await?;
                say(&mut output, &report(serial)).await?;
            }
            Behaviour::EndlessPart => {
                let frame = encode(&PartHeader { serial, is_hidden: true }, 1_000_000).unwrap();
                output.write_all(&frame).await?;
                return Ok(());
            }
            Behaviour::Slow => {
                sleep(SLOW).await;
                say(&mut output, &report(serial)).await?;
            }
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Close | Behaviour::Mute => return Ok(()),
            Behaviour::Garbage => output.write_all(&[0xff; 100]).await?,
            Behaviour::Stale => say(&mut output, &report(serial - 1)).await?,
            Behaviour::Twice => {
                let once = encode(&report(serial), 0).unwrap();
                output.write_all(&[once.clone(), once].concat()).await?;
            }
        }
    }
}

async fn take<M: Message>(input: &mut DuplexStream) -> io::Result<(M, Vec<u8>)> {
    let mut bytes = [0; PREFIX_BYTES];
    input.read_exact(&mut bytes).await?;
    let prefix = prefix::<M>(bytes, usize::MAX).unwrap();
    let mut rest = vec![0; prefix.header_bytes];
    input.read_exact(&mut rest).await?;
    let mut content = vec![0; prefix.content_bytes];
    input.read_exact(&mut content).await?;
    Ok((header(&rest).unwrap(), content))
}

async fn hand_back(output: &mut DuplexStream, serial: u64, content: &[u8]) -> io::Result<()> {
    let frame =
        encode(&PartHeader { serial, is_hidden: content.starts_with(b"hidden") }, content.len()).unwrap();
    output.write_all(&[&frame, content].concat()).await
}

async fn say<M: Message>(output: &mut DuplexStream, message: &M) -> io::Result<()> {
    output.write_all(&encode(message, 0).unwrap()).await
}
