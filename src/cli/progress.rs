//! A sign of life while the resolver works: on a terminal, and only when it takes long.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Work that takes less than this is not worth a line.
const PATIENCE: Duration = Duration::from_millis(300);

/// Counts what is done; draws only after a while, only on a terminal, and leaves nothing behind.
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    may_draw: bool,
}

impl Progress {
    /// Begins to count; `quiet` draws nothing at all.
    pub(super) fn begin(message: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {pos}") {
            bar.set_style(style);
        }
        bar.set_message(message);
        Self {
            bar,
            begun: Instant::now(),
            may_draw: !quiet && std::io::stderr().is_terminal(),
        }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.reach(self.bar.position() + 1);
    }

    /// So many are done.
    pub(super) fn reach(&mut self, done: u64) {
        if self.may_draw && self.begun.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.may_draw = false;
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
