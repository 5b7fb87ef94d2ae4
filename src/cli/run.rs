//! `nixtrace -- COMMAND`: trace, resolve, write the expression.

use super::expression::ExpressionArgs;
use super::output::{Written, unwritable};
use super::tracing::{self, TracingArgs};
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::graph::Builder;
use crate::trace::{Record, Sink, Writer};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Run a command and write the Nix expression that provides what it used
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    expression: ExpressionArgs,

    #[command(flatten)]
    tracing: TracingArgs,

    /// Keep the trace too; compressed if the name ends in .zst
    #[arg(long, value_name = "FILE", help_heading = "Tracing")]
    trace: Option<PathBuf>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Folds the records into a graph as they come.
#[derive(Default)]
struct Folded(Option<Builder>);

impl Sink for Folded {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        match (&mut self.0, record) {
            (Some(builder), _) => builder.add(record),
            (builder @ None, Record::Header(header)) => {
                *builder = Some(Builder::new(header.clone()));
            }
            // Nothing comes before the header.
            (None, _) => {}
        }
        Ok(())
    }
}

/// Runs the verb; the exit status is the command's, unless `--check` found a difference.
///
/// # Errors
/// When something cannot be used or written, or the command cannot be run.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let plan = args.expression.plan()?;
    let writer = match &args.trace {
        Some(path) => Some(
            Writer::create(path, Existing::Replace).map_err(|error| unwritable(path, &error))?,
        ),
        None => None,
    };
    let mut sink = (writer, Folded::default());
    let observation = match tracing::observe(&args.command, &args.tracing, &mut sink) {
        Ok(observation) => observation,
        Err(failure) => {
            if let Some(path) = &args.trace {
                // Nothing ran, so there is nothing to keep.
                let _ = std::fs::remove_file(path);
            }
            return Err(failure);
        }
    };
    let (writer, Folded(builder)) = sink;
    if let (Some(writer), Some(path)) = (writer, &args.trace) {
        let finished = match observation.sink_error {
            Some(error) => Err(error),
            None => writer.finish(),
        };
        if let Err(error) = finished {
            let failure = Failure::new(format!("the trace {} is cut short", path.display()));
            eprintln!("{}", failure.because(&error));
        }
    }
    let builder = builder.ok_or_else(|| Failure::new("the tracer saw nothing of the command"))?;
    let written = plan.carry_out(&builder.finish())?;
    let status = tracing::mirrored(observation.status);
    if status == 0 && written == Written::WouldChange {
        return Ok(Exit::Negative as u8);
    }
    Ok(status)
}
