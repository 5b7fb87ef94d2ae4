//! What the resolver answers must be right, and most must be answered. The same figures as a table, with
//! what is wrong or open: `cargo bench --bench resolver_quality`.

mod tally;

use tally::{BLIND, BLIND_SECOND, GOALS, debian, tally};

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

#[test]
fn names_that_nothing_was_tuned_to_are_seldom_answered_wrongly() {
    let tallies: Vec<_> = BLIND
        .iter()
        .chain(BLIND_SECOND)
        .map(|(kind, table)| tally(*kind, table))
        .collect();
    let sum = |count: fn(&tally::Tally) -> usize| tallies.iter().map(count).sum::<usize>() as f64;
    let precision = sum(|it| it.right) / sum(|it| it.answered);
    let coverage = sum(|it| it.covered) / sum(|it| it.labels);
    let wrong: Vec<_> = tallies.iter().flat_map(|it| &it.wrong).collect();
    assert!(
        precision >= 0.97 && coverage >= 0.83,
        "precision {precision:.3}, coverage {coverage:.3}; wrong {wrong:#?}"
    );
}
