//! Every reply that the session gives on its own account, as it goes on the wire; and how the replies of
//! others are written.

use bytes::BytesMut;
use proto::Reply;

/// Writes one reply. Outside a transaction with SMTPUTF8 it must be ASCII (RFC 6531 section 3.7.4).
pub(super) fn write_reply(out: &mut BytesMut, reply: &Reply, smtputf8: bool) {
    let mut line = reply.to_string();
    if !smtputf8 && !line.is_ascii() {
        line = line.replace(|c: char| !c.is_ascii(), "?");
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) const IDLE: &str = "421 4.4.2 idle for too long, closing\r\n";
pub(super) const DATA_TIMEOUT: &str = "421 4.4.2 content comes too slowly, closing\r\n";
pub(super) const SHUTTING_DOWN: &str = "421 4.3.2 shutting down, closing\r\n";
pub(super) const TOO_MANY_COMMANDS: &str = "421 4.7.0 too many commands without a mail, closing\r\n";
pub(super) const TOO_MANY_ERRORS: &str = "421 4.7.0 too many errors, closing\r\n";
pub(super) const GLUED: &str = "503 5.5.0 sent without waiting for the reply, closing\r\n";
pub(super) const NOT_SMTP: &str = "500 5.5.2 this is LMTP and SMTP, closing\r\n";
/// Instead of a greeting.
pub(crate) const ACCESS_DENIED: &str = "554 5.7.1 access denied\r\n";

pub(super) const LINE_TOO_LONG: &str = "500 5.5.2 line too long\r\n";
pub(super) const BARE_NEWLINE: &str = "500 5.5.2 lines end in CRLF\r\n";
pub(super) const NOT_UTF8: &str = "501 5.5.2 not UTF-8\r\n";
pub(super) const UNKNOWN_COMMAND: &str = "500 5.5.2 unknown command\r\n";
pub(super) const NOT_OFFERED: &str = "502 5.5.1 not offered\r\n";
pub(super) const BAD_ARGUMENT: &str = "501 5.5.4 bad argument\r\n";
pub(super) const BAD_NAME: &str = "501 5.5.4 expected a name\r\n";

pub(super) const RSET: &str = "250 2.0.0 Ok\r\n";
pub(super) const NOOP: &str = "250 2.0.0 Ok\r\n";
pub(super) const VRFY: &str = "252 2.1.5 send it and see\r\n";
pub(super) const HELP: &str = "214 2.0.0 LHLO EHLO HELO XFORWARD MAIL RCPT DATA RSET NOOP VRFY HELP QUIT\r\n";
pub(super) const QUIT: &str = "221 2.0.0 Bye\r\n";
pub(super) const XFORWARD: &str = "250 2.0.0 Ok\r\n";
pub(super) const MAIL: &str = "250 2.1.0 Ok\r\n";
pub(super) const RCPT: &str = "250 2.1.5 Ok\r\n";
pub(super) const DATA: &str = "354 End data with <CR><LF>.<CR><LF>\r\n";

pub(super) const HELLO_FIRST: &str = "503 5.5.1 say LHLO or EHLO first\r\n";
pub(super) const MAIL_FIRST: &str = "503 5.5.1 no MAIL was accepted\r\n";
pub(super) const NESTED_MAIL: &str = "503 5.5.1 nested MAIL, transaction dropped\r\n";
pub(super) const NO_RECIPIENT: &str = "503 5.5.1 no RCPT was accepted\r\n";
pub(super) const IN_TRANSACTION: &str = "503 5.5.1 not within a transaction\r\n";
pub(super) const TOO_BIG: &str = "552 5.3.4 message too big\r\n";
pub(super) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 too many recipients\r\n";
pub(super) const BAD_PARAMETER: &str = "501 5.5.4 bad or repeated parameter\r\n";
pub(super) const UNKNOWN_PARAMETER: &str = "555 5.5.4 unsupported parameter\r\n";
pub(super) const NEEDS_SMTPUTF8: &str = "553 5.6.7 address needs SMTPUTF8\r\n";
pub(super) const BAD_SENDER: &str = "501 5.1.7 bad sender address\r\n";
pub(super) const BAD_RECIPIENT: &str = "501 5.1.3 bad recipient address\r\n";
