//! The walk over a mail: whatever mail-parser alone sees of it, and a reader by the letter of the RFCs, is among what the
//! walk judges, or the mail is beyond a limit.
#![no_main]

mod strict;
mod strict_field;
mod support;

use std::collections::BTreeSet;

use inspect::fuzzing::{Union, Walker, labels};
use libfuzzer_sys::fuzz_target;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use proto::inspection::Limits;

thread_local! {
    /// Within limits that are small enough that nothing takes long, and large enough for small mails.
    static WALKER: Walker = Walker::new(Limits {
        decoded_bytes_max: 1024 * 1024,
        held_bytes_max: 1024 * 1024,
        members_max: 50,
        out_bytes_max: 512 * 1024,
        member_bytes_max: 256 * 1024,
        dictionary_bytes_max: 1024 * 1024,
        ..Limits::default()
    });
}

fuzz_target!(|content: &[u8]| {
    support::quiet_decoders();
    let Some(union) = WALKER.with(|walker| walker.union(content)) else { return };
    strict_reading(content, &union);
    if let Some(message) = MessageParser::default().parse(content) {
        mail_parser_reading(&message, &union);
    }
});

fn strict_reading(content: &[u8], union: &Union) {
    for part in strict::parts(content) {
        part.names.iter().for_each(|name| has_name("the RFCs", name, union));
        part.kind.iter().for_each(|kind| has_kind("the RFCs", kind, union));
        has_labels("the RFCs", &part.body, union);
    }
}

fn mail_parser_reading(message: &Message<'_>, union: &Union) {
    let mut waiting = vec![message];
    while let Some(message) = waiting.pop() {
        for part in &message.parts {
            let attribute = |field: Option<&mail_parser::ContentType<'_>>, key: &str| {
                field.and_then(|field| field.attribute(key)).map(str::to_owned)
            };
            let names =
                [attribute(part.content_disposition(), "filename"), attribute(part.content_type(), "name")];
            names.iter().flatten().for_each(|name| has_name("mail-parser", name, union));
            if let Some(kind) = part.content_type()
                && let Some(subtype) = kind.subtype()
            {
                has_kind("mail-parser", &format!("{}/{subtype}", kind.ctype()), union);
            }
            match &part.body {
                PartType::Binary(body) | PartType::InlineBinary(body) => {
                    has_labels("mail-parser", body, union);
                }
                PartType::Message(nested) => waiting.push(nested),
                // In the charset of ours and not in theirs.
                PartType::Text(_) | PartType::Html(_) | PartType::Multipart(_) => {}
            }
        }
    }
}

/// The extension is what rules ask for; the rest of a name may differ in blanks and in what a charset cannot say.
fn has_name(reader: &str, name: &str, union: &Union) {
    let name = name.trim();
    let Some((_, extension)) = name.rsplit_once('.') else { return };
    let extension = extension.to_ascii_lowercase();
    if !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        assert!(union.extensions.contains(&extension), "{reader}: {name:?} is not in {union:?}");
    }
}

fn has_kind(reader: &str, kind: &str, union: &Union) {
    let is_word = |c: u8| c.is_ascii_alphanumeric() || b"/-.+".contains(&c);
    if kind.bytes().all(is_word) {
        assert!(union.kinds.contains(kind), "{reader}: {kind:?} is not in {union:?}");
    }
}

fn has_labels(reader: &str, body: &[u8], union: &Union) {
    let labels: BTreeSet<&str> = labels(body).into_iter().filter(|label| *label != "empty").collect();
    for label in labels {
        assert!(union.labels.contains(label), "{reader}: {label} of {body:?} is not in {union:?}");
    }
}
