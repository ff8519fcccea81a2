//! A server that is killed right after it had taken the outcomes, and clients that did not hear them.
//!
//! Its `sync_interval` is the default (2 min; 1 min before 2.10), so nothing of the last second is on the disk when the
//! process is killed. The page cache outlives it: whoever comes again is answered from the record. A cut of the power,
//! which the page cache does not outlive, cannot be had here. The message ids of jobs that were removed are forgotten, so
//! that a young mail may be scanned again; what its client is told is in the ledger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Client, Reachability, Settings};
use proto::{Mail, MessageKey, Outcomes, Reply};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::join::again;
use crate::server::{PATIENCE, Server};
use crate::world::{
    Process, ask, clean_streams, codes, mail_of, relay_fenced, scan_clean, settings, with_ledger,
};

const MAILS: u32 = 50;

/// What came of mails whose clients ask a second time.
struct Retried {
    /// What the first asking and the second were told, mail by mail.
    told: Vec<[Outcomes; 2]>,
    /// Copies that the next hop has of each.
    copies: Vec<usize>,
}

async fn ask_all(client: &Client, mails: &[Mail]) -> Vec<Outcomes> {
    let mut asked = JoinSet::new();
    for (index, mail) in mails.iter().enumerate() {
        let (client, mail) = (client.clone(), mail.clone());
        asked.spawn(async move { (index, ask(&client, mail).await) });
    }
    let mut told = asked.join_all().await;
    told.sort_by_key(|(index, _)| *index);
    told.into_iter().map(|(_, told)| told).collect()
}

/// Delivers mails, kills the server as soon as the outcome of each is recorded, and sends all of them again.
async fn sent_again_after_a_kill(settings: impl FnOnce(&Server) -> Settings) -> Retried {
    let mut server = Server::start().await;
    // A job whose removal was forgotten is nobody's but the janitor's.
    let (janitor_interval, janitor_age) = (Duration::from_millis(200), Duration::from_secs(3));
    let process = Process::reachable(Settings { janitor_interval, janitor_age, ..settings(&server) }).await;
    let client = Client::new(&process.bus);
    let _worker = process.scan(scan_clean);
    let copies: Arc<Mutex<HashMap<MessageKey, usize>>> = Arc::default();
    let recorded = Arc::new(Semaphore::new(0));
    let (taken, noted) = (copies.clone(), recorded.clone());
    let _egress = process.relay(move |job| {
        let (taken, noted, key) = (taken.clone(), noted.clone(), job.mail.key);
        async move {
            let dot = async || {
                let mut taken = taken.lock().unwrap();
                let copy = taken.entry(key).or_default();
                *copy += 1;
                Reply::enhanced(250, 0, 0, format!("Ok: queued as copy {copy}"))
            };
            let outcomes = relay_fenced(job, dot).await;
            noted.add_permits(1);
            outcomes
        }
    });
    let mails: Vec<Mail> = (0..MAILS).map(|number| mail_of(&format!("4F{number}"), &["a"])).collect();
    let first = ask_all(&client, &mails).await;
    timeout(PATIENCE, recorded.acquire_many(MAILS)).await.expect("not recorded").unwrap().forget();
    // 2.9.10 forgets the acks of the last seconds as well, so that verdicts are given out again.
    server.kill().await;
    process.until(|state| matches!(state, Reachability::Unreachable { .. })).await;
    server.run().await;
    process.until(Reachability::is_reachable).await;
    let retries: Vec<Mail> = mails.iter().map(again).collect();
    let second = ask_all(&client, &retries).await;
    clean_streams(&server).await;
    let copies = copies.lock().unwrap();
    Retried {
        told: first.into_iter().zip(second).map(Into::into).collect(),
        copies: mails.iter().map(|mail| copies.get(&mail.key).copied().unwrap_or(0)).collect(),
    }
}

#[tokio::test]
async fn who_comes_again_after_the_server_was_killed_is_answered_from_the_record() {
    let retried = sent_again_after_a_kill(with_ledger).await;
    assert!(retried.copies.iter().all(|copies| *copies == 1), "{:?}", retried.copies);
    for [first, second] in &retried.told {
        assert_eq!((codes(first), second), (vec![250], first));
    }
}

#[tokio::test]
async fn without_a_ledger_all_of_it_is_delivered_a_second_time() {
    let retried = sent_again_after_a_kill(settings).await;
    assert!(retried.copies.iter().all(|copies| *copies > 1), "{:?}", retried.copies);
    assert!(retried.told.iter().all(|[first, second]| codes(first) == [250] && first != second));
}
