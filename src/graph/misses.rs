//! Look-ups in vain, and which of them explain why a run failed.
//!
//! Every search along a path fails in all places but one, and most programs look for things that
//! they can do without. What explains a failure was looked for by a process that failed, whose
//! failure made its parent fail, and so on up to the command; and it was found nowhere else.

use super::building::header_name;
use super::chronicle::Chronicle;
use super::classify::{file_name, is_library_name, parent};
use super::command::{self, Language, Part};
use super::host::Host;
use super::modules::{perl_module, unfound};
use super::program::{Program, ProgramId, Run};
use super::{MissingThing, Thing};
use crate::trace::{Access, Bytes, Errno, ExitStatus, Micros, Operation, Outcome, ProcessId};
use bstr::{BStr, ByteSlice};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A look-up in vain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    /// The path that was looked for.
    pub path: Bytes,
    /// Whether a command was looked for.
    pub execute: bool,
    /// By which program.
    pub by: ProgramId,
}

/// A process that misses more than this is searching, and its misses explain nothing.
const PER_PROCESS: usize = 4096;

/// The misses that are held at a time. A hostile program can make any number of processes.
const IN_ALL: usize = 50_000;

/// The components that the name of a header or module has at most.
const DEPTH: usize = 12;

/// The look-ups in vain of the processes that run.
#[derive(Debug, Default)]
pub struct LookUps {
    processes: HashMap<ProcessId, Process>,
    held: usize,
}

#[derive(Debug, Default)]
struct Process {
    parent: Option<ProcessId>,
    /// Its own since it executed its program, by path.
    own: HashMap<Bytes, Miss>,
    /// What explains that its children failed.
    below: Failure,
}

/// What explains that a process failed.
#[derive(Debug, Default)]
pub struct Failure {
    /// What it and its children looked for in vain.
    pub misses: BTreeSet<Miss>,
    /// The programs that it and its children ran.
    pub programs: BTreeSet<ProgramId>,
}

impl LookUps {
    /// A process came into being.
    pub fn started(&mut self, process: ProcessId, parent: Option<ProcessId>) {
        self.processes.entry(process).or_default().parent = parent;
    }

    /// A process executed a program: what it looked for before, it has found.
    pub fn executed(&mut self, process: ProcessId) {
        if let Some(process) = self.processes.get_mut(&process) {
            self.held -= process.own.len();
            process.own = HashMap::new();
        }
    }

    /// A look-up failed. `searches` says whether the program looks at commands before it executes
    /// them, as shells do.
    pub fn missed(&mut self, access: &Access, path: Bytes, by: ProgramId, searches: bool) {
        let execute = is_command_look_up(access.operation, access.path.as_ref(), searches);
        if !execute && !has_telling_name(path.as_ref()) {
            return;
        }
        let Some(process) = self.processes.get_mut(&access.process) else {
            return;
        };
        if process.own.len() < PER_PROCESS && self.held < IN_ALL {
            let miss = Miss {
                path: path.clone(),
                execute,
                by,
            };
            if process.own.insert(path, miss).is_none() {
                self.held += 1;
            }
        }
    }

    /// A process used a path that it may have missed before.
    pub fn found(&mut self, process: ProcessId, path: &Bytes) {
        if let Some(process) = self.processes.get_mut(&process)
            && process.own.remove(path).is_some()
        {
            self.held -= 1;
        }
    }

