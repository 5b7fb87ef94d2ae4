//! From records to a [`Run`]: programs are told apart, and each gets what its processes used.
//!
//! Processes come and go by the thousand in a build; what they needed is the same for all runs of
//! one program in one part. So events are folded, as they come, into a few hundred programs. Memory
//! grows with the distinct files of each, up to limits, not with the length of the trace.

use super::arguments;
use super::building::Products;
use super::classify::{Managed, Origin, Territory, file_name, from_directory, tidy};
use super::command::{self, Part};
use super::evidence::Evidence;
use super::misses::{self, LookUps};
use super::phase::{self, Phase, Phases, STEPS, Step};
use super::program::{Program, ProgramId, Run, Use, is_command_place};
use crate::trace::{
    Access, Bytes, Errno, Executed, GapKind, Header, Operation, Outcome, ProcessId, Record,
};
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a process is doing at the moment.
#[derive(Clone, Default)]
struct Running {
    /// The program it runs; none while it runs a version manager's shim or a launcher.
    program: Option<ProgramId>,
    /// The program on whose behalf it runs, when `program` is none.
    behalf: Option<ProgramId>,
    /// The name for which a shim looks, while it does.
    shim: Option<Bytes>,
    /// The phase of a build that it is part of.
    phase: Option<Phase>,
}

/// The programs a run can have before further ones are folded into `by`. A hostile program can
/// make any number of them.
const PROGRAMS: usize = 100_000;

/// How much is kept of a run, so that one that is read from a trace of any size needs bounded memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Pairs of a program and a file that it used. Once there are half as many, only files that a
    /// package may bring are taken: a tree of any number of sources must not hide them.
    pub(crate) uses: usize,
    /// Files that the run wrote.
    pub(crate) written: usize,
}

impl Default for Limits {
    /// Some 400 MB at most, with paths of a usual length.
    fn default() -> Self {
        Self {
            uses: 1_000_000,
            written: 500_000,
        }
    }
}

/// So many different addresses are kept, with what was done with them.
const CONTACTS: usize = 100_000;

/// So many different sayings of what could not be seen.
pub(super) const GAPS: usize = 10_000;

/// Folds records into a [`Run`].
pub struct Builder {
    run: Run,
    running: HashMap<ProcessId, Running>,
    known: HashMap<Key, ProgramId>,
    written: BTreeSet<Bytes>,
    products: Products,
    look_ups: LookUps,
    first_process: Option<ProcessId>,
    limits: Limits,
    /// How many uses are kept, of all programs.
    uses: usize,
    /// Uses of files beyond the limit.
    left_out: u64,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    executable: Bytes,
    script: Option<Bytes>,
    governor: Option<ProgramId>,
    probing: bool,
}

impl Builder {
    /// Begins with the trace's header.
    pub fn new(header: Header) -> Self {
        Self::with_limits(header, Limits::default())
    }

    /// The same, keeping no more than this.
    pub(crate) fn with_limits(header: Header, limits: Limits) -> Self {
        Self {
            run: Run {
                territory: Territory::new(&header, None),
                header,
                programs: Vec::new(),
                outputs: BTreeSet::new(),
                steps: Vec::new(),
                contacts: BTreeSet::new(),
                gaps: BTreeMap::new(),
                misses: BTreeSet::new(),
                failed: BTreeSet::new(),
                status: None,
            },
            running: HashMap::new(),
            known: HashMap::new(),
            written: BTreeSet::new(),
            products: Products::default(),
            look_ups: LookUps::default(),
            first_process: None,
            limits,
            uses: 0,
            left_out: 0,
        }
    }

