//! What the next hop took, one entry for each recipient.

use super::content::{Key, MailId, Mails};
use crate::mails::try_added_fields;
use crate::next_hop::Received;

/// One mail taken for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The address in RCPT.
    pub to: String,
    /// Whose content it is, as its own header says.
    pub of: Option<MailId>,
    /// Whether the content is, apart from added header fields, that of the mail which the address names.
    pub is_whole: bool,
    /// Whether the next hop said that it took it, as far as it knows.
    pub is_said: bool,
}

impl Copy {
    /// The copies that a mail at the next hop is: one for each recipient who was answered 2xx, whether or not the
    /// answer reached whom it was for.
    pub fn of(received: &Received, mails: &Mails) -> Vec<Self> {
        let of = received.content.split(|byte| *byte == b'\n').find_map(|line| {
            let id = line.strip_prefix(b"X-Check: ")?;
            MailId::parse(str::from_utf8(id.trim_ascii_end()).ok()?)
        });
        let taken = received.rcpt.iter().enumerate().filter(|(index, _)| {
            // By SMTP one reply is for all of them.
            let reply =
                received.replies.get(*index).or(received.replies.first().filter(|_| !received.is_lmtp));
            reply.is_some_and(|reply| reply.starts_with('2'))
        });
        let copy = |rcpt: &String| {
            let to = rcpt.split_once(':').map_or("", |(_, path)| path).trim().to_owned();
            let is_whole = Key::of_address(&to)
                .is_some_and(|key| try_added_fields(&mails.delivered(key.mail), &received.content).is_ok());
            Self { to, of, is_whole, is_said: !received.is_mute }
        };
        taken.map(|(_, rcpt)| copy(rcpt)).collect()
    }
}
