//! amavisd-new as the row to compare with: the same checks, the same next hop, ten children.
//!
//! Its files live in a directory of their own; the system's configuration is not touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use harness::process::Process;
use harness::wait::eventually;
use tempfile::TempDir;

use crate::setup::temporary;

const PROGRAM: &str = "/usr/sbin/amavisd";

/// Whether the row can be filled.
pub(crate) fn is_installed() -> bool {
    Path::new(PROGRAM).exists()
}

/// A running amavisd.
pub(crate) struct Amavis {
    pub(crate) process: Process,
    /// Where it takes mails by LMTP: a unix socket, since on TCP it waits 40 ms for want of TCP_NODELAY.
    pub(crate) entry: String,
    _directory: TempDir,
}

impl Amavis {
    /// Starts it in front of the unix socket `next_hop`; with `clamd`, a socket path, it asks that and checks names.
    pub(crate) async fn start(next_hop: &str, clamd: Option<&str>) -> Self {
        let directory =
            tempfile::Builder::new().prefix("amavis-").tempdir_in(temporary()).expect("make directory");
        let home = directory.path();
        fs::set_permissions(home, fs::Permissions::from_mode(0o755)).expect("open directory");
        let (uid, gid) = user();
        for name in ["home", "home/tmp", "home/var", "home/db"] {
            fs::create_dir(home.join(name)).expect("make directory");
            chown(home.join(name), Some(uid), Some(gid)).expect("chown");
        }
        let entry = format!("unix:{}/home/lmtp.sock", home.display());
        let configuration = home.join("amavisd.conf");
        fs::write(&configuration, text(home, next_hop, clamd)).expect("write configuration");
        let args = ["-c".to_owned(), configuration.display().to_string(), "foreground".to_owned()];
        let mut process = Process::start("amavisd", Path::new(PROGRAM), &args, home);
        eventually("amavisd takes connections", async || {
            assert!(process.status().is_none(), "{}", process.log_tail());
            harness::io::connect(&entry).await.ok()
        })
        .await;
        Self { process, entry, _directory: directory }
    }
}

fn user() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let line = passwd.lines().find(|line| line.starts_with("amavis:")).expect("the user amavis");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("a number"));
    (fields.next().expect("uid"), fields.next().expect("gid"))
}

fn text(home: &Path, next_hop: &str, clamd: Option<&str>) -> String {
    let home = home.display();
    let checks = match clamd {
        None => "@bypass_virus_checks_maps=(1); @bypass_banned_checks_maps=(1);\n".to_owned(),
        Some(socket) => format!(
            "@av_scanners = (['ClamAV-clamd', \\&ask_daemon, [\"CONTSCAN {{}}\\n\", '{socket}'],\n  \
             qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m]);\n\
             $file = '/usr/bin/file';\n\
             $banned_filename_re = new_RE(qr'^\\.(exe-ms|dll|exe|lnk)$', \
             qr'\\.(exe|vbs|pif|scr|cpl|bat|cmd|com|dll)$'i);\n"
        ),
    };
    format!(
        "use strict;\n\
         $daemon_user='amavis'; $daemon_group='amavis';\n\
         $MYHOME='{home}/home'; $TEMPBASE=\"$MYHOME/tmp\"; $ENV{{TMPDIR}}=$TEMPBASE;\n\
         $helpers_home=\"$MYHOME/var\"; $db_home=\"$MYHOME/db\"; $QUARANTINEDIR=undef;\n\
         $enable_db=0; $enable_zmq=0;\n\
         $max_servers=10; $max_requests=10000;\n\
         $pid_file=\"$MYHOME/amavisd.pid\"; $lock_file=\"$MYHOME/amavisd.lock\";\n\
         $inet_socket_port=undef; $unix_socketname='{home}/home/lmtp.sock';\n\
         $interface_policy{{'SOCK'}}='FEED'; $policy_bank{{'FEED'}}={{ protocol => 'LMTP' }};\n\
         $forward_method='smtp:{next_hop}'; $notify_method=$forward_method;\n\
         @bypass_spam_checks_maps=(1); @bypass_header_checks_maps=(1);\n\
         {checks}\
         $log_level=0; $do_syslog=0; $LOGFILE=\"$MYHOME/log\";\n\
         $myhostname='mail.example.org'; $mydomain='example.org'; @local_domains_maps=(1);\n\
         1;\n"
    )
}
