//! From events to needs: what a run used, in which part, on whose behalf.
//!
//! [`Builder`] folds the records of a trace into a [`Run`], and [`analyse`] reads off it what the
//! run needs from packages: commands, interpreters and their modules, libraries, headers, data.
//! Everything is told in words of the system (`libssl.so.3`, `git`); which package has it is the
//! resolver's to say. petgraph is known only here.

mod analysis;
pub mod arguments;
pub mod builder;
pub mod building;
pub mod chronicle;
pub mod classify;
pub mod command;
pub mod critical;
pub mod data;
pub mod evidence;
pub mod host;
pub mod include;
pub mod inventory;
pub mod joined;
pub mod loading;
pub mod manifest;
pub mod misses;
pub mod modules;
pub mod phase;
pub mod program;
pub mod resources;
pub mod subject;
pub mod surroundings;
pub mod weigh;

pub use analysis::analyse;
pub use builder::Builder;
pub use chronicle::{Chronicle, Chronicler};
pub use command::Language;
pub use evidence::Evidence;
pub use host::Host;
pub use phase::Phase;
pub use program::Run;
pub use subject::Subject;
pub use surroundings::Surroundings;

use crate::trace::{Bytes, ContactAction, Endpoint};
use bstr::BStr;
use phase::Phases;
use serde::Serialize;
use std::collections::BTreeSet;

/// What a run needs, and what else is worth saying of it.
#[derive(Clone, Debug)]
pub struct Usage {
    /// What kind of run it was.
    pub kind: RunKind,
    /// What it needs, the command first.
    pub needs: Vec<Need>,
    /// What it looked for in vain, when it failed.
    pub missing: Vec<MissingThing>,
    /// Whom it talked to: action, address, program, whether it came about. Sorted.
    pub network: BTreeSet<(ContactAction, Endpoint, Option<Bytes>, bool)>,
    /// What it was a run of.
    pub subject: Subject,
    /// What it wants of its surroundings besides packages.
    pub surroundings: Surroundings,
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

/// What a thing is needed as. The strongest comes first.
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

/// One thing that the run needs from a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What.
    pub thing: Thing,
    /// As what.
    pub role: Role,
    /// The file that shows it.
    pub path: Bytes,
    /// Who needs it and how that showed, for a person: `needed by ./app`.
    pub why: String,
    /// Who asks for it.
    pub asker: Asker,
    /// The phases of a build in which it was asked for; `None` stands for a time that was none.
    pub phases: Phases,
    /// The need (its number in [`Usage::needs`]) whose package brings this one; its own number when
    /// something does that has no name.
    pub brought_by: Option<usize>,
}

/// Who asks for a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    /// Whoever started the run: the thing is the command itself, or a launcher of it.
    Caller,
    /// The program or script that the run was of; a build, for what it took.
    Main,
    /// A library that came with it.
    OwnLibrary,
    /// Another program.
    Other,
}

/// A thing that packages have, by the name it goes by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A program by its name.
    Command(Bytes),
    /// A shared library by its soname.
    Library(Bytes),
    /// A header by its path below `include/`.
    Header(Bytes),
    /// A pkg-config module.
    PkgConfig(Bytes),
    /// A module of an interpreter.
    Module {
        /// Of which language.
        language: Language,
        /// The name that scripts import.
        name: Bytes,
        /// Its distribution's name, if metadata tells it.
        distribution: Option<Bytes>,
    },
    /// A file by its path relative to a package's root.
    Data(Bytes),
}

/// Something that a failed run looked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingThing {
    /// What, as far as the path tells.
    pub thing: Thing,
    /// The program that missed it, for a person.
    pub by: String,
}

/// Whether a file name is that of the dynamic loader itself, started by hand as `ld.so ./app`.
pub(crate) fn is_loader_name(name: &BStr) -> bool {
    name == "ld.so" || name.starts_with(b"ld-linux") || name.starts_with(b"ld-musl")
}

#[cfg(test)]
mod tests;
