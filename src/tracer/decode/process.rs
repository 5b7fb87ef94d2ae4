//! Calls that make processes, change what they are, or hide them.

use super::{Begun, Entered, Observer};
use crate::trace::steering::steering_of;
use crate::trace::{Bytes, GapKind, Operation, ProcessId};
use crate::tracer::abi::{At, CoreUse, Shape};
use crate::tracer::facts::{Fact, Real};
use crate::tracer::image::Chain;
use crate::tracer::memory::{self, Width};
use crate::tracer::policy::Execution;
use crate::tracer::proc::Link;
use crate::tracer::sys::{self, FileId, Status};
use crate::tracer::task::{Effect, Pending, Sure};
use crate::tracer::view::View;
use libc::{c_int, pid_t};
use nix::errno::Errno;
use std::ffi::CString;
use std::sync::Arc;

/// Below so many descriptors a program may plausibly run out of them.
const FEW_DESCRIPTORS: u64 = 256;

/// So many bytes of arguments are never too many: the kernel takes 128 KiB of arguments and variables
/// whatever the limits (execve(2)).
const FEW_ARGUMENTS: usize = 32 * 1024;

impl Observer {
    /// A process came into being.
    pub(crate) fn process_starts(&mut self, pid: pid_t, parent: Option<pid_t>) {
        let at = self.now();
        let parent_id = parent
            .and_then(|parent| self.tasks.process_of(parent))
            .map(|parent| parent.id);
        let process = self.tasks.start_process(pid, parent);
        if let Some(child) = self.tasks.process_of(pid)
            && !child.sees_as_we_do
        {
            // It may have been made with namespaces of its own (CLONE_NEWNS).
            child.view = View::of(pid).map(Arc::new);
        }
        self.outbox.write(|batch| {
            batch.push(Fact::Started {
                process,
                pid,
                parent: parent_id,
                at,
            });
        });
    }

    /// A process is followed whose maker was killed before it could tell of it.
    pub(crate) fn orphan_starts(&mut self, pid: pid_t) {
        self.process_starts(pid, None);
        let Some(process) = self.tasks.process_of(pid) else {
            return;
        };
        // It has inherited what nobody knows of.
        process.cwd_is_shared = true;
        let id = process.id;
        self.view_changed(pid);
        self.gap(
            Some(id),
            GapKind::LookUp,
            "Whose child the process is, and which program it ran at first, is not known: who made it \
             was killed before that could be seen.",
        );
    }

    pub(super) fn execute(
        &mut self,
        call: &Entered,
        at: At,
        argv_at: u8,
        flags: Option<u8>,
    ) -> Option<Pending> {
        let mut path = None;
        let mut sure = None;
        if self.read_name(call, 0, at).is_ok() {
            let name = &self.names[0];
            let by_descriptor = name.asked().is_empty()
                && flags.is_some_and(|flags| {
                    call.args[usize::from(flags)] as c_int & libc::AT_EMPTY_PATH != 0
                });
            // The empty path of a descriptor without a name (a memfd) is no path at all.
            if !by_descriptor || name.absolute().starts_with(b"/") {
                path = Some(name.absolute().to_vec());
            }
            if self.may_foresee(call.tid) {
                match self.policy.execute(&self.names[0]) {
                    Some(Execution::Runs { is_raised }) => sure = Some(Sure { is_raised }),
                    Some(Execution::Fails(failure)) => {
                        self.accessed(call.tid, Operation::Execute, failure);
                        return None;
                    }
                    None => {}
                }
            }
        }
        let mut strings = Vec::new();
        let argv = self
            .early
            .read_strings(
                call.tid,
                call.args[usize::from(argv_at)],
                call.width,
                &mut strings,
            )
            .then_some(strings);
        // There is a limit to them (execve(2), E2BIG), which depends on much.
        if argv.as_ref().is_none_or(|argv| argv.len() > FEW_ARGUMENTS) {
            sure = None;
        }
        let is_handed_over = self
            .tasks
            .task(call.tid)
            .is_some_and(|task| task.is_handed_over);
        let env = is_handed_over.then(|| {
            let mut env = Vec::new();
            let address = call.args[usize::from(argv_at) + 1];
            self.early
                .read_strings(call.tid, address, call.width, &mut env);
            env
        });
        Some(Pending::Execute {
            path,
            argv,
            sure,
            env,
        })
    }

