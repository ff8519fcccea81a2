//! Whether what happened to a mail is what was said to happen.

use bytes::Bytes;
use proto::Envelope;

use super::cases::{Case, Expected};
use super::next_hop::Received;

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) recipient: String,
    /// What the next hop has, in words.
    pub(super) got: String,
    /// Why it is not as it should be.
    pub(super) wrong: Option<String>,
}

/// Judges every recipient of `case`; `replies` are in RCPT order, `received` is what the next hop got meanwhile.
pub(super) fn judge(case: &Case, replies: &[u16], received: &[Received]) -> Vec<Fate> {
    let fate = |(index, &(recipient, expected)): (usize, &(&str, Expected))| {
        let address = recipient.trim_matches(['<', '>']);
        let copies: Vec<_> = received.iter().filter(|mail| count(&mail.envelope, address) > 0).collect();
        let times: usize = copies.iter().map(|mail| count(&mail.envelope, address)).sum();
        let same_address = case.recipients.iter().filter(|(other, _)| *other == recipient);
        let wanted = same_address.filter(|(_, expected)| *expected == Expected::Delivered).count();
        let intact = copies.iter().all(|mail| mail.content.ends_with(&case.content));
        Fate {
            recipient: address.to_owned(),
            got: in_words(&copies, &case.content, intact),
            wrong: wrong(replies.get(index).copied(), expected, times, wanted, intact),
        }
    };
    case.recipients.iter().enumerate().map(fate).collect()
}

fn wrong(code: Option<u16>, expected: Expected, times: usize, wanted: usize, intact: bool) -> Option<String> {
    let class = match expected {
        Expected::Delivered | Expected::Discarded => 2,
        Expected::Deferred => 4,
        Expected::Rejected => 5,
    };
    match code {
        None => return Some("no reply".into()),
        Some(code) if code / 100 != class => return Some(format!("{class}xx was expected")),
        Some(_) => {}
    }
    if times != wanted {
        return Some(format!("{wanted} copies were expected, {times} came"));
    }
    (!intact).then(|| "content was changed".into())
}

fn count(envelope: &Envelope, address: &str) -> usize {
    envelope.recipients().iter().filter(|to| to.path.as_str() == address).count()
}

fn in_words(copies: &[&Received], sent: &Bytes, intact: bool) -> String {
    let Some(copy) = copies.first() else {
        return "nothing".into();
    };
    if !intact {
        return format!("{} bytes, not those that were sent", copy.content.len());
    }
    let added = copy.content.get(..copy.content.len() - sent.len()).unwrap_or_default();
    let is_field = |line: &&[u8]| line.first().is_some_and(|byte| !matches!(byte, b' ' | b'\t'));
    let fields = added.split(|byte| *byte == b'\n').filter(is_field).count();
    format!("{} bytes as sent, new fields on top: {fields}", sent.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proto::{ForwardPath, MailParams, Recipient, ReversePath};

    fn case(recipients: &[(&'static str, Expected)]) -> Case {
        Case {
            name: "x",
            sender: "<>",
            params: MailParams::default(),
            recipients: recipients.to_vec(),
            content: Bytes::from_static(b"A: 1\r\n\r\nb\r\n"),
        }
    }

    fn received(addresses: &[&str], content: &'static [u8]) -> Received {
        let recipient = |address: &&str| Recipient::new(ForwardPath::parse(address, false).unwrap());
        let recipients = addresses.iter().map(recipient).collect();
        Received {
            envelope: Envelope::new(ReversePath::Null, MailParams::default(), recipients).unwrap(),
            content: Bytes::from_static(content),
        }
    }

    fn wrongs(case: &Case, replies: &[u16], received: &[Received]) -> Vec<Option<String>> {
        judge(case, replies, received).into_iter().map(|fate| fate.wrong).collect()
    }

    const SENT: &[u8] = b"X: y\r\n z\r\nA: 1\r\n\r\nb\r\n";

    #[test]
    fn what_was_said_to_happen_is_right() {
        let both = case(&[("<a@b>", Expected::Delivered), ("<c@b>", Expected::Rejected)]);
        let fates = judge(&both, &[250, 550], &[received(&["<a@b>"], SENT)]);
        assert_eq!(fates.iter().filter(|fate| fate.wrong.is_some()).count(), 0, "{fates:?}");
        assert_eq!(fates[0].got, "11 bytes as sent, new fields on top: 1");
        assert_eq!(fates[1].got, "nothing");
        let twice = case(&[("<a@b>", Expected::Delivered), ("<a@b>", Expected::Delivered)]);
        assert_eq!(wrongs(&twice, &[250, 250], &[received(&["<a@b>", "<a@b>"], SENT)]), [None, None]);
        assert_eq!(wrongs(&case(&[("<a@b>", Expected::Discarded)]), &[250], &[]), [None]);
        assert_eq!(wrongs(&case(&[("<a@b>", Expected::Deferred)]), &[451], &[]), [None]);
    }

    #[test]
    fn everything_else_is_wrong() {
        let one = case(&[("<a@b>", Expected::Delivered)]);
        let good = || received(&["<a@b>"], SENT);
        for (replies, received) in [
            (&[][..], vec![good()]),
            (&[451][..], vec![good()]),
            (&[250][..], vec![]),
            (&[250][..], vec![good(), good()]),
            (&[250][..], vec![received(&["<a@b>"], b"A: 1\r\n\r\nc\r\n")]),
        ] {
            assert!(wrongs(&one, replies, &received)[0].is_some(), "{replies:?} {received:?}");
        }
        let rejected = case(&[("<a@b>", Expected::Rejected)]);
        assert!(wrongs(&rejected, &[554], &[good()])[0].is_some());
    }
}
