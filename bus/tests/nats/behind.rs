//! A server that is behind with one stream, for one process: it stands between that process and a `nats-server`.
//!
//! Every read from a replica finds nothing, as from a follower that was cut off; so do the first reads from the leader,
//! as from one that was deposed and does not know it yet. Or a leader that is cut off shows a record as it was, and takes
//! no others. All else goes through, creations and their refusals too.
//! Frames of the NATS protocol are passed on whole, so that an answer of ours fits between two of the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::{PATIENCE, Server};

/// The way to a server that is behind; it ends when dropped.
pub(crate) struct Behind {
    port: u16,
    reads: Arc<Reads>,
    _connections: JoinSet<()>,
}

/// What is read of the stream, and what was said.
struct Reads {
    replica: String,
    leader: String,
    /// Reads from the leader that are still to find nothing.
    hidden: AtomicUsize,
    told_nothing: AtomicUsize,
    passed_on: AtomicUsize,
    cut_off: watch::Sender<Option<CutOff>>,
}

/// What a leader that is cut off shows, and how often it was asked for more.
#[derive(Clone)]
struct CutOff {
    /// Of the record, and what the others of its line begin with.
    subject: String,
    line: String,
    /// The answer to who reads it.
    shown: Vec<u8>,
    not_taken: usize,
}

/// A line of the protocol, with the payload that it announces.
struct Frame {
    line: String,
    bytes: Vec<u8>,
}