    /// A process ended: what explains its failure may explain its parent's. Gives what a process
    /// without a parent leaves.
    pub fn exited(
        &mut self,
        process: ProcessId,
        status: ExitStatus,
        program: Option<ProgramId>,
    ) -> Failure {
        let Some(process) = self.processes.remove(&process) else {
            return Failure::default();
        };
        self.held -= process.own.len() + process.below.misses.len();
        if !is_failure(status) {
            return Failure::default();
        }
        let mut failure = process.below;
        failure.misses.extend(process.own.into_values());
        failure.programs.extend(program);
        let Some(parent) = process.parent else {
            return failure;
        };
        if let Some(parent) = self.processes.get_mut(&parent) {
            let before = parent.below.misses.len();
            if before == 0 {
                parent.below.misses = failure.misses;
            } else if before + failure.misses.len() <= PER_PROCESS {
                parent.below.misses.extend(failure.misses);
            }
            self.held = self.held - before + parent.below.misses.len();
            if parent.below.programs.len() + failure.programs.len() <= PER_PROCESS {
                parent.below.programs.extend(failure.programs);
            }
        }
        Failure::default()
    }
}

/// Whether a process failed by itself. Who was told to end did not fail for want of something.
pub fn is_failure(status: ExitStatus) -> bool {
    const TOLD_TO_END: [i32; 5] = [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGKILL,
        libc::SIGPIPE,
    ];
    match status {
        ExitStatus::Code(code) => code != 0,
        ExitStatus::Signal(signal) => !TOLD_TO_END.contains(&signal),
    }
}

/// Whether a program looks at the places of a command one by one before it executes it.
pub fn searches_for_commands(program: &Program) -> bool {
    matches!(
        program.part,
        Part::Launcher | Part::Interpreter(Language::Shell)
    ) || command::is_make(program.name())
}

/// Whether a command was looked for: by executing it, or by the look along `PATH` that a shell or
/// `make` (for a line that needs no shell) takes before it does.
fn is_command_look_up(operation: Operation, path: &BStr, searches: bool) -> bool {
    let looks = matches!(operation, Operation::Stat | Operation::Check);
    let in_command_place = parent(path).is_some_and(|it| {
        ["bin", "sbin", "games"]
            .iter()
            .any(|bin| file_name(it) == *bin)
    });
    in_command_place && (operation == Operation::Execute || (looks && searches))
}

/// Whether a file of this name can be the want of a program.
fn has_telling_name(path: &BStr) -> bool {
    const ENDINGS: &[&[u8]] = &[b".h", b".hpp", b".pc", b".pm"];
    let name = file_name(path);
    is_library_name(name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// What explains the run's failure, sorted; nothing when it did not fail. `shown` gives a
/// program's name for a person.
pub fn missing(
    run: &Run,
    host: &dyn Host,
    shown: impl Fn(ProgramId) -> String,
) -> Vec<MissingThing> {
    if run.status.is_none_or(|status| status.shell_code() == 0) {
        return Vec::new();
    }
    let found = Found::of(run);
    let mut missing = BTreeSet::new();
    for miss in &run.misses {
        let program = &run.programs[miss.by.0];
        if program.probing {
            continue;
        }
        let Some((thing, names)) = wanted(program, miss) else {
            continue;
        };
        if !found.has(miss, &thing, &names) {
            missing.insert(MissingThing {
                thing,
                by: shown(miss.by),
            });
        }
    }
    for &id in &run.failed {
        let program = &run.programs[id.0];
        if program.probing {
            continue;
        }
        for name in unfound(run, program, host) {
            let thing = Thing::Module {
                language: Language::Python,
                name,
                distribution: None,
            };
            missing.insert(MissingThing {
                thing,
                by: shown(id),
            });
        }
    }
    missing.into_iter().collect()
}

/// How much a look-up in vain has to do with how the run ended; what has most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bearing {
    /// It explains that the run failed.
    Explains,
    /// Nothing explains that, and it was looked for last, as by a `configure` that then gave up.
    Last,
    /// A program asked for it, and went on.
    Asked,
    /// Only a `configure` and its like asked, which go without where they can.
    Probed,
}

/// Something that a run looked for and did not find anywhere, whether it failed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// What, as far as the paths tell.
    pub thing: Thing,
    /// The programs that looked for it, for a person.
    pub by: BTreeSet<String>,
    /// How often they did.
    pub count: u64,
    /// What it has to do with how the run ended.
    pub bearing: Bearing,
    /// Whether a compiler or linker looked for it, to build with.
    pub to_build: bool,
    /// When it was looked for last by who failed and made the command fail, if anyone did.
    last: Option<Micros>,
}

