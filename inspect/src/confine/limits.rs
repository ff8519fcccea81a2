//! Resource limits of a foreign program, and no way to more privileges.

use rustix::process::Resource;
use rustix::thread::set_no_new_privs;

use super::Confinement;
use crate::cage::limits::lower;

/// Open files of each process.
const FILES_MAX: u64 = 256;

/// Puts them in force.
pub(super) fn set(confinement: &Confinement) -> Result<(), String> {
    let named = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    set_no_new_privs(true).map_err(named("no new privileges"))?;
    lower(Resource::Core, 0).map_err(named("core"))?;
    lower(Resource::Fsize, confinement.file_bytes_max).map_err(named("file size"))?;
    lower(Resource::Nofile, FILES_MAX).map_err(named("open files"))?;
    lower(Resource::Cpu, confinement.cpu_seconds_max).map_err(named("cpu"))?;
    lower(Resource::As, confinement.memory_bytes_max).map_err(named("memory"))
}
