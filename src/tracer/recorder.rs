//! Turns facts into the records of a trace: counts repeats, resolves symbolic links, and finds the
//! interpreters that the kernel started.
//!
//! Runs on a thread of its own, on facts that may be some milliseconds old.

use super::facts::{Batch, Fact, Inbox, Real, Span};
use super::image::Chain;
use super::images::Images;
use super::real::Resolver;
use crate::trace::{
    Access, Bytes, Contact, Executed, Exited, Gap, GapKind, Header, Micros, Named, Operation,
    Outcome, ProcessId, Record, Sink, Started, secrets,
};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

/// How many paths are remembered before those that no process uses any more are forgotten.
const MOST_IDLE_PATHS: usize = 64 * 1024;

/// How many accesses, contacts and names are remembered, of all processes that live, before all are
/// forgotten: some 100 MB. Fewer would make a run that goes round and round a large tree write a
/// line for each access.
const MOST_REMEMBERED: usize = 256 * 1024;

/// The same for the paths in them, in bytes: a path may be 4 kB long.
const MOST_PATH_BYTES: usize = 64 * 1024 * 1024;

/// How many files are remembered that could not be read, before all are forgotten.
const MOST_UNREAD: usize = 1024;

/// A path that some process named.
type Path_ = Rc<[u8]>;

/// What makes an access the same as an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    operation: Operation,
    path: Path_,
    target: Option<Path_>,
    /// What the kernel said that it led to, if that is another path: behind one name there may be
    /// one file now and another one later.
    real: Option<Path_>,
    root: Option<Path_>,
    outcome: Outcome,
}

/// How often an access happened again, and where its line was.
#[derive(Debug)]
struct Repeats {
    order: u32,
    at: Micros,
    more: u64,
    /// Whether a link led from the path to the file.
    by_link: bool,
}

/// What one process did since it started or last ran another program.
#[derive(Debug, Default)]
struct Seen {
    accesses: HashMap<Key, Repeats>,
    /// How many there were.
    count: u32,
    contacts: HashSet<Contact>,
    named: HashSet<Named>,
}

/// Writes a trace.
pub(super) struct Recorder<S> {
    sink: S,
    /// The first error of the sink; nothing is written after it.
    failed: Option<io::Error>,
    paths: HashSet<Path_>,
    /// The sum of their lengths.
    path_bytes: usize,
    /// How many paths there may be before idle ones are looked for.
    most_paths: usize,
    /// How many accesses, contacts and names `seen` holds.
    remembered: usize,
    /// How many of them led somewhere by a link.
    linked: usize,
    /// Whether a link or a directory may be about to move.
    links_move: bool,
    seen: HashMap<ProcessId, Seen>,
    resolver: Resolver,
    images: Images,
    /// Files that were executed and could not be read, each told once.
    unread: HashSet<Vec<u8>>,
    accesses: u64,
    gaps: u64,
}

/// What a recorder ends with.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) accesses: u64,
    /// Those that were found here.
    pub(super) gaps: u64,
    pub(super) sink_error: Option<io::Error>,
}

