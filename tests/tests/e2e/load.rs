//! Many mails at once from a load generator that is not ours: all accepted, all at the next hop, none twice.

use std::time::Duration;

use harness::clamd::Clamd;
use harness::next_hop::NextHop;
use harness::smtp_source;
use harness::system::{Mode, System};

in_both_modes! {
    heavy;
    all_of_five_thousand_arrive,
}

const SESSIONS: usize = 50;
const MAILS: usize = 5_000;

async fn all_of_five_thousand_arrive(mode: Mode) {
    let (hop, clamd) = (NextHop::smtp().await, Clamd::start().await);
    let system = System::build(mode, &hop.target()).clamd(&clamd.unix()).start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut source = smtp_source::start(&system.lmtp, SESSIONS, MAILS, directory.path());
    let status = source.ended_within(Duration::from_secs(180)).await;
    assert!(status.success(), "{}", source.log_tail());
    let mails = hop.mails(MAILS).await;
    assert_eq!(mails.len(), MAILS);
    assert!(mails.iter().all(|mail| mail.taken() && mail.rcpt.len() == 1));
}
