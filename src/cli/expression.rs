//! What `run` and `emit` have in common: from a run to the files that a person asked for.

use super::output::{Destination, Prepared, Written};
use super::progress::Progress;
use super::resolving::{ResolverArgs, unusable_index};
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::disk::Disk;
use crate::emit::{self, Comments, Environment, Format, Nixpkgs};
use crate::pipeline::{self, NamedRun};
use crate::report;
use crate::resolve::Resolver;
use bstr::ByteSlice;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

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
    pub(super) output: Option<PathBuf>,

    /// Replace the file if it exists
    #[arg(long, conflicts_with = "check")]
    force: bool,

    /// Write nothing; exit with 1 if the file would change
    #[arg(long)]
    check: bool,

    /// What comments to write
    #[arg(long, value_enum, default_value_t, value_name = "COMMENTS")]
    comments: Comments,

    /// The nixpkgs to use: a revision of NixOS/nixpkgs, the URL of a tarball, a path, or `argument`
    /// for none but the caller's [default: that of NIX_PATH]
    #[arg(long, value_name = "NIXPKGS")]
    nixpkgs: Option<OsString>,

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
    /// None with `--check`.
    prepared: Option<Prepared>,
    options: emit::Options,
    quiet: bool,
    resolver: Resolver,
}

impl ExpressionArgs {
    /// What to do about files that are already there.
    pub(super) fn existing(&self) -> Existing {
        if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        }
    }

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
        let prepared = if self.check {
            None
        } else {
            Some(destination.clone().prepare(self.existing())?)
        };
        Ok(Plan {
            format: self.format,
            options: emit::Options {
                comments: self.comments,
                nixpkgs: nixpkgs(self.nixpkgs.as_deref(), &destination)?,
                home: None,
            },
            destination,
            prepared,
            quiet: self.quiet,
            resolver: self.resolver.open()?,
        })
    }
}

/// The nixpkgs that a person names, a path to it as the file that is written must say it.
fn nixpkgs(named: Option<&OsStr>, destination: &Destination) -> Result<Nixpkgs, Failure> {
    let Some(named) = named else {
        return Ok(Nixpkgs::SearchPath);
    };
    let nixpkgs = Nixpkgs::from_words(named);
    let Nixpkgs::Path(path) = &nixpkgs else {
        return Ok(nixpkgs);
    };
    if !path.contains_str("/") && path.as_bytes() != b"." && path.as_bytes() != b".." {
        let named = Path::new(named).display();
        return Err(Failure::new(format!("`{named}` is no nixpkgs"))
            .hint("give a revision, a URL of a tarball, or a path with a slash (./nixpkgs)")
            .exit_with(Exit::Usage));
    }
    // A path in a Nix file is relative to the file.
    match destination {
        Destination::File(file)
            if !path.starts_with(b"/") && file.parent().is_some_and(|it| it != Path::new("")) =>
        {
            let absolute = path.as_path().canonicalize().map_err(|error| {
                Failure::new(format!("cannot find nixpkgs at {path}")).because(&error)
            })?;
            Ok(Nixpkgs::Path(absolute.into()))
        }
        _ => Ok(nixpkgs),
    }
}

impl Plan {
    /// Resolves the runs, writes the expression and tells a person on standard error.
    ///
    /// # Errors
    /// When the expression cannot be written.
    pub(super) fn carry_out(mut self, runs: &[NamedRun<'_>]) -> Result<Written, Failure> {
        let environment = self.environment(runs);
        if let Some(damage) = self.resolver.damage() {
            return Err(unusable_index(&damage));
        }
        self.options.home = runs.first().and_then(|it| it.run.header.home.clone());
        let text = emit::render(&environment, self.format, &self.options)
            .map_err(|error| Failure::of(&error))?;
        let written = match self.prepared.take() {
            None => self.destination.compare(&text),
            Some(prepared) => {
                prepared.write(&text)?;
                Written::Yes
            }
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

    fn environment(&self, runs: &[NamedRun<'_>]) -> Environment {
        let mut progress = Progress::begin("looking up packages", self.quiet);
        pipeline::environment(runs, &Disk::new(), |query| {
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
