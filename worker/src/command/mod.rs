//! Scanner that is a program: it is started for each mail, gets the mail on its standard input, and says by its exit code
//! what it found.
//!
//! No shell is between us and it, none of our environment, and nothing of a mail is in its arguments. A code that was not
//! said to mean clean or infected is a failure, as is a program that calls a mail clean without having read all of it.
//! How many run at once is the pool's. Deliberately absent: files handed over by name, and what holds the program, which
//! is the launcher's.

mod process;
mod settings;
#[cfg(test)]
mod tests;

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use tokio::time::timeout;

use self::process::Ended;
pub use self::settings::{Pattern, PatternError, Settings};
use crate::eicar::eicar_mail;
use crate::names;
use crate::pool::client::{self, Failure, Outcome, Reply, Request, Target};
use crate::text::printable;

/// Runs one program. It has no hosts: whichever the pool names is this machine.
pub(crate) struct Client {
    settings: Settings,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    async fn scan(&self, content: &[u8]) -> Result<Outcome, Failure> {
        let ended = process::run(&self.settings, content).await.map_err(Failure::Connect)?;
        self.outcome(&ended)
    }

    fn outcome(&self, ended: &Ended) -> Result<Outcome, Failure> {
        let is_in = |codes: &[u8]| {
            ended
                .status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .is_some_and(|code| codes.contains(&code))
        };
        let name = self.settings.name.as_ref().and_then(|pattern| pattern.find(&ended.output));
        match (is_in(&self.settings.infected), is_in(&self.settings.clean), name) {
            // A name with the code for clean is a contradiction; the finding counts.
            (true, _, Some(name)) | (_, true, Some(name)) => Ok(names::outcome(&name)),
            (true, _, None) => Ok(names::outcome("")),
            (false, true, None) if ended.has_read_all => Ok(Outcome::Clean),
            (false, true, None) => Err(Failure::Early),
            (false, false, _) => Err(Failure::Refused(why(ended))),
        }
    }

    /// What is made of a program that ended so.
    #[cfg(fuzzing)]
    pub(crate) fn said(&self, code: i32, output: &[u8], has_read_all: bool) -> Result<Outcome, Failure> {
        // As wait(2) tells it.
        let status = std::process::ExitStatus::from_raw((code & 0xff) << 8);
        self.outcome(&Ended { status, output: output.to_vec(), errors: output.to_vec(), has_read_all })
    }

    fn has_canary(&self) -> bool {
        !self.settings.canary_interval.is_zero()
    }

    async fn prove(&self) -> Result<String, Failure> {
        let version = printable(&self.settings.program.to_string_lossy());
        if self.has_canary() && !matches!(self.scan(&eicar_mail()).await?, Outcome::Infected(_)) {
            return Err(Failure::Refused("it does not find the EICAR test file".into()));
        }
        Ok(version)
    }
}

/// How it ended, and the last that it complained of.
fn why(ended: &Ended) -> String {
    let end = match (ended.status.code(), ended.status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "no exit code".into(),
    };
    let errors = String::from_utf8_lossy(&ended.errors);
    match errors.lines().map(printable).rfind(|line| !line.is_empty()) {
        Some(line) => format!("{end}: {line}"),
        None => end,
    }
}

impl client::Client for Client {
    type Connection = ();

    async fn exchange(
        &self,
        _: Target<'_>,
        _: Option<()>,
        request: &Request<'_>,
    ) -> Result<Reply<()>, Failure> {
        Ok(Reply { outcome: self.scan(request.content).await?, connection: None })
    }

    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        timeout(target.connect_timeout, self.prove()).await.map_err(|_| Failure::Timeout)?
    }
    fn canary_interval(&self) -> Option<Duration> {
        self.has_canary().then_some(self.settings.canary_interval)
    }
}
