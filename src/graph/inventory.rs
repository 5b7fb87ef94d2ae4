//! What a run used, sorted into classes: commands, libraries, modules, data, …
//!
//! A file is one row of a class, whoever used it; the same file can be in two classes, when one
//! program loaded it and another only read it.

use super::chronicle::{Chronicle, Exchange, FileUse, Probe, Tally};
use super::classify::{Origin, file_name, is_below};
use super::critical::Critical;
use super::evidence::Evidence;
use super::host::Host;
use super::loading::{self, Asked};
use super::modules::is_module_file;
use super::program::{Program, ProgramId, is_host_configuration};
use super::weigh::{Uses, importance};
use crate::trace::{Bytes, ContactAction, Endpoint, Errno, Gap, Operation, Outcome};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The classes of things that a run deals with, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[value(rename_all = "kebab-case")]
pub enum Class {
    /// Programs that ran.
    Command,
    /// Libraries that were loaded because something names them in `DT_NEEDED`.
    Library,
    /// Libraries that were opened at run time: dlopen(3), plug-ins.
    Dlopen,
    /// Modules of an interpreter.
    Module,
    /// Files that were read.
    Data,
    /// Files that were read and that configure the host or the user's programs.
    Configuration,
    /// Files that were written and stayed.
    Written,
    /// Files for the moment: written and removed again, or in a place for such files.
    Temporary,
    /// The kernel's files and devices.
    System,
    /// Addresses that were used.
    Network,
    /// Files that were only looked at or listed.
    LookedAt,
    /// Look-ups that failed.
    Probe,
}

impl Class {
    /// All of them, in their order.
    pub const ALL: [Self; 12] = [
        Self::Command,
        Self::Library,
        Self::Dlopen,
        Self::Module,
        Self::Data,
        Self::Configuration,
        Self::Written,
        Self::Temporary,
        Self::System,
        Self::Network,
        Self::LookedAt,
        Self::Probe,
    ];
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A file.
    File {
        /// Its path with links resolved.
        path: Bytes,
        /// The path as it was first asked for, where that differs.
        asked: Option<Bytes>,
        /// Whose it is.
        origin: Origin,
    },
    /// A look-up that failed.
    Lookup {
        /// The path as asked.
        path: Bytes,
        /// What was tried.
        operation: Operation,
        /// How that failed.
        outcome: Outcome,
    },
    /// A socket address.
    Endpoint {
        /// The address.
        endpoint: Endpoint,
        /// The name that was asked for there.
        asked: Option<Bytes>,
        /// The names that DNS servers answered with the address, sorted; none where one was asked.
        names: Vec<Bytes>,
        /// What was done.
        action: ContactAction,
        /// How that ended.
        outcome: Outcome,
    },
}

/// One thing of one class.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its class.
    pub class: Class,
    /// What it is.
    pub subject: Subject,
    /// The strongest thing that was seen of it, for a file.
    pub evidence: Option<Evidence>,
    /// The programs that used it; for a command, those that ran it.
    pub by: BTreeSet<ProgramId>,
    /// How often and when.
    pub tally: Tally,
    /// How much it matters: see [`importance`].
    pub importance: f64,
}

/// All that a run used, looked for and did not see.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Sorted by class, then by importance, then by name.
    pub rows: Vec<Row>,
    /// What could not be seen: the first of each kind, and how often.
    pub gaps: Vec<(Gap, u64)>,
}

