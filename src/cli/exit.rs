//! The exit statuses that are nixtrace's own.
//!
//! They follow env(1) and timeout(1), so that a script can tell our failures from the command's:
//! every other status is the command's own, 128 and the signal's number when a signal killed it.

/// A status of nixtrace itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well (verbs that run no command).
    Success = 0,
    /// The answer is no: nothing found (`resolve`), would change (`--check`).
    Negative = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Something could not be seen, and `--strict` was given.
    NotSeen = 124,
    /// nixtrace failed; the message says at what.
    Failure = 125,
    /// The command was found but cannot be executed.
    NotExecutable = 126,
    /// The command was not found.
    NotFound = 127,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
