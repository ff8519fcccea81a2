//! What is left when everything was answered: messages in the queue, and files.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::nats::request::stream_messages;

/// The streams that are empty once no mail is on its way. Not the ledger: remembering is its purpose.
const STREAMS: [&str; 3] = ["MAIL", "BODY", "VERDICT"];
/// How often is asked; streams tell nobody that they have become empty.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Waits until the streams are empty, and tells what is still there after `patience`.
pub async fn in_streams(nats: &str, patience: Duration) -> Vec<String> {
    let until = Instant::now() + patience;
    loop {
        let mut leaked = Vec::new();
        for stream in STREAMS {
            match stream_messages(nats, stream).await {
                Ok(0) => {}
                Ok(count) => leaked.push(format!("{stream} holds {count}")),
                Err(error) => leaked.push(format!("{stream} cannot be asked: {error}")),
            }
        }
        if leaked.is_empty() || Instant::now() >= until {
            return leaked;
        }
        sleep(ASK_EVERY).await;
    }
}

/// Files in a directory of our processes that are no log, no configuration, no list of ports and no ledger.
pub fn in_directory(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let known = [".log", ".ports.json", ".toml", ".redb", ".journal"];
    names.filter(|name| !known.iter().any(|ending| name.ends_with(ending))).collect()
}
