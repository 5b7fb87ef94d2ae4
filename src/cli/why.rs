//! `nixtrace why`: the chains from the command to a thing that it used.

use super::pager::Screen;
use super::resolving::ResolverArgs;
use super::{Exit, Failure, explaining, reading};
use crate::emit::Environment;
use crate::graph::resources::Resource;
use crate::report;
use std::path::PathBuf;

/// Say why a run needs a package, file, library, variable or address
///
/// Prints the shortest chains from the command to it: which process started which, what that one
/// did, and for a package which file shows that it is needed and by which rule; then what was asked
/// for and which packages have it. NAME is an attribute
/// (`openssl`), a path, the last component of one (`libssl.so.3`), a search variable
/// (`LD_LIBRARY_PATH`), an address (`192.0.2.1:443`, `192.0.2.1`, `443`), or a name that a DNS server
/// was asked for: that leads to the addresses that it has, too.
///
/// Exits with 1 when the run has nothing of that name.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// What to explain; every package of the run without one
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Print all chains to each thing, and all names that were asked for, and not only the first three
    #[arg(long)]
    all: bool,

    /// Show every candidate for what is needed of a package or file, with what speaks for and against
    /// it, and how much
    #[arg(long, conflicts_with = "json")]
    explain: bool,

    /// Write JSON, one object a line (docs/reading.md)
    #[arg(long)]
    json: bool,

    /// Do not start a pager, however long the text is
    #[arg(long)]
    no_pager: bool,

    #[command(flatten)]
    resolver: ResolverArgs,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace why app.jsonl openssl
  nixtrace why app.jsonl libssl.so.3 /etc/ssl/openssl.cnf
  nixtrace why app.jsonl LD_LIBRARY_PATH
  nixtrace why app.jsonl                  every package of the run";

/// So many chains to one thing are printed.
const CHAINS: usize = 3;

/// Runs the verb.
///
/// # Errors
/// When the trace or an index cannot be read or the text not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let screen = Screen::of_stdout(!args.no_pager);
    let runs = reading::chronicles(&[args.trace])?;
    let explained = explaining::explained(&runs, &args.resolver)?;
    let note = |resource: &Resource| match resource {
        Resource::Provider(attr) => explained.implied_by(attr).map(|by| match by {
            "stdenv" => "part of stdenv".to_owned(),
            by => format!("brought by {by}"),
        }),
        Resource::Missing(_) => Some("looked for in vain".to_owned()),
        _ => None,
    };
    let graphs = explaining::graphs(&runs, &explained);
    let names = if args.names.is_empty() {
        explained.listed()
    } else {
        args.names
    };
    let most = if args.all { usize::MAX } else { CHAINS };
    let is_several = runs.len() > 1;
    let mut text = String::new();
    let mut unknown = Vec::new();
    for name in &names {
        let mut is_known = false;
        for (run, resources) in runs.iter().zip(&graphs) {
            for target in resources.named(&run.of, name) {
                is_known = true;
                let resource = resources.resource(target);
                let mut note = note(resource);
                let answers = explained.answers_about(resource);
                if args.json {
                    let note = note.as_deref();
                    let value = report::why::json(&run.of, resources, target, note, most, &answers);
                    text.push_str(&reading::json_line(value, &run.name, is_several));
                    continue;
                }
                if is_several {
                    let note = note.get_or_insert_default();
                    let comma = if note.is_empty() { "" } else { ", " };
                    let run = report::printable(run.name.as_bytes());
                    note.push_str(&format!("{comma}in run {run}"));
                }
                if !text.is_empty() {
                    text.push('\n');
                }
                let width = screen.width();
                let note = note.as_deref();
                let why = report::why::why(&run.of, resources, target, note, most, width);
                text.push_str(&why);
                text.push_str(&report::why::answers(&answers, args.explain, most, width));
            }
        }
        if !is_known {
            unknown.push(name);
        }
    }
    if names.is_empty() && !args.json {
        text.push_str(&nothing_listed(&explained.environment));
    }
    screen.print(&text)?;
    for name in &unknown {
        let name = report::printable(name.as_bytes());
        eprintln!("nixtrace: the run has nothing called `{name}`");
        let mut similar: Vec<String> = graphs.iter().flat_map(|it| it.similar(&name, 5)).collect();
        similar.sort();
        similar.dedup();
        if !similar.is_empty() {
            let similar = report::printable(similar.join(", ").as_bytes());
            eprintln!("hint: it has {similar}");
        }
    }
    Ok(if unknown.is_empty() {
        Exit::Success
    } else {
        Exit::Negative
    } as u8)
}

/// What there is to say where no package is listed.
fn nothing_listed(environment: &Environment) -> String {
    match environment.unresolved.len() + environment.missing.len() {
        0 => "the run needs no package that stdenv does not bring\n".to_owned(),
        open => {
            format!("no package is certain; `nixtrace emit` tells of {open} that may be needed\n")
        }
    }
}
