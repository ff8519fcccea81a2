//! Three servers, of which one is killed, paused, cut off or damaged.

use std::time::Duration;

use harness::checker::{MailId, Mta, Patience};
use harness::machine::half;
use harness::nats::{Cluster, NODES};
use harness::node::run;
use harness::wait::{eventually, within};
use rustix::process::Signal;
use tokio::task::JoinSet;

use super::flow::{Flow, Row};
use super::single::{damage, message_blocks};

/// As the operator's guide says: the streams are made once, not by whichever role comes first.
const THREE: &str = "replicas = 3\ncreate_streams = false\n";
/// How long the leader stands still, as the fault matrix says.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest that nothing may get through once there is another leader: on a busy machine, the end of the election.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// The client of an ingress that knows one server only.
const ALONE: u32 = 100;

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

/// Every stream has all its replicas again, with everything in them.
async fn whole(cluster: &Cluster, ask: usize) {
    for stream in ["MAIL", "BODY", "VERDICT", "LEDGER"] {
        cluster.until_whole(ask, stream).await;
    }
}

fn row(fault: &'static str) -> Row {
    // An election takes 4 to 9 s, and a busy machine may need a second one.
    Row { id: "F28", fault, duplicates_max: 0, stall_max: Duration::from_secs(45) }
}

#[tokio::test]
async fn f28_leader_killed() {
    let _place = half().await;
    let (mut cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.kill(leader);
    let times = flow.overcome(broken).await;
    cluster.restart(leader);
    whole(&cluster, other(leader)).await;
    flow.finish(&row("of three servers, the leader killed -9"), &times, &cluster.address(other(leader)))
        .await;
}

#[tokio::test]
async fn f28_leader_paused_for_a_minute() {
    let place = half().await;
    let (cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.process(leader).signal(Signal::STOP);
    let times = flow.overcome(broken).await;
    // The rest of the minute is waiting: the place is others' meanwhile.
    drop(place);
    let quiet = flow.leisurely_until(broken + PAUSE).await;
    assert!(quiet <= QUIET_MAX, "without the paused leader nothing got through for {quiet:?}");
    let _place = half().await;
    // What it held when it was stopped it does now, and takes itself for the leader for a moment.
    cluster.process(leader).signal(Signal::CONT);
    whole(&cluster, other(leader)).await;
    flow.finish(
        &row("of three servers, the leader paused for 60 s"),
        &times,
        &cluster.address(other(leader)),
    )
    .await;
}

/// F28 and F29 together: those who know all servers go on with the majority; an ingress that knows only the one which is
/// cut off takes nothing.
#[tokio::test]
async fn f29_leader_cut_off_with_an_ingress() {
    let _place = half().await;
    let (cluster, mut flow, leader) = start().await;
    let mut alone = flow.system.ingress_of(&cluster.url(leader)).await;
    alone.until_ready().await;
    // It tries for as long as the leader is cut off.
    let patience = Patience { mail: Duration::from_secs(300), ..flow.mta.patience };
    let mta = Mta { endpoints: vec![alone.endpoint("lmtp")], patience, ..flow.mta.clone() };
    let mut sender = mta.sender(ALONE);
    assert!(within("it takes a mail as long as all is well", sender.deliver(0)).await);
    let broken = flow.now();
    cluster.cut_off(leader);
    let id = MailId { client: ALONE, number: 1 };
    let mut delivery = JoinSet::new();
    delivery.spawn(async move { sender.deliver(id.number).await });
    let times = flow.overcome(broken).await;
    eventually("it gives up its first mail", async || (mta.history.saw(id, 1) == "451").then_some(())).await;
    let attempts = || (1..).map(|attempt| mta.history.saw(id, attempt)).take_while(|saw| !saw.is_empty());
    assert!(attempts().all(|saw| saw == "451"), "the minority took a mail");
    cluster.join_again(leader);
    whole(&cluster, other(leader)).await;
    assert!(within("its mail gets through in the end", delivery.join_next()).await.unwrap().unwrap());
    // Who is connected to the cut off one waits for an election first, and then goes to another. Mails that were on their
    // way by it are answered at their deadline, which is 20 s here.
    let fault = "of three servers, the leader cut off from the others, not from its clients";
    let row = Row { id: "F28, F29", stall_max: Duration::from_secs(60), ..row(fault) };
    flow.finish(&row, &times, &cluster.address(other(leader))).await;
}

/// A server over a damaged store may lead a stream or a consumer that it does not have, and then nothing gets through
/// (seen with 2.9.10). The remedy is the operator's: an empty store, which the two others fill.
#[tokio::test]
async fn f31_one_store_of_three_damaged() {
    let _place = half().await;
    let (mut cluster, mut flow, leader) = start().await;
    let broken = flow.now();
    cluster.kill(leader);
    damage(&message_blocks(&cluster.store(leader), &["MAIL", "VERDICT", "LEDGER"]));
    cluster.restart(leader);
    flow.answered_since(broken).await;
    cluster.kill(leader);
    std::fs::remove_dir_all(cluster.store(leader)).unwrap();
    cluster.restart(leader);
    let times = flow.healed(broken).await;
    whole(&cluster, other(leader)).await;
    let fault = "of three servers, the leader's files damaged while it was down; then emptied";
    let row = Row { id: "F31", stall_max: Duration::from_secs(60), ..row(fault) };
    flow.finish(&row, &times, &cluster.address(other(leader))).await;
}
