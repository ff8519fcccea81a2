//! A real Postfix on both sides, configured as `deploy/postfix/` tells operators to.

mod many_recipients;
mod two_ingresses;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::clamd::Clamd;
use harness::client::{Client, dot_stuffed};
use harness::mails::{TestMail, eicar};
use harness::postfix::{Postfix, PostfixPorts};
use harness::system::{Mode, System};
use harness::wait::eventually;

in_both_modes! {
    heavy;
    two_hundred_mails_arrive_once,
    a_refused_virus_bounces_and_is_not_delivered,
}

const MAILS: usize = 200;
/// Every so many mails one is infected.
const INFECTED_EVERY: usize = 20;

/// The operator's fragment, with this test's ports in place of the usual ones. All is on 127.0.0.1.
fn fragment(name: &str, lmtp: &str, reinjection: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/postfix").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text.contains("20024") || text.contains("20025"), "{name} names neither port");
    let port = |endpoint: &str| endpoint.rsplit(':').next().unwrap().to_owned();
    text.replace("20024", &port(lmtp)).replace("20025", &port(reinjection))
}

/// Starts Mailweir in that mode between the two halves of a Postfix.
async fn start(mode: Mode, clamd: &Clamd, configuration: &str) -> (Postfix, System) {
    let ports = PostfixPorts::new();
    let reinjection = ports.reinjection();
    let system =
        System::build(mode, &reinjection).clamd(&clamd.unix()).configuration(configuration).start().await;
    let main = fragment("main.cf", &system.lmtp, &reinjection);
    let master = fragment("master.cf", &system.lmtp, &reinjection);
    (Postfix::start(ports, &main, &master).await, system)
}

/// Mail number `n`: one to five recipients, of different sizes, some of them infected.
fn mail(number: usize) -> TestMail {
    let to: Vec<String> =
        (0..=number % 5).map(|n| format!("<user{}@example.net>", (number + n) % 10)).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mail = if number.is_multiple_of(INFECTED_EVERY) {
        TestMail::new().attachment("letter.txt", &eicar())
    } else {
        TestMail::new().body(b".\r\n..dots\r\nd\xc3\xbcrfen bleiben\r\n").padded(number * 97 % 20_000)
    };
    mail.to(&to)
}

/// Hands all mails in by SMTP at Postfix's entry, in four sessions.
async fn hand_in(entry: &str, mails: &[TestMail]) {
    let mut sessions = tokio::task::JoinSet::new();
    for part in mails.chunks(mails.len().div_ceil(4)) {
        let (entry, part) = (entry.to_owned(), part.to_vec());
        sessions.spawn(async move {
            let mut client = Client::smtp(&entry).await;
            for mail in part {
                client.begin(&mail).await;
                client.send_raw(&dot_stuffed(&mail.content)).await;
                client.expect("250 2.0.0 *").await;
            }
        });
    }
    sessions.join_all().await;
}

/// Copies by token and mailbox. Each must end with what was handed in, under the fields that the servers added.
fn assert_delivered_once(postfix: &Postfix, mails: &[TestMail]) {
    let mut wanted = BTreeMap::new();
    for mail in mails {
        for to in &mail.to {
            let mailbox = to.trim_start_matches('<').split('@').next().unwrap().to_owned();
            wanted.insert((mail.token.clone(), mailbox), mail);
        }
    }
    let total = wanted.len();
    for (mailbox, copy) in postfix.delivered() {
        let text = String::from_utf8_lossy(&copy).into_owned();
        let token = text.lines().find_map(|line| line.strip_prefix("X-Token: "));
        let token = token.unwrap_or_else(|| panic!("an unknown mail for {mailbox}:\n{text}")).to_owned();
        let mail = wanted.remove(&(token.clone(), mailbox.clone()));
        let mail = mail.unwrap_or_else(|| panic!("{token} came to {mailbox} twice, or by mistake:\n{text}"));
        let sent = String::from_utf8_lossy(&mail.content).replace("\r\n", "\n");
        assert!(text.ends_with(&sent), "{token} was changed:\n{text}\nsent:\n{sent}");
        assert!(text.contains("X-Virus-Scanned: "), "{token} came without a scan:\n{text}");
    }
    let missing: Vec<_> = wanted.keys().collect();
    assert!(missing.is_empty(), "{} of {total} copies are missing: {missing:?}", missing.len());
}

async fn two_hundred_mails_arrive_once(mode: Mode) {
    let clamd = Clamd::start().await;
    let (postfix, _system) = start(mode, &clamd, "").await;
    let mails: Vec<TestMail> = (0..MAILS).map(mail).collect();
    hand_in(&postfix.entry(), &mails).await;
    postfix.until_queue_is_empty().await;
    let clean: Vec<TestMail> = mails
        .into_iter()
        .enumerate()
        .filter(|(n, _)| !n.is_multiple_of(INFECTED_EVERY))
        .map(|(_, mail)| mail)
        .collect();
    assert_delivered_once(&postfix, &clean);
    let log = postfix.log();
    assert!(!log.contains("warning:") && !log.contains("fatal:"), "Postfix complains:\n{log}");
}

async fn a_refused_virus_bounces_and_is_not_delivered(mode: Mode) {
    let clamd = Clamd::start().await;
    let (postfix, _system) = start(mode, &clamd, "[policy]\nvirus = \"reject\"\n").await;
    let infected = TestMail::new()
        .from("<user1@example.net>")
        .to(&["<user5@example.net>"])
        .attachment("letter.txt", &eicar());
    hand_in(&postfix.entry(), std::slice::from_ref(&infected)).await;
    // The bounce goes through the filter as well, with the infected mail in it cut off by Postfix or refused again.
    eventually("the bounce is written", async || postfix.log().contains("status=bounced").then_some(()))
        .await;
    postfix.until_queue_is_empty().await;
    let received: Vec<String> = postfix.delivered().into_iter().map(|(mailbox, _)| mailbox).collect();
    assert!(!received.contains(&"user5".to_owned()), "the infected mail was delivered");
}
