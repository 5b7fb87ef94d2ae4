//! The times of a log's lines.

use super::line::Time;
use crate::trace::Micros;

/// Turns the times of lines into times since the first. A log without times has 0 everywhere.
#[derive(Default)]
pub(super) struct Clock {
    first: Option<u64>,
    last: u64,
    now: Micros,
    epoch: Option<u64>,
}

impl Clock {
    /// When the first line was written, in seconds since the epoch; 0 where that is not told.
    pub(super) fn start(&self) -> u64 {
        self.epoch.map_or(0, |epoch| epoch / 1_000_000)
    }

    /// The time of a line since the first line.
    pub(super) fn at(&mut self, time: Option<Time>) -> Micros {
        const DAY: u64 = 24 * 3600 * 1_000_000;
        let absolute = match time {
            None => return self.now,
            Some(Time::Epoch(micros)) => {
                self.epoch.get_or_insert(micros);
                micros
            }
            Some(Time::OfDay(micros)) => {
                // Past midnight the clock begins again.
                let mut absolute = self.last / DAY * DAY + micros;
                if absolute + DAY / 2 < self.last {
                    absolute += DAY;
                }
                absolute
            }
            Some(Time::Since(micros)) => self.last + micros,
        };
        let first = *self.first.get_or_insert(absolute);
        self.last = absolute;
        self.now = self.now.max(Micros(absolute.saturating_sub(first)));
        self.now
    }
}
