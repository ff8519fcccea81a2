//! A scanner that is a program, run by the real launcher: what it finds is refused, and what it cannot do is never clean.

use harness::client::Client;
use harness::mails::{TestMail, eicar};
use harness::next_hop::NextHop;
use harness::system::{Mode, System};

in_both_modes! {
    light;
    a_program_finds_viruses_and_sees_nothing_else_of_the_machine,
    a_program_that_fails_or_hangs_is_never_clean,
}

/// A shell script as scanner, its time-out short.
fn scanner(script: &str) -> String {
    format!(
        "[attachments]\nenabled = false\n[policy]\nvirus = \"reject\"\n[scanners.program]\nkind = \"command\"\n\
         program = \"/bin/sh\"\narguments = [\"-c\", '''{script}''']\ntotal_timeout = \"2 s\"\n\
         name_pattern = \"^found (.+)$\"\nbreaker_pause = \"100ms\"\nbreaker_failures = 100\n"
    )
}

/// Finds the test file and the word `weevil`, and fails when it can read what is none of its business.
const FINDS: &str = "cat /etc/passwd > /dev/null 2>&1 && exit 9; \
                     grep -a -o -e 'STANDARD-ANTIVIRUS' -e weevil | sed 's/^/found /' | grep . && exit 1; exit 0";

async fn a_program_finds_viruses_and_sees_nothing_else_of_the_machine(mode: Mode) {
    let hop = NextHop::smtp().await;
    let system = System::build(mode, &hop.target()).configuration(&scanner(FINDS)).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let with = |body: &[u8]| TestMail::new().content([b"Subject: x\r\n\r\n", body, b"\r\n"].concat());
    client.submit_expecting(&with(b"a weevil"), "554 5.7.0 *weevil*").await;
    client.submit_expecting(&with(&eicar()), "554 5.7.0 *").await;
    client.submit_expecting(&with(&vec![b'x'; 500_000]), "250 2.0.0 *").await;
    client.submit_expecting(&with(&[vec![b'x'; 500_000], b"weevil".to_vec()].concat()), "554 5.7.0 *").await;
    assert_eq!(hop.seen().mails.len(), 1);
}

async fn a_program_that_fails_or_hangs_is_never_clean(mode: Mode) {
    let hop = NextHop::smtp().await;
    // It finds the test file, without which it would get no mail at all.
    let script = "mail=$(cat | tr -d '\\\\0'); case $mail in *ANTIVIRUS*) exit 1;; *fail*) exit 7;; *hang*) sleep 1000;; \
                  *die*) kill -9 $$;; esac; exit 0";
    let system = System::build(mode, &hop.target()).configuration(&scanner(script)).start().await;
    let mut client = Client::lmtp(&system.lmtp).await;
    let with = |word: &str| TestMail::new().content(format!("Subject: x\r\n\r\n{word}\r\n"));
    for word in ["fail", "die", "hang"] {
        client.submit_expecting(&with(word), "451 4.*").await;
    }
    client.submit_expecting(&with("hello"), "250 2.0.0 *").await;
    assert_eq!(hop.seen().mails.len(), 1);
}
