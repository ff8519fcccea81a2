//! The mails of the demonstration, and what is said to become of each.

use bytes::Bytes;
use proto::{Body, Disposition, MailParams};
use worker::policy::Table;

use super::mime::{eight_bit, plain, with_attachment};

/// The recipient that the demonstration's next hop refuses.
pub(super) const REFUSED: &str = "<refused@example.net>";
const ANNA: &str = "<anna@example.net>";

/// What a recipient's reply must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// 2xx, and the next hop has it.
    Delivered,
    /// 5xx, and the next hop does not have it.
    Rejected,
    /// 2xx, and the next hop does not have it: policy threw it away.
    Discarded,
    /// 4xx, and the next hop does not have it.
    Deferred,
}

impl Expected {
    /// What policy does with a mail of such a category.
    fn of(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Pass | Disposition::Tag => Self::Delivered,
            Disposition::Reject => Self::Rejected,
            Disposition::Discard => Self::Discarded,
            Disposition::Tempfail => Self::Deferred,
        }
    }
}

/// One mail.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) sender: &'static str,
    pub(super) params: MailParams,
    pub(super) recipients: Vec<(&'static str, Expected)>,
    pub(super) content: Bytes,
}

fn case(name: &'static str, recipients: &[(&'static str, Expected)], content: Bytes) -> Case {
    Case {
        name,
        sender: "<sender@example.org>",
        params: MailParams { size: Some(content.len() as u64), ..MailParams::default() },
        recipients: recipients.to_vec(),
        content,
    }
}

/// All mails; the one with EICAR only where somebody looks for viruses.
pub(super) fn all(policy: &Table, scans_for_viruses: bool) -> Vec<Case> {
    let anna = [(ANNA, Expected::Delivered)];
    let mut cases = vec![
        case("plain", &anna, plain("A plain mail", "Hello Anna,\r\nthis is all.\r\n")),
        case(
            "attachment",
            &anna,
            with_attachment(
                "With an attachment",
                "minutes.pdf",
                "application/pdf",
                b"%PDF-1.7\nnot much\n%%EOF\n",
            ),
        ),
        five_recipients_case(),
        case(
            "one address twice",
            &[anna[0], anna[0]],
            plain("Twice", "Each RCPT has a reply of its own.\r\n"),
        ),
        case(
            ".exe named .pdf",
            &[(ANNA, Expected::of(policy.banned))],
            with_attachment("Your invoice", "invoice.pdf", "application/pdf", &program()),
        ),
        case("lines of dots", &anna, plain("Dots", ".\r\n..\r\n...\r\n.hidden\r\n\r\n.\r\n")),
        Case {
            sender: "<>",
            ..case("null sender", &anna, plain("A bounce", "Nobody gets an answer to this.\r\n"))
        },
        eight_bit_case(&anna),
        utf8_case(),
        case(
            "20 MB",
            &anna,
            plain(
                "Large",
                &"0123456789 0123456789 0123456789 0123456789 0123456789 012345\r\n".repeat(327_680),
            ),
        ),
    ];
    if scans_for_viruses {
        let expected = Expected::of(policy.virus);
        let content = with_attachment("A test virus", "eicar.txt", "text/plain", eicar().as_bytes());
        cases.push(case("EICAR", &[(ANNA, expected)], content));
    }
    cases
}

fn five_recipients_case() -> Case {
    use Expected::{Delivered, Rejected};
    let recipients = [
        (ANNA, Delivered),
        ("<bela@example.net>", Delivered),
        (REFUSED, Rejected),
        ("<carl@example.net>", Delivered),
        ("<dora@example.net>", Delivered),
    ];
    let content = plain("To five", "One of you is not known at the next hop.\r\n");
    case("five recipients", &recipients, content)
}

fn eight_bit_case(recipients: &[(&'static str, Expected)]) -> Case {
    let mut case = case("8 bit", recipients, eight_bit("Eight bits", "Grüße aus Łódź, 8 Bit breit.\r\n"));
    case.params.body = Some(Body::EightBitMime);
    case
}

fn utf8_case() -> Case {
    let recipients = [("<łucja@example.net>", Expected::Delivered)];
    let mut case = case("UTF-8 addresses", &recipients, eight_bit("Grüße", "Grüße.\r\n"));
    case.sender = "<jörg@example.org>";
    case.params.smtputf8 = true;
    case.params.body = Some(Body::EightBitMime);
    case
}

/// The head of a Windows program, which is what the rule about types looks at: MZ, and PE where it says it is.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    // An x86 machine (0x14c), an executable image.
    bytes[0x84..0x86].copy_from_slice(&[0x4c, 0x01]);
    bytes[0x94..0x98].copy_from_slice(&[0xe0, 0x00, 0x02, 0x01]);
    bytes
}

/// The EICAR test file, which every scanner knows; put together here so that this file is none.
fn eicar() -> String {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}
