//! Archives and compressed streams, made by test code and by others, read through the crate's face.
//!
//! Absent: the formats of documents and of text, which have their own tests.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod bombs;
mod fixtures;
mod known_files;
mod properties;
mod sevens;
mod single;
mod support;
mod tar_writer;
mod tars;
mod zip_readings;
mod zip_writer;
mod zips;
