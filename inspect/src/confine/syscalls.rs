//! System calls that a foreign program is refused: sockets, ways out of its process group, and ways into other processes
//! and the kernel. It gets an error and lives on.
//!
//! A list of what is forbidden, since nobody knows what a foreign program needs. It is no cage by itself.

use std::collections::BTreeMap;

use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

/// Sockets of any kind.
const NETWORK: [i64; 1] = [libc::SYS_socket];

/// What no scanner needs.
const ALWAYS: [i64; 30] = [
    // No filter sees what it does.
    libc::SYS_io_uring_setup,
    // Its process group is how it is ended.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Places of its own.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
];

/// Puts it in force.
pub(super) fn restrict(has_network: bool) -> Result<(), String> {
    let program = program(has_network).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn program(has_network: bool) -> Result<BpfProgram, BackendError> {
    let network = NETWORK.into_iter().filter(|_| !has_network);
    let rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALWAYS.into_iter().chain(network).map(|call| (call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()
}
