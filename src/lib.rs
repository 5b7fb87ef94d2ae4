//! nixtrace runs a command, sees what it really uses, and writes the Nix expression that provides
//! it.
//!
//! Data flows one way; each module knows only those named after it here.
//!
//! - [`cli`]: verbs, flags, words for a person, progress.
//! - [`pipeline`]: the stages in order.
//! - [`report`]: the tables that a person reads.
//! - [`emit`]: an [`emit::Environment`] becomes Nix or JSON text. Opens no file.
//! - [`resolve`]: a used resource becomes ranked nixpkgs attributes. Never sees a process.
//! - [`graph`]: events become needs. Never sees a package.
//! - [`tracer`]: runs a command and observes what it does. Never sees a package.
//! - [`trace`]: the typed events and the trace file.
//! - [`disk`]: what the graph asks of files, answered by this machine.
//! - [`elf`]: ELF images and the loader's search.
//! - `sqlite`: SQLite databases that others made.
//! - [`atomic`]: files that appear whole or not at all.

pub mod atomic;
pub mod cli;
pub mod disk;
pub mod elf;
pub mod emit;
pub mod graph;
pub mod pipeline;
pub mod report;
pub mod resolve;
mod sqlite;
pub mod trace;
pub mod tracer;
