//! What `mailweir confine` refuses a program, and what it leaves it: with real programs, each tried without it as well.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test at once")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_mailweir");
const LIMITS: [&str; 3] = ["memory=268435456", "cpu=60", "file=1000000"];

/// Runs `script` in a shell that is held by `held`.
fn confined(held: &[&str], script: &str) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("confine").args(LIMITS).args(held).args(["--", "/bin/sh", "-c", script]);
    command.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

fn free(script: &str) -> Output {
    Command::new("/bin/sh").args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

#[track_caller]
fn assert_refused(script: &str) {
    assert!(free(script).status.success(), "{script} works nowhere: {:?}", free(script));
    let output = confined(&["network=0"], script);
    assert!(!output.status.success(), "{script} was not refused: {output:?}");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_program_runs_and_reads_what_it_is_given() {
    let output = confined(&["network=0"], "echo out; echo err >&2; ls /usr/bin > /dev/null; exit 7");
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(7), "out\n"));
    // Nothing beside what it said itself: this kernel has all that holds it.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "err\n");
}

#[test]
fn what_may_hold_secrets_cannot_be_read() {
    let (directory, script) = secret();
    assert_refused(&script);
    let readable = format!("read={}", directory.path().display());
    let output = confined(&["network=0", &readable], &script);
    assert_eq!(text(&output), "secret", "{output:?}");
    assert_refused("cat /etc/passwd");
    assert_refused("cat /proc/$PPID/environ");
}

fn secret() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "secret").unwrap();
    (directory, format!("cat {}", path.display()))
}

#[test]
fn files_are_written_only_where_that_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    assert_refused(&format!("echo x > {}", path.display()));
    let writable = format!("write={}", directory.path().display());
    let script = format!("echo x > {0} && cat {0}", path.display());
    assert_eq!(text(&confined(&["network=0", &writable], &script)), "x\n");
    let too_much = format!("head -c 1000001 /dev/zero > {}", path.display());
    assert!(!confined(&["network=0", &writable], &too_much).status.success());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 1_000_000);
}

#[test]
fn there_is_no_network_unless_it_is_asked_for() {
    for kind in
        ["AF_INET, SOCK_STREAM", "AF_INET, SOCK_DGRAM", "AF_INET6, SOCK_STREAM", "AF_UNIX, SOCK_STREAM"]
    {
        let script = format!("perl -MSocket -e 'socket(my $s, {kind}, 0) or exit 1'");
        assert_refused(&script);
        assert!(confined(&["network=1"], &script).status.success(), "{script}");
    }
}

#[test]
fn nobody_leaves_the_process_group() {
    assert_refused("setsid --wait true");
    assert_refused("perl -e 'setpgrp(0, 0) or exit 1' < /dev/null");
}

#[test]
fn memory_and_privileges_are_bounded() {
    assert_refused("perl -e 'my $x = q(x) x (300 * 1024 * 1024); exit(length($x) > 0 ? 0 : 1)'");
    let output = confined(&["network=0"], "grep NoNewPrivs /proc/self/status");
    assert!(text(&output).trim().ends_with('1') || !output.status.success(), "{output:?}");
}

#[test]
fn what_cannot_be_run_says_so() {
    let run = |arguments: &[&str]| {
        let output = Command::new(BINARY).arg("confine").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let held = [&LIMITS[..], &["network=0", "--"]].concat();
    let (code, said) = run(&[&held[..], &["/nonexistent/program"]].concat());
    assert_eq!(code, Some(127), "{said}");
    assert!(said.contains("/nonexistent/program"), "{said}");
    let (code, said) = run(&[&held[..], &["/etc/hostname"]].concat());
    assert_eq!(code, Some(126), "{said}");
    assert!(Path::new("/etc/hostname").exists());
    for broken in [&held[..], &["memory=1", "--", "/bin/true"], &["--", "/bin/true"]] {
        assert_eq!(run(broken).0, Some(125), "{broken:?}");
    }
}
