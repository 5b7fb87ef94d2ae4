//! Processes that a command leaves behind when it ends.
//!
//! Once a filter is installed they cannot run without their tracer: they are followed to their end,
//! or ended.

use libc::pid_t;
use procfs::process::all_processes;
use std::time::Duration;

/// What to do about processes that the command leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Background {
    /// Wait until they end by themselves, and observe them until then.
    #[default]
    Wait,
    /// Ask them to end (SIGTERM), and kill those that have not after two seconds.
    End,
}

/// How long a process that was asked to end has for it.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// The processes that a thread of ours traces.
///
/// Read from /proc, so that it is right whatever the tracing thread is busy with.
pub(super) fn traced_by(tracer: pid_t) -> Vec<pid_t> {
    let Ok(processes) = all_processes() else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| process.status().ok())
        .filter(|status| status.tracerpid == tracer)
        .filter(|status| !status.state.starts_with('Z'))
        .map(|status| status.tgid)
        .collect()
}
