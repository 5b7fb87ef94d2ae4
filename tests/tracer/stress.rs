//! Random mixes of processes and threads that fork, execute, signal each other and end at any time:
//! nothing hangs, no child is lost, nobody is left.
//!
//! A failure names its seed, which makes the same choices again; what happens in between is the
//! machine's to choose, so that a seed may have to be tried more than once.

use crate::everywhere::{recording, run};
use crate::support::{WAYS, directory, tracee};
use crate::trace::Trace;
use nixtrace::trace::GapKind;
use std::process::Command;

/// How many mixes there are in all ways together.
const MIXES: u64 = 200;

#[test]
fn two_hundred_random_mixes_end_with_nobody_left() {
    let program = tracee("stress");
    let first: u64 = std::env::var("NIXTRACE_STRESS_SEED").map_or(1, |seed| {
        seed.parse().expect("NIXTRACE_STRESS_SEED is a number")
    });
    let mut all = 0;
    for seed in first..first + MIXES {
        let way = WAYS[seed as usize % WAYS.len()];
        let place = directory();
        let file = place.path().join("trace.jsonl");
        let words = recording(way, &file);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg(&program)
            .arg(seed.to_string());
        println!("seed {seed} in {way:?}");
        // A hang fails here; the program itself checks that every child is reaped and told rightly.
        let ending = run(command, place.path());
        assert_eq!(ending.status.code(), Some(0), "{ending:?}");
        let report = std::fs::read_to_string(place.path().join("report")).unwrap();
        let made: usize = report.trim().parse().unwrap();
        let trace = Trace::read(&file);
        let (started, exited) = trace.processes();
        assert_eq!(started, exited, "a process began and did not end");
        // Who is killed between making a child and counting it has made one more than it says.
        assert!(started > made, "{made} were made, {started} seen");
        assert!(!trace.gap_kinds().contains(&GapKind::LostProcess));
        all += started;
    }
    println!("{all} processes");
}
