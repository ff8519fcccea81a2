//! One child: its greeting, a mail at a time, and its end for sure.
//!
//! Nothing that it says is believed beyond its type: it may have been taken over.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use proto::inspection::{
    FrameError, Hello, InForce, Inspect, Message, PREFIX_BYTES, Part as PartHeader, Report, Setup, Wanted,
    encode, header, is_next, prefix,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process;
use tokio::time::timeout;

use super::parts::Allowance;
use super::{Failure, Launch, Part};

/// How long a new child may take to lock itself in; a machine under load is slow.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a child that closed its pipe may take to be dead.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Memory that is taken for a content before there is any of it.
const CONTENT_BYTES_AT_ONCE: usize = 64 * 1024;

type Input = Box<dyn AsyncWrite + Send + Sync + Unpin>;
type Output = BufReader<Box<dyn AsyncRead + Send + Sync + Unpin>>;

/// A child that is locked in. When it is dropped its process is killed.
pub(super) struct Child {
    input: Input,
    output: Output,
    process: Option<process::Child>,
    /// Mails that it was given.
    pub(super) mails: u64,
    _counted: Counted,
}

/// What it said of a mail.
pub(super) struct Answer {
    pub(super) report: Report,
    pub(super) parts: Vec<Part>,
}

/// Why an exchange with it went wrong.
enum Broken {
    Pipe,
    Garbage(FrameError),
    OutOfTurn,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Pipe
    }
}

impl From<FrameError> for Broken {
    fn from(error: FrameError) -> Self {
        Self::Garbage(error)
    }
}

impl Child {
    /// Starts one and waits until it is locked in.
    pub(super) async fn start(
        launch: &dyn Launch,
        setup: &Setup,
        living: &Gauge,
    ) -> Result<(Self, InForce), Failure> {
        let setup = encode(setup, 0).map_err(Failure::Setup)?;
        let launched = launch.launch().map_err(Failure::Launch)?;
        let mut child = Self {
            input: launched.input,
            output: BufReader::new(launched.output),
            process: launched.process,
            mails: 0,
            _counted: Counted::new(living),
        };
        match timeout(HELLO_TIMEOUT, child.greet(&setup)).await {
            Ok(Ok(hello)) => Ok((child, hello.in_force)),
            Ok(Err(broken)) => Err(child.failed(broken).await),
            Err(_) => {
                child.end().await;
                Err(Failure::Timeout(HELLO_TIMEOUT))
            }
        }
    }

    /// Has `content` inspected within `limit`, and what is wanted of it handed back; behind an error it is dead.
    pub(super) async fn inspect(
        mut self,
        content: &Bytes,
        (wanted, allowance): (Wanted, Allowance),
        limit: Duration,
    ) -> Result<(Self, Answer), Failure> {
        self.mails += 1;
        match timeout(limit, self.exchange(content, wanted, allowance)).await {
            Ok(Ok(answer)) => Ok((self, answer)),
            Ok(Err(broken)) => Err(self.failed(broken).await),
            Err(_) => {
                self.end().await;
                Err(Failure::Timeout(limit))
            }
        }
    }

    /// How it ended, when it did so by itself.
    pub(super) fn ended(&mut self) -> Option<Failure> {
        match self.process.as_mut()?.try_wait() {
            Ok(status) => status.map(Failure::of),
            Err(error) => Some(Failure::Launch(error)),
        }
    }

    /// Ends it; it is gone when this returns.
    pub(super) async fn end(mut self) {
        if let Some(process) = &mut self.process
            && let Err(error) = process.kill().await
        {
            tracing::warn!(%error, "an inspecting process could not be killed");
        }
    }

    async fn greet(&mut self, setup: &[u8]) -> Result<Hello, Broken> {
        self.input.write_all(setup).await?;
        self.input.flush().await?;
        let bytes = self.prefix().await?;
        Ok(self.message(bytes, 0).await?.0)
    }

    async fn exchange(
        &mut self,
        content: &Bytes,
        wanted: Wanted,
        mut allowance: Allowance,
    ) -> Result<Answer, Broken> {
        let serial = self.mails;
        self.input.write_all(&encode(&Inspect { serial, wanted }, content.len())?).await?;
        self.input.write_all(content).await?;
        self.input.flush().await?;
        let mut parts = Vec::new();
        let mut bytes = self.prefix().await?;
        while is_next::<PartHeader>(&bytes) && allowance.parts > 0 {
            let (PartHeader { serial: of, is_hidden }, content) =
                self.message(bytes, allowance.bytes).await?;
            if of != serial {
                return Err(Broken::OutOfTurn);
            }
            allowance.parts -= 1;
            allowance.bytes -= content.len();
            parts.push(Part { content: content.into(), is_hidden });
            bytes = self.prefix().await?;
        }
        let (report, _): (Report, _) = self.message(bytes, 0).await?;
        if report.serial != serial || !self.output.buffer().is_empty() {
            return Err(Broken::OutOfTurn);
        }
        Ok(Answer { report, parts })
    }

    async fn prefix(&mut self) -> Result<[u8; PREFIX_BYTES], Broken> {
        let mut bytes = [0; PREFIX_BYTES];
        self.output.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    /// What follows a prefix, with at most `content_bytes_max` of content.
    async fn message<M: Message>(
        &mut self,
        bytes: [u8; PREFIX_BYTES],
        content_bytes_max: usize,
    ) -> Result<(M, Vec<u8>), Broken> {
        let prefix = prefix::<M>(bytes, content_bytes_max)?;
        let mut rest = vec![0; prefix.header_bytes];
        self.output.read_exact(&mut rest).await?;
        // As much memory as comes, not as much as it says.
        let mut content = Vec::with_capacity(prefix.content_bytes.min(CONTENT_BYTES_AT_ONCE));
        let taken = (&mut self.output).take(prefix.content_bytes as u64).read_to_end(&mut content).await?;
        if taken < prefix.content_bytes {
            return Err(Broken::Pipe);
        }
        Ok((header(&rest)?, content))
    }

    /// Ends it and tells why.
    async fn failed(mut self, broken: Broken) -> Failure {
        let failure = match broken {
            Broken::Garbage(error) => Failure::Garbage(error),
            Broken::OutOfTurn => Failure::OutOfTurn,
            Broken::Pipe => match &mut self.process {
                // It is dead or about to be.
                Some(process) => match timeout(END_TIMEOUT, process.wait()).await {
                    Ok(Ok(status)) => return Failure::of(status),
                    Ok(Err(error)) => Failure::Launch(error),
                    Err(_) => Failure::Closed,
                },
                None => Failure::Closed,
            },
        };
        self.end().await;
        failure
    }
}

/// One more while it lives.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
