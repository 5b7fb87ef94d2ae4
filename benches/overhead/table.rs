//! Medians and ratios, as Markdown.

use super::observer::Observer;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

/// The times of one workload.
pub(crate) struct Row {
    name: String,
    goal: f64,
    times: BTreeMap<Observer, Vec<Duration>>,
}

impl Row {
    /// `goal` is the ratio to untraced that nixtrace is to stay below.
    pub(crate) fn new(name: &str, goal: f64) -> Self {
        Self {
            name: name.to_owned(),
            goal,
            times: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, observer: Observer, time: Duration) {
        self.times.entry(observer).or_default().push(time);
    }

    fn seconds(&self, observer: Observer) -> f64 {
        median(&mut self.times[&observer].clone()).as_secs_f64()
    }

    /// How many times as long as untraced.
    fn ratio(&self, observer: Observer) -> f64 {
        self.seconds(observer) / self.seconds(Observer::Nobody)
    }

    fn overhead(&self, observer: Observer) -> f64 {
        self.ratio(observer) - 1.0
    }
}

/// One measurement with its goal.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: String,
    pub(crate) goal: &'static str,
}

/// The middle one; of an even number, the upper of the two.
///
/// # Panics
/// When there is none.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The tables.
pub(crate) fn render(rows: &[Row], figures: &[Figure], runs: u32) -> String {
    let mut text = format!(
        "Medians of {runs} interleaved run(s); ratios to the untraced run, with the goal for \
         nixtrace's. The last column is\nnixtrace's overhead (its ratio minus 1) as a part of the \
         overhead of `strace --seccomp-bpf`; goal: at most 0.20.\n\n\
         | workload | untraced | strace | strace --seccomp-bpf | nixtrace --engine ptrace \
         | nixtrace | goal | overhead, of strace's |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n"
    );
    for row in rows {
        let [strace, filtered, ptrace, nixtrace] = [
            Observer::Strace,
            Observer::StraceFiltered,
            Observer::NixtracePtrace,
            Observer::Nixtrace,
        ]
        .map(|observer| row.ratio(observer));
        let part = row.overhead(Observer::Nixtrace) / row.overhead(Observer::StraceFiltered);
        let _ = writeln!(
            text,
            "| {} | {:.3} s | {strace:.2} | {filtered:.2} | {ptrace:.2} | {nixtrace:.2} | {} \
             | {part:.2} |",
            row.name,
            row.seconds(Observer::Nobody),
            row.goal,
        );
    }
    if !figures.is_empty() {
        text.push_str("\n| figure | measured | goal |\n|---|---:|---:|\n");
        for figure in figures {
            let _ = writeln!(
                text,
                "| {} | {} | under {} |",
                figure.what, figure.value, figure.goal
            );
        }
    }
    text
}

/// The page for the documentation.
pub(crate) fn page(tables: &str) -> String {
    format!(
        "# What watching costs\n\n\
         Written by `cargo bench --bench overhead -- --write docs/benchmarks.md`; do not edit.\n\n\
         {}\n\n{tables}",
        machine()
    )
}

/// What it was measured on, one item a line.
fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    [
        format!("- {cores} cores of {model}"),
        format!("- {}", first_line(&["uname", "-sr"])),
        format!("- nixtrace {}", env!("CARGO_PKG_VERSION")),
        format!("- {}", first_line(&["strace", "--version"])),
    ]
    .join("\n")
}

fn first_line(argv: &[&str]) -> String {
    let output = Command::new(argv[0]).args(&argv[1..]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}
