//! The list of system calls: what an allocator, a pipe and a dying process need; anything else ends the process.
//!
//! No file, socket, process or thread can be made by these, nor memory that is executable, and nothing read or written
//! but the pipes: descriptors that somebody left open before us are of no use. A call that is missing here
//! turns up as a child that dies by SIGSYS, never as a hole.

use std::collections::BTreeMap;

use rustix::process::getpid;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

const STDIN: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;

/// Allowed whatever their arguments are.
const CALLS: [i64; 17] = [
    // The allocator.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    // Seeds of hash tables, CPU time.
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    // Panics, aborts, a stack that overflows, the end.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Puts it in force.
pub(super) fn restrict() -> Result<(), String> {
    let program = program().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.into_iter().map(|call| (call, Vec::new())).collect();
    let itself = u64::try_from(getpid().as_raw_pid()).unwrap_or_default();
    let not_executable = || argument(2, MaskedEq(libc::PROT_EXEC as u64), 0);
    let of_no_file = argument(4, Eq, u64::from(u32::MAX))?;
    // The CPU time of the next mail.
    let cpu = vec![argument(0, Eq, 0)?, argument(1, Eq, u64::from(libc::RLIMIT_CPU))?];
    let descriptor = |number| Ok::<_, BackendError>(vec![argument(0, Eq, number)?]);
    for (call, conditions) in [
        (libc::SYS_read, descriptor(STDIN)?),
        (libc::SYS_write, descriptor(STDOUT)?),
        // The last words of a process that aborts; nobody reads them.
        (libc::SYS_write, descriptor(STDERR)?),
        (libc::SYS_writev, descriptor(STDERR)?),
        (libc::SYS_mmap, vec![not_executable()?, of_no_file]),
        (libc::SYS_mprotect, vec![not_executable()?]),
        // An abort signals itself.
        (libc::SYS_tgkill, vec![argument(0, Eq, itself)?]),
        (libc::SYS_prlimit64, cpu),
    ] {
        rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?.try_into()
}

fn argument(
    index: u8,
    operator: seccompiler::SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}
