//! Containers of documents and older archivers, through the public interface: what each holds, by every name, and what
//! is told when something is wrong with it.

mod clamav;
mod run;
