//! Signals sent to nixtrace while the command runs.
//!
//! They are blocked and waited for, not handled: their dispositions, which the command inherits, stay
//! as they are. What the terminal sends (Ctrl-C, Ctrl-\) reaches the command by itself, and nixtrace
//! must live on to write what it has seen.
//!
//! No descriptor tells of them (signalfd(2)): whoever waits for one is woken by every signal that any
//! thread gets, also by those that the threads of ours ring each other with.

use super::background::{self, Background};
use super::error::Error;
use super::handed::Handed;
use super::sys;
use libc::pid_t;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// How soon processes that were killed are looked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// The signals, blocked in this thread and those it starts until this is dropped.
pub(super) struct Signals {
    previous: SigSet,
    taken: SigSet,
}

/// What both threads know of the command.
#[derive(Default)]
struct Shared {
    /// The command; 0 before it begins and once it has ended, when its id may be another's.
    pid: AtomicI32,
    /// The thread that traces.
    tracer: AtomicI32,
    /// Whether nobody is left.
    is_over: AtomicBool,
    /// Whether what the command leaves behind is to end.
    is_to_end: AtomicBool,
    /// Whether what the command left behind was told to end.
    is_ending: AtomicBool,
    /// Whether Ctrl-Z was typed and the command did not stop yet.
    is_to_stop: AtomicBool,
    /// Whether the command, or something that it runs, is stopped. Not only the command itself: one
    /// that waits in vfork(2) for a child that was stopped before its exec cannot stop.
    is_stopped: AtomicBool,
}

impl Shared {
    /// Stops this process once Ctrl-Z was typed and the command has stopped.
    ///
    /// The command comes first: it may catch the signal to put the terminal in order, and needs its
    /// tracer for that. Then a shell must see its job, which is this process, stop.
    fn follow_the_command(&self) {
        if self.is_stopped.load(Ordering::SeqCst) && self.is_to_stop.swap(false, Ordering::SeqCst) {
            // SIGSTOP cannot be refused.
            let _ = raise(Signal::SIGSTOP);
        }
    }
}

/// Whom to pass signals to; when it is dropped, nobody is left.
pub(super) struct Target {
    shared: Arc<Shared>,
    background: Background,
    /// The thread that passes signals on.
    watcher: pid_t,
}

/// Passes signals on.
pub(super) struct Watch {
    shared: Arc<Shared>,
    signals: SigSet,
    handed: Handed,
}

impl Signals {
    /// Blocks the signals.
    pub(super) fn take() -> Result<Self, Error> {
        let taken: SigSet = [
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGTSTP,
            sys::BELL,
        ]
        .into_iter()
        .collect();
        let previous = taken
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .map_err(|source| Error::Start {
                while_doing: "blocking signals",
                source,
            })?;
        Ok(Self { previous, taken })
    }

    /// The mask that the command is to start with.
    pub(super) fn previous_mask(&self) -> SigSet {
        self.previous
    }

    /// Prepares to pass them on, in the calling thread.
    pub(super) fn watch(&self, handed: Handed) -> (Watch, Target) {
        let shared = Arc::new(Shared::default());
        let watch = Watch {
            shared: Arc::clone(&shared),
            signals: self.taken,
            handed,
        };
        let target = Target {
            shared,
            background: Background::default(),
            watcher: sys::own_tid(),
        };
        (watch, target)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // A Ctrl-C that was meant for the command must not end us late.
        while let Ok(Some(_)) = sys::await_signal(&self.taken, Some(Duration::ZERO)) {}
        // The mask was ours a moment ago; setting it again cannot fail.
        let _ = self.previous.thread_set_mask();
    }
}

impl Target {
    /// Says who it is, that this thread traces it, and what is to become of what it leaves behind.
    pub(super) fn set(&mut self, pid: pid_t, background: Background) {
        self.background = background;
        self.shared.tracer.store(sys::own_tid(), Ordering::SeqCst);
        self.shared.pid.store(pid, Ordering::SeqCst);
    }

    /// Says that it has ended; what it left behind may live on.
    pub(super) fn ended(&self) {
        self.shared.pid.store(0, Ordering::SeqCst);
        if self.background == Background::End {
            self.shared.is_to_end.store(true, Ordering::SeqCst);
            sys::ring(self.watcher);
        }
    }

    /// Whether processes were made to end that the command had left behind.
    pub(super) fn ended_background(&self) -> bool {
        self.shared.is_ending.load(Ordering::SeqCst)
    }

    /// Says that it, or something that it runs, was stopped or continued.
    pub(super) fn stopped(&self, is_stopped: bool) {
        self.shared.is_stopped.store(is_stopped, Ordering::SeqCst);
        self.shared.follow_the_command();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        sys::ring(self.watcher);
    }
}

impl Watch {
    /// Passes signals on until the target is gone.
    pub(super) fn pass_on(mut self) {
        // When those that were told to end are killed.
        let mut deadline: Option<Instant> = None;
        loop {
            let patience = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let signal = match sys::await_signal(&self.signals, patience) {
                Ok(signal) => signal,
                Err(Errno::EINTR) => None,
                Err(_) => return,
            };
            if self.shared.is_over.load(Ordering::SeqCst) {
                return;
            }
            let mut is_to_end = self.shared.is_to_end.swap(false, Ordering::SeqCst);
            // Whoever rang has said why.
            if let Some(signal) = signal.filter(|&signal| signal != sys::BELL as i32) {
                is_to_end |= self.pass(signal);
            }
            let is_late = deadline.is_some_and(|at| at <= Instant::now());
            if is_late || (is_to_end && deadline.is_some()) {
                self.end_background(libc::SIGKILL);
                // What was being made meanwhile is met in a moment.
                deadline = Some(Instant::now() + AGAIN);
            } else if is_to_end && self.end_background(libc::SIGTERM) {
                deadline = Some(Instant::now() + background::GRACE);
            }
        }
    }

    /// Passes a signal on; whether it is for what the command has left behind.
    fn pass(&mut self, signal: i32) -> bool {
        let pid = self.shared.pid.load(Ordering::SeqCst);
        // That it is gone can be seen before the tracing thread has come to say so.
        let is_running = pid > 0 && sys::kill(pid, 0) != Err(Errno::ESRCH);
        match signal {
            libc::SIGTERM | libc::SIGHUP if is_running => {
                let _ = sys::kill(pid, signal);
            }
            libc::SIGTSTP => {
                self.shared.is_to_stop.store(true, Ordering::SeqCst);
                self.shared.follow_the_command();
            }
            _ => return !is_running && self.shared.tracer.load(Ordering::SeqCst) > 0,
        }
        false
    }

    /// Sends a signal to all that the command has left behind; whether there is something.
    fn end_background(&self, signal: i32) -> bool {
        let tracer = self.shared.tracer.load(Ordering::SeqCst);
        let left = background::traced_by(tracer);
        let is_anybody = self.handed.kill(signal) || !left.is_empty();
        if is_anybody {
            self.handed.kill(libc::SIGCONT);
            self.shared.is_ending.store(true, Ordering::SeqCst);
        }
        for pid in &left {
            let _ = sys::kill(*pid, signal);
            // One that is stopped would not hear of it.
            let _ = sys::kill(*pid, libc::SIGCONT);
        }
        is_anybody
    }
}
