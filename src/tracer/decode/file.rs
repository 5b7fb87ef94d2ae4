//! Calls that name files.

use super::{Entered, Observer, Returned};
use crate::trace::{GapKind, Operation, Outcome, ProcessId};
use crate::tracer::abi::{At, BPF_OBJ_GET, BPF_OBJ_PIN, Look, OpenFlags};
use crate::tracer::facts::{Fact, Real};
use crate::tracer::mapped::{Mapping, Opened, Piece};
use crate::tracer::memory;
use crate::tracer::name::{Missing, own_place};
use crate::tracer::policy::Kind;
use crate::tracer::proc::{self, Link};
use crate::tracer::task::{Effect, Pending};
use crate::tracer::view::View;
use libc::{c_int, pid_t};
use nix::errno::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

/// How a call's outcome is learnt.
enum Learnt {
    /// It is known.
    Known(Outcome),
    /// It is read at the end of the call.
    AtItsEnd,
}

/// `OPEN_TREE_CLONE` of `<linux/mount.h>`.
const OPEN_TREE_CLONE: u32 = 1;

/// `BPF_F_PATH_FD` of `<linux/bpf.h>`.
const BPF_F_PATH_FD: u32 = 1 << 14;

/// What an open with these flags does.
fn opening(flags: c_int) -> Operation {
    if flags & libc::O_PATH != 0 {
        return Operation::OpenPath;
    }
    match flags & libc::O_ACCMODE {
        libc::O_RDONLY if flags & libc::O_TRUNC == 0 => Operation::Read,
        libc::O_RDONLY | libc::O_WRONLY => Operation::Write,
        _ => Operation::ReadWrite,
    }
}

impl Observer {
    /// Reads the path argument into `self.names[index]`.
    ///
    /// A pointer that cannot be read names nothing: the kernel will say EFAULT.
    pub(super) fn read_name(
        &mut self,
        call: &Entered,
        index: usize,
        at: At,
    ) -> Result<(), Missing> {
        let Some(process) = self.tasks.process_of(call.tid) else {
            return Err(Missing::Null);
        };
        let is_as_ours = process.sees_as_we_do;
        let read = self.names[index].read(call.tid, process, at, &call.args, &self.early);
        self.is_unread |= read == Err(Missing::Unreadable);
        read?;
        if is_as_ours && let Some(tgid) = self.tasks.tgid_of(call.tid) {
            self.names[index].is_of(call.tid, tgid);
        }
        Ok(())
    }

    /// Our path of what a path below `/proc/self` leads to; the outer is none when it is no such path.
    fn own_real(&mut self, tid: pid_t, path: &[u8]) -> Option<Option<Vec<u8>>> {
        let tgid = self.tasks.tgid_of(tid)?;
        let sees_as_we_do = self.tasks.process_of(tid)?.sees_as_we_do;
        let place = own_place(path, tid, tgid)?;
        if self.serves_files || !sees_as_we_do {
            return Some(None);
        }
        let place = Path::new(OsStr::from_bytes(place.to_bytes()));
        let real = place.canonicalize().ok();
        Some(real.map(|real| real.into_os_string().into_vec()))
    }

    /// Whether every outcome is read back from the kernel; of who was handed over none can be.
    fn awaits_outcomes(&mut self, tid: pid_t) -> bool {
        let mut is_handed_over = || self.tasks.task(tid).is_some_and(|it| it.is_handed_over);
        self.looks_are_dear || (self.exact && !is_handed_over())
    }

    /// Whether the tracer's look-ups tell what this process's own will find.
    pub(super) fn may_foresee(&mut self, tid: pid_t) -> bool {
        if self.awaits_outcomes(tid) {
            return false;
        }
        if !self
            .tasks
            .process_of(tid)
            .is_some_and(|process| process.sees_as_we_do)
        {
            return false;
        }
        let last = self.names[0].last();
        !self
            .in_flux
            .iter()
            .any(|(other, name)| *other != tid && name == last)
    }

    /// Says that a name is about to come, go or change.
    fn enters_flux(&mut self, tid: pid_t, index: usize) {
        let name = self.names[index].last().to_vec();
        self.in_flux.push((tid, name));
    }

