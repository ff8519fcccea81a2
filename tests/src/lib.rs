//! Harness and end-to-end tests: in a crate of its own, since they drive the finished binary beside real servers.
