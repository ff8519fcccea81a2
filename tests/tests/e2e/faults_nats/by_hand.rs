//! F32: somebody purges or deletes streams or consumers under load.

use std::time::Duration;

use harness::machine::half;
use harness::nats::{Nats, api};

use super::flow::{Flow, Row, Times};

async fn f32(fault: &'static str, method: &str, duplicates_max: usize) {
    let _place = half().await;
    let nats = Nats::start().await;
    let mut flow = Flow::start(&nats.url(), "").await;
    let broken = flow.now();
    // What was wrong is made right by the roles, while nobody does anything.
    let mut times = Times { broken, healed: broken, normal: broken };
    for _ in 0..2 {
        let done = api(nats.address(), method, "").await.unwrap();
        // 2.9.10 says 500 when it finds its own files in use, and has deleted the consumer nevertheless.
        assert!(done["error"].is_null() || done["error"]["code"] == 500, "{done}");
        let one = flow.healed(broken).await;
        if one.normal - one.healed >= times.normal - times.healed {
            times = one;
        }
    }
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
    f32_jobs_purged: "MAIL purged, twice", "STREAM.PURGE.MAIL", 0;
    f32_verdicts_purged: "VERDICT purged, twice", "STREAM.PURGE.VERDICT", 0;
    f32_jobs_deleted: "MAIL deleted, twice", "STREAM.DELETE.MAIL", 0;
    f32_verdicts_deleted: "VERDICT deleted, twice", "STREAM.DELETE.VERDICT", 0;
    f32_ledger_purged: "LEDGER purged, twice", "STREAM.PURGE.LEDGER", 12;
    f32_ledger_deleted: "LEDGER deleted, twice", "STREAM.DELETE.LEDGER", 12;
    f32_scan_consumer_deleted: "consumer scan-s deleted, twice", "CONSUMER.DELETE.MAIL.scan-s", 0;
    f32_relay_consumer_deleted: "consumer relay deleted, twice", "CONSUMER.DELETE.VERDICT.relay", 0;
}
