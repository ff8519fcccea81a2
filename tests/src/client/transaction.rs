//! Whole transactions for tests whose subject is something else.

use super::{Client, Reply};
use crate::mails::TestMail;

/// The replies of one transaction: to MAIL, to each RCPT, to DATA, and one for each accepted RCPT after the dot.
#[derive(Debug, Default)]
pub struct Replies {
    /// To each RCPT, in order.
    pub rcpt: Vec<Reply>,
    /// After the final dot: one for each accepted RCPT, in order.
    pub dot: Vec<Reply>,
}

impl Replies {
    /// Codes after the dot.
    pub fn codes(&self) -> Vec<u16> {
        self.dot.iter().map(Reply::code).collect()
    }
}

impl Client {
    /// Sends a mail whose MAIL, RCPT and DATA are expected to be taken, and gives the replies after the dot.
    pub async fn submit(&mut self, mail: &TestMail) -> Replies {
        self.command(&mail.mail_command(), "250 *").await;
        let mut replies = Replies::default();
        for command in mail.rcpt_commands() {
            replies.rcpt.push(self.command(&command, "250 *").await);
        }
        self.command("DATA", "354 *").await;
        self.send_raw(&dot_stuffed(&mail.content)).await;
        for _ in 0..mail.rcpt_commands().len() {
            replies.dot.push(self.expect("*").await);
        }
        replies
    }

    /// As [`Client::submit`], with MAIL, all RCPT and DATA in one write.
    pub async fn submit_pipelined(&mut self, mail: &TestMail) -> Replies {
        let commands = [vec![mail.mail_command()], mail.rcpt_commands(), vec!["DATA".into()]].concat();
        self.send_raw(format!("{}\r\n", commands.join("\r\n")).as_bytes()).await;
        self.expect("250 *").await;
        let mut replies = Replies::default();
        for _ in mail.rcpt_commands() {
            replies.rcpt.push(self.expect("250 *").await);
        }
        self.expect("354 *").await;
        self.send_raw(&dot_stuffed(&mail.content)).await;
        for _ in mail.rcpt_commands() {
            replies.dot.push(self.expect("*").await);
        }
        replies
    }

    /// Sends a mail for one recipient and expects the given reply after the dot.
    pub async fn submit_expecting(&mut self, mail: &TestMail, pattern: &str) {
        let replies = self.submit(mail).await;
        for reply in &replies.dot {
            if !crate::pattern::matches(pattern, reply.last()) {
                self.fail(&format!("expected {pattern:?} after the dot, got {:?}", reply.last()));
            }
        }
    }

    /// Starts a transaction and stops before the content: DATA has been answered with 354.
    pub async fn begin(&mut self, mail: &TestMail) {
        self.command(&mail.mail_command(), "250 *").await;
        for command in mail.rcpt_commands() {
            self.command(&command, "250 *").await;
        }
        self.command("DATA", "354 *").await;
    }
}

/// Content as it travels: with stuffed dots and the end of data. Content must end with CRLF or be empty.
pub fn dot_stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + content.len() / 50 + 5);
    let mut rest = content;
    if rest.first() == Some(&b'.') {
        wire.push(b'.');
    }
    while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
        wire.extend_from_slice(&rest[..at + 2]);
        wire.push(b'.');
        rest = &rest[at + 2..];
    }
    wire.extend_from_slice(rest);
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::dot_stuffed;

    #[test]
    fn dots_at_line_starts_are_doubled() {
        assert_eq!(dot_stuffed(b""), b".\r\n");
        assert_eq!(dot_stuffed(b".\r\n..\r\na.\r\n.b\r\n"), b"..\r\n...\r\na.\r\n..b\r\n.\r\n");
    }
}
