//! A client that does as it is told: each host has a script, and an empty one answers clean.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use proto::Endpoint;

use super::super::client::{Client, Failure, Outcome, Reply, Request, Target};

/// What a host does with a request, or a probe.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Clean,
    /// Answers and keeps the connection.
    Keep,
    After(Duration),
    Hang,
    Garbage,
    GarbageAfter(Duration),
    Lost,
    /// Nobody listens.
    Down,
}

/// The number of a host.
pub(super) fn host(number: u16) -> Endpoint {
    Endpoint::Tcp { host: "fake".into(), port: number }
}

#[derive(Default)]
struct State {
    acts: HashMap<Endpoint, VecDeque<Act>>,
    probes: HashMap<Endpoint, VecDeque<Act>>,
    /// Who was asked, in order, and whether on a kept connection.
    asked: Vec<(u16, bool)>,
    probed: Vec<u16>,
    signatures: HashMap<Endpoint, String>,
}

/// Shared with the test.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<State>>);

impl Fake {
    pub(super) fn script(&self, number: u16, acts: impl IntoIterator<Item = Act>) {
        self.0.lock().unwrap().acts.entry(host(number)).or_default().extend(acts);
    }

    pub(super) fn script_probes(&self, number: u16, acts: impl IntoIterator<Item = Act>) {
        self.0.lock().unwrap().probes.entry(host(number)).or_default().extend(acts);
    }

    /// What a host has from now on.
    pub(super) fn sign(&self, number: u16, signatures: &str) {
        self.0.lock().unwrap().signatures.insert(host(number), signatures.into());
    }

    /// Who was asked since the last time.
    pub(super) fn asked(&self) -> Vec<(u16, bool)> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The same without the connections.
    pub(super) fn numbers(&self) -> Vec<u16> {
        self.asked().into_iter().map(|(number, _)| number).collect()
    }

    pub(super) fn probed(&self) -> Vec<u16> {
        std::mem::take(&mut self.0.lock().unwrap().probed)
    }
}

fn number(endpoint: &Endpoint) -> u16 {
    match endpoint {
        Endpoint::Tcp { port, .. } => *port,
        Endpoint::Unix(_) => 0,
    }
}

async fn play(act: Act) -> Result<bool, Failure> {
    match act {
        Act::Clean => Ok(false),
        Act::Keep => Ok(true),
        Act::After(time) => {
            sleep(time).await;
            Ok(false)
        }
        Act::Hang => pending().await,
        Act::Garbage => Err(Failure::grammar("garbage")),
        Act::GarbageAfter(time) => {
            sleep(time).await;
            Err(Failure::grammar("garbage"))
        }
        Act::Lost => Err(Failure::Lost(None)),
        Act::Down => Err(Failure::Connect(io::ErrorKind::ConnectionRefused.into())),
    }
}

impl Client for Fake {
    type Connection = u16;

    async fn exchange(
        &self,
        target: Target<'_>,
        connection: Option<u16>,
        _: &Request<'_>,
    ) -> Result<Reply<u16>, Failure> {
        let number = number(target.endpoint);
        assert!(connection.is_none_or(|kept| kept == number), "a connection of another host");
        let act = {
            let mut state = self.0.lock().unwrap();
            state.asked.push((number, connection.is_some()));
            state.acts.get_mut(target.endpoint).and_then(VecDeque::pop_front).unwrap_or(Act::Clean)
        };
        let keeps = play(act).await?;
        Ok(Reply { outcome: Outcome::Clean, connection: keeps.then_some(number) })
    }

    async fn probe(&self, target: Target<'_>) -> Result<String, Failure> {
        let act = {
            let mut state = self.0.lock().unwrap();
            state.probed.push(number(target.endpoint));
            state.probes.get_mut(target.endpoint).and_then(VecDeque::pop_front).unwrap_or(Act::Clean)
        };
        play(act).await.map(|_| "fake 1".to_owned())
    }

    fn signatures(&self, host: &Endpoint) -> Option<String> {
        self.0.lock().unwrap().signatures.get(host).cloned()
    }
}
