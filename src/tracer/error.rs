//! Why a command could not be observed.

use nix::errno::Errno;
use procfs::process::Process;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use thiserror::Error;

/// Why a command could not be observed. In each case nothing of it is left behind.
#[derive(Debug, Error)]
pub enum Error {
    /// No such program (exit status 127).
    #[error("cannot find the command {}", .program.display())]
    NotFound {
        /// As it was asked for.
        program: OsString,
    },
    /// The file exists, but the interpreter or loader that it names does not (126).
    #[error(
        "cannot execute {}: {}", .path.display(),
        match interpreter {
            Some(interpreter) => format!("its interpreter {} does not exist", interpreter.display()),
            None => "the interpreter or loader that it asks for does not exist".to_owned(),
        }
    )]
    NoInterpreter {
        /// The file.
        path: PathBuf,
        /// What it names, if that can be read.
        interpreter: Option<PathBuf>,
    },
    /// The file exists but the kernel will not execute it (126).
    #[error("cannot execute {}", .path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// ptrace is not permitted.
    #[error("cannot trace the command: {denial}")]
    Denied {
        /// The kernel's answer.
        source: Errno,
        /// What forbids it.
        denial: Denial,
    },
    /// The seccomp filter was asked for and refused.
    #[error("cannot install the seccomp filter")]
    FilterRefused {
        /// The kernel's answer.
        source: Errno,
    },
    /// The kernel, or the sandbox that plays it, cannot say which call a tracee makes.
    #[error("cannot trace the command: there is no PTRACE_GET_SYSCALL_INFO here")]
    TooOld {
        /// The kernel's answer.
        source: Errno,
    },
    /// Too few descriptors are left for nixtrace itself.
    #[error("cannot start the command: no more than {limit} files may be open at once")]
    TooFewDescriptors {
        /// `RLIMIT_NOFILE`.
        limit: u64,
    },
    /// The command or an argument has a NUL in it.
    #[error("a command's words cannot hold NUL: {}", .text.display())]
    Nul {
        /// The word.
        text: OsString,
    },
    /// Something else on the way to the start.
    #[error("cannot start the command: {while_doing}")]
    Start {
        /// What was being done.
        while_doing: &'static str,
        /// The kernel's answer.
        source: Errno,
    },
    /// The command was lost while it was traced.
    #[error("lost the command while it was traced")]
    Lost {
        /// The kernel's answer.
        source: Errno,
    },
}

/// What forbids ptrace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denial {
    /// Another nixtrace traces us, and so what we start.
    #[error("nixtrace runs inside another nixtrace (process {pid}), which has its processes")]
    Nested {
        /// The other's process id.
        pid: i32,
    },
    /// Another program traces us, and so what we start.
    #[error("nixtrace is itself traced by {} (process {pid})", .name.as_deref().unwrap_or("a program"))]
    Traced {
        /// Its process id.
        pid: i32,
        /// Its name, if that can be read.
        name: Option<String>,
    },
    /// The kernel, or the sandbox that plays it, has no ptrace.
    #[error("there is no ptrace here")]
    Absent,
    /// `kernel.yama.ptrace_scope` forbids it.
    #[error("kernel.yama.ptrace_scope is {scope}")]
    Yama {
        /// Its value.
        scope: u8,
    },
    /// The SELinux boolean `deny_ptrace` is on.
    #[error("SELinux's deny_ptrace is on")]
    Selinux,
    /// It is not known; a seccomp filter is on nixtrace itself.
    #[error("ptrace is not permitted, probably by the seccomp filter that nixtrace runs under")]
    Filter,
    /// It is not known.
    #[error("ptrace is not permitted")]
    Unknown,
}

/// What may forbid ptrace, as found on this machine.
#[derive(Debug, Default)]
struct Circumstances {
    /// Who traces us, and the name of that program.
    tracer: Option<(i32, Option<String>)>,
    yama: Option<u8>,
    selinux_denies: bool,
    is_filtered: bool,
}

impl Circumstances {
    fn find() -> Self {
        let status = Process::myself().and_then(|process| process.status()).ok();
        let tracer = status
            .as_ref()
            .map(|status| status.tracerpid)
            .filter(|&pid| pid != 0)
            .map(|pid| (pid, program_of(pid)));
        Self {
            tracer,
            yama: fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
                .ok()
                .and_then(|text| text.trim().parse().ok()),
            selinux_denies: fs::read_to_string("/sys/fs/selinux/booleans/deny_ptrace")
                .is_ok_and(|text| text.starts_with('1')),
            is_filtered: status.is_some_and(|status| status.seccomp == Some(SECCOMP_MODE_FILTER)),
        }
    }

    /// The likeliest reason for an error.
    fn denial(self, source: Errno) -> Denial {
        match (self.tracer, self.yama) {
            (Some((pid, Some(name))), _) if name == env!("CARGO_PKG_NAME") => {
                Denial::Nested { pid }
            }
            (Some((pid, name)), _) => Denial::Traced { pid, name },
            _ if source == Errno::ENOSYS => Denial::Absent,
            // Lower ones let a process trace what it started.
            (None, Some(scope @ 2..)) => Denial::Yama { scope },
            _ if self.selinux_denies => Denial::Selinux,
            _ if self.is_filtered => Denial::Filter,
            _ => Denial::Unknown,
        }
    }
}

