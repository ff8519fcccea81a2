//! How a child is made: a program with its standard input and output as pipes, and nothing of ours but those.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};

/// How much of a mail fits into the pipe without the child being awake; the kernel may allow less.
const PIPE_BYTES: usize = 1024 * 1024;

/// A program that serves [`proto::inspection`] on its standard input and output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// How it is asked to serve.
    pub arguments: Vec<String>,
}

/// The worker's ends of a new child.
pub(crate) struct Launched {
    pub(crate) input: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    pub(crate) output: Box<dyn AsyncRead + Send + Sync + Unpin>,
    /// None where a test has no process.
    pub(crate) process: Option<Child>,
}

/// Makes children.
pub(crate) trait Launch: Send + Sync {
    /// A new one, that has said nothing yet.
    fn launch(&self) -> io::Result<Launched>;
}

impl Launch for Program {
    fn launch(&self) -> io::Result<Launched> {
        let mut process = Command::new(&self.path)
            .args(&self.arguments)
            // Our environment may hold secrets.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It may write no file, and that may be one.
            .stderr(Stdio::null())
            // An interrupt from the terminal is for us, who drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("no pipe"));
        };
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&input, PIPE_BYTES) {
            tracing::debug!(%error, "the pipe to an inspecting process stays small");
        }
        Ok(Launched { input: Box::new(input), output: Box::new(output), process: Some(process) })
    }
}
