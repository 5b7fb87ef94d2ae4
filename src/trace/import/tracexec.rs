//! The JSON of `tracexec log`/`collect` with `--format json` or `json-stream`: an object for each
//! execve, in a list of one document or one after the other.
//!
//! It tells which programs ran and how, and nothing of files. Who made a process is not in it either;
//! but a process that executes for the first time still has the name (comm) of its maker's program.

use super::teller::{Beginning, Teller};
use super::{BadEntry, ImportError, Imported, Options, System, Unit};
use crate::trace::{Access, Bytes, Errno, GapKind, Micros, Operation, Outcome, ProcessId, Sink};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Read};

/// What no output of tracexec tells.
const NOT_TOLD: &str = "tracexec tells only which programs ran: not which files and libraries they used, \
                        what they looked for in vain, nor how they ended.";

/// How the makers of processes are found.
const MAKERS: &str = "tracexec does not tell who made a process: the last one that ran a program of the \
                      name that the new process had is taken to be its maker.";

/// How tracexec begins what it says of a text that it could not read.
const UNREAD: &str = "[err: ";

/// A program's name is cut to this length in a process's name (`TASK_COMM_LEN` without its NUL).
const COMM: usize = 15;

/// How the variables differ from those that tracexec itself had.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct EnvDiff {
    added: BTreeMap<String, String>,
    removed: Vec<String>,
    modified: BTreeMap<String, String>,
}

/// What tracexec read, or why it could not.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "result", content = "value", rename_all = "kebab-case")]
enum Told<T> {
    Success(T),
    Error(IgnoredAny),
}

/// An execve.
#[derive(Clone, Debug, Deserialize)]
struct Event {
    pid: i32,
    cwd: String,
    #[serde(default)]
    comm_before_exec: String,
    result: i64,
    filename: String,
    argv: Told<Vec<String>>,
    #[serde(default)]
    env: Option<Told<EnvDiff>>,
    /// Nanoseconds since the epoch; versions before 0.10 have none.
    #[serde(default)]
    timestamp: u64,
}

/// What tracexec itself was started with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Baseline {
    cwd: String,
    env: BTreeMap<String, String>,
}

/// Reads the JSON of tracexec.
///
/// # Errors
/// When it cannot be read, is no JSON of tracexec, the sink does not take the records, or an event
/// cannot be read and none is to be skipped.
pub fn read<S: Sink>(
    name: &str,
    text: impl Read,
    options: Options<'_>,
    system: &mut dyn System,
    sink: S,
) -> Result<Imported, ImportError> {
    let mut replay = Replay {
        out: Teller::new(sink, system),
        options,
        imported: Imported::default(),
        failed: None,
        is_inside: false,
        baseline: None,
        begun: None,
        processes: HashMap::new(),
        names: HashMap::new(),
        unknown_makers: 0,
    };
    let mut documents = serde_json::Deserializer::from_reader(io::BufReader::new(text));
    let read = loop {
        match Document(&mut replay).deserialize(&mut documents) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    if let Some(error) = replay.failed.take() {
        return Err(error);
    }
    if read.is_io() {
        return Err(ImportError::Read {
            file: name.to_owned(),
            source: read.into(),
        });
    }
    if replay.baseline.is_none() {
        return Err(ImportError::Other {
            file: name.to_owned(),
            kind: "JSON of tracexec",
            why: match read.is_eof() {
                true => "nothing in it says so".to_owned(),
                false => read.to_string(),
            },
        });
    }
    // The end of the text between two documents is its end; inside of one it was cut short, and what
    // is no JSON hides what follows.
    let is_whole = read.is_eof() && !replay.is_inside;
    if !is_whole {
        let line = u64::try_from(read.line()).unwrap_or(u64::MAX);
        let bad = BadEntry::new(Unit::Line, line, format!("{read}"), b"");
        replay.imported.refuse(bad, options)?;
    }
    replay.finish(is_whole)
}

/// One JSON document: what tracexec says of itself, an event, or all of both.
struct Document<'r, 'a, S>(&'r mut Replay<'a, S>);

impl<'de, S: Sink> DeserializeSeed<'de> for Document<'_, '_, S> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Document<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tracexec")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.is_inside = true;
        let mut rest = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "baseline" => {
                    let value: Value = map.next_value()?;
                    // Variables that are no texts are none that matter.
                    self.0.baseline = Some(serde_json::from_value(value).unwrap_or_default());
                }
                "events" => map.next_value_seed(Events(self.0))?,
                _ => {
                    rest.insert(key, map.next_value()?);
                }
            }
        }
        self.0.is_inside = false;
        match rest.contains_key("filename") {
            true => self.0.event(rest).map_err(A::Error::custom),
            false => Ok(()),
        }
    }
}

/// The events of a document that has all of them.
struct Events<'r, 'a, S>(&'r mut Replay<'a, S>);

impl<'de, S: Sink> DeserializeSeed<'de> for Events<'_, '_, S> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Events<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(event) = events.next_element::<Map<String, Value>>()? {
            self.0.event(event).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// That the import is over, as the reader of JSON is told; why is kept in [`Replay::failed`].
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the import is over")
    }
}

