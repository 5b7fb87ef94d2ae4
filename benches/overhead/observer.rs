//! What watches a workload.

use std::ffi::OsString;
use std::path::Path;

/// One way to run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Observer {
    /// Nobody watches.
    Nobody,
    /// `strace -f`, which stops at every system call.
    Strace,
    /// `strace -f --seccomp-bpf`, which stops only at those that are shown.
    StraceFiltered,
    /// `nixtrace record`.
    Nixtrace,
    /// The same with the engine `ptrace`, for kernels and sandboxes without a listener.
    NixtracePtrace,
}

impl Observer {
    /// All of them, in the order in which they take turns.
    pub(crate) const ALL: [Self; 5] = [
        Self::Nobody,
        Self::Strace,
        Self::StraceFiltered,
        Self::Nixtrace,
        Self::NixtracePtrace,
    ];

    /// What comes before the command. `trace` is a file that does not exist.
    pub(crate) fn prefix(self, trace: &Path) -> Vec<OsString> {
        const STRACE: [&str; 5] = ["strace", "-f", "-qq", "-e", "trace=file,process,network"];
        const NIXTRACE: [&str; 3] = [env!("CARGO_BIN_EXE_nixtrace"), "record", "-q"];
        let words: Vec<&str> = match self {
            Self::Nobody => Vec::new(),
            Self::Strace => [&STRACE[..], &["-o", "/dev/null"]].concat(),
            Self::StraceFiltered => [&STRACE[..], &["--seccomp-bpf", "-o", "/dev/null"]].concat(),
            Self::Nixtrace => NIXTRACE.to_vec(),
            Self::NixtracePtrace => [&NIXTRACE[..], &["--engine", "ptrace"]].concat(),
        };
        let mut prefix: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        if matches!(self, Self::Nixtrace | Self::NixtracePtrace) {
            prefix.push("-o".into());
            prefix.push(trace.into());
            prefix.push("--".into());
        }
        prefix
    }
}
