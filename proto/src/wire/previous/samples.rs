//! Messages of the previous release that use everything the format has.

use uuid::Uuid;

use super::codec::{
    Body, Category, Chunk, ContentAt, Digest, Disposition, Enhanced, Envelope, Finding, Group, HeaderEdit,
    Job, Judged, MailParams, MessageKey, Notice, Notify, Orcpt, Origin, Peer, Position, RcptParams,
    Recipient, Reply, Ret, ReversePath, TxId, Unchecked, Verdict, With,
};

/// The content of [`full_job`].
pub(super) const CONTENT: &[u8] = b"Subject: x\r\n\r\ny\r\n";

fn tx() -> TxId {
    TxId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn bare_recipient(path: &str) -> Recipient {
    Recipient { path: path.to_owned(), params: RcptParams::default() }
}

fn envelope() -> Envelope {
    let notify = Notify { success: true, failure: false, delay: true };
    let orcpt = Orcpt { kind: "rfc822".to_owned(), address: "old@example.org".to_owned() };
    let full = Recipient {
        path: "jörg@example.org".to_owned(),
        params: RcptParams { notify: Some(notify), orcpt: Some(orcpt) },
    };
    let others = ["b@example.org", "c@example.org", "d@example.org", "e@example.org"];
    Envelope {
        sender: ReversePath::Mailbox("a@example.net".to_owned()),
        params: MailParams {
            body: Some(Body::EightBitMime),
            size: Some(70_000),
            smtputf8: true,
            ret: Some(Ret::Hdrs),
            envid: text("QQ314159"),
            auth: text("<>"),
        },
        recipients: std::iter::once(full).chain(others.map(bare_recipient)).collect(),
        origin: Origin {
            name: text("mail.example.net"),
            addr: text("192.0.2.1"),
            port: text("2525"),
            proto: text("ESMTP"),
            helo: text("mx.example.net"),
            ident: text("4F9DA2"),
            source: text("REMOTE"),
        },
        peer: Some(Peer { helo: "mx".to_owned(), address: "127.0.0.1".to_owned(), with: With::Lmtp }),
    }
}

/// Everything that can be said is said.
pub(super) fn full_job() -> Job {
    Job {
        tx: tx(),
        key: MessageKey([0xA5; 16]),
        envelope: envelope(),
        bytes: CONTENT.len() as u64,
        digest: Digest(blake3::hash(CONTENT).into()),
        content: ContentAt::Inline,
        reply_to: "_INBOX.abc.1".to_owned(),
        remaining_ms: 240_000,
        attempt: 3,
    }
}

/// Nothing is said that can be left out.
pub(super) fn bare_job() -> Job {
    let chunk = |sequence, bytes| Chunk { sequence, bytes };
    Job {
        envelope: Envelope {
            sender: ReversePath::Null,
            params: MailParams::default(),
            recipients: vec![bare_recipient("postmaster")],
            origin: Origin::default(),
            peer: None,
        },
        bytes: 1_000_000,
        content: ContentAt::Chunks(vec![chunk(7, 900_000), chunk(9, 100_000)]),
        attempt: 0,
        ..full_job()
    }
}

/// The values that the other two do not have.
pub(super) fn other_job() -> Job {
    let with = |with| Some(Peer { helo: String::new(), address: "unix".to_owned(), with });
    let params = MailParams { body: Some(Body::SevenBit), ret: Some(Ret::Full), ..MailParams::default() };
    Job { envelope: Envelope { params, peer: with(With::Smtp), ..bare_job().envelope }, ..bare_job() }
}

/// Every category and every disposition.
pub(super) fn judged() -> Judged {
    let categories = [
        Category::Clean,
        Category::Oversized,
        Category::BadHeader,
        Category::Spammy,
        Category::Spam,
        Category::Unchecked(Unchecked::Encrypted),
        Category::Unchecked(Unchecked::OverLimit),
        Category::Unchecked(Unchecked::Ambiguous),
        Category::Unchecked(Unchecked::Failed),
        Category::Banned,
        Category::Virus,
    ];
    let finding = |category| Finding { check: "clamd".to_owned(), category, name: "Eicar".to_owned() };
    let bare = |disposition| Group { disposition, reply: None, edits: Vec::new() };
    let edits = vec![
        HeaderEdit::Strip { name: "X-Spam-Flag".to_owned() },
        HeaderEdit::Prepend { name: "X-Virus-Scanned".to_owned(), value: "yes".to_owned() },
    ];
    let refusal = reply(550, Some((7, 1)), "infected");
    Judged {
        job: full_job(),
        job_sequence: 4_000_000_000,
        verdict: Verdict {
            category: Category::Virus,
            findings: categories.into_iter().map(finding).collect(),
            groups: vec![
                bare(Disposition::Pass),
                Group { disposition: Disposition::Tag, reply: None, edits },
                Group { disposition: Disposition::Reject, reply: Some(refusal), edits: Vec::new() },
                bare(Disposition::Discard),
                bare(Disposition::Tempfail),
            ],
            membership: vec![4, 3, 2, 1, 0],
        },
    }
}

/// Replies with and without an enhanced code.
pub(super) fn notice() -> Notice {
    let replies = vec![
        (Position(0), reply(250, Some((0, 0)), "Ok: queued as 4F9DA2")),
        (Position(300), reply(451, None, "")),
    ];
    Notice { tx: tx(), replies, last: true }
}

fn reply(code: u16, enhanced: Option<(u16, u16)>, text: &str) -> Reply {
    let enhanced = enhanced.map(|(subject, detail)| Enhanced { subject, detail });
    Reply { code, enhanced, text: text.to_owned() }
}
