//! What the tracer promises, each promise with a small program that keeps or breaks it.
//!
//! The programs (`tracees/`) are C, are compiled in a temporary directory, and check or report for
//! themselves what the kernel told them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod background;
mod honesty;
mod launch;
mod life;
mod many;
mod outcomes;
mod paths;
mod signals;
mod support;
