//! A private Postfix: own configuration, queue, data, log and mailboxes in one directory, ports on loopback.
//!
//! It is the client (content filter) and the next hop (re-injection) of Mailweir, as with an operator. Its listeners are
//! named before it starts, so that Mailweir and Postfix can be pointed at each other ([`PostfixPorts`]). It delivers
//! to Maildirs, one file per copy, from which [`Postfix::delivered`] reads.
//!
//! `master` is started directly instead of through `postfix start`, which would look after the permissions of the
//! installed system; the queue directories are made here.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::io::connect;
use crate::port::ReservedPort;
use crate::process::{Group, Process, tool};
use crate::wait::eventually;

/// The user that delivers; it owns the Maildirs and nothing else.
const NOBODY: u32 = 65534;

/// Mailboxes `user0@example.net` to `user9@example.net`.
pub const MAILBOXES: usize = 10;

/// Below `main.cf` lines of a test.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
myhostname = mail.example.net
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
biff = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
virtual_mailbox_domains = example.net
virtual_mailbox_maps = texthash:{dir}/mailboxes
virtual_mailbox_base = {dir}/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
";

/// Above the `master.cf` lines of a test.
const MASTER: &str = "\
{entry} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// Queue directories: name, mode, whether their group is postdrop. Root owns `pid`, postfix the rest.
const QUEUE: [(&str, u32, bool); 14] = [
    ("active", 0o700, false),
    ("bounce", 0o700, false),
    ("corrupt", 0o700, false),
    ("defer", 0o700, false),
    ("deferred", 0o700, false),
    ("flush", 0o700, false),
    ("hold", 0o700, false),
    ("incoming", 0o700, false),
    ("saved", 0o700, false),
    ("trace", 0o700, false),
    ("maildrop", 0o730, true),
    ("private", 0o700, false),
    ("public", 0o710, true),
    ("pid", 0o755, false),
];

/// Queues that hold mails which are on their way.
const UNDER_WAY: [&str; 5] = ["maildrop", "incoming", "active", "deferred", "hold"];

/// The listeners of a Postfix that is to be started.
pub struct PostfixPorts {
    entry: ReservedPort,
    reinjection: ReservedPort,
}

impl PostfixPorts {
    /// Reserves two ports.
    pub fn new() -> Self {
        Self { entry: ReservedPort::new(), reinjection: ReservedPort::new() }
    }

    /// Where users hand in their mails.
    pub fn entry(&self) -> String {
        self.entry.endpoint()
    }

    /// Where the filter gives them back.
    pub fn reinjection(&self) -> String {
        self.reinjection.endpoint()
    }
}

impl Default for PostfixPorts {
    fn default() -> Self {
        Self::new()
    }
}

/// A running instance.
pub struct Postfix {
    _master: Process,
    ports: PostfixPorts,
    directory: TempDir,
}

impl Postfix {
    /// Starts an instance with further lines for `main.cf` and `master.cf`, and waits until it takes connections at its
    /// entry and, when `master` has that listener, at its re-injection port.
    pub async fn start(ports: PostfixPorts, main: &str, master: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("postfix-").tempdir().expect("make directory");
        prepare(directory.path(), &ports, main, master);
        let daemons = daemons();
        let arguments =
            ["-c".to_owned(), directory.path().join("etc").display().to_string(), "-d".to_owned()];
        let mut process = Process::start_in(
            Group::Its,
            "postfix",
            &daemons.join("master"),
            &arguments,
            &[],
            directory.path(),
        );
        let mut listeners = vec![ports.entry()];
        if master.contains(&format!(":{} inet ", ports.reinjection.number())) {
            listeners.push(ports.reinjection());
        }
        for listener in listeners {
            eventually("Postfix takes connections", async || {
                assert!(process.status().is_none(), "{}{}", process.log_tail(), maillog(directory.path()));
                connect(&listener).await.ok()
            })
            .await;
        }
        Self { _master: process, ports, directory }
    }

    /// Where users hand in their mails, `HOST:PORT`.
    pub fn entry(&self) -> String {
        self.ports.entry()
    }

    /// The log of all its daemons.
    pub fn log(&self) -> String {
        maillog(self.directory.path())
    }

    /// Every copy that was delivered: mailbox and content with LF line ends.
    pub fn delivered(&self) -> Vec<(String, Vec<u8>)> {
        let mut copies = Vec::new();
        for number in 0..MAILBOXES {
            let mailbox = format!("user{number}");
            let new = self.directory.path().join("mail").join(&mailbox).join("new");
            // Made by the first delivery.
            for file in fs::read_dir(new).into_iter().flatten() {
                let content = fs::read(file.expect("list Maildir").path()).expect("read delivered mail");
                copies.push((mailbox.clone(), content));
            }
        }
        copies
    }

