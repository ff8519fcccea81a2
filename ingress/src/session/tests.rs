//! Conversations as data. A transcript is the whole conversation as text; [`check`] plays the client's side, writes
//! down what the session did, and compares, once with each burst in one read, once byte by byte, and once for every
//! split of the bytes into two reads.
//!
//! ```text
//! S: …        the session sends a line
//! C: …        the client sends a line; consecutive lines are one burst
//! c: …        the client sends these bytes, \r \n \0 \t \xNN and \u{N} as in Rust, no line end added
//! > …         the session submits a mail
//! < 1 250 x   the pipeline tells early that recipient 1 has this reply
//! = 250 x | … the pipeline's outcomes
//! ! …         an event
//! timeout, drain, stop, close   what their names say
//! ```

mod admission;
mod answers;
mod budgets;
mod content;
mod envelope;
mod rows;

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use proto::{Outcomes, Position, Reply};

use crate::{Admission, Metrics, Settings};

use super::{Action, Rules, Session, Submission, Wait};

/// Everything short, so that a test can reach the limit; `hello` is left out of transcripts that start behind it.
fn settings() -> Settings {
    Settings {
        hostname: "mx.test".to_owned(),
        size_bytes_max: 100,
        recipients_max: 3,
        command_bytes_max: 100,
        commands_max: 12,
        errors_max: 4,
        hops_max: 2,
        in_flight_bytes_max: 200,
        ..Settings::default()
    }
}

/// A conversation from its first byte.
fn check_from_greeting(settings: &Settings, transcript: &str) {
    let expected = lines_of(transcript);
    let bytes = client_bytes(&expected);
    assert_eq!(play(settings, &expected, &[]).join("\n"), expected.join("\n"));
    let every: Vec<usize> = (0..bytes.len()).collect();
    // Between DATA and what is glued to it, a split makes it legal: it may have waited for our 354.
    let legal = |at: &usize| !ends_in_data(bytes.get(..*at).unwrap_or_default());
    for cuts in every.iter().map(|at| vec![*at]).chain([every.clone()]) {
        let cuts: Vec<usize> = cuts.into_iter().filter(legal).collect();
        let actual = play(settings, &expected, &cuts);
        assert_eq!(actual.join("\n"), expected.join("\n"), "reads cut at {cuts:?}");
    }
}

/// A conversation behind greeting and LHLO.
fn check(transcript: &str) {
    check_with(&settings(), transcript);
}

fn check_with(settings: &Settings, transcript: &str) {
    check_hello("LHLO", settings, transcript);
}

fn check_hello(verb: &str, settings: &Settings, transcript: &str) {
    let size = settings.size_bytes_max;
    let hello = format!(
        "S: 220 mx.test ESMTP LMTP Mailweir\nC: {verb} client.test\nS: 250-mx.test\nS: 250-PIPELINING\n\
         S: 250-SIZE {size}\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\nS: 250-DSN\n\
         S: 250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\n"
    );
    check_from_greeting(settings, &format!("{hello}{transcript}"));
}

/// A conversation, in one read per burst, while another session holds a mail announced with `size`.
fn play_beside(settings: &Settings, size: u64, transcript: &str) {
    let admission = Admission::new(settings, &Metrics::default());
    let mut other = Player::of(settings, &admission);
    other.input.extend_from_slice(format!("LHLO a\r\nMAIL FROM:<> SIZE={size}\r\n").as_bytes());
    other.settle();
    let mut player = Player::of(settings, &admission);
    player.input.extend_from_slice(b"LHLO a\r\n");
    player.settle();
    player.sent.clear();
    let expected = lines_of(transcript);
    let actual = player.play(&expected, &[]);
    assert_eq!(actual.join("\n"), expected.join("\n"));
}

fn lines_of(transcript: &str) -> Vec<&str> {
    let lines = transcript.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
}

fn is_client(line: &str) -> bool {
    line.starts_with("C:") || line.starts_with("c:")
}

fn wire(line: &str) -> Vec<u8> {
    let text = line.get(3..).unwrap_or_default();
    if line.starts_with("C:") {
        return format!("{text}\r\n").into_bytes();
    }
    unescape(text)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (bytes, length) = match rest.get(..2) {
            Some("\\r") => (vec![b'\r'], 2),
            Some("\\n") => (vec![b'\n'], 2),
            Some("\\0") => (vec![0], 2),
            Some("\\x") => (vec![u8::from_str_radix(&rest[2..4], 16).unwrap()], 4),
            _ => (c.to_string().into_bytes(), c.len_utf8()),
        };
        out.extend(bytes);
        rest = &rest[length..];
    }
    out
}

fn client_bytes(lines: &[&str]) -> Vec<u8> {
    lines.iter().filter(|line| is_client(line)).flat_map(|line| wire(line)).collect()
}

fn ends_in_data(bytes: &[u8]) -> bool {
    bytes.ends_with(b"DATA\r\n")
}

/// The conversation as it really goes, reads cut before the bytes with these numbers.
fn play(settings: &Settings, script: &[&str], cuts: &[usize]) -> Vec<String> {
    let admission = Admission::new(settings, &Metrics::default());
    let mut player = Player::of(settings, &admission);
    player.settle();
    player.flush();
    player.play(script, cuts)
}

