//! What the resolver answers must be right, and most must be answered. The same figures as a table, with
//! what is wrong or open: `cargo bench --bench resolver_quality`.

mod tally;

use tally::{GOALS, debian, tally};

#[test]
fn what_is_answered_is_right() {
    for (kind, table, precision, coverage) in GOALS {
        let tally = tally(*kind, table);
        assert!(
            tally.precision() >= *precision && tally.coverage() >= *coverage,
            "{kind}: precision {:.3}, coverage {:.3}; wrong {:#?}; open {:#?}",
            tally.precision(),
            tally.coverage(),
            tally.wrong,
            tally.open
        );
    }
}

#[test]
fn the_libraries_that_most_of_debian_needs_are_answered() {
    let tally = debian();
    assert!(tally.labels > 400);
    assert!(
        tally.coverage() >= 0.9,
        "{:.3} of {}; open {:?}",
        tally.coverage(),
        tally.labels,
        tally.open
    );
}
