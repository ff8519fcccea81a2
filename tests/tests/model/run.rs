//! Runs the checker over one configuration.

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model as _};

use crate::properties::{ABORTED, BOUNDED, DELIVERED, HONEST, REFUSED, SETTLED};
use crate::setup::Setup;

const INVARIANTS: [&str; 6] = [DELIVERED, BOUNDED, REFUSED, ABORTED, SETTLED, HONEST];

/// Explores everything: no invariant may fail, each of `possible` must have been seen, in `states_min` at least.
pub(crate) fn prove(setup: Setup, possible: &[&'static str], states_min: usize) {
    // Once all of these are found nothing could be learnt any more; before, everything is explored.
    let failures = HasDiscoveries::AllOf(INVARIANTS.into_iter().collect());
    let checker = setup.checker().finish_when(failures).spawn_bfs().join();
    for invariant in INVARIANTS {
        if let Some(path) = checker.discovery(invariant) {
            let steps: Vec<_> = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
            panic!("not so: {invariant}\n{}", steps.join("\n"));
        }
    }
    for name in possible {
        assert!(checker.discovery(name).is_some(), "never seen: {name}");
    }
    let states = checker.unique_state_count();
    println!("{states} states, {} steps deep", checker.max_depth());
    assert!(states >= states_min, "only {states} states");
}

/// The checker must find a way to break `invariant`.
pub(crate) fn refute(setup: Setup, invariant: &'static str) {
    let mutant = setup.mutant;
    let found = HasDiscoveries::AllOf(BTreeSet::from([invariant]));
    let checker = setup.checker().finish_when(found).spawn_bfs().join();
    let Some(path) = checker.discovery(invariant) else {
        panic!("{mutant:?} is not refuted in {} states", checker.unique_state_count());
    };
    let steps: Vec<_> = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
    println!("{mutant:?}: {}", steps.join(", "));
}
