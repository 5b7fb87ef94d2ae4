//! `nixtrace why`: the chains from the command to a thing that it used.

use super::pager::Screen;
use super::resolving::{ResolverArgs, unusable_index};
use super::{Exit, Failure, reading};
use crate::disk::Disk;
use crate::graph::resources::{Resource, Resources};
use crate::pipeline;
use crate::report;
use std::path::PathBuf;

/// Say why a run needs a package, file, library, variable or address
///
/// Prints the shortest chains from the command to it: which process started which, what that one
/// did, and for a package which file shows that it is needed and by which rule. NAME is an attribute
/// (`openssl`), a path, the last component of one (`libssl.so.3`), a search variable
/// (`LD_LIBRARY_PATH`), or an address (`192.0.2.1:443`, `192.0.2.1`, `443`).
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

    /// Print all chains to each thing and not only the three shortest
    #[arg(long)]
    all: bool,

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
    let resolver = args.resolver.open()?;
    let chronicle = reading::chronicle(&args.trace)?;
    let mut resources = Resources::of(&chronicle);
    let explained = pipeline::explained(&chronicle.run, &Disk::new(), |query| {
        resolver.resolve(query)
    });
    if let Some(damage) = resolver.damage() {
        return Err(unusable_index(&damage));
    }
    resources.provide(&explained.provisions);
    let note = |resource: &Resource| match resource {
        Resource::Provider(attr) => explained.implied_by(attr).map(|by| match by {
            "stdenv" => "part of stdenv".to_owned(),
            by => format!("brought by {by}"),
        }),
        Resource::Missing(_) => Some("looked for in vain".to_owned()),
        _ => None,
    };
    let names = if args.names.is_empty() {
        explained.listed()
    } else {
        args.names
    };
    let most = if args.all { usize::MAX } else { CHAINS };
    let mut text = String::new();
    let mut unknown = Vec::new();
    for name in &names {
        let targets = resources.named(&chronicle, name);
        if targets.is_empty() {
            unknown.push(name);
        }
        for target in targets {
            let note = note(resources.resource(target));
            let note = note.as_deref();
            if args.json {
                let value = report::why::json(&chronicle, &resources, target, note, most);
                text.push_str(&format!("{value}\n"));
            } else {
                if !text.is_empty() {
                    text.push('\n');
                }
                let width = screen.width();
                let why = report::why::why(&chronicle, &resources, target, note, most, width);
                text.push_str(&why);
            }
        }
    }
    screen.print(&text)?;
    for name in &unknown {
        let name = report::printable(name.as_bytes());
        eprintln!("nixtrace: the run has nothing called `{name}`");
        let similar = resources.similar(&name, 5);
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
