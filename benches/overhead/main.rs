//! What watching costs: `cargo bench --bench overhead`.
//!
//! Each workload runs untraced, under strace (with and without its seccomp filter) and under
//! `nixtrace record`, in turns within one session, so that whatever else the machine does hits all
//! of them alike. The medians are printed as a table; `--write FILE` keeps it with the machine and
//! the versions it was measured on.
//!
//! - `workload`: what is run.
//! - `observer`: what watches it.
//! - `figures`: the single measurements beside the table: first event, memory, look-ups.
//! - `table`: medians, ratios, Markdown.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that meets a surprise is to stop, and says so by panicking"
)]

mod figures;
mod observer;
mod table;
mod workload;

use clap::Parser;
use observer::Observer;
use std::path::PathBuf;
use table::Row;
use workload::{Size, Workload};

/// Measures what nixtrace costs, beside strace.
#[derive(Parser)]
struct Args {
    /// How often each workload runs under each observer.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Run everything once, in a small size: shows that it runs, not how fast.
    #[arg(long)]
    quick: bool,

    /// Only the workloads whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Write the result to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let (runs, size) = if args.quick {
        (1, Size::Quick)
    } else {
        (args.runs, Size::Full)
    };
    let directory = tempfile::Builder::new()
        .prefix("nixtrace-bench-")
        .tempdir()
        .unwrap();
    let wanted = |name: &str| args.only.as_deref().is_none_or(|text| name.contains(text));
    let mut rows = Vec::new();
    for workload in Workload::all(directory.path(), size) {
        if wanted(&workload.name) {
            rows.push(measure(&workload, runs));
        }
    }
    let figures = if args.only.is_none() {
        figures::measure(directory.path(), size, runs)
    } else {
        Vec::new()
    };
    let text = table::render(&rows, &figures, runs);
    println!("{text}");
    if let Some(file) = args.write {
        std::fs::write(&file, table::page(&text)).unwrap();
    }
}

/// Runs the workload under each observer in turn, `runs` times over.
fn measure(workload: &Workload, runs: u32) -> Row {
    let mut row = Row::new(&workload.name, workload.goal);
    for _ in 0..runs {
        for observer in Observer::ALL {
            let time = workload.time(observer);
            eprintln!(
                "{}, {observer:?}: {:.2} s",
                workload.name,
                time.as_secs_f64()
            );
            row.add(observer, time);
        }
    }
    row
}
