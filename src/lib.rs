//! nixtrace runs a command, sees what it really uses, and writes the Nix expression that provides
//! it.
//!
//! Data flows one way; each module knows only those named after it here.
//!
//! - [`cli`]: verbs, flags, words for a person, progress.
//! - [`emit`]: an [`emit::Environment`] becomes Nix or JSON text. Opens no file.
//! - [`resolve`]: a used resource becomes ranked nixpkgs attributes. Never sees a process.
//! - [`tracer`]: runs a command under ptrace and tells what happened. Never sees a package.
//! - [`trace`]: the typed events and the trace file.
//! - [`atomic`]: files that appear whole or not at all.
//! - [`elf`]: ELF images and the loader's search.

pub mod atomic;
pub mod cli;
pub mod elf;
pub mod emit;
pub mod resolve;
pub mod trace;
pub mod tracer;