impl<S: Sink> Recorder<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            failed: None,
            paths: HashSet::new(),
            path_bytes: 0,
            most_paths: MOST_IDLE_PATHS,
            remembered: 0,
            linked: 0,
            links_move: false,
            seen: HashMap::new(),
            resolver: Resolver::default(),
            images: Images::default(),
            unread: HashSet::new(),
            accesses: 0,
            gaps: 0,
        }
    }

    /// Writes the first line.
    pub(super) fn begin(&mut self, header: Header) {
        self.write(Record::Header(header));
    }

    /// Writes all facts until there are no more.
    pub(super) fn record(&mut self, mut inbox: Inbox) {
        while let Some(mut batch) = inbox.next() {
            for fact in batch.take_facts() {
                self.fact(&batch, fact);
            }
            inbox.give_back(batch);
            self.pause();
        }
        self.flush_all();
    }

    /// Writes the last line, given the numbers of accesses and of gaps that were found here, and says how
    /// it went.
    pub(super) fn end(
        mut self,
        footer: impl FnOnce(u64, u64) -> Option<crate::trace::Footer>,
    ) -> Recorded {
        if let Some(footer) = footer(self.accesses, self.gaps) {
            self.write(Record::Footer(footer));
        }
        Recorded {
            accesses: self.accesses,
            gaps: self.gaps,
            sink_error: self.failed,
        }
    }

    fn write(&mut self, record: Record) {
        if self.failed.is_none()
            && let Err(error) = self.sink.record(&record)
        {
            self.failed = Some(error);
        }
    }

    /// Lets the sink hand on what it holds back: the next batch may be long in coming.
    fn pause(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.sink.idle()
        {
            self.failed = Some(error);
        }
    }

    fn fact(&mut self, batch: &Batch, fact: Fact) {
        match fact {
            Fact::Started {
                process,
                pid,
                parent,
                at,
            } => self.write(Record::Started(Started {
                process,
                pid,
                parent,
                at,
            })),
            Fact::Executed {
                process,
                at,
                path,
                real,
                root,
                chain,
                argv,
                cwd,
                env,
            } => {
                self.flush(process);
                let text = |span: Span| Bytes::from(batch.text(span));
                let path = path.map(text);
                let real = match (real, &path) {
                    (Real::Known(span), _) => Some(text(span)),
                    (Real::LookUp, Some(path)) => self
                        .resolver
                        .resolve(path.as_bytes(), true)
                        .map(Bytes::from),
                    _ => None,
                };
                let chain = match (chain, real.as_ref().or(path.as_ref())) {
                    (Some(chain), _) => *chain,
                    (None, Some(file)) => Chain::of(&mut self.images, file.as_bytes(), Some),
                    (None, None) => Chain::default(),
                };
                let executed = Executed {
                    process,
                    at,
                    real: real.filter(|real| root.is_some() || Some(real) != path.as_ref()),
                    path,
                    root: root.map(text),
                    argv: argv.map(|argv| {
                        let argv = batch.text(argv);
                        let words = argv
                            .strip_suffix(b"\0")
                            .map(|argv| argv.split(|&byte| byte == 0));
                        let mut words: Vec<_> =
                            words.into_iter().flatten().map(Bytes::from).collect();
                        secrets::redact(&mut words);
                        words
                    }),
                    cwd: cwd.map(text),
                    interpreters: chain.interpreters.into_iter().map(Bytes::from).collect(),
                    loader: chain.loader.map(Bytes::from),
                    env: steering(batch.text(env)),
                };
                self.write(Record::Executed(executed));
                if let Some(file) = chain.unread {
                    self.unread(process, at, file);
                }
            }
            Fact::Accessed {
                process,
                at,
                operation,
                path,
                target,
                real,
                root,
                outcome,
            } => {
                let target = target.map(|target| batch.text(target));
                let known = match real {
                    Real::Known(span) => Some(batch.text(span)),
                    Real::LookUp | Real::Unknown => None,
                };
                let look_up = matches!(real, Real::LookUp);
                self.access(
                    process,
                    at,
                    operation,
                    batch.text(path),
                    target,
                    known,
                    look_up,
                    root.map(|root| batch.text(root)),
                    outcome,
                );
            }
            Fact::Contacted(contact) => {
                let mut key = (*contact).clone();
                key.at = Micros(0);
                let seen = self.seen.entry(contact.process).or_default();
                if seen.contacts.insert(key) {
                    self.remembered += 1;
                    self.write(Record::Contacted(*contact));
                    self.bound();
                }
            }
            Fact::Named(named) => {
                let mut key = (*named).clone();
                key.at = Micros(0);
                let seen = self.seen.entry(named.process).or_default();
                if seen.named.insert(key) {
                    self.remembered += 1;
                    self.write(Record::Named(*named));
                    self.bound();
                }
            }
            Fact::Exited {
                process,
                at,
                status,
            } => {
                self.flush(process);
                self.seen.remove(&process);
                self.write(Record::Exited(Exited {
                    process,
                    at,
                    status,
                }));
            }
            Fact::LookUp {
                waits,
                links_change,
            } => {
                // What was told before has been looked up by now.
                if links_change {
                    self.flush_linked();
                    self.links_move = true;
                }
                drop(waits);
            }
            Fact::Gap {
                process,
                at,
                kind,
                detail,
                count,
            } => self.write(Record::Gap(Gap {
                process,
                at,
                kind,
                detail,
                count,
            })),
        }
    }

    /// A program runs, or an interpreter of its, that could not be read when it was looked at.
    fn unread(&mut self, process: ProcessId, at: Micros, file: Vec<u8>) {
        if self.unread.len() == MOST_UNREAD {
            self.unread.clear();
        }
        let name = Bytes::from(file.as_slice());
        if self.unread.insert(file) {
            self.gaps += 1;
            self.write(Record::Gap(Gap {
                process: Some(process),
                at,
                kind: GapKind::LookUp,
                detail: format!(
                    "What the kernel opened to run {name} is not known: the file may not be read, or \
                     was gone before it was."
                ),
                count: 1,
            }));
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one fact, taken apart by its only caller"
    )]
    fn access(
        &mut self,
        process: ProcessId,
        at: Micros,
        operation: Operation,
        path: &[u8],
        target: Option<&[u8]>,
        known: Option<&[u8]>,
        look_up: bool,
        root: Option<&[u8]>,
        outcome: Outcome,
    ) {
        self.accesses += 1;
        if outcome.is_success() {
            self.forget_changed(operation, path, target);
        }
        let key = Key {
            operation,
            path: self.intern(path),
            target: target.map(|target| self.intern(target)),
            real: known
                .filter(|&real| root.is_some() || real != path)
                .map(|real| self.intern(real)),
            root: root.map(|root| self.intern(root)),
            outcome,
        };
        let seen = self.seen.entry(process).or_default();
        if let Some(repeats) = seen.accesses.get_mut(&key) {
            repeats.more += 1;
            return;
        }
        let real = match known {
            Some(real) => Some(real.to_vec()),
            None if look_up && outcome.is_success() => {
                self.resolver.resolve(path, operation.follows())
            }
            None => None,
        };
        let repeats = Repeats {
            order: seen.count,
            at,
            more: 0,
            by_link: real.as_ref().is_some_and(|real| real != path),
        };
        seen.count += 1;
        self.linked += usize::from(repeats.by_link);
        seen.accesses.insert(key, repeats);
        self.remembered += 1;
        self.write(Record::Accessed(Access {
            process,
            at,
            operation,
            path: Bytes::from(path),
            real: real
                .filter(|real| root.is_some() || real != path)
                .map(Bytes::from),
            root: root.map(Bytes::from),
            target: target.map(Bytes::from),
            outcome,
            count: 1,
        }));
        self.bound();
    }

    /// Begins anew when too much is remembered: what happens again is written again.
    fn bound(&mut self) {
        if self.remembered >= MOST_REMEMBERED || self.path_bytes >= MOST_PATH_BYTES {
            self.flush_all();
            self.drop_idle_paths();
        }
    }

    /// Forgets what was known about names that a call has changed.
    fn forget_changed(&mut self, operation: Operation, path: &[u8], target: Option<&[u8]>) {
        match operation {
            Operation::Rename | Operation::ChangeRoot => {
                self.resolver.forget(path);
                if let Some(target) = target {
                    self.resolver.forget(target);
                    if std::mem::take(&mut self.links_move) {
                        self.flush_below(target);
                    }
                }
            }
            Operation::Symlink => {
                self.resolver.forget(path);
                self.flush_below(path);
            }
            Operation::Remove | Operation::MakeDirectory => {
                self.resolver.forget(path);
            }
            _ => {}
        }
    }

    /// One copy of each path, however many processes name it.
    fn intern(&mut self, path: &[u8]) -> Path_ {
        if let Some(known) = self.paths.get(path) {
            return Rc::clone(known);
        }
        let path = Path_::from(path);
        self.path_bytes += path.len();
        self.paths.insert(Rc::clone(&path));
        path
    }

    /// Writes how often the accesses of a process happened again, and forgets them.
    fn flush(&mut self, process: ProcessId) {
        let Some(seen) = self.seen.get_mut(&process) else {
            return;
        };
        let seen = std::mem::take(seen);
        self.remembered -= seen.accesses.len() + seen.contacts.len() + seen.named.len();
        self.write_repeats(process, seen.accesses);
        if self.paths.len() > self.most_paths {
            self.drop_idle_paths();
        }
    }

    /// The same for those accesses of all processes that links led somewhere: they may now lead
    /// elsewhere, so that the same access is another one.
    fn flush_linked(&mut self) {
        if self.linked == 0 {
            return;
        }
        self.flush_some(|_, repeats| repeats.by_link);
    }

    /// The same for accesses to a name, and to what is below it: it is another file's from now on.
    fn flush_below(&mut self, name: &[u8]) {
        self.flush_some(|key, _| {
            let rest = key.path.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        });
    }

    fn flush_some(&mut self, are_void: impl Fn(&Key, &Repeats) -> bool) {
        let mut processes: Vec<_> = self.seen.keys().copied().collect();
        processes.sort_unstable();
        for process in processes {
            let Some(seen) = self.seen.get_mut(&process) else {
                continue;
            };
            let void: HashMap<_, _> = seen
                .accesses
                .extract_if(|key, repeats| are_void(key, repeats))
                .collect();
            self.remembered -= void.len();
            self.write_repeats(process, void);
        }
    }

    fn write_repeats(&mut self, process: ProcessId, accesses: HashMap<Key, Repeats>) {
        self.linked -= accesses.values().filter(|it| it.by_link).count();
        let mut repeated: Vec<_> = accesses
            .into_iter()
            .filter(|(_, repeats)| repeats.more > 0)
            .collect();
        repeated.sort_unstable_by_key(|(_, repeats)| repeats.order);
        for (key, repeats) in repeated {
            self.write(Record::Repeated(Access {
                process,
                at: repeats.at,
                operation: key.operation,
                path: Bytes::from(&*key.path),
                real: key.real.as_deref().map(Bytes::from),
                root: key.root.as_deref().map(Bytes::from),
                target: key.target.as_deref().map(Bytes::from),
                outcome: key.outcome,
                count: repeats.more,
            }));
        }
    }

    /// The same for all processes.
    fn flush_all(&mut self) {
        let mut processes: Vec<_> = self.seen.keys().copied().collect();
        processes.sort_unstable();
        for process in processes {
            self.flush(process);
        }
    }

    /// Forgets the paths that no process uses any more.
    fn drop_idle_paths(&mut self) {
        self.paths.retain(|path| Rc::strong_count(path) > 1);
        self.path_bytes = self.paths.iter().map(|path| path.len()).sum();
        // While most of them are in use it is in vain to look again soon.
        self.most_paths = MOST_IDLE_PATHS.max(2 * self.paths.len());
    }
}

