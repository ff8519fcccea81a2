//! What trying each clamd has shown: whether it may be believed, and what its operator should change.
//!
//! An advice is logged when it is new, not each time. What makes an OK worthless is a failure of the probe, upon which the
//! pool leaves the host alone until a probe succeeds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proto::Endpoint;
use tokio::time::timeout;

use super::canary::{Judgement, Probe};
use super::connection::{Connection, Way};
use super::settings::Canary;
use super::{database, reply};
use crate::metrics::ClamdMetrics;
use crate::pool::client::{Failure, Target};

/// Time for the large probe; clamd takes half a second for 25 MiB when it has nothing else to do.
const LARGE_TIMEOUT: Duration = Duration::from_secs(60);
/// The cheap ones, in the order in which they are sent.
const CHEAP: [Probe; 3] = [Probe::Eicar, Probe::Nested, Probe::Encrypted];

/// Tries clamds.
pub(crate) struct Examiner {
    canary: Canary,
    way: Way,
    /// The size up to which mails are sent.
    bytes_max: usize,
    hosts: Mutex<HashMap<Endpoint, Known>>,
    metrics: ClamdMetrics,
}

#[derive(Default)]
struct Known {
    /// What it told when it was asked last.
    version: Option<String>,
    advice: HashMap<Probe, String>,
    is_old: bool,
    /// It answered the large probe, and not with OK.
    is_examined: bool,
}

impl Examiner {
    pub(super) fn new(canary: Canary, way: Way, bytes_max: usize, metrics: ClamdMetrics) -> Self {
        Self { canary, way, bytes_max, hosts: Mutex::default(), metrics }
    }

    /// The longest that [`Examiner::probe`] takes.
    pub(super) fn probe_time(connect_timeout: Duration) -> Duration {
        LARGE_TIMEOUT + connect_timeout * 8
    }

    /// Asks for the versions and sends what is cheap; what is dear only where it never passed, failed when it was sent
    /// last, or may have been set otherwise meanwhile.
    pub(super) async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        let result = self.try_out(target).await;
        if matches!(result, Err(Failure::Connect(_))) {
            // It is down, and may come back with other settings.
            self.known().entry(target.endpoint.clone()).or_default().is_examined = false;
        }
        result
    }

    async fn try_out(&self, target: Target<'_>) -> Result<String, Failure> {
        let limit = target.connect_timeout;
        let mut connection = Connection::open(target, self.way).await?;
        let version = timeout(limit, connection.version()).await.map_err(|_| Failure::Timeout)??;
        self.known().entry(target.endpoint.clone()).or_default().version = Some(version.clone());
        self.note_age(target.endpoint, &version);
        for probe in CHEAP {
            self.send(target, probe, limit).await?;
        }
        let is_examined = self.known().get(target.endpoint).is_some_and(|known| known.is_examined);
        if !is_examined {
            self.send(target, Probe::Large, LARGE_TIMEOUT).await?;
        }
        Ok(version)
    }

    /// Sends what is dear.
    pub(super) async fn examine(&self, target: Target<'_>) -> Result<(), Failure> {
        self.send(target, Probe::Large, LARGE_TIMEOUT).await
    }

    /// What a host told of its engine and signatures, once it did.
    pub(super) fn version(&self, host: &Endpoint) -> Option<String> {
        self.known().get(host)?.version.clone()
    }

    async fn send(&self, target: Target<'_>, probe: Probe, limit: Duration) -> Result<(), Failure> {
        let content = Bytes::from(probe.content(self.bytes_max));
        let scan = async {
            // Each on a connection of its own, since clamd closes it behind some answers.
            Connection::open(target, self.way).await?.scan(&content).await
        };
        let answer = timeout(limit, scan).await.map_err(|_| Failure::Timeout)??;
        self.note(target.endpoint, probe, &answer)
    }

    fn note(&self, endpoint: &Endpoint, probe: Probe, answer: &reply::Answer) -> Result<(), Failure> {
        let mut judgement = probe.judge(answer, self.bytes_max);
        if let (Judgement::Advice(text), true) = (&judgement, self.canary.alerts_required)
            && matches!(probe, Probe::Nested | Probe::Encrypted)
        {
            judgement = Judgement::Bad(text.clone());
        }
        let mut hosts = self.known();
        let known = hosts.entry(endpoint.clone()).or_default();
        if probe == Probe::Large {
            known.is_examined = !matches!(judgement, Judgement::Bad(_));
        }
        match judgement {
            Judgement::Good => {
                known.advice.remove(&probe);
            }
            Judgement::Advice(text) => {
                if known.advice.get(&probe) != Some(&text) {
                    tracing::warn!(host = %endpoint, advice = text, "clamd could be set better");
                    known.advice.insert(probe, text);
                }
            }
            Judgement::Bad(text) => return Err(Failure::Refused(text)),
        }
        Ok(())
    }

    /// Counts and tells how old the signatures are.
    fn note_age(&self, endpoint: &Endpoint, version: &str) {
        let Some(made) = database::made(version) else { return };
        self.metrics.database_made(&endpoint.to_string(), database::unix_seconds(made));
        let age = database::age(made, SystemTime::now());
        let is_old = age > self.canary.database_age_max;
        let mut hosts = self.known();
        let known = hosts.entry(endpoint.clone()).or_default();
        let days = age.as_secs() / (24 * 60 * 60);
        if is_old && !known.is_old {
            tracing::warn!(host = %endpoint, days, "the signatures of clamd are old");
        } else if known.is_old && !is_old {
            tracing::info!(host = %endpoint, days, "the signatures of clamd are new again");
        }
        known.is_old = is_old;
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Endpoint, Known>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
