//! `nixtrace emit`: from a trace that was kept to an expression.

use super::expression::ExpressionArgs;
use super::output::Written;
use super::{Exit, Failure, reading};
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
    let written = plan.carry_out(&reading::run(&args.trace)?)?;
    Ok(match written {
        Written::WouldChange => Exit::Negative,
        Written::Yes | Written::UpToDate => Exit::Success,
    } as u8)
}