/// Variables from their strings, each of which ends in NUL.
fn steering(strings: &[u8]) -> BTreeMap<String, Bytes> {
    strings
        .split(|&byte| byte == 0)
        .filter_map(|variable| {
            let equals = variable.iter().position(|&byte| byte == b'=')?;
            let name = std::str::from_utf8(&variable[..equals]).ok()?;
            Some((name.to_owned(), Bytes::from(&variable[equals + 1..])))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts;
    use super::*;
    use procfs::process::Process;
    use std::process::Command;

    /// How much is fed to the recorder: enough that it has to forget. Ten million, which take a
    /// minute unoptimized, need as much memory (set the variable to the number to try).
    const ACCESSES: &str = "600000";
    const PATHS: usize = 100_000;
    const PROCESSES: usize = 40;
    const MOST_MEMORY: u64 = 256 << 20;

    /// Counts the accesses that are told.
    #[derive(Default)]
    struct Count {
        lines: u64,
        accesses: u64,
    }

    impl Sink for &mut Count {
        fn record(&mut self, record: &Record) -> io::Result<()> {
            if let Record::Accessed(access) | Record::Repeated(access) = record {
                self.lines += 1;
                self.accesses += access.count;
            }
            Ok(())
        }
    }

    /// Has many processes look at many paths, now one after the other and now each for itself.
    fn feed(mut outbox: facts::Outbox, accesses: usize) {
        for number in 0..accesses {
            let process = match number / PATHS % 2 {
                0 => number / PATHS % PROCESSES,
                _ => number % PROCESSES,
            };
            let path = format!(
                "/usr/lib/a-rather-usual-directory/of-files/{}",
                number % PATHS
            );
            outbox.write(|batch| {
                let path = batch.keep(path.as_bytes());
                batch.push(Fact::Accessed {
                    process: ProcessId(process as u32),
                    at: Micros(number as u64),
                    operation: Operation::Stat,
                    path,
                    target: None,
                    real: Real::Unknown,
                    root: None,
                    outcome: Outcome::Success,
                });
            });
        }
    }

    /// The memory of a process is measured, and this one has other tests in it: so the test runs
    /// itself again.
    #[test]
    fn a_long_run_over_many_paths_needs_bounded_memory_and_loses_no_access() {
        const ALONE: &str = "NIXTRACE_TEST_ALONE";
        let name = "tracer::recorder::tests::a_long_run_over_many_paths_needs_bounded_memory_and_loses_no_access";
        let Ok(accesses) = std::env::var(ALONE) else {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(ALONE, ACCESSES)
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{told}");
            assert!(told.contains("1 passed"), "{told}");
            return;
        };
        let accesses = accesses.parse().unwrap();
        let mut count = Count::default();
        let (outbox, inbox) = facts::exchange();
        let feeder = std::thread::spawn(move || feed(outbox, accesses));
        let mut recorder = Recorder::new(&mut count);
        recorder.record(inbox);
        assert_eq!(recorder.end(|_, _| None).accesses, accesses as u64);
        feeder.join().unwrap();
        assert_eq!(count.accesses, accesses as u64);
        let status = Process::myself().and_then(|it| it.status()).unwrap();
        let peak = status.vmhwm.unwrap() * 1024;
        println!("{} lines, {} MB", count.lines, peak >> 20);
        assert!(peak < MOST_MEMORY, "{} MB", peak >> 20);
    }
}
