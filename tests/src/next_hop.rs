//! A scripted next hop: it takes mails by SMTP or LMTP, keeps every byte, and answers as it was told.
//!
//! In its lenient mode it takes any lone dot as the end of data, as Postfix 3.7 does for clients in `mynetworks`: whoever
//! sends it a bare line feed smuggles. Unlike `smtp-sink`, which is strict and would hide that.

mod script;
mod session;

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wait::DEADLINE;

pub use script::{Gate, Phase, Protocol, Reaction, Rule, Script};

/// One mail, as far as its final dot.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Number of the mail, from 0, by the order of final dots.
    pub number: usize,
    /// Whether each recipient gets a reply of its own to the dot.
    pub is_lmtp: bool,
    /// Whole MAIL line.
    pub mail: String,
    /// Whole RCPT lines that were accepted, in order.
    pub rcpt: Vec<String>,
    /// Whole XFORWARD lines before it on this connection, since the last mail.
    pub xforward: Vec<String>,
    /// Without dot-stuffing and end of data.
    pub content: Vec<u8>,
    /// What was decided at the dot: one reply, or one for each recipient (LMTP); fewer when it was dropped. Whether the
    /// client has read them is another matter.
    pub replies: Vec<String>,
    /// Whether a decision was not said, as the script wanted.
    pub is_mute: bool,
    /// Whether nothing more will be decided.
    pub is_over: bool,
}

impl Received {
    /// Whether every recipient's mail was taken.
    pub fn taken(&self) -> bool {
        !self.replies.is_empty() && self.replies.iter().all(|reply| reply.starts_with('2'))
    }
}

/// Everything that a next hop has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Connections accepted.
    pub connections: usize,
    /// Command lines of all connections, in order of arrival, without CRLF.
    pub commands: Vec<String>,
    /// Mails of which the final dot came, in order of arrival.
    pub mails: Vec<Received>,
    /// Every byte that came, by connection.
    pub wire: Vec<Vec<u8>>,
    /// Final dots so far.
    dots: usize,
}

impl Seen {
    /// One that was not taken out yet.
    fn mail(&mut self, number: usize) -> &mut Received {
        self.mails.iter_mut().rev().find(|mail| mail.number == number).expect("it is not over")
    }
}

struct State {
    script: Mutex<Script>,
    seen: Mutex<Seen>,
    /// Counts changes of `seen`.
    changes: watch::Sender<u64>,
}

impl State {
    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("not poisoned"));
        self.changes.send_modify(|count| *count += 1);
    }
}

