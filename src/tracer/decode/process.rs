//! Calls that make processes, change what they are, or hide them.

use super::{Entered, Observer};
use crate::trace::steering::is_steering;
use crate::trace::{GapKind, ProcessId};
use crate::tracer::abi::{At, Shape};
use crate::tracer::facts::{Fact, Real};
use crate::tracer::memory::{self, Width};
use crate::tracer::proc::Link;
use crate::tracer::sys;
use crate::tracer::task::{Effect, Pending};
use libc::{c_int, pid_t};
use std::ffi::CString;

/// Below so many descriptors a program may plausibly run out of them.
const FEW_DESCRIPTORS: u64 = 256;

impl Observer {
    /// A process came into being.
    pub(crate) fn process_starts(&mut self, pid: pid_t, parent: Option<pid_t>) {
        let at = self.now();
        let parent_id = parent
            .and_then(|parent| self.tasks.process_of(parent))
            .map(|parent| parent.id);
        let process = self.tasks.start_process(pid, parent);
        self.outbox.write(|batch| {
            batch.push(Fact::Started {
                process,
                pid,
                parent: parent_id,
                at,
            });
        });
    }

    pub(super) fn execute(
        &mut self,
        call: &Entered,
        at: At,
        argv: u8,
        flags: Option<u8>,
    ) -> Option<Pending> {
        let process = self.tasks.process_of(call.tid)?;
        let name = &mut self.names[0];
        let mut path = None;
        if name.read(call.tid, process, at, &call.args).is_ok() {
            let by_descriptor = name.asked().is_empty()
                && flags.is_some_and(|flags| {
                    call.args[usize::from(flags)] as c_int & libc::AT_EMPTY_PATH != 0
                });
            // The empty path of a descriptor without a name (a memfd) is no path at all.
            if !by_descriptor || name.absolute().starts_with(b"/") {
                path = Some(name.absolute().to_vec());
            }
        }
        let mut strings = Vec::new();
        let argv = memory::read_strings(
            call.tid,
            call.args[usize::from(argv)],
            call.width,
            &mut strings,
        )
        .then_some(strings);
        Some(Pending::Execute { path, argv })
    }

    /// A process runs another program now.
    pub(crate) fn executed(&mut self, tgid: pid_t, former: pid_t, given: Option<Pending>) {
        let pending = self.tasks.execute(tgid, former).or(given);
        self.core.hold.rename(former, tgid);
        self.in_flux.retain(|(tid, _)| *tid != former);
        let (path, argv) = match pending {
            Some(Pending::Execute { path, argv }) => (path, argv),
            _ => (None, None),
        };
        let at = self.now();
        let mut env = Vec::new();
        if let Ok(info) = sys::syscall_info(tgid) {
            let width = self
                .table(info.arch)
                .map_or(Width::Eight, |table| table.abi.width);
            memory::read_environment(tgid, info.stack_pointer, width, |variable| {
                if is_steering(variable) {
                    env.extend_from_slice(variable);
                    env.push(0);
                }
            });
        }
        let sees_as_we_do = self
            .tasks
            .process_of(tgid)
            .is_some_and(|process| process.sees_as_we_do);
        let looks_up = sees_as_we_do && !self.serves_files;
        let mut real = Vec::new();
        // The truth about what runs, before the links that lead there can be removed: for a script
        // it is its interpreter, hence the comparison.
        let has_real = match &path {
            Some(path) => looks_up && runs_itself(tgid, path),
            None => true,
        } && Link::Exe.read(tgid, &mut real).is_ok();
        let elevated = !self.serves_files
            && Link::Exe.with(tgid, |exe| {
                let is_set_id = sys::status(libc::AT_FDCWD, exe, 0)
                    .is_ok_and(|status| status.mode & (libc::S_ISUID | libc::S_ISGID) != 0);
                is_set_id || sys::has_capabilities(exe)
            });
        let Some(process) = self.tasks.process_of(tgid) else {
            return;
        };
        let id = process.id;
        let cwd = process.working(tgid);
        self.outbox.write(|batch| {
            let real = if has_real {
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
                argv: argv.as_deref().map(|argv| batch.keep(argv)),
                cwd: cwd.as_ref().map(|cwd| batch.keep(&cwd.path)),
                env: batch.keep(&env),
            };
            batch.push(fact);
        });
        if elevated {
            self.raised(tgid, id);
        }
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

    /// Decodes the calls that are about processes themselves.
    pub(super) fn life(&mut self, call: &Entered, shape: Shape) -> Option<Pending> {
        let process = self.tasks.process_of(call.tid)?;
        let id = process.id;
        match shape {
            Shape::Clone(flags) => {
                let flags = call.args[usize::from(flags)];
                self.child_flags(call, flags, |flags| {
                    sys::set_first_argument(call.tid, call.arch, flags).is_ok()
                });
                None
            }
            Shape::CloneArguments(arguments) => {
                let address = call.args[usize::from(arguments)];
                let mut flags = [0; 8];
                if memory::read(call.tid, address, &mut flags) == Ok(8) {
                    self.child_flags(call, u64::from_ne_bytes(flags), |flags| {
                        let bytes = flags.to_ne_bytes();
                        sys::write_memory(call.tid, address as usize, &bytes) == Ok(bytes.len())
                    });
                }
                None
            }
            // make(1) and shells set the identity that they have already.
            Shape::Credentials => {
                // With another identity it may be beyond our reach (sched_setaffinity(2), EPERM).
                self.core.hold.release();
                Some(Pending::Silent(Effect::Rights))
            }
            Shape::Namespaces => {
                process.cwd_is_shared = true;
                Some(Pending::Silent(Effect::View))
            }
            Shape::Mounts => {
                // What is mounted may be served by a tracee: see the note on /dev/fuse in `open`.
                self.exact = true;
                None
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
            Shape::Cores => {
                self.core.hold.release();
                None
            }
            Shape::Ring => {
                self.gap(
                    Some(id),
                    GapKind::IoUring,
                    "The program set up an io_uring; files that it opens through it are not seen.",
                );
                None
            }
            Shape::Trace => {
                self.gap(
                    Some(id),
                    GapKind::NestedTracer,
                    "The program tried to trace a process; a process has one tracer only.",
                );
                None
            }
            Shape::Filter => {
                process.sees_as_we_do = false;
                self.gap(
                    Some(id),
                    GapKind::OwnSeccomp,
                    "The program installed a seccomp filter of its own; calls that the filter \
                     answers are not seen.",
                );
                None
            }
            _ => None,
        }
    }

    /// Looks at the flags a child is made with; `set` makes them others.
    fn child_flags(&mut self, call: &Entered, flags: u64, set: impl FnOnce(u64) -> bool) {
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
            let cleared = set(flags & !u64::from(libc::CLONE_UNTRACED.cast_unsigned()));
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

/// Whether the file that was executed is the program that runs, not a script for it.
fn runs_itself(tgid: pid_t, path: &[u8]) -> bool {
    let Ok(path) = CString::new(path) else {
        return false;
    };
    let asked = sys::status(libc::AT_FDCWD, &path, 0);
    let runs = Link::Exe.with(tgid, |exe| sys::status(libc::AT_FDCWD, exe, 0));
    matches!((asked, runs), (Ok(asked), Ok(runs)) if asked.inode == runs.inode
        && asked.device == runs.device)
}
