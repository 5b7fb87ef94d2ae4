//! What a person reads: after a run a short table of packages with their reasons and what stayed
//! open; of a trace its tables, its tree of processes and more; of a name what is known to have it.
//!
//! Text only: where it goes is the caller's business. Every byte that comes from the traced system
//! passes [`printable()`], so that a file name cannot steer the terminal.

pub mod answer;
mod endpoint;
mod escape;
pub mod page;
pub mod picture;
mod printable;
pub mod show;
pub mod summary;
mod table;
pub mod tree;
pub mod why;
mod words;

pub use printable::printable;
pub use summary::{not_seen, summary};
pub use tree::tree;
pub(crate) use words::command_line;