impl Sought {
    /// Whether any who looked for it failed, and made the command fail.
    pub fn is_of_failure(&self) -> bool {
        self.last.is_some()
    }
}

/// What a run looked for in vain and a package can have, by how much it explains; what many asked for
/// before others.
pub fn sought(chronicle: &Chronicle, host: &dyn Host) -> Vec<Sought> {
    let run = &chronicle.run;
    let explaining = missing(run, host, |id| run.program_shown(id));
    let found = Found::of(run);
    let mut things: BTreeMap<Thing, Sought> = BTreeMap::new();
    for probe in &chronicle.probes {
        if probe.outcome != Outcome::Failure(Errno::ENOENT) || probe.by_shim {
            continue;
        }
        let program = &run.programs[probe.program.0];
        let searches = searches_for_commands(program);
        let path: &BStr = probe.path.as_ref();
        let execute = is_command_look_up(probe.operation, path, searches);
        if !execute && !has_telling_name(path) {
            continue;
        }
        let miss = Miss {
            path: probe.path.clone(),
            execute,
            by: probe.program,
        };
        let Some((thing, names)) = wanted(program, &miss) else {
            continue;
        };
        if found.has(&miss, &thing, &names) {
            continue;
        }
        let bearing = if explaining.iter().any(|it| it.thing == thing) {
            Bearing::Explains
        } else if program.probing {
            Bearing::Probed
        } else {
            Bearing::Asked
        };
        let entry = things.entry(thing.clone()).or_insert_with(|| Sought {
            thing,
            by: BTreeSet::new(),
            count: 0,
            bearing,
            to_build: false,
            last: None,
        });
        entry.by.insert(run.program_shown(probe.program));
        entry.count += probe.tally.count;
        entry.bearing = entry.bearing.min(bearing);
        entry.to_build |= program.part == Part::Toolchain;
        if run.misses.contains(&miss) {
            entry.last = entry.last.max(Some(probe.tally.last));
        }
    }
    // What no call named.
    for MissingThing { thing, by } in &explaining {
        let entry = things.entry(thing.clone()).or_insert_with(|| Sought {
            thing: thing.clone(),
            by: BTreeSet::new(),
            count: 0,
            bearing: Bearing::Explains,
            to_build: false,
            last: Some(Micros(0)),
        });
        if entry.by.insert(by.clone()) {
            entry.count += 1;
        }
    }
    let mut sought: Vec<Sought> = things.into_values().collect();
    let failed = run.status.is_some_and(|status| status.shell_code() != 0);
    // A trace without times does not tell what was last.
    if failed
        && explaining.is_empty()
        && let Some(last) = sought.iter_mut().max_by_key(|it| it.last)
        && last.last > Some(Micros(0))
    {
        last.bearing = Bearing::Last;
    }
    // The sort is stable, so what ranks the same stays in the order of names.
    sought.sort_by_key(|it| {
        let users = std::cmp::Reverse((it.by.len(), it.count));
        (it.bearing, users)
    });
    sought
}

/// What the run found, of all that can be looked for.
struct Found<'r> {
    /// The names of all files that it used; of those in a tree of their own (headers, Perl's modules)
    /// every end of the path.
    names: HashSet<&'r [u8]>,
    /// For each compiler proper, where the headers lie that it read.
    neighbours: HashMap<ProgramId, HashSet<&'r BStr>>,
}

