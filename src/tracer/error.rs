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
    #[error("cannot trace the command: ptrace is not permitted")]
    Denied {
        /// The kernel's answer.
        source: Errno,
        /// The value of `kernel.yama.ptrace_scope`, where there is one.
        yama: Option<u8>,
        /// The process that traces nixtrace itself, if one does.
        traced_by: Option<i32>,
    },
    /// The seccomp filter was asked for and refused.
    #[error("cannot install the seccomp filter")]
    FilterRefused {
        /// The kernel's answer.
        source: Errno,
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

impl Error {
    /// The kernel refused to let us trace our own child: looks for the reason.
    pub(super) fn denied(source: Errno) -> Self {
        let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope")
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let traced_by = Process::myself()
            .and_then(|process| process.status())
            .ok()
            .map(|status| status.tracerpid)
            .filter(|&pid| pid != 0);
        Self::Denied {
            source,
            yama,
            traced_by,
        }
    }

    /// What to do now, in one line, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Denied {
                traced_by: Some(pid),
                ..
            } => Some(format!(
                "nixtrace is itself being traced by process {pid}, and a process has one tracer \
                 only; run it outside"
            )),
            Self::Denied {
                yama: Some(3), ..
            } => Some(
                "kernel.yama.ptrace_scope is 3, which forbids tracing until the next boot"
                    .to_owned(),
            ),
            Self::Denied {
                yama: Some(2), ..
            } => Some(
                "kernel.yama.ptrace_scope is 2: run as root, or `sysctl kernel.yama.ptrace_scope=1`"
                    .to_owned(),
            ),
            Self::Denied { .. } => Some(
                "a container's seccomp profile may forbid ptrace: try `--cap-add=SYS_PTRACE` or \
                 `--security-opt seccomp=unconfined`"
                    .to_owned(),
            ),
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
            _ => None,
        }
    }
}
