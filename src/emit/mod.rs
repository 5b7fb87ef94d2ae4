//! Text out: Nix expressions and the machine-readable result, from an [`Environment`].
//!
//! Opens no file and asks nobody: the same environment gives the same bytes.

pub mod environment;

pub use environment::{
    Environment, GapNote, Missing, NetworkUse, Package, Role, RunKind, Unresolved,
};
