//! What `run` and `emit` have in common: from a run to the files that a person asked for.

use super::Failure;
use super::output::{Destination, Written};
use super::progress::Progress;
use super::resolving::ResolverArgs;
use crate::atomic::Existing;
use crate::disk::Disk;
use crate::emit::{self, Comments, Environment, Format, Nixpkgs};
use crate::graph::Run;
use crate::pipeline;
use crate::report;
use crate::resolve::Resolver;
use std::path::PathBuf;

/// What to write, and where.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExpressionArgs {
    /// What to write
    #[arg(
        short,
        long = "format",
        value_enum,
        default_value = "shell",
        value_name = "FORMAT"
    )]
    format: Format,

    /// Where to write it, `-` for standard output [default: ./shell.nix; json goes to standard
    /// output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long, conflicts_with = "check")]
    force: bool,

    /// Write nothing; exit with 1 if the file would change
    #[arg(long)]
    check: bool,

    /// What comments to write
    #[arg(long, value_enum, default_value_t, value_name = "COMMENTS")]
    comments: Comments,

    /// The nixpkgs to use: a revision of NixOS/nixpkgs, or a path to one [default: that of
    /// NIX_PATH]
    #[arg(long, value_name = "REVISION|PATH")]
    nixpkgs: Option<String>,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    resolver: ResolverArgs,
}

/// Everything that could be refused has been accepted: what is left is to look at the run.
pub(super) struct Plan {
    format: Format,
    destination: Destination,
    existing: Existing,
    check: bool,
    options: emit::Options,
    quiet: bool,
    resolver: Resolver,
}

impl ExpressionArgs {
    /// Turns what was typed into a plan, before anything runs.
    ///
    /// # Errors
    /// When the output is not to be written, or an index or the pins cannot be read.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let destination = match (&self.output, self.format.file_name()) {
            (Some(name), _) => Destination::named(name),
            (None, Some(name)) => Destination::File(name.into()),
            (None, None) => Destination::Stdout,
        };
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        if !self.check {
            destination.check(existing)?;
        }
        Ok(Plan {
            format: self.format,
            destination,
            existing,
            check: self.check,
            options: emit::Options {
                comments: self.comments,
                nixpkgs: nixpkgs(self.nixpkgs.as_deref()),
                home: None,
            },
            quiet: self.quiet,
            resolver: self.resolver.open()?,
        })
    }
}

/// The nixpkgs that a person names: whatever could be a path is one, all else is a revision.
fn nixpkgs(named: Option<&str>) -> Nixpkgs {
    match named {
        None => Nixpkgs::SearchPath,
        Some(path) if path.starts_with(['.', '/', '~']) => Nixpkgs::Path(path.into()),
        Some(revision) => Nixpkgs::revision(revision, None),
    }
}

impl Plan {
    /// Resolves the run, writes the expression and tells a person on standard error.
    ///
    /// # Errors
    /// When the expression cannot be written.
    pub(super) fn carry_out(mut self, run: &Run) -> Result<Written, Failure> {
        let environment = self.environment(run);
        self.options.home.clone_from(&run.header.home);
        let text = emit::render(&environment, self.format, &self.options)
            .map_err(|error| Failure::of(&error))?;
        let written = if self.check {
            self.destination.compare(&text)
        } else {
            self.destination.write(&text, self.existing)?
        };
        if !self.quiet {
            eprint!("{}", report::summary(&environment, width()));
            if let Destination::File(path) = &self.destination {
                let path = path.display();
                eprintln!(
                    "nixtrace: {}",
                    match written {
                        Written::Yes => format!("wrote {path}"),
                        Written::UpToDate => format!("{path} is up to date"),
                        Written::WouldChange => format!("{path} would change"),
                    }
                );
            }
        }
        Ok(written)
    }

    fn environment(&self, run: &Run) -> Environment {
        let mut progress = Progress::begin("looking up packages", self.quiet);
        pipeline::environment(run, &Disk::new(), |query| {
            progress.step();
            self.resolver.resolve(query)
        })
    }
}

/// How wide a table may be: the terminal, or no limit where the text is not for one.
fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr())
        .map_or(usize::MAX, |(columns, _)| usize::from(columns.0))
}
