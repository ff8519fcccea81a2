//! EICAR in every container, by every method, in every transfer encoding and at every depth that docs/content.md lists,
//! through the whole: a mail with it comes out infected or "unchecked", and never as a clean one.
//!
//! One table, gone through twice: once where clamd gets the whole mail, by the default policy, where what was found must not
//! be delivered; and once where it gets the parts and all is delivered, where the next hop must get what the client sent. By
//! default clamd gets both, and so finds what it finds in either. clamd knows EICAR only where a file begins with it, so
//! whoever finds it has opened everything around it. Absent: what a container does to its
//! reader (`inspect.rs`, `content.rs`), and which rules ban it; these are off here.

mod archives;
mod documents;
mod encodings;
mod fixtures;
mod handmade;
mod large;
mod letter;
mod nested;
mod outcome;
mod streams;

use harness::clamd::Clamd;
use harness::machine;
use harness::mails::eicar;

use self::outcome::{Run, assert_each, assert_identical};

/// A mail and what must become of it.
struct Row {
    /// What is in it.
    name: String,
    content: Vec<u8>,
    /// A word that only this mail has.
    token: String,
    expected: Expected,
}

/// Each allows what is worse.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// EICAR is found.
    Infected,
    /// It is not looked into, and this is said: `unchecked-over-limit` and the like.
    Unchecked(&'static str),
}

/// EICAR with as many blanks behind it as it may have, so that there is something to compress.
fn sample() -> Vec<u8> {
    [eicar(), vec![b' '; 60]].concat()
}

/// All rows but those of tens of megabytes.
fn table() -> Vec<Row> {
    [streams::rows(), archives::rows(), documents::rows(), encodings::rows(), nested::rows()]
        .into_iter()
        .flatten()
        .collect()
}

#[tokio::test]
async fn what_holds_eicar_is_never_delivered_as_clean() {
    let _places = machine::half().await;
    let clamd = Clamd::start_exact().await;
    let rows = table();
    let run = Run::of_whole(&clamd, &rows).await;
    assert_each(&rows, &run);
}

#[tokio::test]
async fn what_holds_eicar_and_is_delivered_by_policy_is_what_was_sent() {
    let _places = machine::half().await;
    let clamd = Clamd::start_exact().await;
    let rows = table();
    let run = Run::of_parts(&clamd, &rows).await;
    assert_each(&rows, &run);
    assert_identical(&rows, &run);
}

#[tokio::test]
async fn thirty_megabytes_hide_nothing() {
    let _places = machine::heavy().await;
    let clamd = Clamd::start_exact().await;
    let rows = large::rows();
    let run = Run::of_parts(&clamd, &rows).await;
    assert_each(&rows, &run);
    assert_identical(&rows, &run);
}
