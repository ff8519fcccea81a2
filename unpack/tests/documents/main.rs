//! Containers of documents and older archivers, through the public interface: what each holds, by every name, and what
//! is told when something is wrong with it.

#![expect(clippy::unwrap_used, reason = "a container that cannot be written fails the test")]

mod arj;
mod cab;
mod cfb;
mod clamav;
mod hostile;
mod iso9660;
mod lha;
mod rar;
mod run;
mod text;
mod tnef;
mod udf;
