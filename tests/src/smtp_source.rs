//! `smtp-source`, the load generator of Postfix: it ends with an error when one reply is not what it should be.

use std::path::Path;

use crate::process::{Process, tool};

/// Starts `mails` mails in `sessions` sessions by LMTP to `HOST:PORT`. It fails at the first reply that refuses.
pub fn start(endpoint: &str, sessions: usize, mails: usize, directory: &Path) -> Process {
    let source = tool(&["/usr/sbin/smtp-source", "/usr/libexec/postfix/smtp-source"], "postfix");
    let (sessions, mails) = (sessions.to_string(), mails.to_string());
    let args = [
        // LMTP, and one session for many mails.
        "-L",
        "-d",
        "-s",
        &sessions,
        "-m",
        &mails,
        "-l",
        "4096",
        "-f",
        "source@example.org",
        "-t",
        "rcpt@example.net",
        endpoint,
    ];
    Process::start("smtp-source", &source, &args, directory)
}
