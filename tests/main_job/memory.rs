//! A trace of any length is read in the same memory.

#[path = "../../benches/reading/long.rs"]
mod long;

use super::support::{Home, nixtrace};
use long::write;
use nix::sys::resource::{UsageWho, getrusage};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Has a copy of this program run the words in it, one a line, and print the most memory that they needed.
const ALONE: &str = "NIXTRACE_TEST_MEASURE";

/// What may be needed more for a trace that is six times as long, in kB: its processes are kept, up to a
/// limit, and the trace itself is 8 MB longer.
const MORE: u64 = 4 << 10;

/// The most memory that a command needed, in kB.
fn measure(words: &[&std::ffi::OsStr]) -> u64 {
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "memory::what_is_needed_to_read_a_trace_does_not_grow_with_its_length",
        ])
        .arg("--nocapture")
        .env(ALONE, words.join("\n"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let memory = told.lines().find_map(|line| line.strip_prefix("needed "));
    let memory = memory.and_then(|memory| memory.parse().ok());
    memory.unwrap_or_else(|| {
        panic!(
            "{words:?}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn trace(home: &Home, processes: u32) -> (PathBuf, u64) {
    let path = home.outside(format!("{processes}.jsonl"));
    let size = write(&path, processes, |_| "source".to_owned()).unwrap();
    (path, size)
}

fn needed(home: &Home, verb: &[&str], trace: &Path) -> u64 {
    let mut words = vec![nixtrace().as_os_str()];
    words.extend(verb.iter().map(std::ffi::OsStr::new));
    let output = home.outside("output");
    if verb[0] == "report" {
        words.extend(["-o".as_ref(), output.as_os_str()]);
    }
    words.push(trace.as_os_str());
    measure(&words)
}

#[test]
fn what_is_needed_to_read_a_trace_does_not_grow_with_its_length() {
    if let Ok(words) = std::env::var(ALONE) {
        let words: Vec<&str> = words.lines().collect();
        let status = Command::new(words[0])
            .args(&words[1..])
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        // A line of its own: with one thread, the harness has begun one with the test's name.
        println!(
            "\nneeded {}",
            getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss()
        );
        return;
    }
    let home = Home::new();
    let (short, few) = trace(&home, 150);
    let (long, many) = trace(&home, 1200);
    assert!(many > few + (8 << 20), "{few} and {many} bytes");
    // The report has all that `show` and `why` have.
    for verb in [&["report", "-q", "--force"][..], &["emit", "-q", "-o", "-"]] {
        let (less, more) = (needed(&home, verb, &short), needed(&home, verb, &long));
        assert!(
            more < less + MORE,
            "{verb:?}: {less} kB for the short one, {more} kB for the long one"
        );
    }
}
