//! The command line: one file per verb, from flags to calls on the floors below to words for a
//! person.
//!
//! Each verb is a module with `Args` (what was typed) and `run(Args) -> Result<u8, Failure>`, the
//! exit status.

pub mod exit;
mod failure;
pub mod index;
pub mod resolve;

pub use exit::Exit;
pub use failure::Failure;
