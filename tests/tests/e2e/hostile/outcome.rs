//! Sends the table through a system and compares what became of each mail with what had to.

use harness::clamd::Clamd;
use harness::client::Client;
use harness::mails::{TestMail, try_added_fields};
use harness::next_hop::{NextHop, Received};
use harness::system::{Mode, System};
use tokio::task::JoinSet;

use super::{Expected, Row};

/// No rules about names and types, so that nothing is refused for its wrapping; and clamd gets what it can take.
const RULES_OFF: &str = "[attachments]\nextensions = []\ndouble_extensions = []\nmime_types = []\ntypes = []\n\
                         [clamd]\nstream_bytes_max = \"32 MiB\"\n";
const WHOLE: &str = "feed = \"whole\"\n";
const PARTS: &str = "feed = \"parts\"\n[policy]\nvirus = \"tag\"\nunchecked_failed = \"tag\"\n";

/// Clients at the same time.
const CLIENTS: usize = 4;

/// What became of the mails, in the order of the table.
pub(super) struct Run {
    replies: Vec<String>,
    delivered: Vec<Received>,
}

impl Run {
    /// Through one process whose clamd gets the whole and what is hidden in it, by the default policy.
    pub(super) async fn of_whole(clamd: &Clamd, rows: &[Row]) -> Self {
        Self::through(clamd, &format!("{RULES_OFF}{WHOLE}"), rows).await
    }

    /// Through one process whose clamd gets the parts, and that marks and delivers all.
    pub(super) async fn of_parts(clamd: &Clamd, rows: &[Row]) -> Self {
        Self::through(clamd, &format!("{RULES_OFF}{PARTS}"), rows).await
    }

    async fn through(clamd: &Clamd, configuration: &str, rows: &[Row]) -> Self {
        let hop = NextHop::smtp().await;
        let system = System::build(Mode::Standalone, &hop.target()).clamd(&clamd.tcp());
        let system = system.configuration(configuration).start().await;
        let mut clients = JoinSet::new();
        for first in 0..CLIENTS {
            let share: Vec<_> = rows.iter().enumerate().skip(first).step_by(CLIENTS).collect();
            let share: Vec<_> = share.into_iter().map(|(at, row)| (at, row.content.clone())).collect();
            let lmtp = system.lmtp.clone();
            clients.spawn(async move {
                let mut client = Client::lmtp(&lmtp).await;
                let mut replies = Vec::new();
                for (at, content) in share {
                    let sent = client.submit(&TestMail::new().content(content)).await;
                    replies.push((at, sent.dot[0].last().to_owned()));
                }
                replies
            });
        }
        let mut replies = clients.join_all().await.concat();
        replies.sort();
        let replies = replies.into_iter().map(|(_, reply)| reply).collect();
        Self { replies, delivered: hop.seen().mails }
    }

    /// The mail that the next hop got of this row.
    fn delivered(&self, row: &Row) -> Option<&[u8]> {
        let token = row.token.as_bytes();
        let has_token = |mail: &&Received| memchr::memmem::find(&mail.content, token).is_some();
        self.delivered.iter().find(has_token).map(|mail| mail.content.as_slice())
    }

    /// The marks of the mail if it was delivered, else the reply.
    fn told(&self, at: usize, row: &Row) -> String {
        let Some(content) = self.delivered(row) else { return self.replies[at].clone() };
        let head = content.split(|&byte| byte == b'\n').take(20);
        let marks: Vec<_> = head.filter(|line| line.starts_with(b"X-Amavis-Alert: ")).collect();
        if marks.is_empty() {
            "delivered as clean".into()
        } else {
            String::from_utf8_lossy(&marks.join(&b' ')).into()
        }
    }
}

/// That each became what had to become of it, and that what was found is marked or was not delivered.
pub(super) fn assert_each(rows: &[Row], run: &Run) {
    let failed: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row, run.told(at, row)))
        .filter(|(row, told)| !is_as_expected(row.expected, told))
        .map(|(row, told)| format!("{}: {}", row.name, told.trim_end()))
        .collect();
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

fn is_as_expected(expected: Expected, told: &str) -> bool {
    let is_infected = told.contains("INFECTED");
    match expected {
        Expected::Infected => is_infected,
        Expected::Unchecked(category) => is_infected || told.contains(&format!("UNCHECKED, {category}")),
    }
}

/// That each was delivered, and is byte for byte what was sent apart from what was put in front of it.
pub(super) fn assert_identical(rows: &[Row], run: &Run) {
    let failed: Vec<String> = rows
        .iter()
        .zip(&run.replies)
        .filter_map(|(row, reply)| {
            let Some(content) = run.delivered(row) else {
                return Some(format!("{}: not delivered: {reply}", row.name));
            };
            try_added_fields(&row.content, content).err().map(|why| format!("{}: {why}", row.name))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), rows.len(), failed.join("\n"));
}