    /// How many copies were delivered.
    pub fn delivered_count(&self) -> usize {
        let new = |number| self.directory.path().join(format!("mail/user{number}/new"));
        (0..MAILBOXES).map(|number| fs::read_dir(new(number)).map_or(0, Iterator::count)).sum()
    }

    /// Mails in its queue, deferred ones as well.
    pub fn queued(&self) -> usize {
        let queue = self.directory.path().join("queue");
        UNDER_WAY.iter().map(|name| files_below(&queue.join(name))).sum()
    }

    /// Tries everything in its queue now, deferred mails as well. First waits until nothing is being tried: what was
    /// deferred in the log but not yet put away would not be tried.
    pub async fn flush(&self) {
        let queue = self.directory.path().join("queue");
        eventually("Postfix has put away what it deferred", async || {
            let busy: usize = ["incoming", "active"].iter().map(|name| files_below(&queue.join(name))).sum();
            (busy == 0).then_some(())
        })
        .await;
        let postqueue = tool(&["/usr/sbin/postqueue"], "postfix");
        let etc = self.directory.path().join("etc").display().to_string();
        let mut process = Process::start("postqueue", &postqueue, &["-c", &etc, "-f"], self.directory.path());
        let status = process.ended().await;
        assert!(status.success(), "{}", process.log_tail());
    }

    /// Waits until the queue is empty, or a mail was deferred, which ends the test.
    pub async fn until_queue_is_empty(&self) {
        eventually("the Postfix queue is empty", async || {
            let deferred = files_below(&self.directory.path().join("queue/deferred"));
            assert_eq!(deferred, 0, "mails were deferred:\n{}", self.log());
            (self.queued() == 0).then_some(())
        })
        .await;
    }
}

impl Drop for Postfix {
    #[expect(clippy::print_stderr, reason = "the log belongs into the report of the failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "--- end of the log of Postfix ---\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
    }
}

fn daemons() -> PathBuf {
    let master = tool(&["/usr/lib/postfix/sbin/master", "/usr/libexec/postfix/master"], "postfix");
    master.parent().expect("an absolute path").to_owned()
}

fn maillog(directory: &Path) -> String {
    String::from_utf8_lossy(&fs::read(directory.join("maillog")).unwrap_or_default()).into_owned()
}

fn files_below(directory: &Path) -> usize {
    // A queue file may move on while it is looked at.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let count = |path: &Path| {
        if path.is_dir() { files_below(path) } else { usize::from(path.exists()) }
    };
    entries.map(|entry| count(&entry.path())).sum()
}

fn prepare(directory: &Path, ports: &PostfixPorts, main: &str, master: &str) {
    let (postfix, postdrop) = (id_in("/etc/passwd", "postfix"), id_in("/etc/group", "postdrop"));
    let make = |path: &Path, mode: u32, user: u32, group: u32| {
        fs::create_dir_all(path).expect("make directory");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set mode");
        let owned = chown(path, Some(user), Some(group));
        owned.unwrap_or_else(|e| {
            panic!("cannot give {} away (Postfix tests run as root): {e}", path.display())
        });
    };
    make(directory, 0o755, 0, 0);
    for (path, mode, user) in
        [("etc", 0o755, 0), ("queue", 0o755, 0), ("data", 0o700, postfix), ("mail", 0o755, NOBODY)]
    {
        make(&directory.join(path), mode, user, 0);
    }
    for (name, mode, is_for_postdrop) in QUEUE {
        let user = if name == "pid" { 0 } else { postfix };
        make(&directory.join("queue").join(name), mode, user, if is_for_postdrop { postdrop } else { 0 });
    }
    let dir = directory.display().to_string();
    let fill = |text: &str| {
        let daemons = daemons().display().to_string();
        text.replace("{dir}", &dir).replace("{daemons}", &daemons).replace("{entry}", &ports.entry())
    };
    let mailboxes: String = (0..MAILBOXES).map(|n| format!("user{n}@example.net user{n}/\n")).collect();
    for (name, text) in [
        ("etc/main.cf", fill(MAIN) + main),
        ("etc/master.cf", fill(MASTER) + master),
        ("mailboxes", mailboxes),
    ] {
        fs::write(directory.join(name), text).expect("write configuration");
    }
}

/// The number in the third field of the line of `name`.
fn id_in(file: &str, name: &str) -> u32 {
    let text = fs::read_to_string(file).expect("read user database");
    let of_name = |line: &str| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        fields.nth(1)?.parse().ok()
    };
    let id = text.lines().find_map(of_name);
    id.unwrap_or_else(|| panic!("{file} has no {name}: apt-get install postfix"))
}