    /// Takes the next record of the trace.
    pub fn add(&mut self, record: &Record) {
        match record {
            Record::Header(_) => {}
            Record::Started(started) => {
                self.first_process.get_or_insert(started.process);
                let inherited = started
                    .parent
                    .and_then(|parent| self.running.get(&parent))
                    .cloned()
                    .unwrap_or_default();
                self.look_ups.started(started.process, started.parent);
                self.running.insert(started.process, inherited);
            }
            Record::Executed(executed) => self.executed(&executed.from_here()),
            Record::Accessed(access) | Record::Repeated(access) => {
                if let Some(access) = access.from_here() {
                    self.accessed(&access);
                }
            }
            Record::Contacted(contact) => {
                let by = self.running.get(&contact.process).and_then(|it| it.program);
                // A connect that does not wait is on its way.
                let succeeded = contact.outcome.is_success()
                    || contact.outcome == Outcome::Failure(Errno(libc::EINPROGRESS));
                if self.run.contacts.len() < CONTACTS {
                    let endpoint = contact.endpoint.clone();
                    let contact = (contact.action, endpoint, by, succeeded);
                    self.run.contacts.insert(contact);
                }
            }
            Record::Exited(exited) => {
                self.products.exited(exited.process);
                let program = self
                    .running
                    .remove(&exited.process)
                    .and_then(|it| it.program);
                let failure = self.look_ups.exited(exited.process, exited.status, program);
                if self.first_process == Some(exited.process) {
                    self.run.misses = failure.misses;
                    self.run.failed = failure.programs;
                    self.run.status = Some(exited.status);
                }
            }
            Record::Gap(gap) => {
                let key = (gap.kind, gap.detail.clone());
                if self.run.gaps.len() < GAPS || self.run.gaps.contains_key(&key) {
                    *self.run.gaps.entry(key).or_default() += gap.count;
                }
            }
            // A need does not depend on it.
            Record::Named(_) => {}
            Record::Footer(footer) => self.run.status = footer.status.or(self.run.status),
        }
    }

    /// The program that a process runs, or the one on whose behalf it runs a launcher or a shim.
    pub fn program_of(&self, process: ProcessId) -> Option<ProgramId> {
        let running = self.running.get(&process)?;
        running.program.or(running.behalf)
    }

    /// Whether a process runs a version manager's shim, whose look-ups are machinery.
    pub fn runs_shim(&self, process: ProcessId) -> bool {
        let running = self.running.get(&process);
        running.is_some_and(|it| it.program.is_none() && it.shim.is_some())
    }

    /// The run as far as it was seen.
    pub fn finish(mut self) -> Run {
        for program in &mut self.run.programs {
            if program.script_is_guessed && !program.found_its_script() {
                program.script = None;
            }
        }
        if self.left_out > 0 {
            let detail = format!(
                "The run used more different files than are kept in mind ({}); the others are not \
                 considered.",
                self.limits.uses
            );
            self.run
                .gaps
                .insert((GapKind::Truncated, detail), self.left_out);
        }
        let territory = &self.run.territory;
        self.run.outputs = self.products.into_files();
        self.run.outputs.retain(|path| {
            let origin = territory.origin(path.as_ref());
            matches!(origin, Origin::Own | Origin::Scratch)
        });
        self.run
    }

