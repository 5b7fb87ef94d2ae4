//! Who owns which path: the table that all package databases fill.
//!
//! Paths are kept as 64-bit hashes under a key of this process: a hundred thousand paths take two
//! megabytes instead of ten, and that one of a thousand look-ups meets a stranger's hash has a
//! probability below 10^-10.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Paths and the numbers of the packages that own them.
#[derive(Debug)]
pub(super) struct Owners {
    hasher: DefaultHashBuilder,
    table: HashTable<Owned>,
}

#[derive(Clone, Copy, Debug)]
struct Owned {
    hash: u64,
    package: u32,
}

/// The owner of a directory that packages share.
const SEVERAL: u32 = u32::MAX;

impl Owners {
    pub(super) fn new() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            // A small system has some 50,000 paths; growing from nothing means hashing nothing
            // anew, but moving everything a dozen times.
            table: HashTable::with_capacity(1 << 16),
        }
    }

    /// The hash by which a path is known here.
    pub(super) fn hash(&self, path: &[u8]) -> u64 {
        self.hasher.hash_one(path)
    }

    /// Gives a path to a package, or to nobody when another one has it already; `same` says whether
    /// two numbers stand for one package.
    pub(super) fn insert(&mut self, hash: u64, package: u32, same: impl Fn(u32, u32) -> bool) {
        match self.table.find_mut(hash, |owned| owned.hash == hash) {
            Some(owned) => {
                if owned.package != SEVERAL && !same(owned.package, package) {
                    owned.package = SEVERAL;
                }
            }
            None => {
                let owned = Owned { hash, package };
                self.table.insert_unique(hash, owned, |owned| owned.hash);
            }
        }
    }

    /// The one package that has a path.
    pub(super) fn of(&self, path: &[u8]) -> Option<usize> {
        let hash = self.hash(path);
        self.table
            .find(hash, |owned| owned.hash == hash)
            .filter(|owned| owned.package != SEVERAL)
            .map(|owned| owned.package as usize)
    }
}
