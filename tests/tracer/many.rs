//! A run of any size is recorded in bounded memory, and still told truly.

use crate::support::{WAYS, tracee, watch};
use nixtrace::trace::Record;

/// More than the recorder remembers.
const MANY: usize = 270_000;

#[test]
fn what_was_forgotten_is_written_again_and_counted_right() {
    let trace = watch(WAYS[0], tracee("many"), ["/many", &MANY.to_string(), "2"]);
    trace.assert_success();
    let of = |path: &str| trace.counts(|it| it == path).into_values().sum::<u64>();
    for file in [0, 1, MANY / 2, MANY - 1] {
        assert_eq!(of(&format!("/many/{file}")), 2, "{file}");
    }
    let lines = |path: &str| {
        let is_it = |access: &&nixtrace::trace::Access| access.path.as_bytes() == path.as_bytes();
        trace.accesses().filter(is_it).count()
    };
    assert_eq!(lines("/many/0"), 2);
    let told: u64 = trace
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Accessed(access) | Record::Repeated(access) => Some(access.count),
            _ => None,
        })
        .sum();
    assert_eq!(told, trace.total_accesses());
}

#[test]
fn rounds_through_a_large_tree_are_one_line_for_each_file() {
    for options in WAYS {
        let trace = watch(options, tracee("many"), ["/many", "1000", "10"]);
        trace.assert_success();
        let lines = trace.accesses().filter(|it| it.path.starts_with(b"/many/"));
        assert_eq!(lines.count(), 1000);
        let counts = trace.counts(|path| path.starts_with("/many/"));
        assert_eq!(counts.len(), 1000);
        assert!(counts.values().all(|&count| count == 10));
    }
}