/// Sorts what a run did into classes.
pub fn inventory(chronicle: &Chronicle, host: &dyn Host) -> Inventory {
    let shares = Critical::of(chronicle).shares(chronicle);
    let mut rows = Rows {
        depths: chronicle.depths(),
        share: 0.0,
        numbers: HashMap::new(),
        rows: Vec::new(),
    };
    let programs = &chronicle.run.programs;
    for execution in &chronicle.executions {
        rows.share = shares[execution.program.0];
        let program = &programs[execution.program.0];
        let executable = (program.file(), &program.executable);
        // A script ran, and so did its interpreter.
        let script = program.script.as_ref().map(|script| (script, script));
        for (path, asked) in script.into_iter().chain([executable]) {
            let subject = Subject::File {
                path: path.clone(),
                asked: (path != asked).then(|| asked.clone()),
                origin: chronicle.run.territory.origin(path.as_ref()),
            };
            rows.add(
                Class::Command,
                subject,
                Some(Evidence::Executed),
                execution.by,
                rows.depths[execution.program.0],
                &execution.tally,
            );
        }
    }
    rows.share = 0.0;
    let loaded = Loaded::of(chronicle, host);
    for usage in &chronicle.uses {
        let class = class_of(chronicle, usage, &loaded);
        let file = usage.file();
        let subject = Subject::File {
            path: file.clone(),
            asked: (*file != usage.path).then(|| usage.path.clone()),
            origin: chronicle.run.territory.origin(file.as_ref()),
        };
        let depth = rows.depths[usage.program.0];
        rows.add(
            class,
            subject,
            usage.seen.strongest(),
            Some(usage.program),
            depth,
            &usage.tally,
        );
    }
    for probe in &chronicle.probes {
        let (class, subject, evidence) = if is_no_link(probe) {
            let subject = Subject::File {
                path: probe.path.clone(),
                asked: None,
                origin: chronicle.run.territory.origin(probe.path.as_ref()),
            };
            (Class::LookedAt, subject, Evidence::Examined)
        } else {
            let subject = Subject::Lookup {
                path: probe.path.clone(),
                operation: probe.operation,
                outcome: probe.outcome,
            };
            (Class::Probe, subject, Evidence::Probed)
        };
        let depth = rows.depths[probe.program.0];
        let by = Some(probe.program);
        rows.add(class, subject, Some(evidence), by, depth, &probe.tally);
    }
    for contact in chronicle.contacts.iter().filter(|it| is_told(it)) {
        let subject = Subject::Endpoint {
            endpoint: contact.endpoint.clone(),
            asked: contact.asked.clone(),
            names: chronicle.names_at(&contact.endpoint, contact.asked.as_ref()),
            action: contact.action,
            outcome: contact.outcome,
        };
        let depth = contact.program.map_or(0, |by| rows.depths[by.0]);
        rows.add(
            Class::Network,
            subject,
            None,
            contact.program,
            depth,
            &contact.tally,
        );
    }
    Inventory {
        rows: rows.finish(),
        gaps: chronicle.gaps.clone(),
    }
}

/// Questions to the kernel through netlink and its kin, and unnamed sockets, are no addresses.
fn is_told(contact: &Exchange) -> bool {
    match &contact.endpoint {
        Endpoint::Other { .. } => false,
        Endpoint::Abstract { name } => !name.is_empty(),
        Endpoint::Inet { .. } | Endpoint::Unix { .. } => true,
    }
}

/// Rows while they are made.
struct Rows {
    depths: Vec<usize>,
    /// The part of the run's time that what is added next has.
    share: f64,
    numbers: HashMap<(Class, Key), usize>,
    rows: Vec<(Row, usize, f64)>,
}

/// What makes two uses those of one thing.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    File(Bytes),
    Lookup(Bytes, Outcome),
    Endpoint(Endpoint, Option<Bytes>, ContactAction, Outcome),
}

impl Rows {
    fn add(
        &mut self,
        class: Class,
        subject: Subject,
        evidence: Option<Evidence>,
        by: Option<ProgramId>,
        depth: usize,
        tally: &Tally,
    ) {
        let key = match &subject {
            Subject::File { path, .. } => Key::File(path.clone()),
            Subject::Lookup { path, outcome, .. } => Key::Lookup(path.clone(), *outcome),
            Subject::Endpoint {
                endpoint,
                asked,
                action,
                outcome,
                ..
            } => Key::Endpoint(endpoint.clone(), asked.clone(), *action, *outcome),
        };
        let next = self.rows.len();
        let number = *self.numbers.entry((class, key)).or_insert(next);
        if let Some((row, nearest, share)) = self.rows.get_mut(number) {
            row.evidence = row.evidence.min(evidence);
            row.by.extend(by);
            row.tally.join(tally);
            *nearest = depth.min(*nearest);
            *share = share.max(self.share);
            return;
        }
        self.rows.push((
            Row {
                class,
                subject,
                evidence,
                by: by.into_iter().collect(),
                tally: tally.clone(),
                importance: 0.0,
            },
            depth,
            self.share,
        ));
    }

    fn finish(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .rows
            .into_iter()
            .map(|(mut row, depth, share)| {
                row.importance = importance(Uses {
                    evidence: row.evidence,
                    count: row.tally.count,
                    breadth: row.by.len(),
                    depth,
                    only_failed: row.tally.only_failed,
                    share,
                });
                row
            })
            .collect();
        rows.sort_by(|a, b| {
            let weight = b.importance.total_cmp(&a.importance);
            let class = a.class.cmp(&b.class);
            class
                .then(weight)
                .then_with(|| a.subject.sort_name().cmp(&b.subject.sort_name()))
        });
        rows
    }
}