    /// Names are about to go, or to move. What was found through links there, and programs that were
    /// executed, are looked up while they still can be.
    fn go(&mut self, operation: Operation, names: usize) {
        if self.serves_files || self.looks_are_dear {
            return;
        }
        let kinds = self.names[..names]
            .iter()
            .map(|name| self.policy.kind(name));
        let (mut links_change, mut programs_go) = (false, false);
        for kind in kinds {
            match kind {
                Kind::Link | Kind::Unknown => links_change = true,
                // An empty directory, as all that are removed, leads nowhere.
                Kind::Directory => links_change |= operation == Operation::Rename,
                Kind::Program => programs_go = true,
                Kind::Other => {}
            }
        }
        if links_change || programs_go {
            self.policy.names_go();
            self.look_up_now(links_change);
        }
    }

    /// Has looked up what names led to so far.
    fn look_up_now(&mut self, links_change: bool) {
        if links_change {
            self.mapped.forget();
        }
        if !self.outbox.look_up_now(links_change) {
            self.gap(
                None,
                GapKind::LookUp,
                "Names changed before it was looked up where they led: whoever is given the trace \
                 takes it too slowly. What links led to may be told wrongly.",
            );
        }
    }

    pub(super) fn accessed(&mut self, tid: pid_t, operation: Operation, outcome: Outcome) {
        let at = self.now();
        let Some(process) = self.tasks.process_of(tid).map(|process| process.id) else {
            return;
        };
        let own = match outcome {
            Outcome::Success if self.names[0].is_own() => {
                let path = self.names[0].absolute().to_vec();
                self.own_real(tid, &path)
            }
            _ => None,
        };
        let path = self.names[0].absolute();
        self.outbox.write(|batch| {
            let path = batch.keep(path);
            let real = match own {
                None => Real::LookUp,
                Some(None) => Real::Unknown,
                Some(Some(real)) => Real::Known(batch.keep(&real)),
            };
            batch.push(Fact::Accessed {
                process,
                at,
                operation,
                path,
                target: None,
                real,
                root: None,
                outcome,
            });
        });
    }

    fn learn(
        &mut self,
        call: &Entered,
        operation: Operation,
        learnt: Learnt,
        effect: Effect,
    ) -> Option<Pending> {
        match learnt {
            Learnt::Known(outcome) => {
                self.accessed(call.tid, operation, outcome);
                None
            }
            Learnt::AtItsEnd => Some(Pending::Access {
                operation,
                path: self.names[0].absolute().to_vec(),
                target: None,
                effect,
            }),
        }
    }

    pub(super) fn open(&mut self, call: &Entered, at: At, flags: OpenFlags) -> Option<Pending> {
        let (flags, is_plain) = match flags {
            OpenFlags::Argument(arg) => (call.args[usize::from(arg)] as c_int, true),
            OpenFlags::Create => (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, false),
            OpenFlags::How(arg) => {
                let mut how = [0; 8];
                let read = memory::read(call.tid, call.args[usize::from(arg)], &mut how);
                // How a path is resolved depends on flags that only the kernel applies.
                (read.map_or(0, |_| u64::from_ne_bytes(how) as c_int), false)
            }
        };
        let operation = opening(flags);
        self.read_name(call, 0, at).ok()?;
        if self.names[0].last() == b"status" {
            // `/proc/PID/status` names the cores that a task may use.
            self.herd.is_asked();
        }
        if self.names[0].absolute().ends_with(b"/binfmt_misc/register") {
            self.policy.rules_change();
        }
        if self.names[0].asked() == b"/dev/fuse" {
            // A file system served by a tracee must not be touched while that tracee is stopped:
            // from here on every outcome is the kernel's own.
            self.looks_are_dear = true;
            self.serves_files = true;
        }
        let few = self
            .tasks
            .process_of(call.tid)
            .is_some_and(|process| process.few_descriptors);
        if is_plain
            && !few
            && self.may_foresee(call.tid)
            && let Some(opening) = self.policy.open(&self.names[0], flags)
        {
            if let Some(version) = opening.file
                && let Some(task) = self.tasks.task(call.tid)
            {
                let path = self.names[0].absolute().to_vec();
                task.opened = Some(Opened { path, version });
            }
            let learnt = Learnt::Known(opening.outcome);
            return self.learn(call, operation, learnt, Effect::None);
        }
        if flags & (libc::O_CREAT | libc::O_TRUNC) != 0 {
            self.enters_flux(call.tid, 0);
        }
        self.learn(call, operation, Learnt::AtItsEnd, Effect::Descriptor)
    }

