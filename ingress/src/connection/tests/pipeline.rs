//! From the final dot to the replies: early ones, late ones, none at all, and clients that do not wait for them.

use super::*;

#[tokio::test(start_paused = true)]
async fn replies_are_written_as_soon_as_they_are_known() {
    let (release, released) = tokio::sync::watch::channel(false);
    let pipeline = Scripted::new(move |mail, _, early| {
        let mut released = released.clone();
        async move {
            early.known(Position::new(0), &Reply::new(250, None, "first"));
            released.wait_for(|now| *now).await.unwrap();
            let mut outcomes = accepted(&mail);
            outcomes.set(Position::new(0), Reply::new(250, None, "first"));
            outcomes
        }
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(2).await;
    client.send(".\r\n").await;
    assert_eq!(client.line().await.unwrap(), "250 first");
    release.send(true).unwrap();
    assert_eq!(client.line().await.unwrap(), "250 2.0.0 taken");
}

#[tokio::test(start_paused = true)]
async fn f07_who_is_answered_stays_answered_when_the_pipeline_panics() {
    let pipeline = Scripted::new(|_, _, early| async move {
        early.known(Position::new(1), &Reply::new(250, None, "second"));
        panic!("on purpose");
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(3).await;
    client.send(".\r\nQUIT\r\n").await;
    assert_eq!(
        client.rest().await,
        [
            "451 4.3.0 not processed, try again later",
            "250 second",
            "451 4.3.0 not processed, try again later",
            "221 2.0.0 Bye",
        ]
    );
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn our_own_deadline_answers_and_drops_the_work() {
    let (started, mut starts) = mpsc::channel(1);
    let mut bench = Bench::new(Settings::default(), Scripted::hanging(started));
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(2).await;
    let since = Instant::now();
    client.send(".\r\n").await;
    let mut dropped = starts.recv().await.unwrap();
    for _ in 0..2 {
        assert_eq!(client.line().await.unwrap(), "451 4.4.7 no result in time, try again later");
    }
    assert_eq!(since.elapsed().as_secs(), 305);
    assert_eq!(dropped.recv().await, None);
    // The session lives on, and its idle time begins now.
    sleep(Duration::from_secs(299)).await;
    client.send("NOOP\r\n").await;
    client.until("250").await;
}

#[tokio::test(start_paused = true)]
async fn the_pipeline_is_told_the_deadline_and_may_say_so_itself() {
    let pipeline = Scripted::new(|mail, deadline, _| async move {
        sleep_until(deadline.at().into()).await;
        Outcomes::all(&mail.envelope, &Reply::enhanced(451, 4, 7, "aborted"))
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    let since = Instant::now();
    client.send(".\r\n").await;
    assert_eq!(client.line().await.unwrap(), "451 4.4.7 aborted");
    assert_eq!(since.elapsed().as_secs(), 240);
}

#[tokio::test(start_paused = true)]
async fn f02_the_work_for_a_client_that_vanished_is_dropped() {
    let (started, mut starts) = mpsc::channel(1);
    let mut bench = Bench::new(Settings::default(), Scripted::hanging(started));
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\n").await;
    let mut dropped = starts.recv().await.unwrap();
    let since = Instant::now();
    drop(client);
    let dropped = timeout(Duration::from_secs(1), dropped.recv()).await;
    assert_eq!(dropped, Ok(None));
    bench.ended().await;
    assert_eq!(since.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn f02_or_it_runs_on_where_outcomes_are_remembered() {
    let (done, mut dones) = mpsc::channel(1);
    let (started, mut starts) = mpsc::channel(1);
    let pipeline = Scripted::new(move |mail, _, _| {
        let (done, started) = (done.clone(), started.clone());
        async move {
            started.send(()).await.unwrap();
            sleep(Duration::from_secs(60)).await;
            done.send(()).await.unwrap();
            accepted(&mail)
        }
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.send("XFORWARD IDENT=4F\r\n").await;
    client.until("250 2.0.0 Ok").await;
    client.envelope(1).await;
    client.send(".\r\n").await;
    starts.recv().await.unwrap();
    drop(client);
    let done = timeout(Duration::from_secs(61), dones.recv()).await;
    assert_eq!(done, Ok(Some(())));
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_side_early_gets_what_it_asked_for() {
    let (release, released) = tokio::sync::watch::channel(false);
    let pipeline = Scripted::new(move |mail, _, _| {
        let mut released = released.clone();
        async move {
            released.wait_for(|now| *now).await.unwrap();
            accepted(&mail)
        }
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\nQUIT\r\n").await;
    client.shutdown().await;
    release.send(true).unwrap();
    assert_eq!(client.rest().await, ["250 2.0.0 taken", "221 2.0.0 Bye"]);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_behind_the_dot_is_not_read_until_the_replies_are_out() {
    let (release, released) = tokio::sync::watch::channel(false);
    let pipeline = Scripted::new(move |mail, _, _| {
        let mut released = released.clone();
        async move {
            released.wait_for(|now| *now).await.unwrap();
            accepted(&mail)
        }
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let (ours, theirs) = duplex(1024);
    bench.serve(theirs);
    let mut client = Client::new(ours);
    client.hello().await;
    client.envelope(1).await;
    let flood = format!(".\r\n{}", "NOOP\r\n".repeat(20_000));
    let sending = client.send(&flood);
    // The read buffer and the pipe fill up, and the rest waits.
    assert!(timeout(Duration::from_secs(10), sending).await.is_err());
    release.send(true).unwrap();
    client.until("250 2.0.0 taken").await;
}

#[tokio::test(start_paused = true)]
async fn stopping_answers_who_waits() {
    let (started, mut starts) = mpsc::channel(1);
    let mut bench = Bench::new(Settings::default(), Scripted::hanging(started));
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(2).await;
    client.send(".\r\n").await;
    let mut dropped = starts.recv().await.unwrap();
    bench.context.stop.cancel();
    assert_eq!(
        client.rest().await,
        [
            "451 4.3.2 shutting down, try again later",
            "451 4.3.2 shutting down, try again later",
            "421 4.3.2 shutting down, closing",
        ]
    );
    assert_eq!(dropped.recv().await, None);
    bench.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_large_mail_arrives_as_it_was() {
    let line = "0123456789".repeat(7) + "\r\n";
    let content = line.repeat(60_000);
    let expected = proto::Digest::of(content.as_bytes());
    let pipeline = Scripted::new(move |mail, _, _| async move {
        assert_eq!((mail.digest, proto::Digest::of(&mail.content)), (expected, expected));
        accepted(&mail)
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    client.send(&content).await;
    client.send(".\r\n").await;
    assert_eq!(client.line().await.unwrap(), "250 2.0.0 taken");
}

#[tokio::test(start_paused = true)]
async fn a_mail_sent_ahead_has_a_pace_of_its_own() {
    let pipeline = Scripted::new(|mail, _, _| async move {
        sleep(Duration::from_secs(200)).await;
        accepted(&mail)
    });
    let mut bench = Bench::new(Settings::default(), pipeline);
    let mut client = bench.connect();
    client.hello().await;
    client.envelope(1).await;
    client.send(".\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n").await;
    client.until("354").await;
    // What counts is the time since this 354, not since the one before.
    sleep(Duration::from_secs(50)).await;
    client.send(".\r\n").await;
    client.until("250 2.0.0 taken").await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_counted() {
    let mut registry = prometheus_client::registry::Registry::default();
    let mut bench = Bench::new(Settings::default(), Scripted::accepting());
    Arc::get_mut(&mut bench.context).unwrap().metrics = Metrics::register(&mut registry);
    let mut client = bench.connect();
    client.hello().await;
    client.send("MAIL FROM:<> SIZE=99999999999\r\n").await;
    client.until("552").await;
    client.envelope(2).await;
    client.send("a\nb\r\n.\r\nQUIT\r\n").await;
    client.rest().await;
    drop(client);
    bench.ended().await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "mailweir_ingress_sessions_opened_total 1",
        "mailweir_ingress_sessions_closed_total{reason=\"quit\"} 1",
        "mailweir_ingress_mail_refused_total{reason=\"size\"} 1",
        "mailweir_ingress_content_bytes_total 6",
        "mailweir_ingress_bare_newlines_total 1",
        "mailweir_ingress_bare_newline_mails_total 1",
        "mailweir_ingress_replies_total{reason=\"2xx\"} 2",
        "mailweir_ingress_transaction_seconds_count{class=\"s\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}
