//! The mail server's side, the next hop's side, and the messages between roles. No panic; replies are whole lines; what a
//! session hands on is what the protocol allows; a next hop's answers are for recipients that are there, once each; what
//! can be read can be written again.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use egress::Protocol;
use egress::dialogue::{Dialogue, Event, ReplyParser};
use ingress::session::{Action, Rules, Session, Submission};
use ingress::{Admission, Metrics, Settings};
use libfuzzer_sys::fuzz_target;
use proto::wire::{self, Job, Judged, Notice};
use proto::{
    Envelope, ForwardPath, MailParams, Origin, OriginAttribute, Outcomes, Recipient, Reply, ReversePath, dot,
    xtext_decode, xtext_encode,
};

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    let hostname = "mx.test".to_owned();
    Arc::new(Rules::new(Settings {
        hostname,
        size_bytes_max: 2_000,
        recipients_max: 5,
        ..Settings::default()
    }))
});

fuzz_target!(|input: &[u8]| {
    let [kind, cut, bytes @ ..] = input else { return };
    let cut = usize::from(*cut) % (bytes.len() + 1);
    match kind % 6 {
        0 => session(bytes, cut),
        1 => dialogue(Protocol::Lmtp, bytes, cut),
        2 => dialogue(Protocol::Smtp, bytes, cut),
        3 => replies(bytes, cut),
        4 => messages(bytes),
        _ => words(bytes, cut),
    }
});

/// A client that says this, in two reads.
fn session(bytes: &[u8], cut: usize) {
    let admission = Admission::new(RULES.settings(), &Metrics::default());
    let mut session = Session::new(Arc::clone(&RULES), admission.session(), "192.0.2.1");
    let mut input = BytesMut::new();
    let mut sent = Vec::new();
    for read in [&bytes[..cut], &bytes[cut..]] {
        input.extend_from_slice(read);
        loop {
            match session.poll(&mut input) {
                Action::Send(bytes) => sent.extend_from_slice(&bytes),
                Action::Submit(submission) => {
                    submitted(&submission);
                    let reply = Reply::enhanced(250, 0, 0, "ok");
                    session.answer(&Outcomes::all(&submission.envelope, &reply));
                }
                Action::Report(_) => {}
                Action::Wait(_) | Action::Close => break,
            }
        }
    }
    let text = String::from_utf8(sent).expect("replies are text");
    assert!(text.is_empty() || text.ends_with("\r\n"));
    for line in text.split_terminator("\r\n") {
        let code = line.get(..3).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(code && !line.contains(['\r', '\n']), "{line:?}");
    }
}

fn submitted(submission: &Submission) {
    let content = &submission.content;
    assert!(!submission.envelope.recipients().is_empty());
    assert!(content.len() <= 2_000);
    let is_bare = |at: usize| match content[at] {
        b'\r' => content.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || content[at - 1] != b'\r',
        _ => false,
    };
    assert!(!(0..content.len()).any(is_bare), "{}", content.escape_ascii());
}

fn envelope() -> Envelope {
    let recipient = |text| Recipient::new(ForwardPath::parse(text, true).expect("an address"));
    let recipients =
        vec![recipient("<a@example.org>"), recipient("<b@example.org>"), recipient("<a@example.org>")];
    Envelope::new(ReversePath::Null, MailParams::default(), recipients).expect("an envelope")
}

/// A next hop that says this, in two reads, whatever it is asked.
fn dialogue(protocol: Protocol, bytes: &[u8], cut: usize) {
    let envelope = envelope();
    let positions: Vec<_> = envelope.positions().collect();
    let mut dialogue = Dialogue::new(protocol, "mx.test");
    let (mut answers, mut dots) = (vec![0; positions.len()], 0);
    for read in [&bytes[..cut], &bytes[cut..]] {
        dialogue.receive(read);
        while let Some(event) = dialogue.event() {
            match event {
                Event::Ready | Event::Done if dialogue.is_ready() => {
                    answers.fill(0);
                    dialogue.begin(&envelope, &positions, 100, false).expect("it is ready");
                }
                Event::Content { accepted } => {
                    assert!(
                        !accepted.is_empty() && accepted.is_sorted() && accepted.iter().all(|at| *at < 3)
                    );
                    dots += usize::from(dialogue.final_dot().is_ok());
                }
                Event::Answer { index, .. } => {
                    answers[index] += 1;
                    assert_eq!(answers[index], 1, "one answer for each");
                }
                Event::Ready | Event::Done | Event::Refused { .. } | Event::Violation { .. } => {}
            }
        }
        while let Some(output) = dialogue.output() {
            assert!(output.ends_with(b"\r\n"));
            dots -= usize::from(output == dot::FINAL_DOT);
        }
    }
    assert_eq!(dots, 0, "a dot where none was asked for");
}

/// The replies are the same in every split into two reads.
fn replies(bytes: &[u8], cut: usize) {
    let read = |reads: &[&[u8]]| {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for mut read in reads.iter().copied() {
            while let Some(reply) = parser.take(&mut read) {
                let is_end = reply.is_err();
                replies.push(reply);
                if is_end {
                    return replies;
                }
            }
        }
        replies
    };
    let whole = read(&[bytes]);
    assert_eq!(whole, read(&[&bytes[..cut], &bytes[cut..]]));
    for reply in whole.iter().flatten() {
        assert!((200..600).contains(&reply.code()));
        drop((reply.enhanced(), reply.queue_id().map(str::len), reply.to_string()));
    }
}

/// What roles tell each other.
fn messages(bytes: &[u8]) {
    let message = Bytes::copy_from_slice(bytes);
    if let Ok((job, content)) = wire::decode::<Job>(&message) {
        let again = wire::encode(&job, &content).expect("it can be written");
        assert_eq!(wire::decode::<Job>(&again).expect("it is ours"), (job, content));
    }
    if let Ok((judged, _)) = wire::decode::<Judged>(&message) {
        drop(judged.verdict.groups_of(&judged.job.envelope));
    }
    if let Ok((notice, _)) = wire::decode::<Notice>(&message) {
        assert!(notice.replies.iter().all(|(_, reply)| !reply.text().contains(['\r', '\n'])));
    }
}

/// Parameters, addresses, xtext, and content with its dots.
fn words(bytes: &[u8], cut: usize) {
    let mut decoded = BytesMut::new();
    let (taken, is_end) = dot::Decoder::new().decode(bytes, &mut decoded);
    let mut other = BytesMut::new();
    let mut decoder = dot::Decoder::new();
    let (first, is_first) = decoder.decode(&bytes[..cut], &mut other);
    let (second, is_second) = match is_first {
        true => (0, true),
        false => decoder.decode(&bytes[cut..], &mut other),
    };
    if is_end {
        assert_eq!((taken, &decoded), (first + second, &other));
    }
    assert_eq!(is_end, is_second);

    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(value) = xtext_decode(text) {
        assert_eq!(xtext_decode(&xtext_encode(&value)), Some(value));
    }
    if let Ok(path) = ForwardPath::parse(text, true) {
        let again = format!("<{}>", path.as_str());
        assert_eq!(ForwardPath::parse(&again, true), Ok(path));
        assert!(!again.contains(['\r', '\n', '\0']));
    }
    let (mut params, mut origin) = (MailParams::default(), Origin::default());
    for word in text.split(' ') {
        let _results = (params.take(word), origin.take(word));
    }
    let encoded = OriginAttribute::ALL.map(|attribute| origin.encoded(attribute));
    let mut again = Origin::default();
    for word in &encoded {
        again.take(word).expect("it was written by us");
    }
    assert_eq!(origin, again);
}
