//! What the tracer promises, each promise with a small program that keeps or breaks it.
//!
//! The programs (`tracees/`) are C, are compiled in a temporary directory, and check or report for
//! themselves what the kernel told them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod background;
mod descriptors;
mod differential;
mod dns;
mod everywhere;
mod happening;
mod helpers;
mod honesty;
mod launch;
mod life;
mod loading;
mod many;
mod names;
mod namespaces;
mod nested;
mod outcomes;
mod paths;
mod refused;
mod registered;
mod roots;
mod signals;
mod strace;
mod stress;
mod support;
mod terminal;
mod trace;
