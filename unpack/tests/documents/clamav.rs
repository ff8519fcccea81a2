//! ClamAV's test files: the same little program in many containers.

use std::fs;
use std::path::Path;

use unpack::{Format, formats};

use crate::run::{Run, run};

const DIRECTORY: &str = "/usr/share/clamav-testfiles";

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(DIRECTORY).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error} (Debian: clamav-testfiles)", path.display()))
}

#[test]
fn look() {
    for entry in fs::read_dir(DIRECTORY).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        for format in formats(&content) {
            let run = run(format, &content);
            println!("{} {format:?} {:?}", path.display(), run.troubles);
            for m in run.members {
                println!(
                    "    {:?} {:?} enc={} {} {:?} {:?}",
                    m.names.iter().map(|n| String::from_utf8_lossy(n).into_owned()).collect::<Vec<_>>(),
                    m.kind,
                    m.is_encrypted,
                    m.content.bytes.len(),
                    m.content.trouble,
                    String::from_utf8_lossy(&m.content.bytes[..m.content.bytes.len().min(8)])
                );
            }
        }
    }
    let _: Option<Run> = None;
    let _ = file;
    let _ = Format::Cab;
}