    pub(super) fn look(
        &mut self,
        call: &Entered,
        operation: Operation,
        at: At,
        look: Look,
    ) -> Option<Pending> {
        match self.read_name(call, 0, at) {
            Ok(()) => {}
            Err(Missing::Null | Missing::Unreadable) => return None,
        }
        if self.names[0].asked().is_empty() && self.is_of_descriptor(call, look) {
            return None;
        }
        let learnt = if self.may_foresee(call.tid) {
            self.policy
                .look(&self.names[0], look, &call.args)
                .map_or(Learnt::AtItsEnd, Learnt::Known)
        } else {
            Learnt::AtItsEnd
        };
        self.learn(call, operation, learnt, Effect::None)
    }

    /// Whether a call with an empty path is about an open file: no name is looked up.
    fn is_of_descriptor(&self, call: &Entered, look: Look) -> bool {
        match look {
            Look::StatusFlags(flags) | Look::Access(_, Some(flags)) => {
                call.args[usize::from(flags)] as c_int & libc::AT_EMPTY_PATH != 0
            }
            _ => false,
        }
    }

    pub(super) fn name(&mut self, call: &Entered, operation: Operation, at: At) -> Option<Pending> {
        self.read_name(call, 0, at).ok()?;
        let effect = match operation {
            Operation::ChangeDirectory => {
                if self.moves_alone(call.tid)
                    && let Some(outcome) = self.policy.enter(&self.names[0])
                {
                    return self.enter(call, outcome);
                }
                Effect::WorkingDirectory
            }
            Operation::ChangeRoot => Effect::Root,
            Operation::GetAttributes | Operation::Map | Operation::Read => Effect::None,
            _ => {
                if operation == Operation::Remove {
                    self.go(operation, 1);
                }
                self.enters_flux(call.tid, 0);
                Effect::None
            }
        };
        self.learn(call, operation, Learnt::AtItsEnd, effect)
    }

    /// Whether a change of the working directory can be foreseen: no other thread may ask for it
    /// between now and then.
    fn moves_alone(&mut self, tid: pid_t) -> bool {
        self.may_foresee(tid)
            && self
                .tasks
                .process_of(tid)
                .is_some_and(|process| process.threads == 1 && !process.cwd_is_shared)
    }

    /// The working directory is about to become the one that is named, or not.
    fn enter(&mut self, call: &Entered, outcome: Outcome) -> Option<Pending> {
        if outcome.is_success()
            && let Some(process) = self.tasks.process_of(call.tid)
        {
            process.cwd = None;
        }
        self.learn(
            call,
            Operation::ChangeDirectory,
            Learnt::Known(outcome),
            Effect::None,
        )
    }

    pub(super) fn two_names(
        &mut self,
        call: &Entered,
        operation: Operation,
        from: At,
        to: At,
    ) -> Option<Pending> {
        self.read_name(call, 0, from).ok()?;
        self.read_name(call, 1, to).ok()?;
        let effect = match operation {
            Operation::ChangeRoot => Effect::Root,
            Operation::Rename => Effect::Names,
            _ => Effect::None,
        };
        if operation == Operation::Rename {
            self.go(operation, 2);
        }
        self.enters_flux(call.tid, 0);
        self.enters_flux(call.tid, 1);
        Some(Pending::Access {
            operation,
            path: self.names[0].absolute().to_vec(),
            target: Some(self.names[1].absolute().to_vec()),
            effect,
        })
    }

    pub(super) fn symlink(&mut self, call: &Entered, text: u8, at: At) -> Option<Pending> {
        self.read_name(call, 0, at).ok()?;
        let mut target = Vec::new();
        memory::read_text(
            call.tid,
            call.args[usize::from(text)],
            memory::PATH_MAX,
            &mut target,
        );
        // What had this name before is not to be looked for behind the link.
        self.look_up_now(true);
        self.enters_flux(call.tid, 0);
        Some(Pending::Access {
            operation: Operation::Symlink,
            path: self.names[0].absolute().to_vec(),
            target: Some(target),
            effect: Effect::None,
        })
    }

    /// A descriptor of a name's place among the mounts is made.
    pub(super) fn tree(&mut self, call: &Entered, at: At, flags: u8) -> Option<Pending> {
        self.read_name(call, 0, at).ok()?;
        let is_copy = call.args[usize::from(flags)] as u32 & OPEN_TREE_CLONE != 0;
        // What a copy holds has no path: it is mounted nowhere.
        let effect = if is_copy {
            Effect::None
        } else {
            Effect::Descriptor
        };
        self.learn(call, Operation::OpenPath, Learnt::AtItsEnd, effect)
    }

