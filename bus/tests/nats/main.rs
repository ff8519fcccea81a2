//! The bus against a real `nats-server`, each test with a private one on a free port and a store of its own.
//!
//! Nothing sleeps and hopes: tests wait for what they want to see, with a generous deadline.

#[cfg(test)]
mod back;
#[cfg(test)]
mod behind;
#[cfg(test)]
mod content;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod give_up;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod join;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod ledger_away;
#[cfg(test)]
mod race;
#[cfg(test)]
mod server;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod topology;
#[cfg(test)]
mod world;