struct Replay<'a, S> {
    out: Teller<'a, S>,
    options: Options<'a>,
    imported: Imported,
    failed: Option<ImportError>,
    /// Whether a document has begun and not ended.
    is_inside: bool,
    baseline: Option<Baseline>,
    /// When the first event was, in nanoseconds.
    begun: Option<u64>,
    processes: HashMap<i32, ProcessId>,
    /// The last process that took a name.
    names: HashMap<String, ProcessId>,
    /// Processes whose maker no name tells.
    unknown_makers: u64,
}

impl<S: Sink> Replay<'_, S> {
    fn event(&mut self, event: Map<String, Value>) -> Result<(), Stopped> {
        self.imported.entries += 1;
        let number = self.imported.entries;
        let shown = event.get("filename").and_then(Value::as_str);
        let shown = shown.unwrap_or_default().to_owned();
        let read = serde_json::from_value(Value::Object(event));
        let told = match read.map_err(|error| error.to_string()).and_then(checked) {
            Ok(event) => self.play(event).map_err(ImportError::Write),
            Err(what) => {
                let bad = BadEntry::new(Unit::Event, number, what, shown.as_bytes());
                self.imported.refuse(bad, self.options)
            }
        };
        told.map_err(|error| {
            self.failed = Some(error);
            Stopped
        })
    }

    fn play(&mut self, event: Event) -> io::Result<()> {
        let path = match event.filename.strip_prefix('/') {
            Some(_) => event.filename,
            None => format!("{}/{}", event.cwd.trim_end_matches('/'), event.filename),
        };
        let path = Bytes::from(path.as_str());
        let begun = *self.begun.get_or_insert(event.timestamp);
        let at = Micros(event.timestamp.saturating_sub(begun) / 1000);
        let argv: Option<Vec<Bytes>> = match event.argv {
            Told::Success(words) => Some(words.into_iter().map(|it| it.as_str().into()).collect()),
            Told::Error(_) => None,
        };
        let env = match event.env {
            Some(Told::Success(diff)) => self.environment(&diff),
            _ => Vec::new(),
        };
        let cwd = Bytes::from(event.cwd.as_str());
        if self.processes.is_empty() {
            let beginning = Beginning {
                argv: argv.clone().unwrap_or_default(),
                cwd: Some(cwd.clone()),
                environment: env.clone(),
                start: event.timestamp / 1_000_000_000,
            };
            self.out.begins("tracexec", self.options.known, beginning)?;
        }
        let process = match self.processes.get(&event.pid) {
            Some(&process) => process,
            None => {
                let parent = self.maker(&event.comm_before_exec);
                let process = self.out.started(event.pid, parent, at)?;
                self.processes.insert(event.pid, process);
                process
            }
        };
        if event.result < 0 {
            let errno = i32::try_from(-event.result).unwrap_or(i32::MAX);
            return self.out.named(Access {
                process,
                at,
                operation: Operation::Execute,
                path,
                real: None,
                root: None,
                target: None,
                outcome: Outcome::Failure(Errno(errno)),
                count: 1,
            });
        }
        self.names.insert(comm(&path), process);
        self.out.executed(process, at, path, argv, Some(cwd), &env)
    }

    /// The process that has made one that still has this name: the last that took it.
    fn maker(&mut self, comm: &str) -> Option<ProcessId> {
        if self.processes.is_empty() {
            return None;
        }
        if let Some(&maker) = self.names.get(comm) {
            return Some(maker);
        }
        self.unknown_makers += 1;
        Some(ProcessId(0))
    }

    /// The variables of a program, as `NAME=value`.
    fn environment(&self, diff: &EnvDiff) -> Vec<Bytes> {
        let baseline = self.baseline.iter().flat_map(|it| &it.env);
        let kept = baseline
            .filter(|(name, _)| !diff.modified.contains_key(*name) && !diff.removed.contains(name));
        let variables = kept.chain(&diff.added).chain(&diff.modified);
        variables
            .map(|(name, value)| Bytes::from(format!("{name}={value}").as_str()))
            .collect()
    }

    fn finish(self, is_whole: bool) -> Result<Imported, ImportError> {
        let (mut out, imported) = (self.out, self.imported);
        if self.processes.is_empty() {
            return Ok(imported);
        }
        let end = || {
            out.gap(None, GapKind::NotTold, NOT_TOLD)?;
            if self.processes.len() > 1 {
                let detail = match self.unknown_makers {
                    0 => MAKERS.to_owned(),
                    unknown => {
                        format!("{MAKERS} Of {unknown} nothing has that name: the command is.")
                    }
                };
                out.gap(None, GapKind::LostProcess, detail)?;
            }
            match is_whole {
                true => out.finish(None),
                false => out.flush(),
            }
        };
        end().map_err(ImportError::Write)?;
        Ok(imported)
    }
}

/// What of an event cannot be taken as it is.
fn checked(event: Event) -> Result<Event, String> {
    for text in [&event.filename, &event.cwd] {
        if text.starts_with(UNREAD) {
            return Err("tracexec could not read a name".to_owned());
        }
        // What is no UTF-8 is written with this instead.
        if text.contains('\u{fffd}') {
            return Err("a name with bytes that tracexec does not keep".to_owned());
        }
    }
    match event.cwd.starts_with('/') {
        true => Ok(event),
        false => Err("a working directory that is not absolute".to_owned()),
    }
}

/// The name that a process has once it runs a file.
fn comm(path: &Bytes) -> String {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(&name[..name.len().min(COMM)]).into_owned()
}
