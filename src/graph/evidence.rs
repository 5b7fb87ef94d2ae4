//! How strongly a run shows that it needs a file.

use crate::trace::{Access, Operation};

/// What was seen of a file, strongest first. Only the first three make a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// It ran.
    Executed,
    /// It was mapped with execute permission: code of a process.
    Mapped,
    /// It was opened for reading.
    Read,
    /// It was written, made, moved or removed.
    Written,
    /// Its entries were read.
    Listed,
    /// A look at it succeeded.
    Examined,
    /// A look-up of it failed.
    Probed,
}

impl Evidence {
    /// All kinds, strongest first.
    const ALL: [Self; 7] = [
        Self::Executed,
        Self::Mapped,
        Self::Read,
        Self::Written,
        Self::Listed,
        Self::Examined,
        Self::Probed,
    ];

    /// What an access shows. A call that failed shows only that somebody looked.
    pub fn of(access: &Access) -> Self {
        if !access.outcome.is_success() {
            return Self::Probed;
        }
        match access.operation {
            Operation::Execute => Self::Executed,
            Operation::Map => Self::Mapped,
            Operation::Read => Self::Read,
            Operation::Write
            | Operation::ReadWrite
            | Operation::MakeDirectory
            | Operation::MakeNode
            | Operation::Remove
            | Operation::Rename
            | Operation::Link
            | Operation::Symlink
            | Operation::Truncate
            | Operation::SetAttributes => Self::Written,
            Operation::List => Self::Listed,
            Operation::OpenPath
            | Operation::Stat
            | Operation::Check
            | Operation::ReadLink
            | Operation::ChangeDirectory
            | Operation::ChangeRoot
            | Operation::GetAttributes => Self::Examined,
        }
    }

    /// The strongest, as the bits of a [`Seen`].
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// All that was seen of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen(u8);

impl Seen {
    /// Adds what was seen.
    pub fn add(&mut self, evidence: Evidence) {
        self.0 |= evidence.bit();
    }

    /// The strongest thing that was seen, if anything was.
    pub fn strongest(self) -> Option<Evidence> {
        Evidence::ALL.into_iter().find(|&it| self.has(it))
    }

    /// Whether this was seen.
    pub fn has(self, evidence: Evidence) -> bool {
        self.0 & evidence.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Errno, Micros, Outcome, ProcessId};

    fn access(operation: Operation, outcome: Outcome) -> Access {
        Access {
            process: ProcessId(0),
            at: Micros(0),
            operation,
            path: "/x".into(),
            real: None,
            root: None,
            target: None,
            outcome,
            count: 1,
        }
    }

    #[test]
    fn a_failed_call_is_a_probe_whatever_it_tried() {
        let failed = access(Operation::Read, Outcome::Failure(Errno::ENOENT));
        assert_eq!(Evidence::of(&failed), Evidence::Probed);
    }

    #[test]
    fn a_listing_and_a_stat_are_weaker_than_reading() {
        let listed = Evidence::of(&access(Operation::List, Outcome::Success));
        let examined = Evidence::of(&access(Operation::Stat, Outcome::Success));
        let read = Evidence::of(&access(Operation::Read, Outcome::Success));
        assert!(read < listed && listed < examined);
    }
}