impl<'r> Found<'r> {
    fn of(run: &'r Run) -> Self {
        let mut found = Self {
            names: HashSet::new(),
            neighbours: HashMap::new(),
        };
        for (number, program) in run.programs.iter().enumerate() {
            let own = [Some(&program.executable), program.script.as_ref()];
            for path in own.into_iter().flatten().chain(program.uses.keys()) {
                found.names.insert(file_name(path.as_ref()).as_bytes());
                if [&b".h"[..], b".hpp", b".pm"]
                    .iter()
                    .any(|ending| path.ends_with(ending))
                {
                    let path = path.as_bytes();
                    let ends = path.rfind_iter(b"/").take(DEPTH);
                    found.names.extend(ends.map(|slash| &path[slash + 1..]));
                }
            }
            if command::is_compiler_proper(program.name()) {
                let directories = program.uses.keys().filter_map(|it| parent(it.as_ref()));
                found
                    .neighbours
                    .insert(ProgramId(number), directories.collect());
            }
        }
        found
    }

    /// Whether what was missed was found elsewhere, under one of these names.
    fn has(&self, miss: &Miss, thing: &Thing, names: &[Vec<u8>]) -> bool {
        names
            .iter()
            .any(|name| self.names.contains(name.as_slice()))
            || matches!(thing, Thing::Header(header) if self.has_by_shorter_name(miss, header))
    }

    /// Whether a header was looked for beside another one, which asks for it by a shorter name, and was
    /// found where headers lie.
    fn has_by_shorter_name(&self, miss: &Miss, header: &Bytes) -> bool {
        let Some(neighbours) = self.neighbours.get(&miss.by) else {
            return false;
        };
        let ends = header.find_iter(b"/").map(|slash| &header[slash + 1..]);
        ends.into_iter().any(|end| {
            let beside = &miss.path[..miss.path.len() - end.len() - 1];
            self.names.contains(end.as_bytes()) && neighbours.contains(BStr::new(beside))
        })
    }
}

/// What a program wanted when it missed a path, with the names of files any of which would have
/// done; none when it can do without.
fn wanted(program: &Program, miss: &Miss) -> Option<(Thing, Vec<Vec<u8>>)> {
    let path: &BStr = miss.path.as_ref();
    let name = file_name(path);
    let itself = vec![name.to_vec()];
    if miss.execute {
        // A compiler's driver tries many names for each of its programs.
        return (program.part != Part::Toolchain).then(|| (Thing::Command(name.into()), itself));
    }
    if name.ends_with(b".h") || name.ends_with(b".hpp") {
        // Every header is looked for in the system's own directories too.
        let header = header_name(path).filter(|_| command::is_compiler_proper(program.name()))?;
        let names = vec![header.to_vec()];
        return Some((Thing::Header(header), names));
    }
    if let Some(module) = name.strip_suffix(b".pc") {
        // pkg-config prefers what was built and not installed yet.
        let module = module.strip_suffix(b"-uninstalled").unwrap_or(module);
        let names = vec![[module, b".pc"].concat()];
        return Some((Thing::PkgConfig(module.into()), names));
    }
    if name.ends_with(b".pm") {
        let name = (program.part == Part::Interpreter(Language::Perl))
            .then(|| perl_module(path, true))
            .flatten()?;
        let file = [name.replace("::", "/"), b".pm".to_vec()].concat();
        let thing = Thing::Module {
            language: Language::Perl,
            name,
            distribution: None,
        };
        return Some((thing, vec![file]));
    }
    let stem = &name.as_bytes()[..name.find(b".so")?];
    if program.part == Part::Toolchain {
        let library = stem.strip_prefix(b"lib")?;
        let is_asked = program
            .asked
            .iter()
            .any(|asked| asked.as_bytes() == library || asked.as_bytes() == name.as_bytes());
        // A static library does as well.
        let archive = [stem, b".a"].concat();
        return is_asked.then(|| (Thing::Library(name.into()), vec![name.to_vec(), archive]));
    }
    // What is not named like a library is a plug-in or an extension module, tried under a number
    // of names.
    stem.starts_with(b"lib")
        .then(|| (Thing::Library(name.into()), itself))
}