    fn executed(&mut self, executed: &Executed) {
        let Some(path) = &executed.path else {
            return;
        };
        // A command is started by the word that was typed, which can be `./app`.
        let asked = arguments::absolute(path, executed.cwd.as_ref());
        self.look_ups.executed(executed.process);
        let before = self
            .running
            .get(&executed.process)
            .cloned()
            .unwrap_or_default();
        let by = self.on_behalf_of(before.program.or(before.behalf));
        if by.is_none() && self.run.programs.iter().all(Program::is_launcher) {
            let file = executed.real.as_ref().unwrap_or(&asked);
            self.run.territory = Territory::new(&self.run.header, Some(file.as_ref()));
        }
        let name: Bytes = file_name(asked.as_ref()).into();

        if let Some(shim) = self.shim(&asked, executed, &before, &name) {
            self.running.insert(
                executed.process,
                Running {
                    program: None,
                    behalf: by,
                    shim: Some(shim),
                    phase: before.phase,
                },
            );
            return;
        }
        let argv = executed.argv.as_deref().unwrap_or_default();
        let script_is_guessed = executed.interpreters.is_empty();
        let (executable, script) = match executed.interpreters.last() {
            Some(interpreter) => (interpreter.clone(), Some(asked.clone())),
            // `ld.so ./app` runs the app (T22).
            None if super::is_loader_name(name.as_ref()) => {
                match arguments::loader_argument(argv, executed.cwd.as_ref()) {
                    Some(program) => (program, None),
                    None => (asked.clone(), None),
                }
            }
            None => {
                let script = arguments::script_argument(name.as_ref(), argv, executed.cwd.as_ref());
                (asked.clone(), script)
            }
        };
        let part = command::part(file_name(executable.as_ref()));
        if part == Part::Launcher && by.is_some() && command::is_everywhere(name.as_ref()) {
            self.running.insert(
                executed.process,
                Running {
                    program: None,
                    behalf: by,
                    phase: before.phase,
                    ..Running::default()
                },
            );
            return;
        }
        let real = (executable == asked).then(|| executed.real.clone());
        let real = real.flatten();
        let origin = self
            .run
            .territory
            .true_origin(executable.as_ref(), real.as_ref());
        let caller = by.map(|by| &self.run.programs[by.0]);
        let probing = caller.is_some_and(|caller| caller.probing)
            || arguments::is_probe(
                caller.map(|caller| file_name(caller.shown().as_ref())),
                script.as_ref(),
                argv,
                executed.cwd.as_ref(),
            );
        let governor = by.and_then(|by| self.governor(by, &executable, executed, origin));
        let key = Key {
            executable,
            script,
            governor,
            probing,
        };
        let id = match self.known.get(&key) {
            Some(&id) => id,
            None if self.run.programs.len() >= PROGRAMS => {
                // Whoever made so many programs answers for the rest of them.
                match by {
                    Some(by) => by,
                    None => return,
                }
            }
            None => {
                let id = ProgramId(self.run.programs.len());
                self.run.programs.push(Program {
                    executable: key.executable.clone(),
                    real,
                    origin,
                    script: key.script.clone(),
                    script_is_guessed,
                    part,
                    by,
                    governor,
                    probing,
                    phases: Phases::default(),
                    argv: argv.to_vec(),
                    preloaded: BTreeSet::new(),
                    asked: BTreeSet::new(),
                    uses: HashMap::new(),
                });
                self.known.insert(key, id);
                id
            }
        };
        let phase = before.phase.or_else(|| {
            let program = &self.run.programs[id.0];
            self.begin_phase(
                program.name().into(),
                program.script.clone(),
                argv,
                executed,
            )
        });
        let program = &mut self.run.programs[id.0];
        program.phases.add(phase);
        arguments::collect_asked(
            file_name(program.executable.as_ref()),
            argv,
            &mut program.asked,
        );
        if let Some(preload) = executed.env.get("LD_PRELOAD") {
            // Spaces and colons part the names (ld.so(8)).
            let names = preload.fields_with(|it| it.is_whitespace() || it == ':');
            program.preloaded.extend(names.map(Bytes::from));
        }
        self.running.insert(
            executed.process,
            Running {
                program: Some(id),
                behalf: None,
                shim: None,
                phase,
            },
        );
        if let Some(loader) = &executed.loader {
            program
                .uses
                .entry(loader.clone())
                .or_default()
                .seen
                .add(Evidence::Mapped);
        }
    }

    /// The phase that a command begins, noted as a step of the build.
    fn begin_phase(
        &mut self,
        name: Bytes,
        script: Option<Bytes>,
        argv: &[Bytes],
        executed: &Executed,
    ) -> Option<Phase> {
        let script = script.as_ref().map(|script| file_name(script.as_ref()));
        let (phase, tool) = phase::begun(name.as_ref(), script, argv)?;
        if self.run.steps.len() < STEPS {
            self.run.steps.push(Step {
                phase,
                tool,
                argv: argv.to_vec(),
                cwd: executed.cwd.clone().unwrap_or_default(),
            });
        }
        Some(phase)
    }

    /// The program that answers for what `by` executes: a launcher's own starter, if it has one.
    fn on_behalf_of(&self, mut by: Option<ProgramId>) -> Option<ProgramId> {
        while let Some(launcher) = by.map(|by| &self.run.programs[by.0])
            && launcher.is_launcher()
        {
            by = launcher.by;
        }
        by
    }

    /// The name that a version manager's shim is looking for, while this process is at it.
    ///
    /// A shim is a small script named like the command. It runs helpers of the manager and tools of
    /// the system in child processes, and replaces itself by the real program of the same name in
    /// the end; all but that last step is machinery (T60).
    fn shim(
        &self,
        asked: &Bytes,
        executed: &Executed,
        before: &Running,
        name: &Bytes,
    ) -> Option<Bytes> {
        let territory = &self.run.territory;
        let real = executed.real.as_ref().unwrap_or(asked);
        let is_machinery =
            |path: &Bytes| territory.managed(path.as_ref()) == Some(Managed::Machinery);
        let is_rustup_proxy = file_name(real.as_ref()) == "rustup" && name.as_bytes() != b"rustup";
        if is_machinery(asked) || is_machinery(real) || is_rustup_proxy {
            return Some(before.shim.clone().unwrap_or_else(|| name.clone()));
        }
        let wanted = before.shim.clone()?;
        (command::stem(wanted.as_ref()) != command::stem(name.as_ref())).then_some(wanted)
    }

