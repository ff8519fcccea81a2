//! F32: somebody purges or deletes streams or consumers under load.

use std::time::Duration;

use harness::machine::heavy;
use harness::nats::{Nats, api};

use super::flow::{Flow, Row, Times};

async fn f32(fault: &'static str, method: &str, duplicates_max: usize) {
    let _machine = heavy().await;
    let nats = Nats::start().await;
    let mut flow = Flow::start(&nats.url(), "").await;
    let broken = flow.now();
    // What was wrong is made right by the roles, while nobody does anything.
    for _ in 0..3 {
        let done = api(nats.address(), method, "").await.unwrap();
        assert!(done["error"].is_null(), "{done}");
        let now = flow.now();
        flow.normal_since(now).await;
    }
    let times = Times { broken, healed: broken };
    let row = Row { id: "F32", fault, duplicates_max, stall_max: Duration::from_secs(25) };
    flow.finish(&row, &times, nats.address()).await;
}

macro_rules! f32 {
    ($($name:ident: $fault:literal, $method:literal, $duplicates_max:literal;)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                f32($fault, $method, $duplicates_max).await;
            }
        )+
    };
}

f32! {
    f32_jobs_purged: "MAIL purged, three times", "STREAM.PURGE.MAIL", 0;
    f32_verdicts_purged: "VERDICT purged, three times", "STREAM.PURGE.VERDICT", 0;
    f32_jobs_deleted: "MAIL deleted, three times", "STREAM.DELETE.MAIL", 0;
    f32_verdicts_deleted: "VERDICT deleted, three times", "STREAM.DELETE.VERDICT", 0;
    f32_ledger_purged: "LEDGER purged, three times", "STREAM.PURGE.LEDGER", 12;
    f32_ledger_deleted: "LEDGER deleted, three times", "STREAM.DELETE.LEDGER", 12;
    f32_scan_consumer_deleted: "consumer scan-s deleted, three times", "CONSUMER.DELETE.MAIL.scan-s", 0;
    f32_relay_consumer_deleted: "consumer relay deleted, three times", "CONSUMER.DELETE.VERDICT.relay", 0;
}
