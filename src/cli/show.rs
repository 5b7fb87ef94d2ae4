//! `nixtrace show`: what a trace holds.

use super::pager::{self, Screen};
use super::reading::{self, Named};
use super::{Exit, Failure};
use crate::disk::Disk;
use crate::graph::classify::Origin;
use crate::graph::inventory::{Class, inventory};
use crate::report;
use crate::report::show::{Layout, Selection};
use std::path::PathBuf;

/// Show what a run used, by class, and what could not be seen
///
/// Tables of commands, libraries, modules, data, configuration, files written, addresses, look-ups
/// that failed and gaps. What matters most comes first in each: what is used often, by many
/// programs, near the command. `failed` marks what no process used but those that failed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// Show the processes as a tree, with their arguments, durations and ends
    #[arg(long, conflicts_with_all = ["class", "by", "matching", "origin", "failed", "all"])]
    tree: bool,

    /// Write JSON, one object a line for each run (docs/reading.md)
    #[arg(long)]
    json: bool,

    /// Only these classes
    #[arg(
        long,
        value_name = "CLASS",
        value_enum,
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    class: Vec<Class>,

    /// Only what a program of this name used
    #[arg(long, value_name = "PROGRAM", help_heading = "Filters")]
    by: Option<String>,

    /// Only what has TEXT in its name
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    matching: Option<String>,

    /// Only files of this origin
    #[arg(long, value_name = "ORIGIN", value_enum, help_heading = "Filters")]
    origin: Option<Origin>,

    /// Only what no process used but those that failed
    #[arg(long, help_heading = "Filters")]
    failed: bool,

    /// Of a merged trace, only the run of this name
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    run: Option<String>,

    /// Show every row, and what was only looked at
    #[arg(long, help_heading = "Filters")]
    all: bool,

    /// Do not start a pager ($NIXTRACE_PAGER, $PAGER or less), however long the text is
    #[arg(long)]
    no_pager: bool,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace show app.jsonl
  nixtrace show app.jsonl --tree
  nixtrace show app.jsonl --class library,dlopen --by python3
  nixtrace show app.jsonl --class probe --matching .so
  nixtrace show app.jsonl --json | jq '.gaps'";

/// Runs the verb.
///
/// # Errors
/// When the trace cannot be read or the text not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let screen = Screen::of_stdout(!args.no_pager);
    let runs = reading::select(reading::chronicles(&[args.trace])?, args.run.as_deref())?;
    let selection = Selection {
        classes: args.class,
        by: args.by,
        matching: args.matching,
        origin: args.origin,
        only_failed: args.failed,
        all: args.all,
    };
    let layout = Layout {
        width: screen.width(),
        bold: screen.may_highlight(),
    };
    let is_several = runs.len() > 1;
    if args.json {
        pager::stream(|out| {
            for Named { name, of } in &runs {
                if args.tree {
                    reading::write_json_line(out, &report::tree::json(of), name, is_several)?;
                } else {
                    let inventory = inventory(of, &Disk::new());
                    let object = report::show::json(of, &inventory, &selection);
                    reading::write_json_line(out, &object, name, is_several)?;
                }
            }
            Ok(())
        })?;
        return Ok(Exit::Success as u8);
    }
    let mut text = String::new();
    for Named { name, of } in &runs {
        if is_several {
            text.push_str(&report::show::run_title(name, text.is_empty(), layout));
        }
        if args.tree {
            text.push_str(&report::tree(of, layout.width));
        } else {
            let inventory = inventory(of, &Disk::new());
            text.push_str(&report::show::show(of, &inventory, &selection, layout));
        }
    }
    screen.print(&text)?;
    Ok(Exit::Success as u8)
}
