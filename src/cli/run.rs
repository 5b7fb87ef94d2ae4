//! `nixtrace -- COMMAND`: trace, resolve, write the expression.

use super::expression::ExpressionArgs;
use super::output::{Written, unwritable};
use super::tracing::{self, TracingArgs};
use super::{Exit, Failure};
use crate::graph::Builder;
use crate::pipeline::NamedRun;
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

    /// Keep the trace too; compressed if the name ends in .zst; an existing file is replaced only
    /// with --force
    #[arg(long, value_name = "FILE", help_heading = "Tracing")]
    trace: Option<PathBuf>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// For the verb, and not for the command line that needs none.
pub(super) const EXAMPLES: &str = "\
Examples:
  nixtrace run -- ./app --version           the same as nixtrace -- ./app --version
  nixtrace run -f package,flake -o nix/ -- make
  nixtrace run --check -- ./app             whether shell.nix is still right";

/// Where the records of a run go: folded into a graph as they come, and into a file if one is
/// wanted. A file that fails is left at that; the graph goes on.
struct Kept {
    writer: Option<Writer>,
    error: Option<io::Error>,
    builder: Option<Builder>,
}

impl Kept {
    fn write(&mut self, write: impl FnOnce(&mut Writer) -> io::Result<()>) {
        if let Some(writer) = &mut self.writer
            && self.error.is_none()
        {
            self.error = write(writer).err();
        }
    }

    /// Ends the file.
    fn finish_file(&mut self) -> io::Result<()> {
        match (self.error.take(), self.writer.take()) {
            (Some(error), _) => Err(error),
            (None, Some(writer)) => writer.finish(),
            (None, None) => Ok(()),
        }
    }
}

impl Sink for Kept {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.write(|writer| writer.record(record));
        match (&mut self.builder, record) {
            (Some(builder), _) => builder.add(record),
            (builder @ None, Record::Header(header)) => {
                *builder = Some(Builder::new(header.clone()));
            }
            // Nothing comes before the header.
            (None, _) => {}
        }
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.write(Writer::idle);
        Ok(())
    }
}

/// Runs the verb; the exit status is the command's, unless `--check` found a difference or
/// `--strict` something that could not be seen.
///
/// # Errors
/// When something cannot be used or written, or the command cannot be run.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let plan = args.expression.plan()?;
    let existing = args.expression.existing();
    if args.trace.is_some() && args.trace == args.expression.output {
        return Err(Failure::new("--trace and --output name the same file").exit_with(Exit::Usage));
    }
    let writer = match &args.trace {
        Some(path) => {
            Some(Writer::create(path, existing).map_err(|error| unwritable(path, &error))?)
        }
        None => None,
    };
    let mut kept = Kept {
        writer,
        error: None,
        builder: None,
    };
    let traced = tracing::observe(&args.command, &args.tracing, &mut kept)?;
    if let (Err(error), Some(path)) = (kept.finish_file(), &args.trace) {
        let failure = Failure::new(format!("the trace {} is cut short", path.display()));
        eprintln!("{}", failure.because(&error));
    }
    let builder = kept
        .builder
        .ok_or_else(|| Failure::new("the tracer saw nothing of the command"))?;
    let run = builder.finish();
    let written = plan.carry_out(&[NamedRun {
        name: "",
        run: &run,
    }])?;
    // The report has it, where there is one.
    if args.expression.quiet && traced.is_strict() {
        eprint!("{}", traced.not_seen());
    }
    let status = traced.exit_status();
    if status == 0 && written == Written::WouldChange {
        return Ok(Exit::Negative as u8);
    }
    Ok(status)
}