fn pieces(whole: Range<usize>, cuts: &[usize]) -> Vec<Range<usize>> {
    let inner = cuts.iter().copied().filter(|cut| whole.contains(cut) && *cut != whole.start);
    let mut starts = vec![whole.start];
    starts.extend(inner);
    let ends = starts.iter().skip(1).copied().chain([whole.end]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// A session and the conversation so far.
struct Player {
    session: Session,
    input: BytesMut,
    sent: Vec<u8>,
    did: Vec<String>,
    submitted: Option<Box<Submission>>,
    is_closed: bool,
    trace: Vec<String>,
}

impl Player {
    fn of(settings: &Settings, admission: &Admission) -> Self {
        let rules = Arc::new(Rules::new(settings.clone()));
        let session = Session::new(rules, admission.session(), "192.0.2.1");
        Self {
            session,
            input: BytesMut::new(),
            sent: Vec::new(),
            did: Vec::new(),
            submitted: None,
            is_closed: false,
            trace: Vec::new(),
        }
    }

    fn play(mut self, script: &[&str], cuts: &[usize]) -> Vec<String> {
        let mut at = 0;
        let mut lines = script.iter().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with(['S', '>', '!']) || *line == "close" {
                continue;
            }
            self.trace.push((*line).to_owned());
            if is_client(line) {
                let mut burst = wire(line);
                while let Some(more) = lines.next_if(|next| is_client(next)) {
                    self.trace.push((*more).to_owned());
                    burst.extend(wire(more));
                }
                for piece in pieces(at..at + burst.len(), cuts) {
                    self.input.extend_from_slice(&burst[piece.start - at..piece.end - at]);
                    self.settle();
                }
                at += burst.len();
            } else {
                self.input(line);
                self.settle();
            }
            self.flush();
        }
        self.trace
    }

    /// Does what the session says until it waits.
    fn settle(&mut self) {
        loop {
            match self.session.poll(&mut self.input) {
                Action::Send(bytes) => self.sent.extend_from_slice(&bytes),
                Action::Submit(submission) => {
                    self.did.push(describe(&submission));
                    self.submitted = Some(submission);
                }
                Action::Report(event) => self.did.push(format!("! {event:?}")),
                Action::Wait(wait) => {
                    assert!(wait == Wait::Outcomes || self.input.len() < 2_048, "input is taken");
                    return;
                }
                Action::Close => {
                    self.is_closed = true;
                    self.input.clear();
                    return;
                }
            }
        }
    }

    fn input(&mut self, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("timeout", _) => self.session.timed_out(),
            ("drain", _) => self.session.drain(),
            ("stop", _) => self.session.stop(),
            ("<", told) => {
                let (position, reply) = told.split_once(' ').unwrap();
                let position = Position::new(position.parse().unwrap());
                self.session.known(position, &parse_reply(reply));
            }
            ("=", replies) => {
                let submitted = self.submitted.take().expect("a mail was submitted");
                let mut outcomes = Outcomes::unknown(&submitted.envelope);
                for (index, reply) in replies.split(" | ").enumerate() {
                    outcomes.set(Position::new(index), parse_reply(reply));
                }
                self.session.answer(&outcomes);
            }
            _ => panic!("not a line of a transcript: {line}"),
        }
    }

    /// Writes down what the session did since the last time: what it said first, then the rest.
    fn flush(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        let sent = String::from_utf8(sent).expect("replies are text");
        assert!(sent.is_empty() || sent.ends_with("\r\n"), "{sent:?} is not whole lines");
        self.trace.extend(sent.split_terminator("\r\n").map(|line| format!("S: {line}")));
        self.trace.append(&mut self.did);
        if std::mem::take(&mut self.is_closed) {
            self.trace.push("close".to_owned());
        }
    }
}

fn parse_reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    Reply::new(code.parse().unwrap(), None, text)
}

/// `> <sender> [parameters] to <recipient> [parameters] …; "content"`.
fn describe(submission: &Submission) -> String {
    let envelope = &submission.envelope;
    let mut text = format!("> <{}>", envelope.sender().as_str());
    let params = envelope.params();
    if let Some(size) = params.size {
        write!(text, " SIZE={size}").unwrap();
    }
    if let Some(body) = params.body {
        write!(text, " {body:?}").unwrap();
    }
    if params.smtputf8 {
        text.push_str(" SMTPUTF8");
    }
    text.push_str(&params.dsn_encoded());
    if let Some(auth) = &params.auth {
        write!(text, " AUTH={auth}").unwrap();
    }
    for recipient in envelope.recipients() {
        let params = recipient.params.dsn_encoded();
        write!(text, " to <{}>{params}", recipient.path.as_str()).unwrap();
    }
    for attribute in proto::OriginAttribute::ALL {
        if envelope.origin().get(attribute).is_some() {
            write!(text, " {}", envelope.origin().encoded(attribute)).unwrap();
        }
    }
    let content = submission.content.escape_ascii();
    write!(text, "; \"{content}\"").unwrap();
    text
}
