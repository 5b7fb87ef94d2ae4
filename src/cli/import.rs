//! `nixtrace import`: traces that other programs have taken.

use super::output::unwritable;
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::disk::Links;
use crate::report::printable;
use crate::trace::import::{ImportError, Imported, Known, strace};
use crate::trace::{Bytes, WholeWriter};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Turn a trace of another program into one of nixtrace
///
/// Links are resolved, and interpreters and loaders looked up, on this machine: import where the
/// trace was taken. A line that cannot be read is reported with its number and skipped.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Which program has taken it
    #[arg(value_name = "KIND", value_enum)]
    kind: Kind,

    /// The trace, `-` for standard input; of `strace -ff` its files, or the name given to `-o`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

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

    /// Refuse a trace with a line that cannot be read
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
}

const EXAMPLES: &str = "\
Examples:
  strace -f -y -v -s 4096 -o app.strace ./app
  nixtrace import strace app.strace -o app.jsonl
  strace -ff -o app.strace ./app; nixtrace import strace app.strace -o app.jsonl
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
    let imported = match args.kind {
        Kind::Strace => import_strace(&args, &mut writer),
    };
    let imported = imported.map_err(|error| failure(&args, &error))?;
    if imported.lines == 0 {
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
        eprintln!("nixtrace: skipped {} more lines", imported.skipped - told);
    }
    if !args.quiet {
        eprintln!(
            "nixtrace: {} lines, trace in {}",
            imported.lines,
            shown(&args.output)
        );
    }
    Ok(Exit::Success as u8)
}

fn failure(args: &Args, error: &ImportError) -> Failure {
    match error {
        ImportError::Write(source) => unwritable(&args.output, source),
        ImportError::Line(_) => Failure::of(error).hint("without --strict such a line is skipped"),
        _ => Failure::of(error),
    }
}

/// So much of a log is looked at to learn where the command was started.
const HEAD: u64 = 1 << 20;

fn import_strace(args: &Args, writer: &mut WholeWriter) -> Result<Imported, ImportError> {
    let mut system = Links::default();
    let files = match args.files.as_slice() {
        [file] => match files_of_threads(file) {
            files if files.is_empty() => None,
            files => Some(files),
        },
        files => Some(by_thread(files)?),
    };
    let Some(files) = files else {
        let file = &args.files[0];
        let read_error = |source| ImportError::Read {
            file: shown(file),
            source,
        };
        let mut text: Box<dyn Read + Send> = if file.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(file).map_err(read_error)?)
        };
        let mut head = Vec::new();
        text.by_ref()
            .take(HEAD)
            .read_to_end(&mut head)
            .map_err(read_error)?;
        let known = known(args, &head);
        let options = strace::Options {
            known: &known,
            strict: args.strict,
        };
        let text = Cursor::new(head).chain(text);
        return strace::read(&shown(file), text, options, &mut system, writer);
    };
    let mut head = Vec::new();
    if let Some(first) = files.values().next() {
        // That it cannot be read is told when it is read whole.
        let _ = File::open(first).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    }
    let known = known(args, &head);
    let options = strace::Options {
        known: &known,
        strict: args.strict,
    };
    strace::read_each(files, options, &mut system, writer)
}

/// What is known of the run besides the log's lines.
fn known(args: &Args, head: &[u8]) -> Known {
    let given = args
        .cwd
        .clone()
        .map(|cwd| cwd.canonicalize().unwrap_or(cwd));
    let cwd = given
        .map(Bytes::from)
        .or_else(|| strace::start_directory(head));
    let cwd = cwd.or_else(|| {
        let here = std::env::current_dir().ok()?;
        if !args.quiet {
            eprintln!(
                "nixtrace: the log does not tell where the command was started; taken to be {} \
                 (--cwd DIR says otherwise)",
                shown(&here)
            );
        }
        Some(Bytes::from(here))
    });
    let home = args.home.clone().map(OsString::from);
    let home = home.or_else(|| std::env::var_os("HOME").filter(|home| !home.is_empty()));
    Known {
        cwd,
        home: home.map(Bytes::from),
    }
}

/// The files `NAME.PID` that `strace -ff -o NAME` has written; none where NAME is a file itself.
fn files_of_threads(name: &Path) -> BTreeMap<u32, PathBuf> {
    let directory = match name.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (Some(stem), false, Ok(entries)) = (name.file_name(), name.exists(), directory.read_dir())
    else {
        return BTreeMap::new();
    };
    let of_thread = |file: &OsStr| {
        let rest = file.as_bytes().strip_prefix(stem.as_bytes())?;
        std::str::from_utf8(rest.strip_prefix(b".")?)
            .ok()?
            .parse()
            .ok()
    };
    entries
        .flatten()
        .filter_map(|entry| Some((of_thread(&entry.file_name())?, entry.path())))
        .collect()
}

/// Files by the thread number at the end of their names.
fn by_thread(files: &[PathBuf]) -> Result<BTreeMap<u32, PathBuf>, ImportError> {
    files
        .iter()
        .map(|file| {
            let number = file.extension().and_then(OsStr::to_str);
            match number.and_then(|number| number.parse().ok()) {
                Some(number) => Ok((number, file.clone())),
                None => Err(ImportError::Other {
                    file: shown(file),
                    kind: "file of `strace -ff`",
                    why: "its name does not end in a process number".to_owned(),
                }),
            }
        })
        .collect()
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}
