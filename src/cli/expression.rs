//! What `run` and `emit` have in common: from a run to the files that a person asked for.

use super::Failure;
use super::files::Files;
use super::nixpkgs;
use super::output::Written;
use super::progress::Progress;
use super::resolving::{ResolverArgs, record, unusable_index};
use crate::atomic::Existing;
use crate::disk::Disk;
use crate::emit::{self, Comments, Environment, Format};
use crate::pipeline::{self, NamedRun};
use crate::report;
use crate::resolve::{Resolution, Resolver};
use crate::trace::Bytes;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// What to write, and where.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ExpressionArgs {
    /// What to write; several are parted by commas [default: shell; for a program of your own or a
    /// build also package]
    #[arg(
        short,
        long = "format",
        value_enum,
        value_delimiter = ',',
        value_name = "FORMAT"
    )]
    format: Vec<Format>,

    /// Where to write it: a directory for all files, with a slash at its end, or a file for the one
    /// of a single format, `-` for standard output [default: this directory; json goes to standard
    /// output]
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long, conflicts_with = "check")]
    force: bool,

    /// Write nothing; exit with 1 if a file would change
    #[arg(long)]
    check: bool,

    /// What comments to write
    #[arg(long, value_enum, default_value_t, value_name = "COMMENTS")]
    comments: Comments,

    /// The nixpkgs to use: a revision of NixOS/nixpkgs (REVISION#HASH with its hash), the URL of a
    /// tarball, a path, a flake.lock, the sources.json of npins or niv, or `argument` for none but
    /// the caller's [default: that of NIX_PATH]
    #[arg(long, value_name = "NIXPKGS")]
    nixpkgs: Option<OsString>,

    /// Refuse a nixpkgs whose packages are older than those of this machine
    #[arg(long)]
    assert_versions: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Write the answers down in ./nixtrace.recorded.yaml, so that later runs have the same
    #[arg(long, conflicts_with = "check")]
    record_pins: bool,

    #[command(flatten)]
    resolver: ResolverArgs,
}

/// Everything that could be refused has been accepted: what is left is to look at the run.
pub(super) struct Plan {
    files: Files,
    options: emit::Options,
    quiet: bool,
    record_pins: bool,
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
        let files = Files::plan(
            &self.format,
            self.output.as_deref(),
            self.existing(),
            self.check,
        )?;
        Ok(Plan {
            options: emit::Options {
                comments: self.comments,
                nixpkgs: nixpkgs::named(self.nixpkgs.as_deref(), &files.any_destination())?,
                home: None,
                directory: files.directory(),
                beside: BTreeSet::new(),
                assert_versions: self.assert_versions,
            },
            files,
            quiet: self.quiet,
            record_pins: self.record_pins,
            resolver: self.resolver.open()?,
        })
    }
}

impl Plan {
    /// Resolves the runs, writes the files and tells a person on standard error.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn carry_out(mut self, runs: &[NamedRun<'_>]) -> Result<Written, Failure> {
        let mut environment = self.environment(runs);
        if let Some(damage) = self.resolver.damage() {
            return Err(unusable_index(&damage));
        }
        self.options.home = runs.first().and_then(|it| it.run.header.home.clone());
        let work = self.files.settle(&environment)?;
        self.options.beside.clone_from(&work.formats);
        if self.options.assert_versions || work.formats.contains(&Format::Json) {
            let version = |path: &Bytes| self.resolver.installed_version(path);
            pipeline::note_versions(&mut environment, version);
        }
        pipeline::note_shipment(&mut environment, &Disk::new(), |path| {
            self.resolver.installed_package(path)
        });
        // All texts are there before the first is written: an error leaves nothing half done.
        let texts = work
            .files
            .iter()
            .map(|&file| Ok((file, emit::render(&environment, file, &self.options)?)))
            .collect::<Result<Vec<_>, emit::Error>>()
            .map_err(|error| Failure::of(&error))?;
        let mut outcome = Written::Yes;
        let mut told = String::new();
        for (file, text) in texts {
            let (written, path) = self.files.write(file, &text)?;
            outcome = outcome.and(written);
            if let Some(path) = path {
                let path = path.display();
                told += &match written {
                    Written::Yes => format!("nixtrace: wrote {path}\n"),
                    Written::UpToDate => format!("nixtrace: {path} is up to date\n"),
                    Written::WouldChange => format!("nixtrace: {path} would change\n"),
                };
            }
        }
        for file in &work.kept {
            let name = file.name().unwrap_or("a file");
            told += &format!("nixtrace: {name} exists and is kept; --force replaces it\n");
        }
        if work.formats.contains(&Format::Image)
            && let Some(image) = emit::nixery(&environment)
        {
            told += &format!("nixtrace: its packages alone are the image {image}\n");
        }
        if self.record_pins {
            record(&self.resolver)?;
        }
        if !self.quiet {
            eprint!("{}{told}", report::summary(&environment, width()));
        }
        Ok(outcome)
    }

    fn environment(&self, runs: &[NamedRun<'_>]) -> Environment {
        let mut progress = Progress::begin("looking up packages", self.quiet);
        pipeline::environment(runs, &Disk::new(), |query| {
            progress.step();
            Resolution::clone(&self.resolver.resolve(query))
        })
    }
}

/// How wide a table may be: the terminal, or no limit where the text is not for one.
fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stderr())
        .map_or(usize::MAX, |(columns, _)| usize::from(columns.0))
}
