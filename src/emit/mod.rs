//! Text out: Nix expressions and the machine-readable result, from an [`Environment`].
//!
//! Opens no file and asks nobody: the same environment gives the same bytes. What is written is
//! decided in `inputs` and the formats; how Nix spells it is known to `nix` alone; the
//! fixed text of a format is a template.

mod command_line;
mod derivation;
pub mod environment;
mod evidence;
mod foreign;
mod formats;
mod home;
mod inputs;
mod language;
mod nix;
mod nixpkgs;
mod page;
mod remarks;
mod scope;
mod services;
mod template;
mod variables;
mod wrapper;

use crate::trace::Bytes;
use std::collections::BTreeSet;

pub use environment::{
    Asker, Environment, GapNote, Missing, NetworkUse, Package, PackageUse, Phase, Role, RunKind,
    RunNote, Shipment, Unresolved,
};
pub use formats::{File, Format};
pub use language::packages;
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
    /// The directory that the files are written to, absolute; that of the run if none is given.
    pub directory: Option<Bytes>,
    /// The formats that are written beside each other, so that one file can call another.
    pub beside: BTreeSet<Format>,
    /// Whether the expression refuses packages that are older than those that were seen.
    pub assert_versions: bool,
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

/// The image of Nixery that has the packages of the run, but not what was run.
pub fn nixery(environment: &Environment) -> Option<String> {
    let listed = environment.packages.iter();
    let names: BTreeSet<&str> = listed
        // Nixery has nixpkgs and nothing else.
        .filter(|package| package.implied.is_none() && package.origin.is_none())
        .map(|package| package.attr.as_str())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    (!names.is_empty()).then(|| format!("nixery.dev/shell/{}", names.join("/")))
}

/// Writes one of the files for an environment: its whole text, with a newline at its end.
///
/// # Errors
/// See [`Error`]; names and paths from the trace never cause one.
pub fn render(environment: &Environment, file: File, options: &Options) -> Result<String, Error> {
    file.write(environment, options)
}
