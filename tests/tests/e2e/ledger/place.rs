//! Whose the state directory is, and what becomes of a file that is damaged.

use harness::machine::light;
use harness::mails::TestMail;
use harness::next_hop::NextHop;
use harness::node::run;

use super::{Standalone, copies};

#[tokio::test]
async fn a_damaged_ledger_is_put_aside_and_the_start_says_so() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("ledger.redb"), [0xa5; 100_000]).unwrap();
    let standalone = Standalone::start("standalone", state.path(), &hop, &[], &[]).await;
    let log = standalone.process.log();
    let line = log.lines().find(|line| line.contains("put aside")).unwrap();
    assert!(line.contains("ERROR") && line.contains("ledger.redb.damaged-"), "{line}");
    let mail = TestMail::new();
    for _ in 0..2 {
        assert!(standalone.submit("4F", &mail).await.unwrap().starts_with("250 "));
    }
    assert_eq!(copies(&hop, &mail), 1);
}

#[tokio::test]
async fn a_state_directory_is_one_process_s_and_must_be_usable() {
    let _place = light().await;
    let hop = NextHop::smtp().await;
    let state = tempfile::tempdir().unwrap();
    let _first = Standalone::start("standalone", state.path(), &hop, &[], &[]).await;
    let directory = state.path().display().to_string();
    let start = async |directory: &str| {
        let args = ["standalone", "--listen", "127.0.0.1:0", "--state-directory", directory];
        let (succeeded, _, errors) = run(&args).await;
        assert!(!succeeded);
        errors
    };
    let errors = start(&directory).await;
    assert!(
        errors.contains("is in use by another process") && errors.contains("--state-directory"),
        "{errors}"
    );
    let in_the_way = format!("{directory}/ledger.redb/x");
    let errors = start(&in_the_way).await;
    assert!(errors.contains(&format!("making the directory {in_the_way}")), "{errors}");
}
