//! How fast a log of strace is read: a real log, over and over, to 400 MB.
//!
//! `cargo bench --bench import` takes the log of a small build if strace and a compiler are there,
//! else that of `true`; `-- FILE` takes a log of your own, `-- --quick` reads little of it, once: that
//! shows that it runs, not how fast.

use nixtrace::disk::Links;
use nixtrace::trace::import::{Known, Options, strace};
use nixtrace::trace::{Record, Sink};
use std::io::{self, Read};
use std::process::Command;
use std::time::Instant;

/// So much is read, in bytes.
const SIZE: usize = 400 << 20;

/// So much is read to show that it runs.
const QUICK: usize = 4 << 20;

/// Takes records and keeps their number, so that only the reading is measured.
#[derive(Default)]
struct Count(u64);

impl Sink for &mut Count {
    fn record(&mut self, _: &Record) -> io::Result<()> {
        self.0 += 1;
        Ok(())
    }
}

/// A text again and again.
struct Again<'a> {
    text: &'a [u8],
    at: usize,
    left: usize,
}

impl Read for Again<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.text[self.at..];
        let length = rest.len().min(buffer.len()).min(self.left);
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at = (self.at + length) % self.text.len();
        self.left -= length;
        Ok(length)
    }
}

fn main() -> io::Result<()> {
    // cargo itself gives `--bench`.
    let given = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let text = match given {
        Some(file) => std::fs::read(file)?,
        None => log()?,
    };
    let is_quick = std::env::args().any(|word| word == "--quick");
    let (rounds, size) = if is_quick { (1, QUICK) } else { (3, SIZE) };
    // All of a log that is larger is read once.
    let size = size.max(text.len());
    let known = Known {
        cwd: Some("/tmp".into()),
        ..Known::default()
    };
    let options = Options {
        known: &known,
        strict: false,
    };
    for _ in 0..rounds {
        let again = Again {
            text: &text,
            at: 0,
            left: size / text.len() * text.len(),
        };
        let mut count = Count::default();
        let start = Instant::now();
        let imported = strace::read("log", again, options, &mut Links::default(), &mut count)
            .map_err(io::Error::other)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{:.0} MB/s: {} lines in {seconds:.2} s, {} records, {} lines skipped",
            size as f64 / 1e6 / seconds,
            imported.entries,
            count.0,
            imported.skipped
        );
    }
    Ok(())
}

/// The log of a small build.
fn log() -> io::Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let (source, log) = (directory.path().join("a.c"), directory.path().join("log"));
    std::fs::write(
        &source,
        "#include <stdio.h>\nint main(void) { return puts(\"\"); }\n",
    )?;
    let traced = |command: &[&str]| {
        Command::new("strace")
            .args(["-f", "-o"])
            .arg(&log)
            .args(command)
            .current_dir(directory.path())
            .status()
    };
    if !traced(&["cc", "a.c", "-o", "a"])?.success() {
        traced(&["true"])?;
    }
    std::fs::read(log)
}
