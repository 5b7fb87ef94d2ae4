//! What it costs to write everything from a large trace: `cargo bench --bench emit`.
//!
//! The trace of a build with 10,000 processes is made up, of compilers that read headers and of
//! linkers, so that the bench needs no tool and every machine measures the same. The built program
//! writes all formats from it. Reading the trace alone is the yardstick: what the rest adds is told
//! as a ratio to it. Exits with 1 beyond the goals: 1 s, 200 MB.
//!
//! `--quick` measures once, a build with a tenth of the processes, with ten times the time that the
//! goal leaves for it: enough to see on a busy machine that nothing has become slow by an order.

#![allow(
    clippy::unwrap_used,
    reason = "a bench that meets a surprise is to stop, and says so by panicking"
)]

use nixtrace::atomic::Existing;
use nixtrace::trace::{
    Access, Executed, ExitStatus, Exited, Footer, Header, Micros, Operation, Outcome, ProcessId,
    Reader, Record, Sink, Started, Writer,
};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Processes of the build, and how often all is measured.
struct Size {
    processes: u32,
    runs: usize,
    /// The time that is allowed.
    time: Duration,
}

const WHOLE: Size = Size {
    processes: 10_000,
    runs: 5,
    time: Duration::from_secs(1),
};
const QUICK: Size = Size {
    processes: 1_000,
    runs: 1,
    time: Duration::from_secs(1),
};
const HEADERS: u32 = 40;
const MEGABYTES: u64 = 200;

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|word| word == "--quick");
    let Size {
        processes,
        runs,
        time,
    } = if is_quick { QUICK } else { WHOLE };
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("build.jsonl");
    write_trace(&trace, processes);
    let size = std::fs::metadata(&trace).unwrap().len() >> 20;
    let reading = median(runs, || {
        let reader = Reader::open(&trace).unwrap();
        assert!(reader.map(Result::unwrap).count() > processes as usize);
    });
    let emitting = median(runs, || emit(&trace, directory.path()));
    let memory = peak_memory_of_children() >> 10;
    println!("a trace of {processes} processes, {size} MB");
    println!("reading it            {:7.1} ms", milliseconds(reading));
    println!(
        "writing all formats   {:7.1} ms, {:.2} times as long",
        milliseconds(emitting),
        emitting.as_secs_f64() / reading.as_secs_f64()
    );
    println!("peak resident memory  {memory:7} MB");
    // Without optimisation the figures mean nothing.
    let counts = !cfg!(debug_assertions);
    if counts && (emitting > time || memory > MEGABYTES) {
        println!("beyond the goals: {time:?}, {MEGABYTES} MB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn median(runs: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}

/// Has the built program write every format.
fn emit(trace: &Path, directory: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .arg("emit")
        .arg(trace)
        .args([
            "-q",
            "--force",
            "-f",
            "shell,package,flake,overlay,module,image,arion",
            "-o",
        ])
        // With a slash at its end.
        .arg(directory.join(""))
        .status()
        .unwrap();
    assert!(status.success());
}

/// The largest resident size that any child had, in kilobytes.
fn peak_memory_of_children() -> u64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    usage.unwrap().max_rss().unsigned_abs()
}

fn write_trace(path: &Path, processes: u32) {
    let mut writer = Writer::create(path, Existing::Replace).unwrap();
    let mut write = |record: Record| writer.record(&record).unwrap();
    write(Record::Header(header()));
    start(&mut write, 0, None, "/usr/bin/make", "make -j8");
    for process in 1..processes {
        match process % 4 {
            0 => {
                let line = format!("ld -o out/part{process} out/{}.o -lz -lssl", process - 1);
                start(&mut write, process, Some(0), "/usr/bin/ld", &line);
                access(
                    &mut write,
                    process,
                    Operation::Read,
                    "/usr/lib/x86_64-linux-gnu/libz.so",
                );
                access(
                    &mut write,
                    process,
                    Operation::Read,
                    "/usr/lib/x86_64-linux-gnu/libssl.so",
                );
                access(
                    &mut write,
                    process,
                    Operation::Write,
                    &project(&format!("out/part{process}")),
                );
            }
            1 => start(&mut write, process, Some(0), "/bin/sh", "sh -c cc"),
            2 => start(
                &mut write,
                process,
                Some(0),
                "/usr/bin/gcc",
                "gcc -c main.c",
            ),
            _ => {
                let line = format!("cc1 -quiet src/{process}.c");
                start(
                    &mut write,
                    process,
                    Some(0),
                    "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
                    &line,
                );
                access(
                    &mut write,
                    process,
                    Operation::Read,
                    &project(&format!("src/{process}.c")),
                );
                for header in 0..HEADERS {
                    let path = format!("/usr/include/openssl/h{header}.h");
                    access(&mut write, process, Operation::Read, &path);
                }
                access(
                    &mut write,
                    process,
                    Operation::Write,
                    &project(&format!("out/{process}.o")),
                );
            }
        }
        write(Record::Exited(Exited {
            process: ProcessId(process),
            at: Micros(u64::from(process)),
            status: ExitStatus::Code(0),
        }));
    }
    write(Record::Footer(Footer {
        status: Some(ExitStatus::Code(0)),
        duration: Micros(1),
        processes: u64::from(processes),
        accesses: 1,
        gaps: 0,
    }));
    writer.finish().unwrap();
}

fn project(inner: &str) -> String {
    format!("/home/ada/project/{inner}")
}

fn start(
    write: &mut impl FnMut(Record),
    process: u32,
    parent: Option<u32>,
    path: &str,
    line: &str,
) {
    write(Record::Started(Started {
        process: ProcessId(process),
        pid: process.cast_signed() + 100,
        parent: parent.map(ProcessId),
        at: Micros(u64::from(process)),
    }));
    write(Record::Executed(Executed {
        root: None,
        process: ProcessId(process),
        at: Micros(u64::from(process)),
        path: Some(path.into()),
        real: None,
        argv: Some(line.split(' ').map(Into::into).collect()),
        cwd: Some("/home/ada/project".into()),
        interpreters: Vec::new(),
        loader: None,
        env: Default::default(),
    }));
}

fn access(write: &mut impl FnMut(Record), process: u32, operation: Operation, path: &str) {
    write(Record::Accessed(Access {
        root: None,
        process: ProcessId(process),
        at: Micros(u64::from(process)),
        operation,
        path: path.into(),
        real: None,
        target: None,
        outcome: Outcome::Success,
        count: 1,
    }));
}

fn header() -> Header {
    Header {
        format: nixtrace::trace::FORMAT_VERSION,
        nixtrace: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: "Linux 6.18".to_owned(),
        architecture: "x86_64".to_owned(),
        os: Default::default(),
        start: 0,
        argv: vec!["make".into(), "-j8".into()],
        cwd: "/home/ada/project".into(),
        home: Some("/home/ada".into()),
        environment: Vec::new(),
        inherited: Vec::new(),
        engine: "notify".to_owned(),
        scenarios: Vec::new(),
        exact: false,
    }
}
