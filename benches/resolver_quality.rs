//! How often the resolver's first answer is right, by kind of thing, over the labelled tables in
//! `tests/data/labels`; and how many of the sonames that most of Debian needs it answers.
//!
//! ```text
//! cargo bench --bench resolver_quality [-- --quick]
//! ```
//!
//! `--quick` asks only what was labelled blind.

#[path = "../tests/resolver_quality/tally.rs"]
mod tally;

use nixtrace::resolve::Kind;
use tally::{BLIND, BLIND_SECOND, GOALS, Tally, debian, tally};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let mut remarks = Vec::new();
    println!("Drawn at random, labelled before anything was asked:\n");
    table(BLIND.iter().copied(), &mut remarks);
    println!("\nDrawn again, from another hand:\n");
    table(BLIND_SECOND.iter().copied(), &mut remarks);
    if !quick {
        println!("\nWhat the resolver was tuned to:\n");
        let goals = GOALS.iter().map(|(kind, table, ..)| (*kind, *table));
        table(goals, &mut remarks);
        let debian = debian();
        println!(
            "\nOf the {} sonames of Debian's 300 most-depended-on library packages, {:.1} % are answered.",
            debian.labels,
            debian.coverage() * 100.0
        );
        remarks.push(format!("open {}", debian.open.join(" ")));
    }
    println!();
    for remark in remarks {
        println!("{remark}");
    }
}

/// Prints the figures of tables and of all together; keeps what is wrong or open as remarks.
fn table<'a>(tables: impl Iterator<Item = (Kind, &'a str)>, remarks: &mut Vec<String>) {
    println!("| kind | labels | precision | coverage |");
    println!("|---|---:|---:|---:|");
    let mut all = Tally::default();
    for (kind, table) in tables {
        let one = tally(kind, table);
        row(&kind.to_string(), &one);
        all.labels += one.labels;
        all.answered += one.answered;
        all.covered += one.covered;
        all.right += one.right;
        for (what, names) in [("wrong", &one.wrong), ("open", &one.open)] {
            remarks.extend(names.iter().map(|name| format!("{what} {kind} {name}")));
        }
    }
    row("all", &all);
}

fn row(kind: &str, tally: &Tally) {
    println!(
        "| {kind} | {} | {:.1} % | {:.1} % |",
        tally.labels,
        tally.precision() * 100.0,
        tally.coverage() * 100.0
    );
}