impl Behind {
    /// So many reads of `stream` from its leader will find nothing.
    pub(crate) async fn start(server: &Server, stream: &str, hidden: usize) -> Self {
        let reads = Arc::new(Reads {
            replica: format!("$JS.API.DIRECT.GET.{stream}"),
            leader: format!("$JS.API.STREAM.MSG.GET.{stream}"),
            hidden: AtomicUsize::new(hidden),
            told_nothing: AtomicUsize::new(0),
            passed_on: AtomicUsize::new(0),
            cut_off: watch::Sender::new(None),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shared, to) = (reads.clone(), server.port);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                connections.spawn(carry(shared.clone(), client, server));
            }
        });
        Self { port, reads, _connections: listening }
    }

    /// From now on `subject` is shown as it is, and no other record of its line is taken.
    pub(crate) async fn cut_off(&self, server: &Server, subject: &str) {
        let client = async_nats::connect(server.url()).await.unwrap();
        let which = format!(r#"{{"last_by_subj":"{subject}"}}"#);
        let shown = client.request(self.reads.leader.clone(), which.into()).await.unwrap().payload.to_vec();
        let line = subject.rsplit_once('.').unwrap().0.to_owned();
        let subject = subject.to_owned();
        self.reads.cut_off.send_replace(Some(CutOff { subject, line, shown, not_taken: 0 }));
    }

    /// Waits until a record was not taken, and lets everything through again.
    pub(crate) async fn join_again(&self) {
        let mut cut_off = self.reads.cut_off.subscribe();
        let not_taken = |cut_off: &Option<CutOff>| cut_off.as_ref().is_some_and(|cut| cut.not_taken > 0);
        timeout(PATIENCE, cut_off.wait_for(not_taken)).await.expect("nothing was created").unwrap();
        self.reads.cut_off.send_replace(None);
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How many reads from the leader found nothing that is there, and how many it answered.
    pub(crate) fn leader_reads(&self) -> (usize, usize) {
        (self.reads.told_nothing.load(Ordering::Acquire), self.reads.passed_on.load(Ordering::Acquire))
    }
}

impl Reads {
    /// What is answered in the server's place, if anything is: nothing at all may be an answer.
    fn answer(&self, subject: &str, reply: &str, sid: &str, frame: &Frame) -> Option<Vec<u8>> {
        if let Some(cut) = &*self.cut_off.borrow()
            && subject == self.leader
            && memchr::memmem::find(&frame.bytes, cut.subject.as_bytes()).is_some()
        {
            let head = format!("MSG {reply} {sid} {}\r\n", cut.shown.len());
            return Some([head.as_bytes(), &cut.shown, b"\r\n"].concat());
        }
        if self.is_not_taken(subject) {
            return Some(Vec::new());
        }
        if subject.starts_with(&self.replica) {
            let head = "NATS/1.0 404 Message Not Found\r\n\r\n";
            let size = head.len();
            return Some(format!("HMSG {reply} {sid} {size} {size}\r\n{head}\r\n").into_bytes());
        }
        if subject != self.leader {
            return None;
        }
        let less_one = |hidden: usize| hidden.checked_sub(1);
        if self.hidden.fetch_update(Ordering::AcqRel, Ordering::Acquire, less_one).is_err() {
            self.passed_on.fetch_add(1, Ordering::AcqRel);
            return None;
        }
        self.told_nothing.fetch_add(1, Ordering::AcqRel);
        let json = r#"{"type":"io.nats.jetstream.api.v1.stream_msg_get_response","error":{"code":404,"err_code":10037,"description":"no message found"}}"#;
        Some(format!("MSG {reply} {sid} {}\r\n{json}\r\n", json.len()).into_bytes())
    }

    fn is_not_taken(&self, subject: &str) -> bool {
        self.cut_off.send_if_modified(|cut_off| {
            let other = |cut: &&mut CutOff| subject != cut.subject && subject.starts_with(&cut.line);
            let cut = cut_off.as_mut().filter(other);
            cut.map(|cut| cut.not_taken += 1).is_some()
        })
    }
}

/// Until one of the two closes.
async fn carry(reads: Arc<Reads>, client: TcpStream, server: TcpStream) {
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, mut server_writer) = server.into_split();
    let (mut from_client, mut from_server) = (BufReader::new(client_reader), BufReader::new(server_reader));
    let to_client = Mutex::new(client_writer);
    let down = async {
        while let Some(frame) = next_frame(&mut from_server).await {
            if to_client.lock().await.write_all(&frame.bytes).await.is_err() {
                return;
            }
        }
    };
    let up = async {
        let mut inboxes = Vec::new();
        while let Some(frame) = next_frame(&mut from_client).await {
            let words: Vec<&str> = frame.line.split_whitespace().collect();
            if let ["SUB", subject, .., sid] = words[..] {
                inboxes.push(((*subject).to_owned(), (*sid).to_owned()));
            }
            let answer = match words[..] {
                ["PUB", subject, reply, _] | ["HPUB", subject, reply, _, _] => {
                    sid_of(&inboxes, reply).and_then(|sid| reads.answer(subject, reply, sid, &frame))
                }
                _ => None,
            };
            let sent = match answer {
                Some(answer) => to_client.lock().await.write_all(&answer).await,
                None => server_writer.write_all(&frame.bytes).await,
            };
            if sent.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
}

/// The subscription of which `reply` is a subject.
fn sid_of<'a>(inboxes: &'a [(String, String)], reply: &str) -> Option<&'a str> {
    let holds = |subject: &str| match subject.strip_suffix('*') {
        Some(prefix) => reply.starts_with(prefix),
        None => reply == subject,
    };
    inboxes.iter().rev().find(|(subject, _)| holds(subject)).map(|(_, sid)| sid.as_str())
}

async fn next_frame(io: &mut BufReader<impl AsyncRead + Unpin>) -> Option<Frame> {
    let mut bytes = Vec::new();
    if io.read_until(b'\n', &mut bytes).await.ok()? == 0 {
        return None;
    }
    let line = String::from_utf8_lossy(&bytes).into_owned();
    if ["PUB ", "HPUB ", "MSG ", "HMSG "].iter().any(|verb| line.starts_with(verb)) {
        let size: usize = line.split_whitespace().next_back()?.parse().ok()?;
        let begin = bytes.len();
        bytes.resize(begin + size + 2, 0);
        io.read_exact(&mut bytes[begin..]).await.ok()?;
    }
    Some(Frame { line, bytes })
}
