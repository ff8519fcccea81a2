//! Files of a foreign program by Landlock: what it needs to run may be read, and named directories may be written.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::Confinement;

/// The newest version whose rights we know of.
const NEWEST: ABI = ABI::V10;
/// Where programs, libraries and what every one of them asks for are. Not all of /etc: it may hold our secrets.
const USUAL: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/proc/self",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];
/// What everybody may write to.
const NOWHERE: &str = "/dev/null";

/// Puts it in force.
pub(super) fn restrict(confinement: &Confinement) -> Result<(), String> {
    let status = enforce(confinement).map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced, _) => Ok(()),
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => {
            Err("not built into this kernel".into())
        }
        (RulesetStatus::NotEnforced, _) => Err("not enabled in this kernel".into()),
    }
}

fn enforce(confinement: &Confinement) -> Result<landlock::RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(NEWEST);
    let write = AccessFs::from_all(NEWEST) & !AccessFs::Execute;
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?;
    ruleset = if confinement.has_network {
        ruleset.scope(Scope::Signal)?
    } else {
        ruleset.handle_access(AccessNet::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?
    };
    let mut rules = ruleset.create()?;
    let readable = confinement.readable.iter().map(AsRef::as_ref);
    for path in USUAL.map(Path::new).into_iter().chain(readable) {
        rules = allowed(rules, path, read)?;
    }
    for path in &confinement.writable {
        rules = allowed(rules, path, read | write)?;
    }
    if confinement.has_network {
        // Sockets with a path are files, wherever they are.
        rules = allowed(rules, Path::new("/"), AccessFs::ResolveUnix.into())?;
    }
    allowed(rules, Path::new(NOWHERE), AccessFs::ReadFile | AccessFs::WriteFile)?.restrict_self()
}

/// One more rule; what does not exist needs none.
fn allowed(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(opened, access))
}
