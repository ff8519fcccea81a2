//! The protocol broken on purpose. Each must be refuted, or the properties are too weak.

use proto::ReplyClass;

use crate::properties::{ABORTED, BOUNDED, DELIVERED, HONEST, REFUSED, SETTLED};
use crate::run::refute;
use crate::setup::Setup;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The dot is sent without a claim; the outcome is recorded.
    ClaimSkipped,
    /// What the next hop will say is recorded before it is asked.
    RecordBeforeClaim,
    /// A record is written where one stands.
    UpdateInsteadOfCreate,
    /// An egress delivers although its transaction was given up.
    AbortIgnored,
    /// An ingress answers 451 without giving the transaction up, and a retry cannot be known.
    NoAbort,
    /// Nobody asks behind the claim whether the delivery is still this process's.
    HoldNotChecked,
    /// A claim is passed although its owner keeps it fresh.
    LivingTakenForDead,
    /// A claim is waited for although its owner is gone.
    DeadTakenForLiving,
    /// The client is answered once the job is stored.
    AnsweredAtPublish,
    /// A retry of what is under way is told 451 at once.
    NotAttached,
}

fn broken(mutant: Mutant, faults: u8) -> Setup {
    Setup { mutant: Some(mutant), ..Setup::new(faults) }
}

#[test]
fn without_claims_there_are_second_copies() {
    refute(Setup { first: vec![0b01, 0b10], ..broken(Mutant::ClaimSkipped, 0) }, BOUNDED);
}

#[test]
fn without_claims_a_refusal_is_not_true() {
    let replies = vec![ReplyClass::Positive, ReplyClass::Permanent];
    refute(Setup { first: vec![0b01, 0b10], replies, ..broken(Mutant::ClaimSkipped, 0) }, REFUSED);
}

#[test]
fn an_outcome_recorded_before_the_dot_loses_mail() {
    refute(broken(Mutant::RecordBeforeClaim, 1), DELIVERED);
}

#[test]
fn a_record_that_can_be_overwritten_protects_nobody() {
    refute(broken(Mutant::UpdateInsteadOfCreate, 0), BOUNDED);
}

#[test]
fn an_abort_must_be_obeyed() {
    refute(Setup { has_ident: false, ..broken(Mutant::AbortIgnored, 0) }, ABORTED);
}

#[test]
fn a_mail_without_ident_must_be_given_up() {
    refute(Setup { has_ident: false, ..broken(Mutant::NoAbort, 0) }, BOUNDED);
}

#[test]
fn an_egress_that_was_stopped_must_ask_behind_the_claim() {
    refute(broken(Mutant::HoldNotChecked, 1), BOUNDED);
}

#[test]
fn a_living_claim_must_be_waited_for() {
    refute(Setup { first: vec![0b01, 0b10], ..broken(Mutant::LivingTakenForDead, 0) }, BOUNDED);
}

#[test]
fn a_dead_claim_must_be_passed() {
    refute(Setup { has_ident: false, ..broken(Mutant::DeadTakenForLiving, 1) }, SETTLED);
}

#[test]
fn a_client_must_not_be_answered_early() {
    let replies = vec![ReplyClass::Positive];
    refute(Setup { replies, ..broken(Mutant::AnsweredAtPublish, 0) }, DELIVERED);
}

#[test]
fn a_retry_must_wait_for_what_is_under_way() {
    refute(Setup { replies: vec![ReplyClass::Positive], ..broken(Mutant::NotAttached, 0) }, HONEST);
}
