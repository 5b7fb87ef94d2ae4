//! Calls that change what is mounted.
//!
//! The path of such a call is where something is mounted, its target what: a device, a directory,
//! or a word that means something to the file system alone.

use super::{Entered, Observer};
use crate::trace::Operation;
use crate::tracer::abi::{At, FSCONFIG_SET_STRING};
use crate::tracer::memory::{self, PATH_MAX, Text};
use crate::tracer::task::{Effect, Pending};

impl Observer {
    /// Something is mounted.
    pub(super) fn mount(&mut self, call: &Entered, source: u8, at: At) -> Option<Pending> {
        self.mounts_change();
        self.read_name(call, 0, at).ok()?;
        let mut target = Vec::new();
        let address = call.args[usize::from(source)];
        let read = memory::read_text(call.tid, address, PATH_MAX, &mut target);
        Some(self.mounted(matches!(read, Text::Whole(1..)).then_some(target)))
    }

    /// What is mounted somewhere is taken away or changed.
    pub(super) fn unmount(&mut self, call: &Entered, at: At) -> Option<Pending> {
        self.mounts_change();
        self.read_name(call, 0, at).ok()?;
        Some(self.mounted(None))
    }

    /// What is mounted at the first place, or nowhere yet, goes to the second.
    pub(super) fn move_mount(&mut self, call: &Entered, from: At, to: At) -> Option<Pending> {
        self.mounts_change();
        self.read_name(call, 0, to).ok()?;
        // A mount that is nowhere yet is named by its descriptor alone.
        let source = self
            .read_name(call, 1, from)
            .is_ok_and(|()| !self.names[1].asked().is_empty())
            .then(|| self.names[1].absolute().to_vec());
        Some(self.mounted(source))
    }

    /// A file system that is to be mounted is told where it comes from.
    pub(super) fn mount_source(&mut self, call: &Entered, key: u8, at: At) -> Option<Pending> {
        if call.args[1] as u32 == FSCONFIG_SET_STRING {
            let mut name = Vec::new();
            memory::read_text(call.tid, call.args[usize::from(key)], 64, &mut name);
            if name != b"source" {
                return None;
            }
            let absolute = At {
                directory: None,
                ..at
            };
            self.read_name(call, 0, absolute).ok()?;
            // Where it is no path it means something to the file system alone (`tmpfs`, `host:/x`).
            if !self.names[0].asked().starts_with(b"/") {
                return None;
            }
        } else {
            self.read_name(call, 0, at).ok()?;
        }
        Some(Pending::Access {
            operation: Operation::GetAttributes,
            path: self.names[0].absolute().to_vec(),
            target: None,
            effect: Effect::None,
        })
    }

    fn mounted(&self, target: Option<Vec<u8>>) -> Pending {
        Pending::Access {
            operation: Operation::SetAttributes,
            path: self.names[0].absolute().to_vec(),
            target,
            effect: Effect::None,
        }
    }

    /// What is mounted may be served by a tracee: see the note on /dev/fuse in `open`.
    fn mounts_change(&mut self) {
        self.looks_are_dear = true;
    }
}