/// A running next hop; its connections are cut when it is dropped.
pub struct NextHop {
    endpoint: String,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl NextHop {
    /// Takes everything, by SMTP.
    pub async fn smtp() -> Self {
        Self::start(Script::new(Protocol::Smtp)).await
    }

    /// Takes everything, by LMTP.
    pub async fn lmtp() -> Self {
        Self::start(Script::new(Protocol::Lmtp)).await
    }

    /// Follows `script` on a TCP port that the kernel picks.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind next hop");
        let endpoint = listener.local_addr().expect("bound").to_string();
        let state = state(script);
        let (accepting, mut tasks) = (state.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // Without it only replies are late.
                let _ignored = stream.set_nodelay(true);
                sessions.spawn(session::run(Box::new(stream), accepting.clone()));
            }
        });
        Self { endpoint, state, _tasks: tasks }
    }

    /// Follows `script` on a unix socket.
    pub async fn start_unix(script: Script, path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("bind next hop");
        let state = state(script);
        let (accepting, mut tasks) = (state.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(session::run(Box::new(stream), accepting.clone()));
            }
        });
        Self { endpoint: format!("unix:{}", path.display()), state, _tasks: tasks }
    }

    /// `HOST:PORT` or `unix:PATH`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// As `--next-hop` names it: with `lmtp:` in front where it speaks LMTP.
    pub fn target(&self) -> String {
        match self.state.script.lock().expect("not poisoned").protocol {
            Protocol::Smtp => self.endpoint.clone(),
            Protocol::Lmtp => format!("lmtp:{}", self.endpoint),
        }
    }

    /// From now on, also on connections that are open.
    pub fn follow(&self, script: Script) {
        *self.state.script.lock().expect("not poisoned") = script;
    }

    /// Everything so far.
    pub fn seen(&self) -> Seen {
        self.state.seen.lock().expect("not poisoned").clone()
    }

    /// Waits until it has seen what is asked for.
    pub async fn until<T>(&self, what: &str, mut found: impl FnMut(&Seen) -> Option<T>) -> T {
        let mut changes = self.state.changes.subscribe();
        let seen = async {
            loop {
                changes.borrow_and_update();
                if let Some(value) = found(&self.state.seen.lock().expect("not poisoned")) {
                    return value;
                }
                changes.changed().await.expect("the state lives as long as we do");
            }
        };
        match tokio::time::timeout(DEADLINE, seen).await {
            Ok(value) => value,
            Err(_) => {
                let seen = self.seen();
                let tail = &seen.commands[seen.commands.len().saturating_sub(40)..];
                panic!(
                    "the next hop did not see within {DEADLINE:?}: {what}\n{} connections, {} mails, commands:\n{}",
                    seen.connections,
                    seen.mails.len(),
                    tail.join("\n")
                );
            }
        }
    }

    /// Waits for `count` mails (their final dots), and gives all that came.
    pub async fn mails(&self, count: usize) -> Vec<Received> {
        let what = format!("{count} mails");
        self.until(&what, |seen| (seen.mails.len() >= count).then(|| seen.mails.clone())).await
    }

    /// The only mail there is; fails when there are more.
    pub async fn only_mail(&self) -> Received {
        let mut mails = self.mails(1).await;
        assert_eq!(mails.len(), 1, "more than one mail: {mails:#?}");
        mails.remove(0)
    }

    /// Takes out what is over, so that long runs do not fill the memory: the mails of which nothing more will be decided, and how many
    /// bare line ends came since the last time.
    pub fn take(&self) -> (Vec<Received>, usize) {
        let mut seen = self.state.seen.lock().expect("not poisoned");
        seen.commands.clear();
        let mut bare_line_ends = 0;
        for wire in &mut seen.wire {
            // A CR at the end may yet get its LF.
            let half = wire.ends_with(b"\r");
            let whole = wire.len() - usize::from(half);
            bare_line_ends += usize::from(bare_line_end(&wire[..whole]).is_some());
            *wire = if half { vec![b'\r'] } else { Vec::new() };
        }
        let mails = std::mem::take(&mut seen.mails);
        let (over, open) = mails.into_iter().partition(|mail| mail.is_over);
        seen.mails = open;
        (over, bare_line_ends)
    }

    /// Fails when a CR or LF came that was not part of a CRLF.
    pub fn assert_no_bare_line_ends(&self) {
        for wire in &self.state.seen.lock().expect("not poisoned").wire {
            let bare = bare_line_end(wire);
            let around = bare
                .map(|at| wire[at.saturating_sub(60)..(at + 20).min(wire.len())].escape_ascii().to_string());
            assert_eq!(around, None, "a bare line end was sent to the next hop");
        }
    }
}

fn state(script: Script) -> Arc<State> {
    let changes = watch::Sender::new(0);
    Arc::new(State { script: Mutex::new(script), seen: Mutex::default(), changes })
}

/// Where the first CR or LF is that is no part of a CRLF.
fn bare_line_end(wire: &[u8]) -> Option<usize> {
    memchr::memchr2_iter(b'\r', b'\n', wire).find(|&at| match wire[at] {
        b'\r' => wire.get(at + 1) != Some(&b'\n'),
        _ => at == 0 || wire[at - 1] != b'\r',
    })
}

#[cfg(test)]
mod tests {
    use super::bare_line_end;

    #[test]
    fn bare_line_ends_are_found() {
        assert_eq!(bare_line_end(b"a\r\nb\r\n"), None);
        for (wire, at) in [(&b"\n"[..], 0), (b"a\r\n\n", 3), (b"a\r\r\n", 1), (b"a\rb", 1), (b"a\r", 1)] {
            assert_eq!(bare_line_end(wire), Some(at), "{}", wire.escape_ascii());
        }
    }
}
