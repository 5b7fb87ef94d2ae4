//! The result of a run, ready to be written in any format.
//!
//! [`Environment`] is what `-f json` prints and what every Nix format is made from. It is sorted,
//! so the same trace gives the same bytes, and holds everything that a format may need: nothing
//! below `emit` is asked again.

pub use crate::graph::subject::DesktopEntry;
pub use crate::graph::{Asker, Phase, Role, RunKind, Subject, Surroundings};
use crate::resolve::Manager;
pub use crate::resolve::{Missing, Package, PackageUse, Unresolved};
use crate::trace::{Bytes, Endpoint, GapKind};
use serde::Serialize;

/// What a command needs, and what stayed open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Environment {
    /// The version of this form: 1.
    pub version: u32,
    /// The command as it was given, with [secrets](crate::trace::secrets) hidden.
    pub command: Vec<Bytes>,
    /// What kind of run it was.
    pub kind: RunKind,
    /// What it was a run of.
    pub subject: Subject,
    /// The package of the machine's own package manager that the program came in, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipment: Option<Shipment>,
    /// What it wants of its surroundings besides packages.
    pub surroundings: Surroundings,
    /// The directory that the command was run in.
    pub directory: Bytes,
    /// The architecture of the machine, as `uname -m` names it; empty when not known.
    pub architecture: String,
    /// How the command ended, as a shell would report it; none when the trace does not say.
    pub exit: Option<u8>,
    /// The runs that this is made from, if they are several; `command` is that of the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunNote>,
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

impl Environment {
    /// An environment in which nothing is known but the command.
    pub fn new(kind: RunKind, command: Vec<Bytes>) -> Self {
        Self {
            version: 1,
            command,
            kind,
            subject: Subject::default(),
            shipment: None,
            surroundings: Surroundings::default(),
            directory: Bytes::default(),
            architecture: String::new(),
            exit: None,
            runs: Vec::new(),
            packages: Vec::new(),
            unresolved: Vec::new(),
            missing: Vec::new(),
            network: Vec::new(),
            gaps: Vec::new(),
        }
    }
}

/// A package of the machine's package manager that a program of somebody else's came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// Whose package it is.
    pub manager: Manager,
    /// Its name.
    pub name: String,
    /// Its version, in the distribution's form.
    pub version: String,
    /// Whether it has files in `/usr/share` that a desktop or a person looks for.
    pub share: bool,
    /// The desktop entries among them.
    pub desktop_entries: Vec<DesktopEntry>,
}

/// One of several runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunNote {
    /// Its name.
    pub name: String,
    /// Its command, with [secrets](crate::trace::secrets) hidden.
    pub command: Vec<Bytes>,
    /// How it ended, as a shell would report it.
    pub exit: Option<u8>,
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
