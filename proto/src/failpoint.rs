//! Named steps at which a test makes the process kill or stop itself.
//!
//! They exist in debug builds only: in a release build [`Failpoints::reached`] is empty and [`Failpoints::parse`]
//! refuses. What killing means is the shell's; here is only the counting.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// A step between two durable effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Ingress: the job is stored, nobody has waited for it yet.
    AfterJobStored,
    /// Ingress: the outcome is known, no reply was written.
    AfterOutcome,
    /// Worker: the job was fetched.
    BeforeScan,
    /// Worker: the scan is done, the verdict is not stored.
    BeforeVerdict,
    /// Worker: the verdict is stored, the job is not acknowledged.
    AfterVerdict,
    /// Egress and standalone: the next hop has everything but the dot.
    BeforeClaim,
    /// Egress and standalone: the claim is stored, the dot was not sent.
    AfterClaim,
    /// Egress and standalone: the next hop's reply was read, nothing is recorded.
    AfterDot,
    /// Egress and standalone: the outcome is recorded, nothing is acknowledged.
    AfterRecord,
}

impl Point {
    const ALL: [Self; 9] = [
        Self::AfterJobStored,
        Self::AfterOutcome,
        Self::BeforeScan,
        Self::BeforeVerdict,
        Self::AfterVerdict,
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::AfterDot,
        Self::AfterRecord,
    ];

    /// Its name, as tests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterJobStored => "after_job_stored",
            Self::AfterOutcome => "after_outcome",
            Self::BeforeScan => "before_scan",
            Self::BeforeVerdict => "before_verdict",
            Self::AfterVerdict => "after_verdict",
            Self::BeforeClaim => "before_claim",
            Self::AfterClaim => "after_claim",
            Self::AfterDot => "after_dot",
            Self::AfterRecord => "after_record",
        }
    }
}

/// What the process does to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Stop,
}

/// Why a text names no failpoints.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FailpointError {
    /// A release build has none.
    #[error("this build has no failpoints")]
    NotInThisBuild,
    /// Not `point=kill`, `point=stop` or `point@n=…`.
    #[error("{0:?} is not point[@n]=kill or point[@n]=stop")]
    Malformed(String),
}

type Act = Arc<dyn Fn(Action) + Send + Sync>;

/// The failpoints of one process; none by default.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<Set>>);

struct Set {
    armed: Vec<Armed>,
    act: Act,
}

struct Armed {
    point: Point,
    action: Action,
    /// Mails that may still pass before it fires.
    passes: AtomicU64,
}

impl Failpoints {
    /// Reads `point=kill,point@3=stop`: the first, or the third time that it is reached, `act` is called.
    ///
    /// # Errors
    /// When the text says something else, or the build has no failpoints.
    pub fn parse(text: &str, act: Act) -> Result<Self, FailpointError> {
        if cfg!(not(debug_assertions)) {
            return Err(FailpointError::NotInThisBuild);
        }
        let armed = text.split(',').map(parse_one).collect::<Result<_, _>>()?;
        Ok(Self(Some(Arc::new(Set { armed, act }))))
    }

    /// The process is at `point`.
    #[inline]
    pub fn reached(&self, point: Point) {
        if cfg!(debug_assertions)
            && let Some(set) = &self.0
        {
            set.reached(point);
        }
    }
}

impl Set {
    fn reached(&self, point: Point) {
        for armed in self.armed.iter().filter(|armed| armed.point == point) {
            // Wraps after the last pass, so that it fires once.
            if armed.passes.fetch_sub(1, Ordering::Relaxed) == 1 {
                (self.act)(armed.action);
            }
        }
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.0.iter().flat_map(|set| &set.armed).map(|armed| (armed.point, armed.action));
        f.debug_list().entries(armed).finish()
    }
}

fn parse_one(text: &str) -> Result<Armed, FailpointError> {
    let malformed = || FailpointError::Malformed(text.to_owned());
    let (point, action) = text.trim().split_once('=').ok_or_else(malformed)?;
    let (name, passes) = point.split_once('@').unwrap_or((point, "1"));
    let point = Point::ALL.into_iter().find(|point| point.name() == name).ok_or_else(malformed)?;
    let passes: u64 = passes.parse().ok().filter(|passes| *passes > 0).ok_or_else(malformed)?;
    let action = match action {
        "kill" => Action::Kill,
        "stop" => Action::Stop,
        _ => return Err(malformed()),
    };
    Ok(Armed { point, action, passes: AtomicU64::new(passes) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn recorded(text: &str) -> (Failpoints, Arc<Mutex<Vec<Action>>>) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let act = {
            let log = log.clone();
            Arc::new(move |action| log.lock().unwrap().push(action))
        };
        (Failpoints::parse(text, act).unwrap(), log)
    }

    #[test]
    fn each_fires_once_at_its_turn() {
        let (failpoints, log) = recorded("after_claim@2=stop,after_dot=kill");
        failpoints.reached(Point::BeforeClaim);
        failpoints.reached(Point::AfterClaim);
        assert_eq!(*log.lock().unwrap(), []);
        failpoints.reached(Point::AfterClaim);
        failpoints.reached(Point::AfterClaim);
        failpoints.clone().reached(Point::AfterDot);
        failpoints.reached(Point::AfterDot);
        assert_eq!(*log.lock().unwrap(), [Action::Stop, Action::Kill]);
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        for point in Point::ALL {
            let (failpoints, log) = recorded(&format!("{}=kill", point.name()));
            Point::ALL.into_iter().for_each(|other| failpoints.reached(other));
            assert_eq!(log.lock().unwrap().len(), 1, "{point:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "after_claim", "after_claim=die", "nowhere=kill", "after_claim@0=kill", "after_claim@x=kill"]
        {
            let parsed = Failpoints::parse(text, Arc::new(|_| ()));
            assert_eq!(parsed.err(), Some(FailpointError::Malformed(text.to_owned())));
        }
    }
}
