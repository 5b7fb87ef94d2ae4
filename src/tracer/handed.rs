//! Processes that another tracer below us was let have.
//!
//! A process has one tracer. With a listener, calls reach us without ptrace, so that the tracer's
//! place can be given up: the process lives on as one that we hear of only by its calls. How a call
//! of its ends is not seen then, nor is a child before its first call, nor an end before somebody
//! looks: the descriptor of each process tells. When no other tracer has a thread, nor is about to have
//! it, that is seized again before its next call.

use super::sys::{self, Process};
use crate::trace::ExitStatus;
use libc::{c_int, pid_t};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those processes; shared by who follows them and who ends them.
#[derive(Clone, Debug, Default)]
pub(super) struct Handed(Arc<Mutex<Vec<(pid_t, Process)>>>);

impl Handed {
    fn lock(&self) -> MutexGuard<'_, Vec<(pid_t, Process)>> {
        // The list is whole between two statements of any holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one in. An error says that its end will not be seen.
    pub(super) fn add(&self, pid: pid_t) -> sys::Result<()> {
        let mut processes = self.lock();
        if processes.iter().all(|(known, _)| *known != pid) {
            processes.push((pid, sys::Process::open(pid)?));
        }
        Ok(())
    }

    /// Takes one out that is traced again.
    pub(super) fn remove(&self, pid: pid_t) {
        self.lock().retain(|(known, _)| *known != pid);
    }

    /// Takes out those that have ended, with how they did where that can be known.
    pub(super) fn ended(&self) -> Vec<(pid_t, Option<ExitStatus>)> {
        let mut processes = self.lock();
        let mut has_ended = have_ended(&processes).into_iter();
        processes
            .extract_if(.., |_| has_ended.next().unwrap_or(false))
            .map(|(pid, process)| (pid, status(pid, &process)))
            .collect()
    }

    /// Sends all a signal; whether there is anybody who has not ended.
    pub(super) fn kill(&self, signal: c_int) -> bool {
        let processes = self.lock();
        let has_ended = have_ended(&processes);
        for (_, process) in &*processes {
            // ESRCH: it has ended.
            let _ = process.kill(signal);
        }
        has_ended.contains(&false)
    }

    /// Whether there is nobody, not even one who has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// Which of them have ended.
fn have_ended(processes: &[(pid_t, Process)]) -> Vec<bool> {
    let mut polled: Vec<_> = processes
        .iter()
        .map(|(_, process)| PollFd::new(process.as_fd(), PollFlags::POLLIN))
        .collect();
    // An error says that it was interrupted; the next look will tell.
    let any = matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..));
    polled
        .iter()
        .map(|process| any && process.any().unwrap_or(false))
        .collect()
}

/// How a process ended that is not our child.
fn status(pid: pid_t, process: &Process) -> Option<ExitStatus> {
    // Somebody may wait for it between the two looks.
    let raw = process
        .status()
        .or_else(|| zombie_status(pid))
        .or_else(|| process.status())?;
    Some(if libc::WIFSIGNALED(raw) {
        ExitStatus::Signal(libc::WTERMSIG(raw))
    } else {
        ExitStatus::Code(libc::WEXITSTATUS(raw))
    })
}

/// The same while nobody has waited for it (proc_pid_stat(5), `exit_code`).
fn zombie_status(pid: pid_t) -> Option<c_int> {
    let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
    stat.exit_code.filter(|_| stat.state == 'Z')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn an_end_is_told_with_its_status_before_and_after_somebody_waits() {
        let handed = Handed::default();
        assert!(!handed.kill(0));
        let mut children = ["exit 3", "kill -KILL $$"].map(|script| {
            let script = format!("read line; {script}");
            let child = Command::new("sh")
                .args(["-c", &script])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            handed.add(child.id() as pid_t).unwrap();
            child
        });
        assert!(handed.ended().is_empty() && handed.kill(0));
        let mut told = Vec::new();
        for child in &mut children {
            drop(child.stdin.take());
            // Not waited for yet.
            while told
                .last()
                .is_none_or(|(pid, _)| *pid != child.id() as pid_t)
            {
                told.extend(handed.ended());
            }
            child.wait().unwrap();
        }
        let statuses: Vec<_> = told.into_iter().map(|(_, status)| status).collect();
        assert_eq!(
            statuses,
            [Some(ExitStatus::Code(3)), Some(ExitStatus::Signal(9))]
        );
        assert!(!handed.kill(0));
    }
}
