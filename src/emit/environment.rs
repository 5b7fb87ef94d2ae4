//! The result of a run, ready to be written in any format.
//!
//! [`Environment`] is what `-f json` prints and what every Nix format is made from. It is sorted,
//! so the same trace gives the same bytes, and holds everything that a format may need: nothing
//! below `emit` is asked again.

use crate::resolve::{AttrPath, Output, Scored};
use crate::trace::{Bytes, Endpoint, GapKind};
use serde::Serialize;

/// What a command needs, and what stayed open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Environment {
    /// The version of this form: 1.
    pub version: u32,
    /// The command as it was given.
    pub command: Vec<Bytes>,
    /// What kind of run it was.
    pub kind: RunKind,
    /// How the command ended, as a shell would report it; none when the trace does not say.
    pub exit: Option<u8>,
    /// Packages, sorted by role and attribute; those that others imply among them.
    pub packages: Vec<Package>,
    /// What was used and has no certain package, sorted by path.
    pub unresolved: Vec<Unresolved>,
    /// What the run looked for, did not find, and failed without.
    pub missing: Vec<Missing>,
    /// Whom it talked to.
    pub network: Vec<NetworkUse>,
    /// What could not be seen.
    pub gaps: Vec<GapNote>,
}

/// What kind of run a trace shows; it chooses the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// A program was run.
    Binary,
    /// Something was compiled or configured.
    Build,
    /// A script was run by an interpreter.
    Script,
}

/// An attribute that the run needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Package {
    /// The attribute.
    pub attr: AttrPath,
    /// The output that holds what was used.
    pub output: Output,
    /// What it is needed as.
    pub role: Role,
    /// Why it need not be listed: `stdenv`, or the attribute that brings it; none when it is to be
    /// listed.
    pub implied: Option<String>,
    /// How sure this is, 0 to 1.
    pub score: f64,
    /// Why, for a person, most telling first.
    pub because: Vec<String>,
}

/// What a package is needed as. The strongest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs scripts: `python3`, `perl`.
    Interpreter,
    /// A program that was executed.
    Command,
    /// A module of an interpreter: joins its `withPackages`.
    Module,
    /// A shared library that an object of the program's own names in `DT_NEEDED`, or linked in a
    /// build.
    Library,
    /// A shared library loaded without a `DT_NEEDED`.
    Dlopen,
    /// Headers that a build read.
    Header,
    /// A `.pc` file that a build read.
    PkgConfig,
    /// Files that were read.
    Data,
}

/// Something used whose package is not certain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unresolved {
    /// The file.
    pub path: Bytes,
    /// How it was used and why there is no answer, one sentence for a person.
    pub why: String,
    /// What it may be, best first; can be empty.
    pub candidates: Vec<Scored>,
}

/// Something that a failed run looked for in vain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// What: a soname, command, header or path, as the program named it.
    pub name: Bytes,
    /// Who missed it and how that showed.
    pub why: String,
    /// What would provide it, best first.
    pub candidates: Vec<Scored>,
}

/// An address that the run used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkUse {
    /// `connect`, `bind`, `listen` or `send`.
    pub action: crate::trace::ContactAction,
    /// The address.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// The program that did.
    pub by: Option<Bytes>,
    /// Whether it came about.
    pub succeeded: bool,
}

/// Something that could not be seen, with its count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapNote {
    /// What kind of thing.
    pub kind: GapKind,
    /// One sentence for a person.
    pub detail: String,
    /// How often.
    pub count: u64,
}