/// `Seccomp:` in proc_pid_status(5) when a filter is on the process.
const SECCOMP_MODE_FILTER: u32 = 2;

/// The name of the program that a thread belongs to: a thread may have one of its own.
fn program_of(tid: i32) -> Option<String> {
    let process = Process::new(tid).and_then(|thread| thread.status()).ok()?;
    let name = fs::read(format!("/proc/{}/comm", process.tgid)).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end().to_owned())
}

impl Error {
    /// The kernel refused to let us trace our own child: looks for the reason.
    pub(super) fn denied(source: Errno) -> Self {
        Self::Denied {
            source,
            denial: Circumstances::find().denial(source),
        }
    }

    /// Inside another nixtrace we do not begin: it would give its place up, and see less than we do.
    pub(super) fn if_nested() -> Option<Self> {
        let error = Self::denied(Errno::EPERM);
        let is_nested = matches!(
            error,
            Self::Denied {
                denial: Denial::Nested { .. },
                ..
            }
        );
        is_nested.then_some(error)
    }

    /// What to do now, in one line, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { denial, .. } => Some(denial.way_out().to_owned()),
            Self::NotExecutable {
                path,
                source: Errno::ENOEXEC,
            } => Some(format!(
                "it is for another machine, or no program; `nixtrace elf {}` tells",
                path.display()
            )),
            Self::FilterRefused { .. } => {
                Some("let nixtrace choose the engine, or choose `syscall`".to_owned())
            }
            Self::TooOld { .. } => Some(
                "Linux has it since 5.3: run nixtrace on a newer kernel, outside of a sandbox; \
                 `nixtrace elf` needs no tracing"
                    .to_owned(),
            ),
            Self::TooFewDescriptors { .. } => {
                Some("let more be open (`ulimit -n 1024`), or close some".to_owned())
            }
            _ => None,
        }
    }
}

impl Denial {
    /// What to do about it.
    fn way_out(&self) -> &'static str {
        match self {
            Self::Nested { .. } => {
                "a process has one tracer only: run the inner nixtrace by itself, or trace with \
                 the outer one what the inner one was to trace"
            }
            Self::Traced { .. } => "a process has one tracer only: run nixtrace outside of it",
            Self::Absent => {
                "sandboxes like gVisor leave it out: run nixtrace outside; `nixtrace elf` needs no \
                 tracing"
            }
            Self::Yama { scope: 2 } => {
                "run nixtrace as root, or do `sysctl kernel.yama.ptrace_scope=1`"
            }
            Self::Yama { .. } => {
                "that cannot be undone before the next boot: set kernel.yama.ptrace_scope to 1 in \
                 /etc/sysctl.d; `nixtrace elf` needs no tracing"
            }
            Self::Selinux => "do `setsebool deny_ptrace off`",
            Self::Filter | Self::Unknown => {
                "a container's seccomp profile may forbid it: try `--cap-add=SYS_PTRACE` or \
                 `--security-opt seccomp=unconfined`; `nixtrace elf` needs no tracing"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(circumstances: Circumstances, source: Errno) -> Denial {
        circumstances.denial(source)
    }

    #[test]
    fn a_tracer_of_ours_is_the_reason_whatever_else_holds() {
        let tracer = |name: &str| Circumstances {
            tracer: Some((7, Some(name.to_owned()))),
            yama: Some(3),
            ..Circumstances::default()
        };
        assert_eq!(
            denial(tracer("nixtrace"), Errno::EPERM),
            Denial::Nested { pid: 7 }
        );
        let name = Some("strace".to_owned());
        assert_eq!(
            denial(tracer("strace"), Errno::EPERM),
            Denial::Traced { pid: 7, name }
        );
    }

    #[test]
    fn yama_forbids_to_trace_children_from_2_on() {
        let yama = |scope| Circumstances {
            yama: Some(scope),
            is_filtered: true,
            ..Circumstances::default()
        };
        assert_eq!(denial(yama(1), Errno::EPERM), Denial::Filter);
        for scope in [2, 3] {
            assert_eq!(denial(yama(scope), Errno::EPERM), Denial::Yama { scope });
        }
    }

    #[test]
    fn a_missing_call_is_told_from_a_forbidden_one() {
        let nothing = Circumstances::default;
        assert_eq!(denial(nothing(), Errno::ENOSYS), Denial::Absent);
        assert_eq!(denial(nothing(), Errno::EPERM), Denial::Unknown);
    }

    #[test]
    fn every_denial_has_a_way_out() {
        let error = |denial| Error::Denied {
            source: Errno::EPERM,
            denial,
        };
        for denial in [
            Denial::Nested { pid: 1 },
            Denial::Absent,
            Denial::Yama { scope: 3 },
            Denial::Selinux,
            Denial::Filter,
        ] {
            assert!(error(denial).hint().is_some());
        }
    }
}
