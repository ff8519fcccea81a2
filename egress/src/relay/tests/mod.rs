//! The relay against next hops that follow a script. Time is paused: waiting costs nothing and nothing is raced.

mod bench;
mod connections;
mod fence;
mod hop;
mod targets;

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proto::{Disposition, MailParams, NoEarly, Verdict};

use crate::{GrantAlways, Protocol};
use bench::{
    BUDGET, Bench, CONTENT, Ledger, Told, assert_told, codes, group, mail, mail_of, pass, text, within,
};
use hop::{Hop, Say, Script};

const POSITIVE: &str = "250 2.0.0 Ok: queued as 4F";

#[tokio::test(start_paused = true)]
async fn a_mail_is_delivered_as_it_came_behind_our_fields() {
    let bench = Bench::smtp(Script::default());
    let mail = mail_of(bench::with_ident(bench::envelope(&["a@example.org"])), CONTENT);
    let outcomes = bench.deliver(&mail).await;
    let target = bench.hops[0].target(Protocol::Smtp);
    assert_eq!(text(&outcomes, 0), format!("250 2.0.0 from MTA({target}): {POSITIVE}"));
    let commands = bench.hops[0].commands(0);
    let expected = "EHLO filter.example\n\
                    XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE] \
                    IDENT=4Fabc SOURCE=[UNAVAILABLE]\n\
                    MAIL FROM:<s@example.org> SIZE=";
    assert!(commands.starts_with(expected), "{commands}");
    assert!(commands.ends_with("RCPT TO:<a@example.org>\nDATA"), "{commands}");
    let seen = bench.hops[0].seen();
    let content = String::from_utf8(seen.mails[0].clone()).unwrap();
    let fields = content.strip_suffix(CONTENT).unwrap();
    assert!(
        fields.starts_with("Received: from unknown (unknown)\r\n\tby filter.example (Mailweir)"),
        "{fields}"
    );
    assert!(fields.ends_with("X-Virus-Scanned: Mailweir at filter.example\r\n"), "{fields}");
    assert!(commands.contains(&format!(" SIZE={}\n", content.len())), "{commands}");
    assert_eq!((seen.mails.len(), seen.bare), (1, 0));
}

