//! What an index of all of nixpkgs costs: to make, and to ask.
//!
//! ```text
//! cargo bench --bench resolver [-- --paths 20000000 | --quick]
//! ```
//!
//! Makes a synthetic nix-index database, has the program make an index from it, and asks a thousand
//! names. *Cold* is the first time, the index not in the system's cache, its opening and checksum
//! counted; *warm* is a new resolver on the open index. Where `nix-locate` is on the `PATH`, it is asked
//! for one of the names in the same database, and the ratio is told.

mod synthetic;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::resource::{UsageWho, getrusage};
use nixtrace::resolve::index::Index;
use nixtrace::resolve::{Query, Resolver, Verdict};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const NAMES: u64 = 1000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let paths = match arguments.iter().position(|argument| argument == "--paths") {
        Some(at) => arguments
            .get(at + 1)
            .ok_or("--paths needs a number")?
            .parse()?,
        // `--quick` only shows that it runs.
        None if arguments.iter().any(|argument| argument == "--quick") => 100_000,
        None => 20_000_000,
    };
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("files");
    let index = directory.path().join("index");
    let begun = Instant::now();
    let mut file = BufWriter::new(File::create(&database)?);
    let packages = synthetic::write(paths, &mut file)?;
    file.flush()?;
    let size = |path: &Path| -> Outcome<f64> { Ok(std::fs::metadata(path)?.len() as f64 / 1e6) };
    println!(
        "a database of {paths} paths in {packages} store paths: {:.0} MB, made in {:.1} s",
        size(&database)?,
        begun.elapsed().as_secs_f64()
    );

    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["index", "build", "--quiet", "--nix-index"])
        .arg(&database)
        .arg("--output")
        .arg(&index)
        .env("HOME", directory.path())
        .status()?;
    if !status.success() {
        return Err("the index cannot be made".into());
    }
    println!(
        "the index: {:.0} MB, made in {:.1} s with at most {:.0} MB of memory (goal: 1024)",
        size(&index)?,
        begun.elapsed().as_secs_f64(),
        getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() as f64 / 1024.0
    );

    let names = synthetic::names(packages, NAMES);
    forget(&index)?;
    let (cold, answered) = ask(&names, || {
        Ok(Resolver::new().with_index(Index::open(&index)?))
    })?;
    println!(
        "cold: {NAMES} names in {} (goal: 100 ms), {answered} answered",
        shown(cold)
    );
    // Opened once and never closed, as a process that asks more than once does.
    let open: &'static Index = Box::leak(Box::new(Index::open(&index)?));
    let mut warm: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        warm.push(ask(&names, || Ok(Resolver::new().with_index(open)))?.0);
    }
    warm.sort();
    let warm = warm[warm.len() / 2];
    println!("warm: {NAMES} names in {} (goal: 5 ms)", shown(warm));
    match located(directory.path(), &names[0])? {
        Some(one) => {
            let ratio = one.as_secs_f64() / (warm.as_secs_f64() / NAMES as f64);
            println!(
                "nix-locate: one name in {}, {ratio:.0} times as long",
                shown(one)
            );
        }
        None => println!("nix-locate: not on the PATH"),
    }
    Ok(())
}

/// How long `nix-locate` takes for one library, if it is there.
fn located(database: &Path, name: &str) -> Outcome<Option<Duration>> {
    let begun = Instant::now();
    let asked = Command::new("nix-locate")
        .arg("--db")
        .arg(database)
        .args(["--whole-name", "--minimal"])
        .arg(format!("/lib/{name}"))
        .output();
    match asked {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(output) if output.status.success() => Ok(Some(begun.elapsed())),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// How long a resolver takes to come up and to answer, and how many answers it has.
fn ask(names: &[String], open: impl FnOnce() -> Outcome<Resolver>) -> Outcome<(Duration, usize)> {
    let begun = Instant::now();
    let resolver = open()?;
    let answered = names
        .iter()
        .filter(|name| resolver.resolve(&Query::parse(name.as_bytes())).verdict == Verdict::Package)
        .count();
    Ok((begun.elapsed(), answered))
}

/// Has the system drop a file from its cache.
fn forget(path: &Path) -> Outcome<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(())
}

fn shown(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