    /// A descriptor was made of what the call does not name: it is named by where it leads.
    pub(super) fn unnamed_ends(&mut self, tid: pid_t, returned: Returned) {
        if returned.failed {
            return;
        }
        let fd = returned.value as c_int;
        let operation = opening(proc::open_flags(tid, fd).unwrap_or(libc::O_RDONLY));
        let mut path = Vec::new();
        if Link::Fd(fd).read(tid, &mut path).is_ok() {
            self.used(tid, operation, fd, &path);
        }
    }

    /// Something was done with an open file, whose path this is as the kernel names it to us.
    fn used(&mut self, tid: pid_t, operation: Operation, fd: c_int, path: &[u8]) {
        let at = self.now();
        let Some(process) = self.tasks.process_of(tid) else {
            return;
        };
        let id = process.id;
        let view = process.view.clone();
        let named = view.as_ref().map_or(path, |view| view.inside(path));
        let seen = match &view {
            Some(view) if !self.serves_files => view.linked(tid, Link::Fd(fd), named),
            _ => None,
        };
        self.outbox.write(|batch| {
            let root = batch.keep_root(view.as_deref(), seen.as_ref());
            let kept = batch.keep(named);
            let real = match (&view, seen) {
                (None, _) => Real::Known(kept),
                (Some(_), Some(seen)) => Real::Known(batch.keep(&seen.path)),
                (Some(_), None) => Real::Unknown,
            };
            batch.push(Fact::Accessed {
                process: id,
                at,
                operation,
                path: kept,
                target: None,
                real,
                root,
                outcome: Outcome::Success,
            });
        });
    }

    /// A BPF object gets a name or is found by it.
    pub(super) fn object(
        &mut self,
        call: &Entered,
        command: u8,
        attributes: u8,
    ) -> Option<Pending> {
        // The path's address, the object's descriptor, flags and the directory, of which older
        // programs pass only the beginning (`union bpf_attr`).
        const WITH_DIRECTORY: usize = 20;
        let length = (call.args[usize::from(attributes) + 1] as usize).min(WITH_DIRECTORY);
        let mut bytes = [0; WITH_DIRECTORY];
        let address = call.args[usize::from(attributes)];
        let read = memory::read(call.tid, address, &mut bytes[..length]).ok()?;
        let word = |at: usize| Some(u32::from_ne_bytes(*bytes[..read].get(at..)?.first_chunk()?));
        let has_directory = word(12).is_some_and(|flags| flags & BPF_F_PATH_FD != 0);
        let directory = word(16)
            .filter(|_| has_directory)
            .unwrap_or(libc::AT_FDCWD.cast_unsigned());
        let path = u64::from_ne_bytes(*bytes[..read].first_chunk()?);
        let named = Entered {
            args: [u64::from(directory), path, 0, 0, 0, 0],
            ..*call
        };
        let at = At {
            directory: Some(0),
            path: 1,
        };
        let operation = match call.args[usize::from(command)] as u32 {
            BPF_OBJ_PIN => Operation::MakeNode,
            BPF_OBJ_GET => Operation::Read,
            _ => return None,
        };
        self.name(&named, operation, at)
    }

    /// A file may be mapped, as an array of arguments says (i386).
    pub(super) fn map_arguments(&mut self, call: &Entered, arguments: u8) -> Option<Pending> {
        // Address, length, protection, flags, descriptor.
        let mut bytes = [0; 20];
        let address = call.args[usize::from(arguments)];
        if memory::read(call.tid, address, &mut bytes) != Ok(bytes.len()) {
            return None;
        }
        let word = |index: usize| {
            let bytes = bytes[4 * index..].first_chunk()?;
            Some(u32::from_ne_bytes(*bytes).cast_signed())
        };
        if word(2)? & libc::PROT_EXEC == 0 || word(3)? & libc::MAP_ANONYMOUS != 0 {
            return None;
        }
        let mapped = Entered {
            args: [u64::from(word(4)?.cast_unsigned()), 0, 0, 0, 0, 0],
            ..*call
        };
        self.descriptor(&mapped, Operation::Map, 0)
    }