/// Rows F18 to F20 and F22 of the fault matrix, complete: what the next hop says where, and what our client gets.
#[tokio::test(start_paused = true)]
async fn every_answer_of_a_next_hop_has_its_meaning() {
    use Say::{Close, Reply, ReplyAndClose, Silence};
    let positive = Reply(POSITIVE);
    let words = [
        Reply("421 4.3.2 x"),
        ReplyAndClose("421 4.3.2 x"),
        Reply("451 4.3.2 x"),
        Reply("550 5.7.1 x"),
        Reply("250-x\r\n550 x"),
        Reply("nonsense"),
        Close,
        Silence,
    ];
    type Place = fn(&mut Script, Say);
    let places: [(&str, Place, [u16; 8]); 6] = [
        ("greeting", |script, say| script.greeting = say, [451; 8]),
        ("EHLO", |script, say| script.hello = say, [451; 8]),
        ("MAIL", |script, say| script.mail = say, [451; 8]),
        (
            "RCPT",
            |script, say| script.rcpt = HashMap::from([("a@example.org", say)]),
            [451, 451, 451, 550, 451, 451, 451, 451],
        ),
        ("DATA", |script, say| script.data = say, [451; 8]),
        ("dot", |script, say| script.dot = vec![say], [451, 451, 451, 550, 451, 451, 451, 451]),
    ];
    for (place, put, expected) in places {
        for (word, code) in words.iter().zip(expected) {
            for protocol in [Protocol::Smtp, Protocol::Lmtp] {
                let mut script = Script { dot: vec![positive.clone()], ..Script::default() };
                put(&mut script, word.clone());
                let bench = Bench::new(protocol, vec![vec![script]], |_| {});
                let outcomes = bench.deliver(&mail(&["a@example.org"])).await;
                let said = text(&outcomes, 0);
                assert_eq!(outcomes.get(proto::Position::new(0)).code(), code, "{place} {word:?}: {said}");
                let dots = bench.hops[0].seen().mails.len();
                assert_eq!(dots, usize::from(place == "dot"), "{place} {word:?}: one dot at most");
                let doubt = place == "dot"
                    && !matches!(word, Reply(text) | ReplyAndClose(text) if !text.contains("250-") && *text != "nonsense");
                assert_eq!(
                    bench.metric("mailweir_egress_in_doubt_total"),
                    u64::from(doubt),
                    "{place} {word:?}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_recipient_gets_its_own_answer() {
    let script = Script {
        rcpt: HashMap::from([
            ("b@example.org", Say::Reply("550 5.1.1 unknown")),
            ("c@example.org", Say::Reply("450 4.2.0 greylisted")),
        ]),
        dot: vec![Say::Reply("250 saved"), Say::Reply("552 5.2.2 full"), Say::Reply("452 4.2.2 busy")],
        ..Script::default()
    };
    let recipients = ["a@example.org", "b@example.org", "c@example.org", "d@example.org", "a@example.org"];
    let lmtp = Bench::new(Protocol::Lmtp, vec![vec![script.clone()]], |_| {});
    assert_eq!(codes(&lmtp.deliver(&mail(&recipients)).await), [250, 550, 450, 552, 452]);
    let smtp = Bench::smtp(script);
    assert_eq!(codes(&smtp.deliver(&mail(&recipients)).await), [250, 550, 450, 250, 250]);
}

#[tokio::test(start_paused = true)]
async fn lmtp_replies_read_before_the_connection_is_lost_count() {
    let script = Script { dot: vec![Say::Reply("250 saved"), Say::Close], ..Script::default() };
    let bench = Bench::new(Protocol::Lmtp, vec![vec![script]], |_| {});
    let ledger = Ledger::answering(vec![]);
    let outcomes = bench.deliver_by(&mail(&["a@x", "b@x", "c@x"]), &ledger).await;
    assert_eq!(codes(&outcomes), [250, 451, 451]);
    assert!(text(&outcomes, 1).starts_with("451 4.4.2 no answer from MTA("), "{}", text(&outcomes, 1));
    assert_eq!(ledger.recorded(), [[(0, 250), (1, 451), (2, 451)]]);
    assert_eq!(bench.metric("mailweir_egress_in_doubt_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_next_hop_that_never_answers_the_dot_has_until_the_deadline() {
    let script = Script { dot: vec![Say::Silence], ..Script::default() };
    let bench = Bench::smtp(script);
    let began = tokio::time::Instant::now();
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [451]);
    let waited = began.elapsed();
    assert!(waited <= BUDGET && BUDGET - Duration::from_secs(1) < waited, "{waited:?}");
    assert_eq!(bench.hops[0].connections(), 1);
}

/// What comes later than that is in doubt, and so is what comes within it where nothing is kept.
#[tokio::test(start_paused = true)]
async fn a_reply_to_the_dot_that_comes_after_the_deadline_counts_while_it_is_waited_for() {
    for (settle, late, code) in [(20, 64, 250), (20, 65, 451), (0, 46, 451)] {
        let script =
            Script { dot: vec![Say::Late(Duration::from_secs(late), "250 Ok")], ..Script::default() };
        let settle = Duration::from_secs(settle);
        let bench = Bench::new(Protocol::Smtp, vec![vec![script]], |settings| settings.settle = settle);
        let ledger = Ledger::answering(vec![]);
        let outcomes = bench.deliver_by(&mail(&["a@x"]), &ledger).await;
        assert_eq!(codes(&outcomes), [code], "{late} s");
        assert_eq!(ledger.recorded(), [[(0, code)]]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mail_too_big_for_the_next_hop_is_refused_by_its_own_word() {
    let mail_says = |text| Script { mail: Say::Reply(text), ..Script::default() };
    let bench = Bench::smtp(mail_says("552 5.3.4 too big"));
    assert!(text(&bench.deliver(&mail(&["a@x"])).await, 0).starts_with("552 5.3.4 "));
    let without_size = Script { hello: Say::Reply("250 hop"), ..mail_says("552 5.3.4 too big") };
    let bench = Bench::smtp(without_size);
    assert_eq!(codes(&bench.deliver(&mail(&["a@x"])).await), [451]);
}

#[tokio::test(start_paused = true)]
async fn a_past_deadline_opens_no_connection() {
    let bench = Bench::smtp(Script::default());
    let mail = mail(&["a@x", "b@x"]);
    let outcomes =
        bench.relay.deliver(&mail, &pass(&mail), &GrantAlways, &NoEarly, within(Duration::ZERO)).await;
    assert_eq!(codes(&outcomes), [451, 451]);
    assert_eq!(bench.hops[0].connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_smtputf8_only_what_can_do_without_is_sent() {
    let plain = Script { hello: Say::Reply("250 hop"), ..Script::default() };
    let utf8 = |recipients: &[&str]| {
        let envelope = bench::envelope(recipients);
        let mut params = MailParams::default();
        params.take("SMTPUTF8").unwrap();
        proto::Envelope::new(envelope.sender().clone(), params, envelope.recipients().to_vec()).unwrap()
    };
    let bench = Bench::smtp(plain.clone());
    let outcomes = bench.deliver(&mail_of(utf8(&["jörg@x", "a@x"]), CONTENT)).await;
    assert!(text(&outcomes, 0).starts_with("553 5.6.7 "), "{}", text(&outcomes, 0));
    assert_eq!(codes(&outcomes), [553, 250]);
    let outcomes = bench.deliver(&mail_of(utf8(&["a@x"]), "Subject: é\r\n\r\n")).await;
    assert_eq!(codes(&outcomes), [553]);
    let outcomes = bench.deliver(&mail_of(utf8(&["a@x"]), "Subject: e\r\n\r\né\r\n")).await;
    assert_eq!(codes(&outcomes), [250]);
    assert_eq!(bench.metric("mailweir_egress_eight_bit_unannounced_total"), 1);
    let bench = Bench::smtp(Script::default());
    let outcomes = bench.deliver(&mail_of(utf8(&["jörg@x", "a@x"]), "Subject: é\r\n\r\n")).await;
    assert_eq!(codes(&outcomes), [250, 250]);
    assert!(bench.hops[0].commands(0).contains(" SMTPUTF8\nRCPT TO:<jörg@x>"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_xforward_is_counted_and_no_more() {
    let script = Script { xforward: Say::Reply("550 no"), ..Script::default() };
    let bench = Bench::smtp(script);
    let mail = mail_of(bench::with_ident(bench::envelope(&["a@x"])), CONTENT);
    assert_eq!(codes(&bench.deliver(&mail).await), [250]);
    assert_eq!(bench.metric("mailweir_egress_xforward_refused_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn recipients_with_different_edits_get_transactions_of_their_own() {
    let bench = Bench::smtp(Script::default());
    let mail = mail(&["a@x", "b@x", "c@x"]);
    let verdict: Verdict = serde_json::from_value(serde_json::json!({
        "category": "Clean", "findings": [], "membership": [0, 1, 0], "groups": [
            {"disposition": "Pass", "edits": [{"Prepend": {"name": "X-A", "value": "1"}}]},
            {"disposition": "Tag", "edits": [{"Prepend": {"name": "X-A", "value": "2"}}]},
        ],
    }))
    .unwrap();
    let (ledger, told) = (Ledger::answering(vec![]), Told::default());
    let outcomes = bench.relay.deliver(&mail, &verdict, &ledger, &told, within(BUDGET)).await;
    assert_told(&told, &outcomes);
    assert_eq!(codes(&outcomes), [250, 250, 250]);
    let mut asked = ledger.asked();
    asked.sort();
    assert_eq!(asked, [vec![0, 2], vec![1]]);
    let seen = bench.hops[0].seen();
    let mut fields: Vec<_> =
        seen.mails.iter().map(|mail| String::from_utf8_lossy(mail).into_owned()).collect();
    fields.sort_by_key(|text| text.contains("X-A: 2"));
    assert!(fields[0].contains("X-A: 1\r\nSubject") && fields[1].contains("for <b@x>"), "{fields:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mail_longer_than_one_write_arrives_whole() {
    let bench = Bench::smtp(Script::default());
    let content = format!("Subject: x\r\n\r\n{}", ".line\r\n".repeat(100_000));
    assert_eq!(codes(&bench.deliver(&mail_of(bench::envelope(&["a@x"]), &content)).await), [250]);
    let seen = bench.hops[0].seen();
    assert!(seen.mails[0].ends_with(content.as_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is in a content, the next hop sees one mail, no bare CR or LF, and behind our fields our bytes.
    #[test]
    fn no_content_ends_the_data_early(content in "[.\r\nx:]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::smtp(Script::default());
            let outcomes = bench.deliver(&mail_of(bench::envelope(&["a@x"]), &content)).await;
            assert_eq!(codes(&outcomes), [250]);
            let seen = bench.hops[0].seen();
            assert_eq!((seen.mails.len(), seen.bare, seen.commands[0].len()), (1, 0, 4));
            let (mut decoder, mut canonical) = (proto::dot::Encoder::new(), Vec::new());
            let mut rest = content.as_bytes();
            while let Some(piece) = decoder.next_piece(&mut rest) {
                canonical.extend_from_slice(piece);
            }
            canonical.extend_from_slice(decoder.finish());
            let (mut unstuffed, mut out) = (proto::dot::Decoder::new(), bytes::BytesMut::new());
            canonical.extend_from_slice(proto::dot::FINAL_DOT);
            unstuffed.decode(&canonical, &mut out);
            assert!(seen.mails[0].ends_with(&out), "{:?}", seen.mails[0]);
        });
    }
}

/// Deliveries run on a runtime with many threads.
#[tokio::test]
async fn a_delivery_can_move_between_threads() {
    fn check(future: impl Future + Send) -> impl Future + Send {
        future
    }
    let bench = Bench::smtp(Script::default());
    let mail = mail(&["a@x"]);
    let verdict = pass(&mail);
    let deadline = within(Duration::ZERO);
    check(bench.relay.deliver(&mail, &verdict, &GrantAlways, &NoEarly, deadline)).await;
    check(bench.relay.shutdown()).await;
}

/// Nothing is ever delivered by these.
fn withheld(disposition: Disposition, mail: &proto::Mail) -> Verdict {
    Verdict::uniform(&mail.envelope, Vec::new(), group(disposition))
}

fn first(bench: &Bench) -> &Hop {
    &bench.hops[0]
}
