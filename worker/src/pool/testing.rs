//! What tests of pools and of their clients share.

use std::time::Duration;

use tokio::time::Instant;

use proto::{Deadline, Endpoint, Envelope, ForwardPath, Mail, MailParams, Recipient, ReversePath, TxId};

use super::Settings;
use super::settings::Host;

/// Usual settings for these hosts.
pub(crate) fn settings(hosts: &[Endpoint]) -> Settings {
    Settings {
        hosts: hosts.iter().cloned().map(Host::new).collect(),
        connect_timeout: Duration::from_secs(2),
        total_timeout: Duration::from_secs(60),
        connections_max: 12,
        idle_max: Duration::from_secs(20),
        scan_time_max: Duration::from_secs(120),
        breaker_failures: 5,
        breaker_pause: Duration::from_secs(5),
    }
}

/// A mail of the null sender to two recipients.
pub(crate) fn mail(content: &[u8]) -> Mail {
    let recipient = |path| Recipient::new(ForwardPath::parse(path, false).unwrap());
    let recipients = vec![recipient("<a@example.org>"), recipient("<b@example.org>")];
    let envelope = Envelope::new(ReversePath::Null, MailParams::default(), recipients).unwrap();
    Mail::new(TxId::new(uuid::Uuid::from_u128(1)), envelope, content.to_vec().into())
}

/// A minute from now.
pub(crate) fn minute() -> Deadline {
    Deadline::after(Instant::now().into_std(), Duration::from_secs(60))
}
