//! Where a conversation ends or must wait: words out of turn, a dot before its time, full windows.

use super::*;

#[test]
fn after_a_transient_reply_to_the_dot_the_connection_is_not_used_again() {
    for code in ["451", "421"] {
        let transcript = "S: 220 mx
             C: EHLO mailweir.example
             S: 250 mx
             ! ready
             > begin
             C: MAIL FROM:<s@example.org>
             S: 250 ok
             C: RCPT TO:<r0@example.org>
             S: 250 ok
             C: DATA
             S: 354 go
             ! content for [0]
             > dot
             C: .
             S: 451 later
             ! end of data 0: 451 later
             ! done
             = doubtful";
        check(Protocol::Smtp, 1, &transcript.replace("451", code));
    }
}

#[test]
fn a_word_out_of_turn_ends_the_dialogue() {
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         S: 421 4.4.2 timeout exceeded
         ! ready
         ! idle refused: 421 4.4.2 timeout exceeded
         = closed",
    );
    check(
        Protocol::Smtp,
        1,
        "S: 220 mx
         C: EHLO mailweir.example
         S: 250 mx
         ! ready
         > begin
         C: MAIL FROM:<s@example.org>
         S: 250-ok
         S: 451 later
         ! MAIL violated: the lines of the reply have different codes
         = closed",
    );
}

#[test]
fn a_reply_while_the_content_travels_refuses_it() {
    let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
    dialogue.receive(b"220 mx\r\n250 mx\r\n");
    dialogue.begin(&envelope(1), &[Position::new(0)], 1, false).unwrap();
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n");
    drain(&mut dialogue, &mut Vec::new());
    dialogue.receive(b"552 too big\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    assert_eq!(told(&dialogue.event().unwrap()), "content refused: 552 too big");
    assert!(dialogue.is_closed());
}

#[test]
fn a_dot_cannot_be_sent_before_its_time() {
    let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    dialogue.receive(b"220 mx\r\n250 mx\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    dialogue.begin(&envelope(1), &[Position::new(0)], 1, false).unwrap();
    dialogue.receive(b"250 ok\r\n250 ok\r\n");
    assert_eq!(dialogue.final_dot(), Err(NotReady));
    assert_eq!(dialogue.begin(&envelope(1), &[Position::new(0)], 1, false), Err(NotReady));
}

#[test]
fn a_window_of_commands_is_answered_before_the_next_is_sent() {
    for recipients in [WINDOW_COMMANDS_MAX - 2, WINDOW_COMMANDS_MAX - 1, 3 * WINDOW_COMMANDS_MAX] {
        let mut dialogue = Dialogue::new(Protocol::Smtp, "x");
        dialogue.receive(b"220 mx\r\n250-mx\r\n250 PIPELINING\r\n");
        drain(&mut dialogue, &mut Vec::new());
        let envelope = envelope(recipients);
        let positions: Vec<_> = envelope.positions().collect();
        dialogue.begin(&envelope, &positions, 1, false).unwrap();
        let mut windows = Vec::new();
        loop {
            let mut sent = Vec::new();
            drain(&mut dialogue, &mut sent);
            let commands = sent.iter().filter(|line| line.starts_with("C:")).count();
            windows.push(commands);
            let with_data = sent.iter().any(|line| line == "C: DATA");
            for _ in 0..commands - usize::from(with_data) {
                dialogue.receive(b"250 ok\r\n");
            }
            if with_data {
                dialogue.receive(b"354 go\r\n");
                break;
            }
        }
        assert_eq!(windows.iter().sum::<usize>(), recipients + 2);
        assert!(windows.iter().all(|commands| *commands <= WINDOW_COMMANDS_MAX));
        assert_eq!(windows.len(), (recipients + 2).div_ceil(WINDOW_COMMANDS_MAX));
        let content = Event::Content { accepted: (0..recipients).collect() };
        assert_eq!(dialogue.event(), Some(content));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_dialogue_or_make_it_send_a_dot(
        bytes in proptest::collection::vec(prop_oneof![Just("220 x\r\n"), Just("250 x\r\n"), Just("250-x\r\n"), Just("354 x\r\n"), Just("421 x\r\n"), Just("550 x\r\n"), Just("x")], 0..24),
    ) {
        let mut dialogue = Dialogue::new(Protocol::Lmtp, "x");
        let envelope = envelope(2);
        for piece in bytes {
            dialogue.receive(piece.as_bytes());
            let _begun = dialogue.begin(&envelope, &[Position::new(0), Position::new(1)], 1, false);
            let mut said = Vec::new();
            drain(&mut dialogue, &mut said);
            prop_assert!(!said.contains(&"C: .".to_owned()));
        }
    }
}