impl Subject {
    /// The name by which rows that matter as much as each other are sorted.
    fn sort_name(&self) -> (Bytes, Option<Endpoint>) {
        match self {
            Self::File { path, .. } | Self::Lookup { path, .. } => (path.clone(), None),
            Self::Endpoint {
                endpoint, asked, ..
            } => (asked.clone().unwrap_or_default(), Some(endpoint.clone())),
        }
    }
}

/// Whether the call failed because what it looked at is there and is no symbolic link.
fn is_no_link(probe: &Probe) -> bool {
    probe.operation == Operation::ReadLink && probe.outcome == Outcome::Failure(Errno(libc::EINVAL))
}

/// What each program has in its memory.
struct Loaded {
    /// The files that were mapped.
    mapped: HashSet<(ProgramId, Bytes)>,
    /// Those of them that were opened at run time.
    opened: HashSet<(ProgramId, Bytes)>,
}

impl Loaded {
    fn of(chronicle: &Chronicle, host: &dyn Host) -> Self {
        let programs = chronicle.run.programs.iter().enumerate();
        let opened = programs.flat_map(|(number, program)| {
            let loaded = loading::loaded(&chronicle.run, program, host);
            loaded
                .into_iter()
                .filter(|it| matches!(it.asked, Asked::OpenedByOwn(_) | Asked::System(None)))
                .map(move |it| (ProgramId(number), it.path))
        });
        let mapped = chronicle
            .uses
            .iter()
            .filter(|usage| usage.seen.has(Evidence::Mapped))
            .map(|usage| (usage.program, usage.file().clone()));
        Self {
            mapped: mapped.collect(),
            opened: opened.collect(),
        }
    }
}

fn class_of(chronicle: &Chronicle, usage: &FileUse, loaded: &Loaded) -> Class {
    let program = &chronicle.run.programs[usage.program.0];
    let territory = &chronicle.run.territory;
    let file = usage.file();
    let origin = territory.origin(file.as_ref());
    let has = |evidence| usage.seen.has(evidence);
    // The loader opens a library under the name that it searches for and maps what that leads to.
    let in_memory = (usage.program, file.clone());
    if has(Evidence::Mapped) || loaded.mapped.contains(&in_memory) {
        return if is_module_file(program, file.as_ref()) {
            Class::Module
        } else if loaded.opened.contains(&in_memory) {
            Class::Dlopen
        } else {
            Class::Library
        };
    }
    if has(Evidence::Written) || is_own_output(program, usage) {
        return match origin {
            Origin::Virtual => Class::System,
            Origin::Scratch => Class::Temporary,
            _ if usage.removed => Class::Temporary,
            _ => Class::Written,
        };
    }
    // Whoever lists a directory opens it for reading first.
    if has(Evidence::Listed) || !has(Evidence::Read) {
        return Class::LookedAt;
    }
    if is_module_file(program, file.as_ref()) {
        return Class::Module;
    }
    match origin {
        Origin::Virtual => Class::System,
        Origin::Scratch => Class::Temporary,
        Origin::Own if configures_a_user(&territory.shown(file.as_ref())) => Class::Configuration,
        _ if is_host_configuration(usage.path.as_ref()) => Class::Configuration,
        _ if is_host_configuration(file.as_ref()) => Class::Configuration,
        _ => Class::Data,
    }
}

/// Whether the run made the file that the program then read.
fn is_own_output(program: &Program, usage: &FileUse) -> bool {
    let used = program.uses.get(&usage.path);
    used.is_some_and(|used| used.own_output)
}

/// Whether a file, shown relative to the home directory, holds a user's settings: `~/.config/…`,
/// `~/.gitconfig`.
fn configures_a_user(shown: &Bytes) -> bool {
    if is_below(shown.as_ref(), "~/.config") {
        return true;
    }
    shown
        .strip_prefix(b"~/.")
        .is_some_and(|name| !name.contains(&b'/') && file_name(shown.as_ref()).len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_user_are_dot_files_and_what_lies_in_dot_config() {
        for (path, expected) in [
            ("~/.gitconfig", true),
            ("~/.config/git/config", true),
            ("~/.cache/x", false),
            ("~/notes", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(configures_a_user(&path.into()), expected, "{path}");
        }
    }
}
