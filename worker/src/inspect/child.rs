//! One child: its greeting, a mail at a time, and its end for sure.
//!
//! Nothing that it says is believed beyond its type: it may have been taken over.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use proto::inspection::{
    FrameError, Hello, InForce, Inspect, Message, PREFIX_BYTES, Report, Setup, encode, header, prefix,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process;
use tokio::time::timeout;

use super::{Failure, Launch};

/// How long a new child may take to lock itself in; a machine under load is slow.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a child that closed its pipe may take to be dead.
const END_TIMEOUT: Duration = Duration::from_secs(1);

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

    /// Has `content` inspected within `limit`; behind an error it is dead.
    pub(super) async fn inspect(
        mut self,
        content: &Bytes,
        limit: Duration,
    ) -> Result<(Self, Report), Failure> {
        self.mails += 1;
        match timeout(limit, self.exchange(content)).await {
            Ok(Ok(report)) => Ok((self, report)),
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
        self.take().await
    }

    async fn exchange(&mut self, content: &Bytes) -> Result<Report, Broken> {
        let serial = self.mails;
        self.input.write_all(&encode(&Inspect { serial }, content.len())?).await?;
        self.input.write_all(content).await?;
        self.input.flush().await?;
        let report: Report = self.take().await?;
        if report.serial != serial || !self.output.buffer().is_empty() {
            return Err(Broken::OutOfTurn);
        }
        Ok(report)
    }

    async fn take<M: Message>(&mut self) -> Result<M, Broken> {
        let mut bytes = [0; PREFIX_BYTES];
        self.output.read_exact(&mut bytes).await?;
        let mut rest = vec![0; prefix::<M>(bytes, 0)?.header_bytes];
        self.output.read_exact(&mut rest).await?;
        Ok(header(&rest)?)
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
