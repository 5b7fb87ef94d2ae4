//! The rules of `nixtrace::elf`, each compared with the loader that makes them.
//!
//! Every case builds its programs and libraries in a temporary directory and asks the real loader
//! (`LD_TRACE_LOADED_OBJECTS=1`, which makes it say what it loads) and ours.

#![allow(
    clippy::unwrap_used,
    reason = "a fixture that cannot be built fails its test"
)]

mod glibc;
mod host;
mod musl;
mod support;
