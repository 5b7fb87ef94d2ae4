//! Programs: what ran, on whose behalf, and which files each used.

use super::classify::{Origin, Territory, file_name, is_below};
use super::command::Part;
use super::evidence::{Evidence, Seen};
use super::misses::Miss;
use super::phase::{Phases, Step};
use crate::trace::{Bytes, ContactAction, Endpoint, ExitStatus, GapKind, Header};
use bstr::BStr;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Number of a [`Program`] in [`Run::programs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId(pub usize);

/// One program in one part of the run.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file that was executed, as asked. For a script this is its last interpreter.
    pub executable: Bytes,
    /// The same with links resolved, where that differs and is known.
    pub real: Option<Bytes>,
    /// Its origin: that of what a link leads to, if that has a package.
    pub origin: Origin,
    /// The script that it interprets, if it was started for one.
    pub script: Option<Bytes>,
    /// Whether only its arguments say so, and no `#!` line.
    pub(super) script_is_guessed: bool,
    /// The part it plays.
    pub part: Part,
    /// Who executed it first; none for the command itself.
    pub by: Option<ProgramId>,
    /// The program whose package brings this one: a helper of its own, or what its scripts call.
    pub governor: Option<ProgramId>,
    /// Whether it only tried what the system can do (below a `configure`, or on its test files).
    pub probing: bool,
    /// The phases of a build in which it ran.
    pub phases: Phases,
    /// The arguments of the first run.
    pub argv: Vec<Bytes>,
    /// The libraries that `LD_PRELOAD` gave it, as named there.
    pub preloaded: BTreeSet<Bytes>,
    /// Arguments that tell what is asked for: modules of pkg-config, `-l` of linkers, `-M` of perl.
    pub asked: BTreeSet<Bytes>,
    /// What it used, by path as asked.
    pub uses: HashMap<Bytes, Use>,
}

/// What a program did with one file.
#[derive(Clone, Debug, Default)]
pub struct Use {
    /// All that was seen.
    pub seen: Seen,
    /// The path with links resolved, where that differs.
    pub real: Option<Bytes>,
    /// Whether this run had written the file before.
    pub own_output: bool,
}

impl Program {
    /// The executable itself, behind the links by which it was asked for.
    pub fn file(&self) -> &Bytes {
        self.real.as_ref().unwrap_or(&self.executable)
    }

    /// Takes over what the executable is behind links. A virtual environment's `bin/python3` and
    /// what lies in a Nix profile are links of the user's to something that has a package.
    pub fn set_real(&mut self, real: Bytes, territory: &Territory) {
        self.origin = territory.true_origin(self.executable.as_ref(), Some(&real));
        self.real = Some(real);
    }

    /// The file's name without its directory.
    pub fn name(&self) -> &BStr {
        file_name(self.executable.as_ref())
    }

    /// Whether it found the file that its arguments name as its script, or something in it (a
    /// directory or an archive of modules).
    pub(super) fn found_its_script(&self) -> bool {
        let Some(script) = &self.script else {
            return false;
        };
        self.uses.iter().any(|(path, usage)| {
            path.starts_with(script.as_bytes()) || usage.file(path).starts_with(script.as_bytes())
        })
    }

    /// Whether it only runs the command in its arguments.
    pub fn is_launcher(&self) -> bool {
        self.part == Part::Launcher
    }

    /// What a person calls it: the script if there is one.
    pub fn shown(&self) -> &Bytes {
        self.script.as_ref().unwrap_or(&self.executable)
    }

    /// Whether `LD_PRELOAD` named the library: by a path, which may be a link, or by its soname.
    pub fn preloads(&self, library: &Bytes, soname: &Bytes) -> bool {
        self.preloaded.iter().any(|named| {
            let leads_there = |usage: &Use| usage.file(named) == library;
            named == library || named == soname || self.uses.get(named).is_some_and(leads_there)
        })
    }

    /// The paths of which this was seen, with their uses, sorted.
    pub fn used(&self, evidence: Evidence) -> Vec<(&Bytes, &Use)> {
        let mut used: Vec<_> = self
            .uses
            .iter()
            .filter(|(_, usage)| usage.seen.has(evidence))
            .collect();
        used.sort_by_key(|(path, _)| *path);
        used
    }
}

impl Run {
    /// The command itself, behind the launchers it was given to (`timeout 5 make`).
    pub fn command(&self) -> Option<&Program> {
        let is_command = |it: &&Program| it.by.is_none() && !it.is_launcher();
        let command = self.programs.iter().find(is_command);
        command.or(self.programs.first())
    }

    /// A path as a person of this project writes it: `./src/a.c`, `~/notes`.
    pub fn shown(&self, path: &Bytes) -> String {
        let cwd = &self.header.cwd;
        let inner = path
            .strip_prefix(cwd.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"/"));
        match inner {
            Some(inner) if cwd.len() > 1 => format!("./{}", Bytes::from(inner)),
            _ => self.territory.shown(path.as_ref()).to_string(),
        }
    }

    /// What a person calls a program: its path if it is the user's, else its name.
    pub fn program_shown(&self, id: ProgramId) -> String {
        let shown = self.programs[id.0].shown();
        if self.territory.origin(shown.as_ref()).has_package() {
            file_name(shown.as_ref()).to_string()
        } else {
            self.shown(shown)
        }
    }
}

impl Use {
    /// The file behind a path as asked.
    pub fn file<'a>(&'a self, path: &'a Bytes) -> &'a Bytes {
        self.real.as_ref().unwrap_or(path)
    }
}

/// What a whole run did.
#[derive(Clone, Debug)]
pub struct Run {
    /// The trace's header.
    pub header: Header,
    /// Whose files are whose.
    pub territory: Territory,
    /// The programs, in the order of their first run; the first one is the command.
    pub programs: Vec<Program>,
    /// Programs and libraries that the run linked, where they lay in the end, sorted.
    pub outputs: BTreeSet<Bytes>,
    /// What began the phases of a build, in order.
    pub steps: Vec<Step>,
    /// Addresses used, each with what was done, by which program, and whether that succeeded.
    pub contacts: BTreeSet<(ContactAction, Endpoint, Option<ProgramId>, bool)>,
    /// What could not be seen: how often each was said, and one saying of it.
    pub gaps: BTreeMap<(GapKind, String), u64>,
    /// Look-ups in vain that may explain why the run failed.
    pub misses: BTreeSet<Miss>,
    /// Programs that failed, whose failure made the command fail.
    pub failed: BTreeSet<ProgramId>,
    /// How the command ended, if the trace says so.
    pub status: Option<ExitStatus>,
}

/// Whether a directory is one that `PATH` leads to.
pub fn is_command_place(path: &BStr) -> bool {
    let directory = super::classify::parent(path).unwrap_or(path);
    let last = file_name(directory);
    last == "bin" || last == "sbin" || last == "games" || !directory.starts_with(b"/usr")
}

/// Whether the path lies in a place that holds configuration of the host.
pub fn is_host_configuration(path: &BStr) -> bool {
    is_below(path, "/etc") || is_below(path, "/var")
}
