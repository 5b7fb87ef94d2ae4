//! `nixtrace emit`: from traces that were kept to an expression.

use super::expression::ExpressionArgs;
use super::output::Written;
use super::reading::{self, Named};
use super::{Exit, Failure};
use std::path::PathBuf;

/// Write an expression from traces that were recorded before
///
/// Several traces, or a merged one, give what all of their runs need; a reason that does not hold for
/// all says for which it does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The traces
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,

    #[command(flatten)]
    expression: ExpressionArgs,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace emit app.jsonl                   shell.nix, and package.nix where that makes sense
  nixtrace emit app.jsonl -f json | jq .packages
  nixtrace emit start.jsonl import.jsonl -f flake -o nix/";

/// Runs the verb.
///
/// # Errors
/// When the trace cannot be read or the expression not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let plan = args.expression.plan()?;
    let runs = reading::runs(&args.traces)?;
    let runs: Vec<_> = runs.iter().map(Named::borrowed).collect();
    let written = plan.carry_out(&runs)?;
    Ok(match written {
        Written::WouldChange => Exit::Negative,
        Written::Yes | Written::UpToDate => Exit::Success,
    } as u8)
}
