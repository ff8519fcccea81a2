//! `mailweir confine LIMITS -- PROGRAM ARGUMENTS`: takes away from this process what a foreign scanner must not have, and
//! becomes that scanner.
//!
//! Internal: a worker starts it for each mail that a command scans. So it is in front of the command line that people
//! use, reads neither configuration nor environment, and what it has to say goes to the standard error, which the worker
//! quotes.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use inspect::Confinement;

/// The first argument.
const COMMAND: &str = "confine";
/// As `env` and shells have it: not held, not run, not found.
const NOT_HELD: u8 = 125;
const NOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Runs it when the arguments ask for it. Where all is well this does not return.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    (arguments.next()? == COMMAND).then(|| ExitCode::from(become_it(arguments)))
}

/// The arguments that [`run`] understands, up to where the program follows.
pub(crate) fn arguments(confinement: &Confinement) -> Vec<String> {
    let limit = |name: &str, value: u64| format!("{name}={value}");
    let path = |name: &str, path: &PathBuf| format!("{name}={}", path.display());
    let mut arguments = vec![
        COMMAND.into(),
        limit("memory", confinement.memory_bytes_max),
        limit("cpu", confinement.cpu_seconds_max),
        limit("file", confinement.file_bytes_max),
        limit("network", confinement.has_network.into()),
    ];
    arguments.extend(confinement.readable.iter().map(|known| path("read", known)));
    arguments.extend(confinement.writable.iter().map(|known| path("write", known)));
    arguments.push("--".into());
    arguments
}

fn become_it(mut arguments: impl Iterator<Item = OsString>) -> u8 {
    let Some(confinement) = read(&mut arguments) else {
        return said(NOT_HELD, "confine: cannot understand what it is to be held by");
    };
    let Some(program) = arguments.next() else {
        return said(NOT_HELD, "confine: no program");
    };
    match confinement.enter() {
        Ok(missing) => {
            for missing in missing {
                said(0, &format!("confine: {missing}"));
            }
        }
        Err(error) => return said(NOT_HELD, &format!("confine: {error}")),
    }
    let error = Command::new(&program).args(arguments).exec();
    let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
    said(code, &format!("confine: {}: {error}", program.display()))
}

/// Takes what stands before `--`; everything must be there.
fn read(arguments: &mut impl Iterator<Item = OsString>) -> Option<Confinement> {
    let (mut memory, mut cpu, mut file, mut network) = (None, None, None, None);
    let (mut readable, mut writable) = (Vec::new(), Vec::new());
    loop {
        let argument = arguments.next()?;
        let bytes = argument.as_bytes();
        if bytes == b"--" {
            break;
        }
        let at = bytes.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (bytes.get(..at)?, bytes.get(at + 1..)?);
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        let path = || PathBuf::from(std::ffi::OsStr::from_bytes(value));
        match name {
            b"memory" => memory = number(),
            b"cpu" => cpu = number(),
            b"file" => file = number(),
            b"network" => network = number(),
            b"read" => readable.push(path()),
            b"write" => writable.push(path()),
            _ => return None,
        }
    }
    Some(Confinement {
        memory_bytes_max: memory?,
        cpu_seconds_max: cpu?,
        file_bytes_max: file?,
        has_network: network? != 0,
        readable,
        writable,
    })
}

/// Says it to whoever reads our standard error.
fn said(code: u8, text: &str) -> u8 {
    // Nobody is there to be told that nobody is there.
    drop(writeln!(std::io::stderr(), "{text}"));
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let confinement = Confinement {
            memory_bytes_max: 1 << 30,
            cpu_seconds_max: 30,
            file_bytes_max: 7,
            has_network: true,
            readable: vec!["/etc/clamav".into(), "/a=b".into()],
            writable: vec!["/tmp/x".into()],
        };
        let written = [arguments(&confinement), vec!["/bin/true".into(), "--".into()]].concat();
        let mut arguments = written.into_iter().map(OsString::from).skip(1);
        assert_eq!(read(&mut arguments), Some(confinement));
        assert_eq!(arguments.collect::<Vec<_>>(), ["/bin/true", "--"]);
    }

    #[test]
    fn what_is_not_whole_holds_nothing() {
        for line in [
            "",
            "--",
            "memory=1 cpu=1 file=1 --",
            "memory=x cpu=1 file=1 network=0 --",
            "nonsense --",
            "x=1 --",
        ] {
            let mut arguments = line.split_whitespace().map(OsString::from);
            assert_eq!(read(&mut arguments), None, "{line}");
        }
    }

    #[test]
    fn other_commands_are_not_taken() {
        assert!(run(["mailweir", "worker"].map(OsString::from)).is_none());
        assert!(run(["mailweir"].map(OsString::from)).is_none());
    }
}
