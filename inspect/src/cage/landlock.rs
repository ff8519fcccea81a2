//! Landlock: no file can be opened, no TCP port bound or connected to, no process outside be signalled.
//!
//! As much of it as the kernel has: files since 5.13, TCP since 6.7, signals and abstract sockets since 6.12.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr as _, RulesetError,
    RulesetStatus, Scope,
};

/// The newest version whose rights we know of.
const NEWEST: ABI = ABI::V10;

/// Puts it in force; gives the version that does.
pub(super) fn restrict() -> Result<u32, String> {
    let status = enforce().map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced, available) => match available {
            LandlockStatus::Available { effective_abi, .. } => Ok(effective_abi as u32),
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Err("not enforced".into()),
        },
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => {
            Err("not built into this kernel".into())
        }
        (RulesetStatus::NotEnforced, _) => Err("not enabled in this kernel".into()),
    }
}

fn enforce() -> Result<landlock::RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()
}
