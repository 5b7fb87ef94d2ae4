//! Text out: Nix expressions and the machine-readable result, from an [`Environment`].
//!
//! Opens no file and asks nobody: the same environment gives the same bytes. What is written is
//! decided in `inputs` and the formats; how Nix spells it is known to `nix` alone; the
//! fixed text of a format is a template.

mod command_line;
pub mod environment;
mod formats;
mod home;
mod inputs;
mod language;
mod nix;
mod nixpkgs;
mod remarks;
mod template;
mod wrapper;

use crate::trace::Bytes;

pub use environment::{
    Environment, GapNote, Missing, NetworkUse, Package, Role, RunKind, RunNote, Unresolved,
};
pub use formats::Format;
pub use nixpkgs::Nixpkgs;

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether to explain.
    pub comments: Comments,
    /// Where the expression takes nixpkgs from.
    pub nixpkgs: Nixpkgs,
    /// The home directory of whoever ran the command; written as `~`.
    pub home: Option<Bytes>,
}

/// Whether an expression carries its reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Comments {
    /// What was run, and why each package is there.
    #[default]
    Evidence,
    /// Nothing but what a person still has to decide.
    None,
}

/// Why nothing could be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path to nixpkgs has bytes that Nix source has no way to spell.
    #[error("the path `{0}` to nixpkgs cannot be written in Nix: it is not UTF-8")]
    NixpkgsPath(Bytes),
    /// The environment has no JSON form.
    #[error("the result cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// A template and the code that fills it disagree: a mistake in nixtrace.
    #[error("a template of nixtrace does not fit its content")]
    Template(#[from] minijinja::Error),
}

/// Writes the environment in a format: the whole text of the file, with a newline at its end.
///
/// # Errors
/// See [`Error`]; names and paths from the trace never cause one.
pub fn render(
    environment: &Environment,
    format: Format,
    options: &Options,
) -> Result<String, Error> {
    format.write(environment, options)
}
