//! `nixtrace record`: only trace.

use super::Failure;
use super::output::unwritable;
use super::tracing::{self, TracingArgs};
use crate::atomic::Existing;
use crate::trace::Writer;
use std::ffi::OsString;
use std::path::PathBuf;

/// Run a command and keep the trace of what it did
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Where to keep the trace; compressed if the name ends in .zst
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    tracing: TracingArgs,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the verb; the exit status is the command's, unless `--strict` finds fault.
///
/// # Errors
/// When the trace cannot be created or the command not be run.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let mut writer =
        Writer::create(&args.output, existing).map_err(|error| unwritable(&args.output, &error))?;
    let mut traced = tracing::observe(&args.command, &args.tracing, &mut writer)?;
    let finished = match traced.observation.sink_error.take() {
        Some(error) => Err(error),
        None => writer.finish(),
    };
    if !args.quiet || traced.is_strict() {
        eprint!("{}", traced.not_seen());
    }
    if let Err(error) = finished {
        // The command ran to its end all the same, and its status is worth more than ours.
        eprintln!(
            "{}",
            Failure::new(format!("the trace {} is cut short", args.output.display()))
                .because(&error)
        );
    } else if !args.quiet {
        eprintln!("nixtrace: trace in {}", args.output.display());
    }
    Ok(traced.exit_status())
}
