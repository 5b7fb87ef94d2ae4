//! `nixtrace import`: traces that other programs have taken.

mod strace;

use super::output::unwritable;
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::disk::Links;
use crate::report::printable;
use crate::trace::import::{ImportError, Imported, Known, Options, fsatrace, reprozip, tracexec};
use crate::trace::{Bytes, WholeWriter};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Turn a trace of another program into one of nixtrace
///
/// Links are resolved, and interpreters and loaders looked up, on this machine: import where the
/// trace was taken. An entry that cannot be read is reported with its number and skipped. What a kind
/// of trace does not tell is said in the result (docs/reading.md).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Which program has taken it
    #[arg(value_name = "KIND", value_enum)]
    kind: Kind,

    /// The trace, `-` for standard input; of `strace -ff` its files, or the name given to `-o`; of
    /// ReproZip `trace.sqlite3`, or the directory that it is in
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The command that fsatrace ran, which its output does not tell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    /// Where to write the result; compressed if the name ends in .zst
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    /// The directory that the command was started in [default: as the trace tells, else this one]
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,

    /// The home directory of who ran it [default: yours]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,

    /// Of a trace of ReproZip with several runs, this one
    #[arg(long, value_name = "N")]
    run: Option<i64>,

    /// Refuse a trace with an entry that cannot be read
    #[arg(long)]
    strict: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The text of strace: -f or -ff, any of -t -tt -ttt -r -T -y -yy -v -s -x
    Strace,
    /// The database of reprozip 1: trace.sqlite3 in .reprozip-trace
    Reprozip,
    /// The JSON of tracexec: --format json or json-stream
    Tracexec,
    /// The output of fsatrace, with the option r and any of w m d q t
    Fsatrace,
}

impl Kind {
    /// What its traces consist of.
    fn entries(self) -> &'static str {
        match self {
            Self::Strace | Self::Fsatrace => "lines",
            Self::Reprozip => "rows",
            Self::Tracexec => "events",
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  strace -f -y -v -s 4096 -o app.strace ./app
  nixtrace import strace app.strace -o app.jsonl
  strace -ff -o app.strace ./app; nixtrace import strace app.strace -o app.jsonl
  nixtrace import reprozip .reprozip-trace -o app.jsonl
  tracexec collect -F json-stream -o app.json -- make; nixtrace import tracexec app.json -o app.jsonl
  fsatrace rwmd app.fsatrace -- make; nixtrace import fsatrace app.fsatrace -o app.jsonl -- make
  nixtrace emit app.jsonl";

/// Runs the verb.
///
/// # Errors
/// When the trace cannot be read or the result not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let mut writer = WholeWriter::create(&args.output, existing)
        .map_err(|error| unwritable(&args.output, &error))?;
    if args.kind != Kind::Strace && args.files.len() > 1 {
        return Err(
            Failure::new("only strace has several files for one trace").exit_with(Exit::Usage)
        );
    }
    if args.kind != Kind::Fsatrace && !args.command.is_empty() {
        return Err(Failure::new("such a trace tells its command itself").exit_with(Exit::Usage));
    }
    if args.kind != Kind::Reprozip && args.run.is_some() {
        return Err(Failure::new("--run is for traces of ReproZip").exit_with(Exit::Usage));
    }
    let imported = match args.kind {
        Kind::Strace => strace::import(&args, &mut writer),
        Kind::Reprozip => import_reprozip(&args, &mut writer),
        Kind::Tracexec => import_tracexec(&args, &mut writer),
        Kind::Fsatrace => import_fsatrace(&args, &mut writer),
    };
    let imported = imported.map_err(|error| failure(&args, &error))?;
    if imported.entries == 0 {
        return Err(Failure::new("the trace is empty"));
    }
    writer
        .finish()
        .map_err(|error| unwritable(&args.output, &error))?;
    for bad in &imported.bad {
        eprintln!(
            "nixtrace: skipped {}",
            printable(bad.to_string().as_bytes())
        );
    }
    let told = imported.bad.len() as u64;
    if imported.skipped > told {
        eprintln!(
            "nixtrace: skipped {} more {}",
            imported.skipped - told,
            args.kind.entries()
        );
    }
    if !args.quiet {
        eprintln!(
            "nixtrace: {} {}, trace in {}",
            imported.entries,
            args.kind.entries(),
            shown(&args.output)
        );
    }
    Ok(Exit::Success as u8)
}

fn failure(args: &Args, error: &ImportError) -> Failure {
    match error {
        ImportError::Write(source) => unwritable(&args.output, source),
        ImportError::Entry(_) => Failure::of(error).hint(format!(
            "without --strict such {} are skipped",
            args.kind.entries()
        )),
        _ => Failure::of(error),
    }
}

/// Opens the file, or standard input.
fn open(file: &Path) -> Result<Box<dyn Read + Send>, ImportError> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(file).map_err(|source| ImportError::Read {
        file: shown(file),
        source,
    })?;
    Ok(Box::new(opened))
}

fn import_reprozip(args: &Args, writer: &mut WholeWriter) -> Result<Imported, ImportError> {
    let named = &args.files[0];
    let file = match named.is_dir() {
        true => named.join("trace.sqlite3"),
        false => named.clone(),
    };
    let known = known(args, given_directory(args));
    let options = options(args, &known);
    reprozip::read(&file, args.run, options, &mut Links::default(), writer)
}

fn import_tracexec(args: &Args, writer: &mut WholeWriter) -> Result<Imported, ImportError> {
    let file = &args.files[0];
    let known = known(args, given_directory(args));
    let options = options(args, &known);
    let text = open(file)?;
    tracexec::read(&shown(file), text, options, &mut Links::default(), writer)
}

fn import_fsatrace(args: &Args, writer: &mut WholeWriter) -> Result<Imported, ImportError> {
    let file = &args.files[0];
    let cwd = given_directory(args).or_else(|| this_directory(args));
    let known = known(args, cwd);
    let options = options(args, &known);
    let text = BufReader::new(open(file)?);
    fsatrace::read(&shown(file), text, options, &mut Links::default(), writer)
}

fn options<'a>(args: &Args, known: &'a Known) -> Options<'a> {
    Options {
        known,
        strict: args.strict,
    }
}

/// What a person says of the run.
fn known(args: &Args, cwd: Option<Bytes>) -> Known {
    let home = args.home.clone().map(OsString::from);
    let home = home.or_else(|| std::env::var_os("HOME").filter(|home| !home.is_empty()));
    Known {
        cwd,
        home: home.map(Bytes::from),
        argv: args.command.iter().cloned().map(Bytes::from).collect(),
    }
}

fn given_directory(args: &Args) -> Option<Bytes> {
    let given = args.cwd.clone()?;
    Some(given.canonicalize().unwrap_or(given).into())
}

/// The directory that this is, as the one where the command was started.
fn this_directory(args: &Args) -> Option<Bytes> {
    let here = std::env::current_dir().ok()?;
    if !args.quiet {
        eprintln!(
            "nixtrace: the trace does not tell where the command was started; taken to be {} \
             (--cwd DIR says otherwise)",
            shown(&here)
        );
    }
    Some(Bytes::from(here))
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}
