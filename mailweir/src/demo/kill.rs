//! kill -9 for a worker while it holds mails: what becomes of them, and how long it takes.
//!
//! The victim's clamd stops answering, so the mails that it takes stay with it; the other worker's answers. When the
//! victim holds some it is killed. Nobody does anything then: the queue gives its mails to the other one.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use proto::{Endpoint, Envelope, ForwardPath, MailParams, Recipient, ReversePath};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::output;

use super::client::connect;
use super::distributed::Installation;
use super::mime::plain;
use super::next_hop::NextHop;

/// Mails sent at the same time, each over a session of its own.
const MAILS: usize = 40;
/// The victim is killed when it holds so many.
const HELD_MIN: usize = 3;
/// How long it may take until it does.
const HOLD_WAIT: Duration = Duration::from_secs(30);
/// How long one mail may take.
const MAIL_MAX: Duration = Duration::from_secs(120);

/// Kills the victim in the middle of its work; true when every mail arrived once.
pub(super) async fn demonstrate(mut installation: Installation, next_hop: &NextHop) -> Result<bool> {
    installation.victim_clamd.hold();
    let before = next_hop.count();
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for number in 0..MAILS {
        sending.spawn(send(installation.filter.clone(), number));
    }
    let held = timeout(HOLD_WAIT, installation.victim_clamd.holding(HELD_MIN)).await;
    let held = held.context("the worker to be killed got no mails")?;
    let id = installation.victim.id().unwrap_or_default();
    let killed = Instant::now();
    installation.victim.kill().await?;
    let at = milliseconds(killed - begun);
    output::result(format_args!(
        "\nkill -9 for worker {id} after {at} ms, while it held {held} of {MAILS} mails"
    ));
    let (mut accepted, mut last) = (0, killed);
    while let Some(answered) = sending.join_next().await {
        match answered.context("sending a mail")? {
            Ok(250) => accepted += 1,
            Ok(code) => output::result(format_args!("a mail was answered {code}")),
            Err(error) => output::result(format_args!("a mail was not answered: {error:#}")),
        }
        last = last.max(Instant::now());
    }
    let copies = copies(next_hop, before);
    let lost = copies.iter().filter(|copies| **copies == 0).count();
    let twice = copies.iter().filter(|copies| **copies > 1).count();
    let took = milliseconds(last - killed);
    output::result(format_args!(
        "{accepted} of {MAILS} accepted, the last one {took} ms after the kill; at the next hop {lost} lost, {twice} twice"
    ));
    Ok(accepted == MAILS && lost == 0 && twice == 0)
}

async fn send(filter: Endpoint, number: usize) -> Result<u16> {
    let recipient = ForwardPath::parse("<anna@example.net>", false)?;
    let sender = ReversePath::parse("<sender@example.org>", false)?;
    let envelope = Envelope::new(sender, MailParams::default(), vec![Recipient::new(recipient)])?;
    let mut connection = connect(&filter).await?;
    let sent = connection.send(&envelope, &content(number), Instant::now() + MAIL_MAX).await?;
    connection.quit().await;
    Ok(sent.replies.first().context("no reply")?.code())
}

/// No two have the same text: a worker has what is the same scanned once.
fn content(number: usize) -> Bytes {
    plain(&format!("Held mail {number:04}"), &format!("Number {number:04} of many.\r\n"))
}

/// How often each mail arrived.
fn copies(next_hop: &NextHop, before: usize) -> Vec<usize> {
    let received = next_hop.received(before);
    let of = |number| {
        let content = content(number);
        received.iter().filter(|mail| mail.content.ends_with(&content)).count()
    };
    (0..MAILS).map(of).collect()
}

fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}
