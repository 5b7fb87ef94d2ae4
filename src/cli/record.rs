//! `nixtrace record`: only trace.

use super::Failure;
use super::output::unwritable;
use super::tracing::{self, Traced, TracingArgs};
use crate::atomic::Existing;
use crate::report::printable;
use crate::trace::merge::{Input, merge};
use crate::trace::{Runs, Writer};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Run a command and keep the trace of what it did
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where to keep the trace; compressed if the name ends in .zst
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file if it exists
    #[arg(long, conflicts_with = "append")]
    force: bool,

    /// Add the run to the trace if it exists, under a name of its own
    #[arg(long)]
    append: bool,

    /// The name of the run in the trace [default: the command's]
    #[arg(long, value_name = "NAME", requires = "append")]
    name: Option<String>,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    tracing: TracingArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace record -o app.jsonl -- ./app
  nixtrace record -o build.jsonl.zst -- make
  nixtrace record --append --name import -o app.jsonl -- ./app import data.csv";

/// Runs the verb; the exit status is the command's, unless `--strict` finds fault.
///
/// # Errors
/// When the trace cannot be created or the command not be run.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    if args.append {
        return append(args);
    }
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let writer =
        Writer::create(&args.output, existing).map_err(|error| unwritable(&args.output, &error))?;
    let (traced, cut_short) = record(&args, writer)?;
    if let Some(error) = cut_short {
        // The command ran to its end all the same, and its status is worth more than ours.
        eprintln!("{}", is_cut_short(&args.output, &error));
    } else if !args.quiet {
        eprintln!("nixtrace: trace in {}", shown(&args.output));
    }
    Ok(traced.exit_status())
}

/// Records into a file beside the trace and, when the command has ended, makes one of the two: until
/// then the trace is as it was.
fn append(args: Args) -> Result<u8, Failure> {
    let known = match args.output.exists() {
        true => {
            let runs = Runs::open(&args.output).map_err(|error| Failure::of(&error))?;
            let names = runs.scenarios().iter().map(|it| it.name.clone());
            names.collect()
        }
        false => Vec::new(),
    };
    let name = free_name(&args, &known);
    let directory = match args.output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let beside = tempfile::Builder::new()
        .prefix(".nixtrace-")
        .suffix(".jsonl")
        .tempfile_in(directory)
        .map_err(|error| unwritable(&args.output, &error))?
        .into_temp_path();
    let writer = Writer::create(&beside, Existing::Replace)
        .map_err(|error| unwritable(&args.output, &error))?;
    let (traced, cut_short) = record(&args, writer)?;
    if let Some(error) = cut_short {
        eprintln!("{}", is_cut_short(&args.output, &error));
    }
    let run = Input {
        path: beside.to_path_buf(),
        name: Some(name.clone()),
    };
    let mut inputs = vec![run];
    if args.output.exists() {
        inputs.push(Input {
            path: args.output.clone(),
            name: None,
        });
    }
    match merge(&inputs, &args.output, Existing::Replace) {
        Ok(merged) if !args.quiet => eprintln!(
            "nixtrace: run `{}` is one of {} in {}",
            printable(name.as_bytes()),
            merged.runs,
            shown(&args.output)
        ),
        Ok(_) => {}
        Err(error) => {
            // What was recorded cannot be had again, so it stays where it is.
            let failure = super::merge::failure(&error);
            let failure = match beside.keep() {
                Ok(kept) => failure.hint(format!("the run is kept in {}", shown(&kept))),
                Err(_) => failure,
            };
            eprintln!("{failure}");
        }
    }
    Ok(traced.exit_status())
}

/// The name that is asked for or the command's; with a number where the trace has it already.
fn free_name(args: &Args, known: &[String]) -> String {
    let command = args.command.first().map(PathBuf::from);
    let of_command = command.as_deref().and_then(Path::file_name);
    let of_command = of_command.map_or("run".into(), |name| name.to_string_lossy());
    let name = args.name.as_deref().unwrap_or(&of_command);
    if !known.iter().any(|it| it == name) {
        return name.to_owned();
    }
    let mut number = 2;
    while known.contains(&format!("{name}-{number}")) {
        number += 1;
    }
    format!("{name}-{number}")
}

/// Runs the command and tells what could not be seen of it; why the trace is not whole if it is not.
fn record(args: &Args, mut writer: Writer) -> Result<(Traced, Option<io::Error>), Failure> {
    let mut traced = tracing::observe(&args.command, &args.tracing, &mut writer)?;
    let finished = match traced.observation.sink_error.take() {
        Some(error) => Err(error),
        None => writer.finish(),
    };
    if !args.quiet || traced.is_strict() {
        eprint!("{}", traced.not_seen());
    }
    Ok((traced, finished.err()))
}

fn is_cut_short(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("the trace {} is cut short", path.display())).because(error)
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}
