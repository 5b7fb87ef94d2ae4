//! The table of keys: look-ups in the FST, on any bytes.
//!
//! The fst crate takes its bytes to be those that it wrote: a table made up to mislead, under a
//! checksum that agrees, makes it panic with an index out of bounds (it has no `unsafe`, so nothing
//! worse). This file is the one seam where that is caught and becomes "the index is damaged". A
//! reader of our own would have to copy the crate's private encoding.
//!
//! Walks are bounded, because a made-up table can also describe more keys than anybody can read.

use super::Section;
use super::format::FormatError;
use super::map::Storage;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many nodes a walk below one key visits: a library has a dozen versions in a real index.
const NODES: usize = 2_000;

/// The longest name of a file (`NAME_MAX`), and the byte for the kind of key.
const LONGEST: usize = 256;

/// Keys and their values.
#[derive(Debug)]
pub(super) struct Keys {
    map: fst::Map<Section>,
    /// Whether the bytes are part of this program, which a test reads whole.
    own: bool,
    damaged: AtomicBool,
}

impl Keys {
    /// Takes up a table.
    ///
    /// # Errors
    /// When its head or foot is that of no table.
    pub(super) fn new(section: Section) -> Result<Self, FormatError> {
        let own = matches!(*section.storage, Storage::Embedded(_));
        let map = if own {
            fst::Map::new(section)
        } else {
            quietly(|| fst::Map::new(section)).ok_or(DAMAGE)?
        };
        Ok(Self {
            map: map.map_err(|_| DAMAGE)?,
            own,
            damaged: AtomicBool::new(false),
        })
    }

    /// What is wrong with the table, as far as look-ups have met it.
    pub(super) fn damage(&self) -> Option<FormatError> {
        self.damaged.load(Ordering::Relaxed).then_some(DAMAGE)
    }

    /// The value of a key. A damaged table has none, see [`Self::damage`].
    pub(super) fn get(&self, key: &[u8]) -> Option<u64> {
        self.guarded(|| self.map.get(key))
    }

    /// The keys that are this one or begin with it and `separator`, in their order, with their
    /// values.
    pub(super) fn parted(&self, key: &[u8], separator: u8) -> Vec<(Vec<u8>, u64)> {
        self.guarded(|| self.walk(key, separator))
    }

    fn walk(&self, key: &[u8], separator: u8) -> Vec<(Vec<u8>, u64)> {
        let fst = self.map.as_fst();
        let mut node = fst.root();
        let mut value = 0_u64;
        for &byte in key {
            let Some(at) = node.find_input(byte) else {
                return Vec::new();
            };
            let transition = node.transition(at);
            value = value.wrapping_add(transition.out.value());
            node = fst.node(transition.addr);
        }
        let mut found = Vec::new();
        if node.is_final() {
            found.push((
                key.to_vec(),
                value.wrapping_add(node.final_output().value()),
            ));
        }
        let Some(at) = node.find_input(separator) else {
            return found;
        };
        let first = node.transition(at);
        let mut waiting = vec![(
            [key, &[separator]].concat(),
            value.wrapping_add(first.out.value()),
            first.addr,
        )];
        for _ in 0..NODES {
            let Some((key, value, address)) = waiting.pop() else {
                break;
            };
            let node = fst.node(address);
            if key.len() > LONGEST {
                continue;
            }
            // The last byte first, so that the first one is the next to be taken up.
            for at in (0..node.len()).rev() {
                let transition = node.transition(at);
                waiting.push((
                    [&key[..], &[transition.inp]].concat(),
                    value.wrapping_add(transition.out.value()),
                    transition.addr,
                ));
            }
            if node.is_final() {
                found.push((key, value.wrapping_add(node.final_output().value())));
            }
        }
        found
    }

    fn guarded<T: Default>(&self, look_up: impl FnOnce() -> T) -> T {
        if self.own {
            return look_up();
        }
        quietly(look_up).unwrap_or_else(|| {
            self.damaged.store(true, Ordering::Relaxed);
            T::default()
        })
    }
}

const DAMAGE: FormatError = FormatError::Section("table of keys");

thread_local! {
    /// Whether a panic of this thread is expected and caught.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a look-up; none when it panics, of which nothing is printed.
///
/// All that the closure may leave half done is thrown away with it: it only reads.
fn quietly<T>(look_up: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                usual(info);
            }
        }));
    });
    EXPECTED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(look_up));
    EXPECTED.set(false);
    result.ok()
}
