//! Sends the demonstration's mails over a real LMTP socket, one after the other, and makes a table of what happened.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use comfy_table::{Cell, CellAlignment, Table, presets};
use egress::{Connection, Failure, Protocol, Sent, Timeouts};
use proto::{Endpoint, Envelope, ForwardPath, Recipient, ReversePath};
use tokio::time::{Instant, sleep};

use super::cases::Case;
use super::check::{Fate, judge};
use super::next_hop::NextHop;

/// How long one mail may take.
const MAIL_MAX: Duration = Duration::from_secs(120);
/// How long a filter that has just been started may refuse mails for now, and how often it is asked.
const START_MAX: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Longest reply text in the table.
const REPLY_CHARACTERS_MAX: usize = 64;

/// What became of one mail.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    /// In RCPT order, with codes.
    replies: Vec<String>,
    fates: Vec<Fate>,
    elapsed: Duration,
}

impl Row {
    /// Whether all is as it should be.
    pub(super) fn is_right(&self) -> bool {
        self.fates.iter().all(|fate| fate.wrong.is_none())
    }
}

/// A session with the filter.
///
/// # Errors
/// When there is none to be had.
pub(super) async fn connect(filter: &Endpoint) -> Result<Connection> {
    let until = Instant::now() + MAIL_MAX;
    let timeouts = Timeouts { mail: MAIL_MAX, ..Timeouts::default() };
    let connection =
        Connection::open(filter, Protocol::Lmtp, "demo.mailweir.invalid", &timeouts, until).await;
    connection.with_context(|| format!("connecting to {filter}"))
}

/// Sends every case and judges it.
///
/// # Errors
/// When the filter cannot be reached.
pub(super) async fn send_all(filter: &Endpoint, next_hop: &NextHop, cases: &[Case]) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(cases.len());
    let mut connection = connect(filter).await?;
    for case in cases {
        let before = next_hop.count();
        let begun = Instant::now();
        let envelope = envelope(case).with_context(|| format!("making the envelope of {}", case.name))?;
        let sent = send(&mut connection, &envelope, &case.content).await;
        let elapsed = begun.elapsed();
        let (codes, replies): (Vec<u16>, Vec<String>) = match sent {
            Ok(sent) => sent.replies.iter().map(|reply| (reply.code(), reply.to_string())).unzip(),
            Err(Failure::Refused { reply, .. }) => {
                connection.settle(begun + MAIL_MAX).await;
                vec![(reply.code(), reply.to_string()); case.recipients.len()].into_iter().unzip()
            }
            Err(failure) => (Vec::new(), vec![failure.to_string(); case.recipients.len()]),
        };
        let fates = judge(case, &codes, &next_hop.received(before));
        rows.push(Row { name: case.name, replies, fates, elapsed });
        if !connection.is_ready() {
            connection = connect(filter).await?;
        }
    }
    connection.quit().await;
    Ok(rows)
}

/// Sends a mail. One that is refused for now before its content travels is sent again, as mail servers do: the roles
/// are still meeting at the queue.
async fn send(connection: &mut Connection, envelope: &Envelope, content: &Bytes) -> Result<Sent, Failure> {
    let begun = Instant::now();
    loop {
        let sent = connection.send(envelope, content, begun + MAIL_MAX).await;
        match sent {
            Err(Failure::Refused { ref reply, .. })
                if reply.code() / 100 == 4 && begun.elapsed() < START_MAX =>
            {
                connection.settle(begun + MAIL_MAX).await;
                sleep(ASK_AGAIN).await;
            }
            Ok(_) | Err(_) => return sent,
        }
    }
}

fn envelope(case: &Case) -> Result<Envelope> {
    let smtputf8 = case.params.smtputf8;
    let recipients =
        case.recipients.iter().map(|(path, _)| ForwardPath::parse(path, smtputf8).map(Recipient::new));
    let recipients = recipients.collect::<Result<_, _>>()?;
    let sender = ReversePath::parse(case.sender, smtputf8)?;
    Ok(Envelope::new(sender, case.params.clone(), recipients)?)
}

/// For people: one line per recipient.
pub(super) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["mail", "recipient", "reply", "next hop got", "ms", ""]);
    for row in rows {
        for (index, fate) in row.fates.iter().enumerate() {
            let is_first = index == 0;
            let reply = row.replies.get(index).map_or("none", String::as_str);
            let milliseconds = if is_first { row.elapsed.as_millis().to_string() } else { String::new() };
            table.add_row([
                Cell::new(if is_first { row.name } else { "" }),
                Cell::new(&fate.recipient),
                Cell::new(shortened(reply)),
                Cell::new(&fate.got),
                Cell::new(milliseconds).set_alignment(CellAlignment::Right),
                Cell::new(
                    fate.wrong.as_deref().map_or_else(|| "ok".to_owned(), |why| format!("WRONG: {why}")),
                ),
            ]);
        }
    }
    table
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REPLY_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}
