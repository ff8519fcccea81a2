//! Three servers, of which one is killed, paused, cut off or damaged.

use std::time::Duration;

use harness::checker::{MailId, Mta};
use harness::machine::heavy;
use harness::nats::{Cluster, NODES};
use harness::node::run;
use harness::wait::{eventually, within};
use rustix::process::Signal;

use super::flow::{Flow, Row, Times};
use super::single::{damage, message_blocks};

/// As the operator's guide says: the streams are made once, not by whichever role comes first.
const THREE: &str = "replicas = 3\ncreate_streams = false\n";
/// So many mails pass without the server before it comes back.
const MAILS_WITHOUT: usize = 200;

async fn start() -> (Cluster, Flow, usize) {
    let cluster = Cluster::start().await;
    let mut apply = vec!["topology".to_owned(), "apply".to_owned(), "--config".to_owned()];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mailweir.toml");
    std::fs::write(&file, Flow::configuration(THREE)).unwrap();
    apply.push(file.display().to_string());
    (0..NODES).for_each(|node| apply.extend(["--nats".to_owned(), cluster.url(node)]));
    let apply: Vec<&str> = apply.iter().map(String::as_str).collect();
    let (succeeded, output, errors) = run(&apply).await;
    assert!(succeeded, "{output}{errors}");
    let flow = Flow::start(&cluster.urls(), THREE).await;
    let leader = cluster.leader(0, "MAIL").await;
    (cluster, flow, leader)
}

/// One that does not lead the stream of jobs, and so may be asked while the leader is away.
fn other(node: usize) -> usize {
    (node + 1) % NODES
}

fn row(fault: &'static str) -> Row {
    Row { id: "F28", fault, duplicates_max: 0, stall_max: Duration::from_secs(15) }
}

#[tokio::test]
async fn f28_leader_killed() {
    let _machine = heavy().await;
    let (mut cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.kill(leader);
    let normal = flow.normal_since(broken).await;
    cluster.restart(leader);
    cluster.until_whole(other(leader), "MAIL").await;
    let times = Times { broken, healed: normal };
    flow.finish(&row("of three servers, the leader killed -9"), &times, &cluster.address(other(leader)))
        .await;
}

#[tokio::test]
async fn f28_leader_paused() {
    let _machine = heavy().await;
    let (cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.process(leader).signal(Signal::STOP);
    let normal = flow.normal_since(broken).await;
    flow.mails(MAILS_WITHOUT).await;
    cluster.process(leader).signal(Signal::CONT);
    cluster.until_whole(other(leader), "MAIL").await;
    let times = Times { broken, healed: normal };
    flow.finish(&row("of three servers, the leader paused"), &times, &cluster.address(other(leader))).await;
}

#[tokio::test]
async fn f28_leader_cut_off() {
    let _machine = heavy().await;
    let (cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.cut_off(leader);
    let normal = flow.normal_since(broken).await;
    flow.mails(MAILS_WITHOUT).await;
    cluster.join_again(leader);
    cluster.until_whole(other(leader), "MAIL").await;
    let times = Times { broken, healed: normal };
    let fault = "of three servers, the leader cut off from the others, not from its clients";
    // Who is connected to it waits for an election first, and then goes to another.
    let row = Row { stall_max: Duration::from_secs(30), ..row(fault) };
    flow.finish(&row, &times, &cluster.address(other(leader))).await;
}

#[tokio::test]
async fn f29_ingress_on_the_minority_side() {
    let _machine = heavy().await;
    let (cluster, mut flow, leader) = start().await;
    // It does not know the two others, and leads nothing that it could go on with alone.
    let mut alone = flow.system.ingress_of(&cluster.url(leader)).await;
    alone.until_ready().await;
    let mta = Mta { endpoints: vec![alone.endpoint("lmtp")], ..flow.mta.clone() };
    let mut sender = mta.sender(100);
    assert!(within("the lonely ingress takes a mail", sender.deliver(0)).await);
    let broken = flow.now();
    cluster.cut_off(leader);
    let id = MailId { client: 100, number: 1 };
    let delivery = tokio::spawn(async move { sender.deliver(id.number).await });
    eventually("the lonely ingress refuses", async || (mta.history.saw(id, 1) == "451").then_some(())).await;
    flow.normal_since(broken).await;
    flow.mails(MAILS_WITHOUT).await;
    for attempt in 1.. {
        let saw = flow.mta.history.saw(id, attempt);
        assert!(["451", ""].contains(&saw.as_str()), "the minority said {saw}");
        if saw.is_empty() {
            break;
        }
    }
    cluster.join_again(leader);
    let times = Times { broken, healed: flow.now() };
    assert!(within("the mail gets through in the end", delivery).await.unwrap());
    let row = Row { id: "F29", ..row("the only server that one ingress knows cut off from the two others") };
    flow.finish(&row, &times, &cluster.address(other(leader))).await;
}

#[tokio::test]
async fn f31_one_store_of_three_damaged() {
    let _machine = heavy().await;
    let (mut cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.kill(leader);
    damage(&message_blocks(&cluster.store(leader), &["MAIL", "VERDICT", "LEDGER"]));
    cluster.restart(leader);
    let times = Times { broken, healed: flow.normal_since(broken).await };
    cluster.until_whole(other(leader), "MAIL").await;
    flow.mails(MAILS_WITHOUT).await;
    let row = Row { id: "F31", ..row("of three servers, the leader's files damaged while it was down") };
    flow.finish(&row, &times, &cluster.address(other(leader))).await;
}
