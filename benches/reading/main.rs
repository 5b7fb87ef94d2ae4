//! How much memory and time it takes to read a long trace.
//!
//! `cargo bench --bench reading` writes traces of a build of 100 MB and of 1 GB, once with the same files
//! over and over and once with files of each process's own, and has `show` (also as JSON), `why`, `report` and `emit`
//! read them; `-- --quick` writes short ones: that shows that it runs, not how it scales. In the end
//! Chromium, if it is there, opens the page of a run of 10 000 processes: that has to be painted for the
//! first time within two seconds.

mod long;

use long::write;
use nix::sys::resource::{UsageWho, getrusage};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What this program is given to run another one and say how much memory that took.
const MEASURE: &str = "--measure";

const NIXTRACE: &str = env!("CARGO_BIN_EXE_nixtrace");

/// What is read, and how.
const VERBS: [(&str, &[&str]); 5] = [
    ("show", &["show", "--no-pager"]),
    ("json", &["show", "--json"]),
    ("why", &["why", "--no-pager"]),
    ("report", &["report", "-q", "--force", "-o", "/dev/null"]),
    ("emit", &["emit", "-q", "-o", "-"]),
];

/// A trace has so many bytes for each process, about.
const PER_PROCESS: u64 = 9_900;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = words.iter().position(|word| word == MEASURE) {
        return measure(&words[at + 1..]);
    }
    let sizes: &[u64] = match words.iter().any(|word| word == "--quick") {
        true => &[1, 4],
        false => &[100, 1000],
    };
    let directory = tempfile::tempdir()?;
    println!(
        "{:<16} {:>8} {:<7} {:>8} {:>8}",
        "files", "trace", "verb", "memory", "time"
    );
    for files in ["the same", "their own"] {
        for size in sizes {
            let trace = directory.path().join("trace.jsonl");
            let processes = u32::try_from(size * 1_000_000 / PER_PROCESS).unwrap_or(u32::MAX);
            let written = write(&trace, processes, |number| match files {
                "the same" => "source".to_owned(),
                _ => format!("source-{number}"),
            })?;
            for (verb, args) in VERBS {
                let (memory, time) = run(args, &trace)?;
                println!(
                    "{:<16} {:>5} MB {verb:<7} {:>5} MB {:>6.1} s",
                    files,
                    written / 1_000_000,
                    memory >> 10,
                    time.as_secs_f64()
                );
            }
        }
    }
    paint(directory.path())
}

/// The page of so many processes,
const PROCESSES: u32 = 10_000;
/// is to be painted for the first time within this time, in milliseconds.
const PATIENCE: f64 = 2000.0;

/// Tells a script's console when the page was painted for the first time.
const OBSERVER: &str = "<script>new PerformanceObserver(list => {
    for (const it of list.getEntries())
        if (it.name === 'first-contentful-paint') console.log('painted after ' + it.startTime + ' ms');
}).observe({ type: 'paint', buffered: true });</script>";

fn paint(directory: &Path) -> io::Result<()> {
    let trace = directory.join("trace.jsonl");
    write(&trace, PROCESSES, |number| format!("source-{number}"))?;
    let file = directory.join("page.html");
    let reported = Command::new(NIXTRACE)
        .args(["report", "-q", "--force", "-o"])
        .args([&file, &trace])
        .status()?;
    if !reported.success() {
        return Err(io::Error::other(format!("report: {reported}")));
    }
    let page = std::fs::read_to_string(&file)?;
    std::fs::write(
        &file,
        page.replacen("<head>", &format!("<head>{OBSERVER}"), 1),
    )?;
    let browser = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args([
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            "--timeout=8000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            directory.join("profile").display()
        ))
        .arg(format!(
            "--screenshot={}",
            directory.join("page.png").display()
        ))
        .arg(format!("file://{}", file.display()))
        .output();
    let Ok(browser) = browser else {
        println!("without chromium it is not known when the page is painted");
        return Ok(());
    };
    let log = String::from_utf8_lossy(&browser.stderr);
    let time = log
        .split_once("painted after ")
        .and_then(|(_, rest)| rest.split_once(" ms"))
        .and_then(|(time, _)| time.parse::<f64>().ok())
        .ok_or_else(|| io::Error::other(format!("the page was not painted: {log}")))?;
    println!(
        "the page of {PROCESSES} processes, {} kB, was painted after {time:.0} ms",
        page.len() / 1024
    );
    assert!(time < PATIENCE, "it took too long");
    Ok(())
}

/// The most memory that a verb needed, in kB, and how long it took.
fn run(args: &[&str], trace: &Path) -> io::Result<(u64, Duration)> {
    let began = Instant::now();
    let output = Command::new(std::env::current_exe()?)
        .arg(MEASURE)
        .arg(PathBuf::from(NIXTRACE))
        .args(args)
        .arg(trace)
        .output()?;
    let time = began.elapsed();
    let told = String::from_utf8_lossy(&output.stdout);
    match told.trim().parse() {
        Ok(memory) if output.status.success() => Ok((memory, time)),
        _ => Err(io::Error::other(format!(
            "{args:?}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

/// Runs a command and prints the most memory that it needed, in kB.
fn measure(words: &[String]) -> io::Result<()> {
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(io::Error::other(format!("{words:?}: {status}")));
    }
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(())
}
