//! How much a resource matters to a run: a measure for the order in which things are told.

use super::evidence::Evidence;

/// What is known of a resource's uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uses {
    /// The strongest thing that was seen; none for what is no file.
    pub evidence: Option<Evidence>,
    /// How often it was used.
    pub count: u64,
    /// How many programs used it.
    pub breadth: usize,
    /// How many programs lie between the command and the nearest that used it.
    pub depth: usize,
    /// Whether only processes that failed used it.
    pub only_failed: bool,
    /// For a program, for which part of its time the run waited for it (see
    /// [`Critical`](super::critical::Critical)); 0 for what takes no time.
    pub share: f64,
}

/// How much a resource matters, larger than 0.
///
/// Frequency and breadth count by their order of magnitude: a file that was opened a thousand times
/// matters more than one that was opened once, but not a thousand times more. What the command
/// itself uses matters most, and what only failed processes used least. A program for which the run
/// waited all the time matters twice as much as one that cost it none.
pub fn importance(uses: Uses) -> f64 {
    let strength = match uses.evidence {
        Some(Evidence::Executed) => 1.0,
        Some(Evidence::Mapped) | None => 0.9,
        Some(Evidence::Read) => 0.7,
        Some(Evidence::Written) => 0.6,
        Some(Evidence::Listed | Evidence::Examined) => 0.3,
        Some(Evidence::Probed) => 0.2,
    };
    let magnitude = |number: f64| 1.0 + number.max(1.0).ln();
    let frequency = magnitude(uses.count as f64);
    let breadth = magnitude(uses.breadth as f64);
    let nearness = 1.0 / (1.0 + uses.depth as f64);
    let failed = if uses.only_failed { 0.25 } else { 1.0 };
    strength * (frequency + breadth) * (0.5 + nearness) * failed * (1.0 + uses.share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uses(count: u64, breadth: usize, depth: usize) -> Uses {
        Uses {
            evidence: Some(Evidence::Read),
            count,
            breadth,
            depth,
            only_failed: false,
            share: 0.0,
        }
    }

    #[test]
    fn what_only_failed_processes_used_matters_least() {
        let failed = Uses {
            only_failed: true,
            ..uses(10, 2, 1)
        };
        assert!(importance(failed) < importance(uses(1, 1, 3)));
    }

    proptest! {
        #[test]
        fn more_uses_more_users_more_time_and_less_depth_never_matter_less(
            count in 0u64..1_000_000, breadth in 0usize..1000, depth in 0usize..1000,
            more in 0u64..1000, wider in 0usize..100, deeper in 0usize..100, share in 0.0..1.0,
        ) {
            let base = importance(uses(count, breadth, depth));
            prop_assert!(base > 0.0);
            prop_assert!(importance(uses(count + more, breadth, depth)) >= base);
            prop_assert!(importance(uses(count, breadth + wider, depth)) >= base);
            prop_assert!(importance(uses(count, breadth, depth + deeper)) <= base);
            let slow = Uses { share, ..uses(count, breadth, depth) };
            prop_assert!(importance(slow) >= base);
        }
    }
}
