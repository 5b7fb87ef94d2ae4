//! What processes with another root directory or other mounts did, as nixtrace sees it.

use super::{Access, Executed};
use std::borrow::Cow;

impl Access {
    /// The same with paths as nixtrace sees them; none when it cannot see the file: it is in a place
    /// that only the process has, or it does not exist there.
    pub fn from_here(&self) -> Option<Cow<'_, Self>> {
        if self.root.is_none() {
            return Some(Cow::Borrowed(self));
        }
        let real = self.real.clone()?;
        Some(Cow::Owned(Self {
            path: real,
            real: None,
            root: None,
            // It is known by the process's name for it alone.
            target: None,
            ..self.clone()
        }))
    }
}

impl Executed {
    /// The same with paths as nixtrace sees them; without a path when it cannot see the program.
    pub fn from_here(&self) -> Cow<'_, Self> {
        if self.root.is_none() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            path: self.real.clone(),
            real: None,
            root: None,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Micros, Operation, Outcome, ProcessId};

    fn access(root: Option<&str>, real: Option<&str>) -> Access {
        Access {
            process: ProcessId(0),
            at: Micros(0),
            operation: Operation::Read,
            path: "/etc/x".into(),
            real: real.map(Into::into),
            root: root.map(Into::into),
            target: None,
            outcome: Outcome::Success,
            count: 1,
        }
    }

    #[test]
    fn a_file_below_another_root_is_the_one_that_we_see() {
        let inside = access(Some("/jail"), Some("/jail/etc/x"));
        assert_eq!(inside.from_here().unwrap().path, "/jail/etc/x".into());
    }

    #[test]
    fn a_file_that_only_the_process_sees_is_none() {
        assert_eq!(access(Some("mnt:[4026532201]"), None).from_here(), None);
    }

    #[test]
    fn without_another_root_the_path_is_as_it_was_asked_for() {
        let plain = access(None, Some("/usr/etc/x"));
        assert_eq!(*plain.from_here().unwrap(), plain);
    }
}
