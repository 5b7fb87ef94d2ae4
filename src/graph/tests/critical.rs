//! Scenes of time: what the end of a run was waiting for.

use super::chronicles::Story;
use super::*;
use crate::graph::critical::Critical;
use proptest::prelude::*;

/// The parts of processes, each as (parent, begin, end); they are numbered in their order.
fn parts(processes: &[(Option<u32>, u64, u64)]) -> Vec<u64> {
    let mut story = Story::new();
    for (number, &(parent, begin, _)) in (0..).zip(processes) {
        story.add(Record::Started(Started {
            process: ProcessId(number),
            pid: number as i32,
            parent: parent.map(ProcessId),
            at: Micros(begin),
        }));
    }
    for (number, &(.., end)) in (0..).zip(processes) {
        story.add(Record::Exited(Exited {
            process: ProcessId(number),
            at: Micros(end),
            status: ExitStatus::Code(0),
        }));
    }
    let critical = Critical::of(&story.told());
    (0..processes.len())
        .map(|it| critical.of_process(it).0)
        .collect()
}

#[test]
fn a_process_is_waited_for_while_none_of_its_children_is() {
    // make, a compiler from 10 to 40, in it a pass from 15 to 35, a linker from 50 to 90.
    let run = [
        (None, 0, 100),
        (Some(0), 10, 40),
        (Some(1), 15, 35),
        (Some(0), 50, 90),
    ];
    assert_eq!(parts(&run), [30, 10, 20, 40]);
}

#[test]
fn what_runs_beside_and_ends_earlier_delays_nothing() {
    let run = [
        (None, 0, 100),
        (Some(0), 10, 90),
        (Some(0), 10, 60),
        (Some(0), 70, 85),
    ];
    assert_eq!(parts(&run), [20, 80, 0, 0]);
}

#[test]
fn what_goes_on_after_the_command_is_not_waited_for() {
    assert_eq!(parts(&[(None, 0, 50), (Some(0), 10, 500)]), [50, 0]);
}

#[test]
fn a_trace_without_times_has_no_critical_path() {
    let mut story = Story::new();
    story.runs_at(0, None, "/usr/bin/make", 0);
    story.runs_at(1, Some(0), "/usr/bin/cc", 0);
    let told = story.told();
    let critical = Critical::of(&told);
    assert_eq!(critical.total(), Micros(0));
    assert_eq!(critical.by_program(&told), []);
    assert!(critical.shares(&told).iter().all(|share| *share == 0.0));
}

#[test]
fn programs_have_what_their_processes_have() {
    let mut story = Story::new();
    story.runs_at(0, None, "/usr/bin/make", 0);
    for (process, at) in [(1, 10), (2, 30)] {
        story.runs_at(process, Some(0), "/usr/bin/cc -c x.c", at);
        // What goes on with its parent's program counts for that.
        story.add(Record::Started(Started {
            process: ProcessId(process + 10),
            pid: 1,
            parent: Some(ProcessId(process)),
            at: Micros(at + 2),
        }));
        for process in [process + 10, process] {
            story.ends_at(process, at + 12);
        }
    }
    story.ends_at(0, 50);
    let told = story.told();
    let critical = Critical::of(&told);
    let parts: Vec<(String, u64, usize)> = critical
        .by_program(&told)
        .into_iter()
        .map(|part| {
            let name = told.run.program_shown(part.program);
            (name, part.time.0, part.processes)
        })
        .collect();
    assert_eq!(
        parts,
        [("make".to_owned(), 26, 1), ("cc".to_owned(), 24, 4)]
    );
    let shares = critical.shares(&told);
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

proptest! {
    /// Each moment of the command belongs to one process.
    #[test]
    fn the_parts_add_up_to_the_time_of_the_command(
        children in prop::collection::vec((0usize..8, 0u64..100, 0u64..100), 0..40)
    ) {
        let mut run = vec![(None, 0, 1000)];
        for (parent, begin, length) in children {
            // Within its parent's life.
            let parent = parent % run.len();
            let (_, first, last): (_, u64, u64) = run[parent];
            let begin = (first + begin).min(last);
            run.push((Some(parent as u32), begin, (begin + length).min(last)));
        }
        let parts = parts(&run);
        prop_assert_eq!(parts.iter().sum::<u64>(), 1000);
        for (part, (_, begin, end)) in parts.iter().zip(&run) {
            prop_assert!(*part <= end - begin);
        }
    }
}
