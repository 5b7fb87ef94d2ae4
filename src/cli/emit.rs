//! `nixtrace emit`: from a trace that was kept to an expression.

use super::expression::ExpressionArgs;
use super::output::Written;
use super::{Exit, Failure};
use crate::graph::Builder;
use crate::trace::{Gap, GapKind, Micros, Reader, Record};
use std::path::PathBuf;

/// Write an expression from a trace that was recorded before
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    #[command(flatten)]
    expression: ExpressionArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the trace cannot be read or the expression not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let plan = args.expression.plan()?;
    let unreadable = |error| Failure::of(&error);
    let mut reader = Reader::open(&args.trace).map_err(unreadable)?;
    let mut builder = Builder::new(reader.header().clone());
    for record in reader.by_ref() {
        builder.add(&record.map_err(unreadable)?);
    }
    if reader.truncated() {
        builder.add(&Record::Gap(Gap {
            process: None,
            at: Micros(0),
            kind: GapKind::Truncated,
            detail: "the trace was cut short; what came after its last line is not known"
                .to_owned(),
            count: 1,
        }));
    }
    let written = plan.carry_out(&builder.finish())?;
    Ok(match written {
        Written::WouldChange => Exit::Negative,
        Written::Yes | Written::UpToDate => Exit::Success,
    } as u8)
}