    /// A tracee goes on in the program that it was to leave, though its exec was sure to succeed.
    pub(super) fn execution_failed(&mut self, tid: pid_t, path: Option<&[u8]>) {
        let process = self.tasks.process_of(tid).map(|process| process.id);
        let path = Bytes::from(path.unwrap_or_default());
        self.gap(
            process,
            GapKind::Outcome,
            format!(
                "The kernel refused to execute {path}, for a reason that was not seen: a file that \
                 is open to be written, a loader that has just gone, variables that are too long, or \
                 no memory. With `--exact` the error is told."
            ),
        );
    }

    /// A process runs another program now.
    pub(crate) fn executed(&mut self, tgid: pid_t, former: pid_t, given: Option<Pending>) {
        let seen = self.tasks.execute(tgid, former);
        let is_given = seen.is_none();
        let pending = seen.or(given);
        if former != tgid {
            self.herd.left(former);
        }
        self.in_flux.retain(|(tid, _)| *tid != former);
        let (mut path, argv, sure, given_env) = match pending {
            Some(Pending::Execute {
                path,
                argv,
                sure,
                env,
            }) => (path, argv, sure, env),
            _ => (None, None, None, None),
        };
        // The command itself is named as it was given to us.
        if let Some(asked) = &mut path
            && is_given
            && !asked.starts_with(b"/")
            && let Some(process) = self.tasks.process_of(tgid)
            && let Some(cwd) = process.working(tgid)
        {
            asked.splice(0..0, cwd.path.iter().copied().chain([b'/']));
        }
        // A program in memory (memfd_create(2)) has no path, though its descriptor has a place.
        if path
            .as_deref()
            .is_some_and(|path| path.starts_with(b"/proc/"))
            && Link::Exe.read(tgid, &mut Vec::new()) == Err(Errno::ENOTDIR)
        {
            path = None;
        }
        let at = self.now();
        let env = match given_env {
            Some(given) => steering_of(&given),
            None => self.steering(tgid),
        };
        let Some(process) = self.tasks.process_of(tgid) else {
            return;
        };
        let sees_as_we_do = process.sees_as_we_do;
        let view = process.view.clone();
        let looks_up = sees_as_we_do && !self.serves_files;
        // What was foreseen needs no second look, which would take longer than the rest; but what is
        // named by a place in `/proc` has its own name elsewhere.
        let foreseen = sure.filter(|_| {
            view.is_none()
                && path
                    .as_ref()
                    .is_some_and(|path| !path.starts_with(b"/proc/"))
        });
        let exe = (!self.serves_files && foreseen.is_none())
            .then(|| Link::Exe.with(tgid, |exe| sys::status(libc::AT_FDCWD, exe, 0).ok()))
            .flatten();
        let mut real = Vec::new();
        let mut seen = None;
        let mut chain = None;
        match &view {
            Some(view) if !self.serves_files => {
                seen = match &path {
                    Some(path) => view.resolve(tgid, path, true),
                    None => view.linked(tgid, Link::Exe, b""),
                };
                let found_by = |path: Vec<u8>| {
                    let seen = view.resolve(tgid, &path, true)?;
                    Some(if seen.is_same { path } else { seen.path })
                };
                let runs = exe.map(Status::id);
                let registered = seen
                    .as_ref()
                    .filter(|seen| runs.is_some() && file_at(&seen.path) != runs)
                    .and_then(|seen| {
                        let runs = view.linked(tgid, Link::Exe, b"")?.path;
                        self.policy.registered_chain(&seen.path, runs)
                    });
                chain = Some(Box::new(match (registered, &seen) {
                    (Some(chain), _) => chain,
                    (None, Some(seen)) => self.policy.chain(&seen.path, found_by),
                    (None, None) => Chain::default(),
                }));
            }
            Some(_) => {}
            None if foreseen.is_some() => {}
            // The truth about what runs, before the links that lead there can be removed: for a
            // script it is its interpreter, hence the comparison.
            None => {
                let runs = exe.map(Status::id);
                let runs_itself = match &path {
                    Some(path) => looks_up && runs.is_some() && file_at(path) == runs,
                    None => true,
                };
                if Link::Exe.read(tgid, &mut real).is_err() {
                    real.clear();
                }
                if path.is_none() && real.is_empty() {
                    let place = Link::Exe.with(tgid, |exe| exe.to_bytes().to_vec());
                    chain = Some(Box::new(self.policy.chain(&place, Some)));
                }
                if !runs_itself {
                    let runs = std::mem::take(&mut real);
                    chain = path
                        .as_ref()
                        .filter(|_| looks_up && !runs.is_empty())
                        .and_then(|path| self.policy.registered_chain(path, runs))
                        .map(Box::new);
                }
            }
        }
        let is_raised = match (foreseen, exe) {
            (Some(foreseen), _) => foreseen.is_raised,
            (None, Some(status)) => {
                Link::Exe.with(tgid, |exe| self.policy.raises(libc::AT_FDCWD, exe, &status))
            }
            (None, None) => false,
        };
        let Some(process) = self.tasks.process_of(tgid) else {
            return;
        };
        let id = process.id;
        let cwd = process.working(tgid);
        self.outbox.write(|batch| {
            let root = batch.keep_root(view.as_deref(), seen.as_ref());
            let real = if let Some(seen) = &seen {
                Real::Known(batch.keep(&seen.path))
            } else if !real.is_empty() {
                Real::Known(batch.keep(&real))
            } else if looks_up {
                Real::LookUp
            } else {
                Real::Unknown
            };
            let fact = Fact::Executed {
                process: id,
                at,
                path: path.as_deref().map(|path| batch.keep(path)),
                real,
                root,
                chain,
                argv: argv.as_deref().map(|argv| batch.keep(argv)),
                cwd: cwd.as_ref().map(|cwd| batch.keep(&cwd.path)),
                env: batch.keep(&env),
            };
            batch.push(fact);
        });
        if is_raised {
            self.raised(tgid, id);
        }
    }

