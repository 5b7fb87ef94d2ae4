//! `nixtrace resolve`: which attributes provide a thing, and why.

use super::resolving::{ResolverArgs, unusable_index};
use super::{Exit, Failure};
use crate::report::printable;
use crate::resolve::rank::Counted;
use crate::resolve::{Kind, Query, Resolution, Scored, Verdict};
use crate::trace::Bytes;
use bstr::io::BufReadExt;
use serde::Serialize;
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
    let mut answer = |text: &[u8]| -> io::Result<()> {
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
        .try_for_each(|query| answer(query.as_bytes()))
        .and_then(|()| {
            if !args.stdin {
                return Ok(());
            }
            io::stdin().lock().for_byte_line(|line| {
                if !line.is_empty() {
                    answer(line)?;
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

/// One answer as `--json` writes it.
#[derive(Serialize)]
struct Answer<'a> {
    query: Bytes,
    kind: Kind,
    best: Option<Explained<'a>>,
    candidates: Vec<Explained<'a>>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// A candidate with what its score comes from.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    scored: &'a Scored,
    features: &'a [Counted],
}

impl<'a> From<&'a Scored> for Explained<'a> {
    fn from(scored: &'a Scored) -> Self {
        Self {
            scored,
            features: &scored.features,
        }
    }
}

fn write_json(out: &mut impl Write, text: &[u8], resolution: &Resolution) -> io::Result<()> {
    let (verdict, why) = match &resolution.verdict {
        Verdict::Package => ("package", None),
        Verdict::Open => ("open", None),
        Verdict::Host(why) => ("host", Some(*why)),
        Verdict::Ignored(pattern) => ("ignored", Some(pattern.as_str())),
    };
    let answer = Answer {
        query: text.into(),
        kind: resolution.query.kind,
        best: resolution.best.as_ref().map(Explained::from),
        candidates: resolution.candidates.iter().map(Explained::from).collect(),
        verdict,
        why,
    };
    serde_json::to_writer(&mut *out, &answer)?;
    out.write_all(b"\n")
}

/// How many candidates beside the best one a person is shown.
const OTHERS: usize = 3;

fn write_words(
    out: &mut impl Write,
    text: &[u8],
    resolution: &Resolution,
    explain: bool,
) -> io::Result<()> {
    let query = printable(text);
    let kind = resolution.query.kind;
    let mut others = &resolution.candidates[..];
    match &resolution.verdict {
        Verdict::Package => {}
        Verdict::Open if others.is_empty() => {
            writeln!(out, "{query} ({kind}): nothing known provides it")?
        }
        Verdict::Open => writeln!(out, "{query} ({kind}): no certain answer")?,
        Verdict::Host(why) => writeln!(out, "{query} ({kind}): the host's, no package\n    {why}")?,
        Verdict::Ignored(pattern) => writeln!(out, "{query} ({kind}): ignored by `{pattern}`")?,
    }
    if let Some(best) = &resolution.best {
        writeln!(
            out,
            "{query} ({kind}): {} {:.2}",
            attribute(best),
            best.score
        )?;
        for reason in &best.because {
            writeln!(out, "    {}", printable(reason.as_bytes()))?;
        }
        if explain {
            write_features(out, best)?;
        }
        others = &others[1..];
    }
    let shown = if explain { others.len() } else { OTHERS };
    for other in others.iter().take(shown) {
        let reason = other
            .because
            .first()
            .map(|reason| format!(": {}", printable(reason.as_bytes())));
        writeln!(
            out,
            "  ? {} {:.2}{}",
            attribute(other),
            other.score,
            reason.unwrap_or_default()
        )?;
        if explain {
            write_features(out, other)?;
        }
    }
    Ok(())
}

/// `listed +4.0, popular +2.9, link -0.4`, and their sum.
fn write_features(out: &mut impl Write, scored: &Scored) -> io::Result<()> {
    let features: Vec<String> = scored
        .features
        .iter()
        .map(|Counted { feature, weight }| format!("{feature} {weight:+.1}"))
        .collect();
    let strength: f64 = scored.features.iter().map(|it| it.weight).sum();
    writeln!(out, "    {} = {strength:.1}", features.join(", "))
}

/// `zlib`, `zlib.dev`.
fn attribute(scored: &Scored) -> String {
    match scored.output.0.as_str() {
        "out" => scored.attr.to_string(),
        output => format!("{}.{output}", scored.attr),
    }
}
