//! What a person reads after a run: a short table of packages with their reasons, and what stayed
//! open.
//!
//! Text only: where it goes is the caller's business. Every byte that comes from the traced system
//! passes [`printable()`], so that a file name cannot steer the terminal.

mod printable;
pub mod summary;

pub use printable::printable;
pub use summary::{not_seen, summary};
