//! `nixtrace merge`: the runs of several traces in one.

use super::output::unwritable;
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::report::printable;
use crate::trace::merge::{Input, MergeError, merge};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Put the runs of several traces into one
///
/// The result is the set of all runs, each under its name: the order of the traces does not matter,
/// and a run that two of them have is there once. All verbs that read a trace read a merged one, and
/// tell which run needed what.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The traces; NAME=FILE names a run, which is otherwise named after its file
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<OsString>,

    /// Where to write the result; compressed if the name ends in .zst
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace merge -o all.jsonl start.jsonl import.jsonl
  nixtrace merge -o all.jsonl smoke=a.jsonl full=b.jsonl
  nixtrace emit all.jsonl";

/// Runs the verb.
///
/// # Errors
/// When a trace cannot be read or the result not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let inputs: Vec<Input> = args.traces.into_iter().map(input).collect();
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let merged = merge(&inputs, &args.output, existing).map_err(|error| failure(&error))?;
    if !args.quiet {
        let runs = if merged.runs == 1 { "run" } else { "runs" };
        let twice = match merged.twice {
            0 => String::new(),
            count => format!(" ({count} more were there twice)"),
        };
        eprintln!(
            "nixtrace: {} {runs} in {}{twice}",
            merged.runs,
            printable(args.output.as_os_str().as_bytes())
        );
    }
    Ok(Exit::Success as u8)
}

/// `NAME=FILE`, or a file. A name has no slash, so a path with `=` in a directory is a file.
fn input(word: OsString) -> Input {
    let bytes = word.as_bytes();
    let equals = bytes.iter().position(|&byte| byte == b'=');
    let named = equals.filter(|&at| at > 0 && !bytes[..at].contains(&b'/'));
    match named.and_then(|at| Some((std::str::from_utf8(&bytes[..at]).ok()?, at))) {
        Some((name, at)) if !PathBuf::from(&word).exists() => Input {
            name: Some(name.to_owned()),
            path: OsString::from_vec(bytes[at + 1..].to_vec()).into(),
        },
        _ => Input {
            path: word.into(),
            name: None,
        },
    }
}

/// The failure to merge.
pub(super) fn failure(error: &MergeError) -> Failure {
    match error {
        MergeError::Write { path, source } => unwritable(path, source),
        _ => Failure::of(error),
    }
}
