//! The figures beside the table, each with its goal.

use super::observer::Observer;
use super::table::{Figure, median};
use super::workload::{Size, Workload};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Measures all of them.
pub(crate) fn measure(directory: &Path, size: Size, runs: u32) -> Vec<Figure> {
    eprintln!("figures …");
    vec![
        start(directory, runs),
        memory(directory, size),
        look_ups(runs),
    ]
}

/// How much later a command starts under nixtrace than by itself.
fn start(directory: &Path, runs: u32) -> Figure {
    let trace = directory.join("start.jsonl");
    let mut delays = Vec::new();
    // More runs than elsewhere: each takes only milliseconds, and varies by as much.
    for _ in 0..runs * 5 {
        let _ = std::fs::remove_file(&trace);
        let plain = time_to_date(Observer::Nobody, &trace);
        delays.push(time_to_date(Observer::Nixtrace, &trace).saturating_sub(plain));
    }
    Figure {
        what: "from start to the command's first instruction, beyond the untraced".to_owned(),
        value: milliseconds(median(&mut delays)),
        goal: "20 ms",
    }
}

/// From the start of a process to the moment when date(1) in it looks at the clock.
fn time_to_date(observer: Observer, trace: &Path) -> Duration {
    let mut argv = observer.prefix(trace);
    argv.extend(["date", "+%s%N"].map(Into::into));
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let output = Command::new(&argv[0]).args(&argv[1..]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let nanoseconds: u64 = text
        .trim()
        .parse()
        .unwrap_or_else(|_| panic!("date under {observer:?} printed {text:?}"));
    Duration::from_nanos(nanoseconds).saturating_sub(start)
}

/// The most memory that nixtrace itself held while it recorded `make -j2`.
fn memory(directory: &Path, size: Size) -> Figure {
    let workload = Workload::make(directory, size);
    let mut child = workload.start(Observer::Nixtrace).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // wait4's ru_maxrss would count the compilers, which nixtrace waits for; so the high-water mark
    // is read from /proc as long as there is one.
    while child.try_wait().unwrap().is_none() {
        let now = std::fs::read_to_string(&status)
            .ok()
            .and_then(|text| high_water_mark(&text));
        peak = now.unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    Figure {
        what: format!("peak resident memory while recording {}", workload.name),
        value: format!("{:.1} MB", f64::from(peak) / 1024.0),
        goal: "64 MB",
    }
}

/// `VmHWM` of proc_pid_status(5), in KiB.
fn high_water_mark(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How long 1,000 names of all kinds take to be resolved, beyond one name.
fn look_ups(runs: u32) -> Figure {
    let mut times: Vec<_> = (0..runs)
        .map(|_| resolve(&queries(1000)).saturating_sub(resolve(&queries(1))))
        .collect();
    Figure {
        what: "resolving 1,000 names, after the start".to_owned(),
        value: milliseconds(median(&mut times)),
        goal: "50 ms",
    }
}

/// Files of this machine, as many as wanted: every third a library, every third a command.
fn queries(count: usize) -> String {
    let files = |directory: &str| {
        let mut paths: Vec<_> = std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.path().into_os_string().into_string().ok())
            .collect();
        paths.sort();
        paths
    };
    let libraries = files("/usr/lib/x86_64-linux-gnu");
    let commands = files("/usr/bin");
    let headers = files("/usr/include");
    let mut mixed = Vec::new();
    for n in 0..count.div_ceil(3) {
        for list in [&libraries, &commands, &headers] {
            mixed.push(list[n % list.len()].as_str());
        }
    }
    mixed.truncate(count);
    mixed.join("\n") + "\n"
}

fn resolve(queries: &str) -> Duration {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["resolve", "--json", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(queries.as_bytes())
        .unwrap();
    let status = child.wait().unwrap();
    // 1: some of the names stayed open, which is an answer too.
    assert!(matches!(status.code(), Some(0 | 1)), "resolve: {status}");
    start.elapsed()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
