//! One server: killed, damaged, with a full disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::link::Link;
use harness::machine::light;
use harness::nats::Nats;
use harness::nats::request::stream_messages;
use harness::tmpfs::Tmpfs;

use super::flow::{Flow, Row};

/// Bytes of a disk that is soon full.
const SMALL_DISK: u64 = 48 * 1024 * 1024;
/// The client is told at its deadline at the latest, and then the disk is freed.
const FULL_STALL: Duration = Duration::from_secs(40);

/// A server behind a link, which stays where it is.
pub(super) async fn linked(nats: &Nats) -> (Link, String) {
    let link = Link::to(nats.address()).await;
    let url = format!("nats://{}", link.endpoint());
    (link, url)
}

#[tokio::test]
async fn f27_killed_and_restarted() {
    let _place = light().await;
    let mut nats = Nats::start().await;
    let (link, url) = linked(&nats).await;
    let mut flow = Flow::start(&url, "").await;
    let broken = flow.now();
    link.go_down();
    nats.kill();
    flow.refused_since(broken).await;
    nats.restart().await;
    link.lead_to(nats.address());
    let times = flow.healed(broken).await;
    let row = Row {
        id: "F27",
        fault: "one server killed -9, restarted once MAIL was refused",
        duplicates_max: 0,
        stall_max: Duration::from_secs(15),
    };
    flow.finish(&row, &times, link.endpoint()).await;
}

/// Every file of messages of these streams.
pub(super) fn message_blocks(store: &Path, streams: &[&str]) -> Vec<PathBuf> {
    let mut blocks = Vec::new();
    for stream in streams {
        let directory = store.join("jetstream/$G/streams").join(stream).join("msgs");
        let files = fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        let files = files.map(|file| file.unwrap().path());
        blocks.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "blk")));
    }
    blocks
}

/// Flips a bit in the middle of each file and cuts its end off.
pub(super) fn damage(blocks: &[PathBuf]) {
    assert!(!blocks.is_empty(), "nothing to be damaged");
    for block in blocks {
        let mut bytes = fs::read(block).unwrap();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x10;
        }
        bytes.truncate(bytes.len().saturating_sub(100));
        fs::write(block, bytes).unwrap();
    }
}

#[tokio::test]
async fn f31_store_damaged() {
    let _place = light().await;
    let mut nats = Nats::start().await;
    let (link, url) = linked(&nats).await;
    let mut flow = Flow::start(&url, "").await;
    let broken = flow.now();
    link.go_down();
    nats.kill();
    damage(&message_blocks(nats.store(), &["MAIL", "VERDICT", "LEDGER"]));
    nats.restart().await;
    link.lead_to(nats.address());
    flow.answered_since(broken).await;
    link.go_down();
    nats.kill();
    fs::remove_dir_all(nats.store()).unwrap();
    nats.restart().await;
    link.lead_to(nats.address());
    let times = flow.healed(broken).await;
    let row = Row {
        id: "F31",
        fault: "one server killed -9 and its files of MAIL, VERDICT and LEDGER damaged; then emptied",
        // A forgotten outcome is a second copy where the answer was lost as well: at each of the two losses one mail of
        // each sender.
        duplicates_max: 2 * 4 * 3,
        stall_max: Duration::from_secs(60),
    };
    flow.finish(&row, &times, link.endpoint()).await;
}

/// A server whose disk is full must be restarted once there is space: from 2.12 on it takes nothing before. Meanwhile
/// one restart on the full disk must not cost it what it has.
#[tokio::test]
async fn f33_disk_full() {
    let _place = light().await;
    let disk = Tmpfs::mount(SMALL_DISK);
    let mut nats = Nats::start_with_store(&disk.path().join("store"), SMALL_DISK / 2).await;
    let (link, url) = linked(&nats).await;
    let mut flow = Flow::start(&url, "").await;
    let remembered = stream_messages(link.endpoint(), "LEDGER").await.unwrap();
    let broken = flow.now();
    disk.fill();
    only_for_now(&flow.refused_since(broken).await);
    link.go_down();
    nats.restart().await;
    let still = stream_messages(nats.address(), "LEDGER").await.unwrap();
    assert!(still >= remembered, "the ledger had {remembered} records, and has {still} after the restart");
    disk.free();
    nats.restart().await;
    link.lead_to(nats.address());
    let times = flow.healed(broken).await;
    let fault = "the disk of one server full; restarted on it, and again when there was space";
    let row = Row { id: "F33", fault, duplicates_max: 0, stall_max: FULL_STALL };
    flow.finish(&row, &times, link.endpoint()).await;
}

/// Nobody is told anything that is final.
fn only_for_now(saw: &BTreeSet<String>) {
    assert!(saw.iter().all(|code| code == "451" || code == "452"), "{saw:?}");
}
