//! Resource limits: memory, CPU time, open files, written files, core dumps; and no way to more privileges.

use std::io;

use proto::inspection::Setup;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::set_no_new_privs;
use rustix::time::{ClockId, clock_gettime};

/// Puts them in force. CPU time is renewed for each mail.
pub(super) fn set(setup: &Setup) -> Result<(), String> {
    let named = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    set_no_new_privs(true).map_err(named("no new privileges"))?;
    // Nobody of the same user may look into its memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(named("not dumpable"))?;
    lower(Resource::Core, 0).map_err(named("core"))?;
    lower(Resource::Fsize, 0).map_err(named("file size"))?;
    lower(Resource::As, setup.memory_bytes_max).map_err(named("memory"))?;
    renew_cpu(setup.cpu_seconds_max).map_err(|error| format!("cpu: {error}"))
}

/// No new descriptors, whatever they are of. Called behind Landlock, which needs one.
pub(super) fn no_descriptors() -> io::Result<()> {
    Ok(lower(Resource::Nofile, 0)?)
}

/// The next mail may use that many seconds; the kernel counts whole ones, so up to one more. Beyond them SIGXCPU ends
/// the process.
pub(super) fn renew_cpu(seconds_max: u64) -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or_default();
    let Rlimit { maximum, .. } = getrlimit(Resource::Cpu);
    let current = Some(bounded(used.saturating_add(seconds_max).saturating_add(1), maximum));
    Ok(setrlimit(Resource::Cpu, Rlimit { current, maximum })?)
}

/// Both limits, so that neither can be raised again.
pub(crate) fn lower(resource: Resource, wanted: u64) -> rustix::io::Result<()> {
    let limit = Some(bounded(wanted, getrlimit(resource).maximum));
    setrlimit(resource, Rlimit { current: limit, maximum: limit })
}

fn bounded(wanted: u64, maximum: Option<u64>) -> u64 {
    maximum.map_or(wanted, |maximum| wanted.min(maximum))
}
