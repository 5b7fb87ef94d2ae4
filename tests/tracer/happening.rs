//! What happened in a run, in a form in which two tracers can be compared: a set of (process,
//! operation, path, outcome).
//!
//! Processes are named by how they came about: `0` is the command, `0.2` the second child that it
//! made. Pids differ from run to run; that does not.

use crate::trace::Trace;
use nixtrace::trace::{ContactAction, Endpoint, ExitStatus, Operation, Outcome, Record};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One thing that a process did, however often.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Happening {
    /// Which process, by its lineage.
    pub(crate) process: String,
    /// The operation, as a trace names it; `executed`, `exited`, `connect` … for other records;
    /// `opened-file` for the file that an open led to; `rename-target` … for the second name.
    pub(crate) operation: String,
    /// The path or address.
    pub(crate) path: Vec<u8>,
    /// `ok` or the error's name; for `exited` the code or the signal's name.
    pub(crate) outcome: String,
}

impl Happening {
    pub(crate) fn new(process: &str, operation: &str, path: &[u8], outcome: &str) -> Self {
        Self {
            process: process.to_owned(),
            operation: operation.to_owned(),
            path: comparable(path),
            outcome: outcome.to_owned(),
        }
    }
}

impl fmt::Debug for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.escape_ascii();
        write!(
            f,
            "{} {} {path} {}",
            self.process, self.operation, self.outcome
        )
    }
}

/// The longest path that is compared: of a longer one each tracer tells as much as it has read.
const LONGEST: usize = 4095;

/// A path without what differs from run to run: the numbers of processes in /proc, and the letters
/// that compilers and shells choose at random for the names of their temporary files.
fn comparable(path: &[u8]) -> Vec<u8> {
    let path = &path[..path.len().min(LONGEST)];
    let mut components: Vec<Cow<[u8]>> = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        let parent = components.last().map_or(&b""[..], |it| it);
        let is_number = !component.is_empty() && component.iter().all(u8::is_ascii_digit);
        components.push(match parent {
            b"proc" | b"task" if is_number => b"PID".into(),
            _ => temporary(component).into(),
        });
    }
    components.join(&b'/')
}

/// The name of a temporary file without its random part: `ccAbC123.o` of gcc, `cgAbC123` of
/// config.guess, `GmAbC123` of a tool that configure runs, `conf4711.sh` and `confAbC123` of configure.
fn temporary(name: &[u8]) -> Vec<u8> {
    for prefix in [&b"cc"[..], b"cg", b"Gm", b"conf"] {
        let Some(rest) = name.strip_prefix(prefix) else {
            continue;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let random = match () {
            () if letters == 6 && [None, Some(&b'.')].contains(&rest.get(6)) => letters,
            () if prefix == b"conf" && digits > 0 => digits,
            () => continue,
        };
        return [prefix, b"?", &rest[random..]].concat();
    }
    name.to_vec()
}

/// A name that is relative to a directory, made absolute as a trace does: nothing is folded.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if name.starts_with(b"/") {
        return name.to_vec();
    }
    let mut path = directory.to_vec();
    if !name.is_empty() {
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    path
}

/// What a trace tells.
pub(crate) fn happenings(trace: &Trace) -> BTreeSet<Happening> {
    let mut names: Vec<String> = Vec::new();
    let mut children: BTreeMap<u32, u32> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for record in &trace.records {
        match record {
            Record::Started(started) => {
                assert_eq!(started.process.0 as usize, names.len());
                names.push(match started.parent {
                    None => "0".to_owned(),
                    Some(parent) => {
                        let count = children.entry(parent.0).or_default();
                        *count += 1;
                        format!("{}.{count}", names[parent.0 as usize])
                    }
                });
            }
            Record::Executed(executed) => {
                if let Some(path) = &executed.path {
                    let process = &names[executed.process.0 as usize];
                    found.insert(Happening::new(process, "executed", path.as_bytes(), "ok"));
                }
            }
            Record::Accessed(access) | Record::Repeated(access) => {
                let process = &names[access.process.0 as usize];
                let outcome = outcome(access.outcome);
                let mut add = |operation: &str, path: &[u8]| {
                    found.insert(Happening::new(process, operation, path, &outcome));
                };
                let operation = serde_json::to_value(access.operation).unwrap();
                let operation = operation.as_str().unwrap();
                add(operation, access.path.as_bytes());
                if let Some(target) = &access.target
                    && access.operation != Operation::ChangeRoot
                {
                    add(&format!("{operation}-target"), target.as_bytes());
                }
                let opens = matches!(
                    access.operation,
                    Operation::Read | Operation::Write | Operation::ReadWrite | Operation::OpenPath
                );
                // A repetition does not say again where its name led to.
                if opens && access.outcome.is_success() && matches!(record, Record::Accessed(_)) {
                    let real = access.real.as_ref().unwrap_or(&access.path);
                    add("opened-file", real.as_bytes());
                }
            }
            Record::Contacted(contact) => {
                let process = &names[contact.process.0 as usize];
                let operation = match contact.action {
                    ContactAction::Connect => "connect",
                    ContactAction::Bind => "bind",
                    ContactAction::Send => "send",
                    // strace does not say on which address.
                    ContactAction::Listen => continue,
                };
                let address = match &contact.endpoint {
                    Endpoint::Inet { address, port, .. } => {
                        format!("{address} {port}").into_bytes()
                    }
                    Endpoint::Unix { path } => path.as_bytes().to_vec(),
                    Endpoint::Abstract { name } => [b"@", name.as_bytes()].concat(),
                    Endpoint::Other { .. } => b"other".to_vec(),
                };
                let outcome = outcome(contact.outcome);
                found.insert(Happening::new(process, operation, &address, &outcome));
            }
            Record::Exited(exited) => {
                let process = &names[exited.process.0 as usize];
                let outcome = match exited.status {
                    ExitStatus::Code(code) => code.to_string(),
                    ExitStatus::Signal(signal) => nix::sys::signal::Signal::try_from(signal)
                        .unwrap()
                        .to_string(),
                };
                found.insert(Happening::new(process, "exited", b"", &outcome));
            }
            Record::Header(_) | Record::Named(_) | Record::Gap(_) | Record::Footer(_) => {}
        }
    }
    found
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success => "ok".to_owned(),
        Outcome::Failure(errno) => errno.to_string(),
    }
}