    /// The file behind a descriptor is mapped.
    pub(super) fn map(&mut self, call: &Entered, fd: u8) -> Option<Pending> {
        let mapping = self.mapping(call);
        let fd = call.args[usize::from(fd)] as c_int;
        if let Some(path) = mapping.as_ref().and_then(|it| self.mapped.path(it)) {
            self.used(call.tid, Operation::Map, fd, &path);
            return None;
        }
        let path = self.linked(call.tid, fd)?;
        if let Some(mapping) = mapping {
            self.mapped.is_at(mapping, &path);
        }
        self.uses(call.tid, Operation::Map, fd, path)
    }

    /// What tells which file the caller maps, if it is the one that it has just opened.
    fn mapping(&mut self, call: &Entered) -> Option<Mapping> {
        let opened = self.opened.take()?;
        let piece = Piece::of_loader(&call.args)?;
        let may_tell =
            !self.awaits_outcomes(call.tid) && self.tasks.process_of(call.tid)?.sees_as_we_do;
        may_tell.then_some(Mapping { opened, piece })
    }

    /// A call on an open file, which is named by its descriptor.
    pub(super) fn descriptor(
        &mut self,
        call: &Entered,
        operation: Operation,
        fd: u8,
    ) -> Option<Pending> {
        let fd = call.args[usize::from(fd)] as c_int;
        let path = self.linked(call.tid, fd)?;
        self.uses(call.tid, operation, fd, path)
    }

    /// Where a descriptor leads. What has no path (a memfd, a pipe) or is not open names no file.
    fn linked(&mut self, tid: pid_t, fd: c_int) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        let read = Link::Fd(fd).read(tid, &mut path);
        self.is_unread |= read == Err(Errno::EACCES);
        read.ok().map(|()| path)
    }

    /// An open file is used, whose path this is as the kernel names it to us.
    fn uses(
        &mut self,
        tid: pid_t,
        operation: Operation,
        fd: c_int,
        mut path: Vec<u8>,
    ) -> Option<Pending> {
        let effect = match operation {
            Operation::ChangeDirectory => Effect::WorkingDirectory,
            _ => Effect::None,
        };
        if effect == Effect::None && !self.awaits_outcomes(tid) {
            self.used(tid, operation, fd, &path);
            return None;
        }
        if let Some(view) = &self.tasks.process_of(tid)?.view {
            path = view.inside(&path).to_vec();
        }
        Some(Pending::Access {
            operation,
            path,
            target: None,
            effect,
        })
    }

    /// Reports an access whose call has ended.
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one pending access, taken apart by its only caller"
    )]
    pub(super) fn access_ends(
        &mut self,
        tid: pid_t,
        process: ProcessId,
        operation: Operation,
        path: &[u8],
        target: Option<&[u8]>,
        effect: Effect,
        returned: Returned,
    ) {
        let at = self.now();
        let outcome = returned.outcome();
        let view = self
            .tasks
            .process_of(tid)
            .and_then(|process| process.view.clone());
        let mut real = Vec::new();
        let mut seen = None;
        if outcome.is_success() {
            match (&view, effect) {
                // The truth about what was opened; nothing when it has no name.
                (None, Effect::Descriptor) => {
                    let _ = Link::Fd(returned.value as c_int).read(tid, &mut real);
                }
                (None, _) => real = self.own_real(tid, path).flatten().unwrap_or_default(),
                (Some(_), _) if self.serves_files => {}
                (Some(view), Effect::Descriptor) => {
                    seen = view.linked(tid, Link::Fd(returned.value as c_int), path);
                }
                (Some(view), _) => seen = view.resolve(tid, path, operation.follows()),
            }
            self.apply(tid, effect);
        }
        let looks_up = !self.serves_files
            && self
                .tasks
                .process_of(tid)
                .is_some_and(|process| process.sees_as_we_do);
        self.outbox.write(|batch| {
            let path = batch.keep(path);
            let target = target.map(|target| batch.keep(target));
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
            batch.push(Fact::Accessed {
                process,
                at,
                operation,
                path,
                target,
                real,
                root,
                outcome,
            });
        });
    }

    /// The root directory of a process or its mounts may have become others.
    pub(super) fn view_changed(&mut self, tid: pid_t) {
        let Some(process) = self.tasks.process_of(tid) else {
            return;
        };
        process.sees_as_we_do = false;
        process.cwd = None;
        process.view = View::of(tid).map(Arc::new);
    }
}
