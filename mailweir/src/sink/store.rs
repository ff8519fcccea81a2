//! Mails as files, and one line per mail in `index.jsonl`: what came, for tests and for people with `grep`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use proto::{Digest, Envelope, MailParams, Origin, RcptParams, Recipient};
use serde::Serialize;

/// Takes every mail that the sink accepts. May block.
pub(crate) trait Keeper: Send + Sync {
    /// Keeps one mail.
    ///
    /// # Errors
    /// When it cannot be kept; the client then gets a 4xx.
    fn keep(&self, envelope: &Envelope, content: &Bytes) -> io::Result<()>;
}

/// A directory of mails.
#[derive(Debug)]
pub(super) struct Store {
    directory: PathBuf,
    next: AtomicU64,
    index: Mutex<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    bytes: usize,
    blake3: String,
    sender: &'a str,
    params: &'a MailParams,
    recipients: Vec<To<'a>>,
    xforward: &'a Origin,
    helo: Option<&'a str>,
    client: Option<&'a str>,
}

#[derive(Serialize)]
struct To<'a> {
    address: &'a str,
    params: &'a RcptParams,
}

impl<'a> To<'a> {
    fn of(recipient: &'a Recipient) -> Self {
        Self { address: recipient.path.as_str(), params: &recipient.params }
    }
}

impl Store {
    /// Opens `directory`, which is made if it is not there; mails that are in it stay, and new ones are counted on.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join("index.jsonl");
        let index = File::options().create(true).append(true).open(&path)?;
        let lines = fs::read(&path)?.iter().filter(|byte| **byte == b'\n').count();
        Ok(Self {
            directory: directory.to_owned(),
            next: AtomicU64::new(lines as u64 + 1),
            index: Mutex::new(index),
        })
    }
}

impl Keeper for Store {
    fn keep(&self, envelope: &Envelope, content: &Bytes) -> io::Result<()> {
        let name = format!("{:06}.eml", self.next.fetch_add(1, Ordering::Relaxed));
        fs::write(self.directory.join(&name), content)?;
        let line = Line {
            file: &name,
            bytes: content.len(),
            blake3: hex(&Digest::of(content)),
            sender: envelope.sender().as_str(),
            params: envelope.params(),
            recipients: envelope.recipients().iter().map(To::of).collect(),
            xforward: envelope.origin(),
            helo: envelope.peer().map(|peer| peer.helo.as_str()),
            client: envelope.peer().map(|peer| peer.address.as_str()),
        };
        let mut line = serde_json::to_vec(&line)?;
        line.push(b'\n');
        // One write, so that lines of sessions at the same time do not mix.
        self.index.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

fn hex(digest: &Digest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