    /// Whose package brings what `by` executes, if that is not the run's own business.
    fn governor(
        &self,
        by: ProgramId,
        executable: &Bytes,
        executed: &Executed,
        origin: Origin,
    ) -> Option<ProgramId> {
        let parent = &self.run.programs[by.0];
        if parent.governor.is_some() {
            return parent.governor;
        }
        if origin == Origin::Own || origin == Origin::Scratch {
            return None;
        }
        let is_foreign = |path: &Bytes| {
            matches!(
                self.run.territory.origin(path.as_ref()),
                Origin::System | Origin::Managed | Origin::Store
            )
        };
        let asked = executed.path.as_ref().unwrap_or(executable);
        let name = file_name(asked.as_ref());
        if command::asks_the_host(name) && is_foreign(parent.shown()) {
            return Some(by);
        }
        // What an installed script calls, its package provides; unless the script's work is to run
        // the user's commands, or the command is one of its arguments (`xvfb-run app`).
        if let Some(script) = &parent.script
            && is_foreign(script)
        {
            let runs_the_users = command::part(file_name(script.as_ref())) == Part::Driver
                || parent
                    .argv
                    .iter()
                    .skip(1)
                    .any(|word| file_name(word.as_ref()) == name);
            return (!runs_the_users).then_some(by);
        }
        // A helper in a directory of a package's own is never called from outside of it.
        let is_helper = !is_command_place(asked.as_ref()) && is_foreign(asked);
        (is_helper && is_foreign(&parent.executable)).then_some(by)
    }

    /// A path of a call, without what means nothing and what the command's directory tells.
    fn tidied(&self, path: &Bytes) -> Bytes {
        from_directory(tidy(path), &self.run.header.cwd)
    }

    fn accessed(&mut self, access: &Access) {
        let evidence = Evidence::of(access);
        let path = self.tidied(&access.path);
        if evidence == Evidence::Written {
            self.write(access, &path);
        }
        let Some(running) = self.running.get(&access.process) else {
            return;
        };
        if evidence == Evidence::Probed {
            // A launcher's look-ups are for whom it runs; a shim's are machinery.
            let behalf = running.behalf.filter(|_| running.shim.is_none());
            if let Some(by) = running.program.or(behalf) {
                let searches = running.program.is_none()
                    || misses::searches_for_commands(&self.run.programs[by.0]);
                self.look_ups.missed(access, path, by, searches);
            }
            return;
        }
        let Some(program) = running.program else {
            return;
        };
        let target = access.target.as_ref().map(|target| self.tidied(target));
        let by = &self.run.programs[program.0];
        self.products.add(access, &path, target.as_ref(), by);
        self.look_ups.found(access.process, &path);
        let is_room = self.is_room_for(&path);
        let uses = &mut self.run.programs[program.0].uses;
        if !is_room && !uses.contains_key(&path) {
            self.left_out += 1;
            return;
        }
        let own_output = self.written.contains(&path);
        let before = uses.len();
        let usage = uses.entry(path).or_insert_with(|| Use {
            own_output,
            ..Use::default()
        });
        usage.seen.add(evidence);
        if usage.real.is_none() {
            usage.real.clone_from(&access.real);
        }
        self.uses += uses.len() - before;
    }

    /// Remembers what a call has written, moved or removed.
    fn write(&mut self, access: &Access, path: &Bytes) {
        let target = access.target.as_ref().map(|target| self.tidied(target));
        let is_room = self.written.len() < self.limits.written;
        match access.operation {
            Operation::Remove => {
                self.written.remove(path);
            }
            Operation::Rename => {
                self.written.remove(path);
                self.written.extend(target.filter(|_| is_room));
            }
            Operation::Link if is_room => {
                self.written.insert(path.clone());
                self.written.extend(target);
            }
            // The text of a symbolic link is no file that was written.
            _ if is_room => {
                self.written.insert(path.clone());
            }
            _ => {}
        }
    }

    /// Whether a use of this file is kept if it is new.
    fn is_room_for(&self, path: &Bytes) -> bool {
        match self.uses {
            few if few < self.limits.uses / 2 => true,
            many if many < self.limits.uses => {
                self.run.territory.origin(path.as_ref()).has_package()
            }
            _ => false,
        }
    }
}