    /// The variables of a program that has just been loaded which steer where it searches, each with its
    /// NUL.
    fn steering(&mut self, tgid: pid_t) -> Vec<u8> {
        let Ok(info) = sys::syscall_info(tgid) else {
            return Vec::new();
        };
        let width = self
            .table(info.arch)
            .map_or(Width::Eight, |table| table.abi.width);
        self.environments
            .steering(tgid, info.stack_pointer, width)
            .to_vec()
    }

    /// Processes were made to end that the command had left behind.
    pub(crate) fn background_ended(&mut self) {
        self.gap(
            None,
            GapKind::Truncated,
            "Processes that the command left in the background were ended; what they would have \
             done is not known.",
        );
    }

    /// A program with rights of its own runs: what it may see differs from what we may.
    fn raised(&mut self, tgid: pid_t, id: ProcessId) {
        if let Some(process) = self.tasks.process_of(tgid) {
            process.sees_as_we_do = false;
        }
        if self.withholds_rights {
            self.gap(
                Some(id),
                GapKind::Privilege,
                "A set-user-id or capability-raising program ran without the rights it would have \
                 untraced; run nixtrace as root to let it have them.",
            );
        }
    }

    /// An io_uring is to be set up.
    pub(super) fn ring(&mut self, call: &Entered) -> Begun {
        let process = self.tasks.process_of(call.tid).map(|process| process.id);
        let (begun, detail) = if self.allowances.io_uring {
            (
                Begun::Done,
                "The program set up an io_uring; files that it opens through it are not seen.",
            )
        } else {
            (
                Begun::Refused,
                "The program asked for an io_uring and was told that there is none (ENOSYS), as \
                 on older kernels; --allow-io-uring lets it have one.",
            )
        };
        self.gap(process, GapKind::IoUring, detail);
        begun
    }

    /// It is asked which cores a task may use.
    ///
    /// One that is held on a core is not to know. Where the call waits for an answer, that is what it
    /// would be told untraced; else all are let go first.
    pub(super) fn asks_for_cores(&mut self, call: &Entered) -> Begun {
        match self.told_cores(call) {
            Some(length) => Begun::Told(length),
            None => {
                self.herd.is_asked();
                Begun::Done
            }
        }
    }

    /// Writes what a task may use by rights where the caller wants it; how many bytes, as the call would
    /// return it.
    fn told_cores(&mut self, call: &Entered) -> Option<i64> {
        if self.stops_at_entry() || call.width != Width::Eight {
            return None;
        }
        let [of, room, place, ..] = call.args;
        let of = match of as pid_t {
            0 => call.tid,
            // In a pid namespace of its own the caller means another one.
            of if self.tasks.process_of(call.tid)?.sees_as_we_do => of,
            _ => return None,
        };
        let cores = self.herd.rights_of(of)?;
        let cores = cores.bytes();
        // The kernel takes whole words only, and not too few of them; it counts their bits.
        let room = room as u32;
        let bits = room.wrapping_mul(u8::BITS) as usize;
        let is_room = bits >= cores.len() * u8::BITS as usize
            && (room as usize).is_multiple_of(Width::Eight.bytes());
        (is_room && self.write(call.tid, place, cores)).then_some(cores.len() as i64)
    }

