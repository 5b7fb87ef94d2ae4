//! `nixtrace resolve`: which attributes provide a thing, and why.

use super::resolving::{ResolverArgs, unusable_index};
use super::{Exit, Failure};
use crate::report::answer;
use crate::resolve::{Kind, Query, Resolution, Verdict};
use bstr::io::BufReadExt;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;

/// Say which nixpkgs attributes provide a library, command, header, module or file
///
/// The kind of each query is told from its shape: `libssl.so.3`, `-lssl`, `zlib.pc`,
/// `openssl/ssl.h`, `BoostConfig.cmake`, `JSON::XS`, `Gtk-3.0.typelib`, `commons-io.jar`, `pkg.m4`,
/// `org.gnome.shell.gschema.xml`, `/usr/bin/git`, `share/zoneinfo`; anything else is a command. A
/// module of Python, Ruby, Node, Lua, R or OCaml needs `--kind`.
///
/// Exits with 0 when every query has an answer, with 1 when one stayed open.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What to look up
    #[arg(required_unless_present = "stdin", allow_hyphen_values = true)]
    queries: Vec<OsString>,

    /// Read more queries from standard input, one a line
    #[arg(long)]
    stdin: bool,

    /// Take all queries to be of this kind
    #[arg(long)]
    kind: Option<Kind>,

    /// Show every candidate with what speaks for and against it, and how much
    #[arg(long, conflicts_with = "json")]
    explain: bool,

    /// Write one JSON object a line, in the order of the queries
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    sources: ResolverArgs,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace resolve libssl.so.3 git openssl/ssl.h zlib.pc
  nixtrace resolve --kind python yaml --explain
  nixtrace resolve --stdin --json < names.txt";

/// Answers all queries in their order.
///
/// # Errors
/// When the index or the pins cannot be used, or the answers cannot be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let resolver = args.sources.open()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut all_answered = true;
    let mut respond = |text: &[u8]| -> io::Result<()> {
        let query = match args.kind {
            Some(kind) => Query::parse_as(kind, text),
            None => Query::parse(text),
        };
        let resolution = resolver.resolve(&query);
        all_answered &= resolution.verdict != Verdict::Open;
        if args.json {
            write_json(&mut out, text, &resolution)
        } else {
            write_words(&mut out, text, &resolution, args.explain)
        }
    };
    let written = args
        .queries
        .iter()
        .try_for_each(|query| respond(query.as_bytes()))
        .and_then(|()| {
            if !args.stdin {
                return Ok(());
            }
            io::stdin().lock().for_byte_line(|line| {
                if !line.is_empty() {
                    respond(line)?;
                }
                Ok(true)
            })
        });
    match written.and_then(|()| out.flush()) {
        Ok(()) => {}
        // Whoever reads has seen enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(Failure::new("cannot pass on the answers").because(&error)),
    }
    if let Some(damage) = resolver.damage() {
        return Err(unusable_index(&damage));
    }
    Ok(if all_answered {
        Exit::Success
    } else {
        Exit::Negative
    } as u8)
}

fn write_json(out: &mut impl Write, text: &[u8], resolution: &Resolution) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &answer::json(text, resolution))?;
    out.write_all(b"\n")
}

fn write_words(
    out: &mut impl Write,
    text: &[u8],
    resolution: &Resolution,
    explain: bool,
) -> io::Result<()> {
    for answer::Line { indent, text } in answer::words(text, resolution, explain) {
        writeln!(out, "{:indent$}{text}", "")?;
    }
    Ok(())
}
