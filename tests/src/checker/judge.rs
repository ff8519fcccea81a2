//! The two logs against each other.

use std::collections::BTreeMap;

use super::content::{Key, MailId};
use super::copies::Copy;
use super::history::{Event, What};
use super::report::Report;

/// What is known of one recipient.
#[derive(Default)]
struct Fate {
    /// The final answer.
    code: Option<u16>,
    copies: usize,
    /// One of them was taken by a next hop that did not say so.
    is_unsaid: bool,
}

/// Counts what was promised and not kept. Copies count whatever the client was told; a copy of a recipient who was not
/// answered yet is none too many.
pub fn judge(events: &[Event], copies: &[Copy]) -> Report {
    let mut fates: BTreeMap<Key, Fate> = BTreeMap::new();
    let mut attempts: BTreeMap<MailId, u32> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::Invoke { recipients, .. } => {
                *attempts.entry(event.mail).or_default() += 1;
                for &recipient in recipients {
                    fates.entry(event.mail.to(recipient)).or_default();
                }
            }
            What::Answer { recipient, code, .. } if (200..300).contains(code) || *code >= 500 => {
                fates.entry(event.mail.to(*recipient)).or_default().code = Some(*code);
            }
            What::Answer { .. } | What::Info(_) => {}
        }
    }
    let mut report = Report {
        mails: attempts.len(),
        recipients: fates.len(),
        retries: attempts.values().map(|&count| count as usize - 1).sum(),
        ..Report::default()
    };
    for copy in copies {
        count_copy(copy, &mut fates, &attempts, &mut report);
    }
    for (key, fate) in fates {
        if fate.is_unsaid {
            report.unsaid += fate.copies.saturating_sub(1);
        }
        let list = match (fate.code, fate.copies) {
            (None, _) => &mut report.stuck,
            (Some(200..300), 0) => &mut report.lost,
            (Some(500..), 1..) => &mut report.wrong,
            (Some(_), _) => continue,
        };
        list.push(format!("{key} ({:?}, {} copies)", fate.code, fate.copies));
    }
    report
}

fn count_copy(
    copy: &Copy,
    fates: &mut BTreeMap<Key, Fate>,
    attempts: &BTreeMap<MailId, u32>,
    report: &mut Report,
) {
    let Some(key) = Key::of_address(&copy.to).filter(|key| attempts.contains_key(&key.mail)) else {
        report.unexpected.push(copy.to.clone());
        return;
    };
    let Some(fate) = fates.get_mut(&key) else {
        report.cross.push(format!("{key} is no recipient of its mail"));
        return;
    };
    match copy.of {
        Some(of) if of != key.mail => report.cross.push(format!("{key} got {of}")),
        _ if !copy.is_whole => report.corrupt.push(key.to_string()),
        _ => {}
    }
    fate.copies += 1;
    fate.is_unsaid |= !copy.is_said;
    if fate.copies > 1 {
        report.duplicate.push(key.to_string());
    }
}

#[cfg(test)]
mod tests;