    /// Decodes the calls that are about processes themselves.
    pub(super) fn life(&mut self, call: &Entered, shape: Shape) -> Option<Pending> {
        let process = self.tasks.process_of(call.tid)?;
        let id = process.id;
        match shape {
            Shape::Clone(flags) => {
                let untraced = u64::from(libc::CLONE_UNTRACED.cast_unsigned());
                if !self.stops_at_entry() && call.args[usize::from(flags)] & untraced != 0 {
                    return Some(Pending::AtEntry);
                }
                self.clear_untraced(call, flags);
                None
            }
            Shape::CloneArguments(arguments) => {
                let address = call.args[usize::from(arguments)];
                let mut flags = [0; 8];
                if memory::read(call.tid, address, &mut flags) == Ok(8) {
                    self.child_flags(call, u64::from_ne_bytes(flags), |it, flags| {
                        it.write(call.tid, address, &flags.to_ne_bytes())
                    });
                }
                None
            }
            // make(1) and shells set the identity that they have already.
            Shape::Credentials => Some(Pending::Silent(Effect::Rights)),
            Shape::Namespaces => {
                process.cwd_is_shared = true;
                Some(Pending::Silent(Effect::View))
            }
            Shape::Limit(value) => {
                let mut limit = [0; 8];
                let width = match call.width {
                    Width::Four => 4,
                    Width::Eight => 8,
                };
                let address = call.args[usize::from(value)];
                if memory::read(call.tid, address, &mut limit[..width]).is_ok()
                    && u64::from_le_bytes(limit) < FEW_DESCRIPTORS
                {
                    process.few_descriptors = true;
                }
                None
            }
            Shape::Cores(CoreUse::Order) => {
                self.herd.is_ordered();
                None
            }
            Shape::Filter(flags) => {
                process.sees_as_we_do = false;
                let listens = flags.is_some_and(|flags| {
                    call.args[usize::from(flags)] & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0
                });
                // The mode is an argument of prctl(2), the operation that sets it one of seccomp(2).
                let is_strict = match flags {
                    Some(_) => call.args[0] == u64::from(libc::SECCOMP_SET_MODE_STRICT),
                    None => call.args[1] == u64::from(libc::SECCOMP_MODE_STRICT),
                };
                self.gap(
                    Some(id),
                    GapKind::OwnSeccomp,
                    if is_strict {
                        "The program asked for the strict mode of seccomp; a process that has a \
                         filter, as those have that we watch by one, is refused it (EINVAL). With \
                         `--engine syscall` it can have it."
                    } else if listens && !self.stops_at_entry() {
                        "The program asked for a seccomp filter with a listener; the kernel allows \
                         one, which is ours, and refused (EBUSY). With `--engine ptrace` it can \
                         have its own."
                    } else {
                        "The program installed a seccomp filter of its own; calls that the filter \
                         answers are not seen."
                    },
                );
                None
            }
            _ => None,
        }
    }

    /// Looks at the flags in a register that a child is made with, and clears CLONE_UNTRACED there;
    /// the tracee is stopped.
    pub(super) fn clear_untraced(&mut self, call: &Entered, flags: u8) {
        self.child_flags(call, call.args[usize::from(flags)], |_, flags| {
            sys::set_first_argument(call.tid, call.arch, flags).is_ok()
        });
    }

    /// Looks at the flags a child is made with; `set` makes them others.
    fn child_flags(&mut self, call: &Entered, flags: u64, set: impl FnOnce(&Self, u64) -> bool) {
        let has = |flag: c_int| flags & u64::from(flag.cast_unsigned()) != 0;
        let Some(process) = self.tasks.process_of(call.tid) else {
            return;
        };
        if has(libc::CLONE_FS) && !has(libc::CLONE_THREAD) {
            process.cwd_is_shared = true;
        }
        if has(libc::CLONE_NEWNS) || has(libc::CLONE_NEWUSER) || has(libc::CLONE_NEWPID) {
            // The child inherits this; for the parent it is only slower.
            process.sees_as_we_do = false;
        }
        if has(libc::CLONE_UNTRACED) {
            let id = process.id;
            let cleared = !self.allowances.untraced
                && set(
                    self,
                    flags & !u64::from(libc::CLONE_UNTRACED.cast_unsigned()),
                );
            self.gap(
                Some(id),
                GapKind::Untraced,
                if cleared {
                    "The program asked that a child be not traced (CLONE_UNTRACED); it was traced \
                     all the same."
                } else {
                    "The program made a child with CLONE_UNTRACED; what that child does is not \
                     seen."
                },
            );
        }
    }
}

/// The file that a path leads us to.
fn file_at(path: &[u8]) -> Option<FileId> {
    let path = CString::new(path).ok()?;
    sys::status(libc::AT_FDCWD, &path, 0).ok().map(Status::id)
}
