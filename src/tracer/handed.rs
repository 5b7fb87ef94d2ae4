//! Processes that another tracer below us was let have.
//!
//! A process has one tracer. With a listener, calls reach us without ptrace, so that the tracer's
//! place can be given up: the process lives on as one that we hear of only by its calls. How a call
//! of its ends is not seen then, nor is a child before its first call, nor an end before somebody
//! looks: the descriptor of each process tells, or its number where there is none to be had. When no
//! other tracer has a thread, nor is about to have it, that is seized again before its next call.

use super::sys::{self, Process};
use crate::trace::ExitStatus;
use libc::{c_int, pid_t};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Those processes; shared by who follows them and who ends them.
#[derive(Clone, Debug, Default)]
pub(super) struct Handed(Arc<Mutex<Vec<(pid_t, Known)>>>);

/// By what a process is known.
#[derive(Debug)]
enum Known {
    Descriptor(Process),
    /// Where there is no descriptor to be had: by its number, as long as it is the one that started
    /// then.
    Start(u64),
}

impl Known {
    /// One without a descriptor; none when it is gone.
    fn by_its_start(pid: pid_t) -> Option<Self> {
        stat(pid).map(|stat| Self::Start(stat.starttime))
    }

    /// Sends it a signal, which does nothing when it has ended.
    fn kill(&self, pid: pid_t, signal: c_int) {
        let _ = match self {
            Self::Descriptor(process) => process.kill(signal),
            Self::Start(start) if has_ended(pid, *start) => Ok(()),
            Self::Start(_) => sys::kill(pid, signal),
        };
    }

    /// How it ended, though it is not our child.
    fn status(&self, pid: pid_t) -> Option<ExitStatus> {
        let raw = match self {
            // Somebody may wait for it between the two looks.
            Self::Descriptor(process) => process
                .status()
                .or_else(|| zombie_status(pid, None))
                .or_else(|| process.status())?,
            Self::Start(start) => zombie_status(pid, Some(*start))?,
        };
        Some(if libc::WIFSIGNALED(raw) {
            ExitStatus::Signal(libc::WTERMSIG(raw))
        } else {
            ExitStatus::Code(libc::WEXITSTATUS(raw))
        })
    }
}

impl Handed {
    fn lock(&self) -> MutexGuard<'_, Vec<(pid_t, Known)>> {
        // The list is whole between two statements of any holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one in. An error says that how it ends may not be seen: it is known by its number only.
    pub(super) fn add(&self, pid: pid_t) -> sys::Result<()> {
        self.add_as(pid, Process::open(pid))
    }

    fn add_as(&self, pid: pid_t, opened: sys::Result<Process>) -> sys::Result<()> {
        let mut processes = self.lock();
        if processes.iter().any(|(known, _)| *known == pid) {
            return Ok(());
        }
        let (known, added) = match opened {
            Ok(process) => (Some(Known::Descriptor(process)), Ok(())),
            Err(errno) => (Known::by_its_start(pid), Err(errno)),
        };
        processes.extend(known.map(|known| (pid, known)));
        added
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
            .map(|(pid, known)| (pid, known.status(pid)))
            .collect()
    }

    /// Sends all a signal; whether there is anybody who has not ended.
    pub(super) fn kill(&self, signal: c_int) -> bool {
        let processes = self.lock();
        let has_ended = have_ended(&processes);
        for (pid, known) in &*processes {
            known.kill(*pid, signal);
        }
        has_ended.contains(&false)
    }

    /// Whether there is nobody, not even one who has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// Which of them have ended.
fn have_ended(processes: &[(pid_t, Known)]) -> Vec<bool> {
    let mut polled: Vec<_> = processes
        .iter()
        .filter_map(|(_, known)| match known {
            Known::Descriptor(process) => Some(PollFd::new(process.as_fd(), PollFlags::POLLIN)),
            Known::Start(_) => None,
        })
        .collect();
    // An error says that it was interrupted; the next look will tell.
    let any = matches!(poll(&mut polled, PollTimeout::ZERO), Ok(1..));
    let mut polled = polled.iter();
    processes
        .iter()
        .map(|(pid, known)| match known {
            Known::Descriptor(_) => polled
                .next()
                .is_some_and(|process| any && process.any().unwrap_or(false)),
            Known::Start(start) => has_ended(*pid, *start),
        })
        .collect()
}

fn stat(pid: pid_t) -> Option<procfs::process::Stat> {
    procfs::process::Process::new(pid).ok()?.stat().ok()
}

/// Whether the process has ended that had a number and started then. One whose first thread has ended
/// looks as if it had, but has other threads.
fn has_ended(pid: pid_t, start: u64) -> bool {
    stat(pid).is_none_or(|stat| {
        stat.starttime != start || (matches!(stat.state, 'Z' | 'X') && stat.num_threads <= 1)
    })
}

/// How a process ended for which nobody has waited (proc_pid_stat(5), `exit_code`).
fn zombie_status(pid: pid_t, start: Option<u64>) -> Option<c_int> {
    let stat = stat(pid)?;
    let is_it = start.is_none_or(|start| start == stat.starttime);
    stat.exit_code.filter(|_| is_it && stat.state == 'Z')
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    /// A child that goes on once its standard input is closed.
    fn waiting(script: &str) -> Child {
        Command::new("sh")
            .args(["-c", &format!("read line; {script}")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn an_end_is_told_with_its_status_before_and_after_somebody_waits() {
        let handed = Handed::default();
        assert!(!handed.kill(0));
        let mut children = ["exit 3", "kill -KILL $$"].map(|script| {
            let child = waiting(script);
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

    #[test]
    fn one_without_a_descriptor_is_there_until_it_ends_and_gets_its_signals() {
        let handed = Handed::default();
        let mut child = waiting("exit 3");
        let pid = child.id() as pid_t;
        assert_eq!(
            handed.add_as(pid, Err(Errno::EMFILE)),
            Err(Errno::EMFILE),
            "it is to be told"
        );
        assert!(handed.ended().is_empty() && !handed.is_empty());
        assert!(handed.kill(libc::SIGTERM));
        let ended = child.wait().unwrap();
        assert_eq!(ended.signal(), Some(libc::SIGTERM));
        assert_eq!(handed.ended(), [(pid, None)], "somebody else has waited");
        assert!(handed.is_empty());
    }

    #[test]
    fn how_one_without_a_descriptor_ended_is_told_when_nobody_has_waited() {
        let handed = Handed::default();
        let mut child = waiting("exit 3");
        let pid = child.id() as pid_t;
        let _ = handed.add_as(pid, Err(Errno::EMFILE));
        drop(child.stdin.take());
        let ended = loop {
            let ended = handed.ended();
            if !ended.is_empty() {
                break ended;
            }
        };
        assert_eq!(ended, [(pid, Some(ExitStatus::Code(3)))]);
        child.wait().unwrap();
    }
}
