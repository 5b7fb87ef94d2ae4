//! Which sources the resolver asks: flags and files that a person gives, and what is there.

use super::Failure;
use crate::atomic::{AtomicFile, Audience, Existing};
use crate::resolve::directories;
use crate::resolve::distro::{self, translate::HostSource};
use crate::resolve::index::{self, Index};
use crate::resolve::pins::{Pins, recorded};
use crate::resolve::{Descriptions, Resolver};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where answers come from.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Packages")]
pub(super) struct ResolverArgs {
    /// Ask this index first [default: ~/.cache/nixtrace/index, if it is there]
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,

    /// Take the project's decisions from this file [default: ./nixtrace.yaml, if it is there]; yours
    /// are in ~/.config/nixtrace/pins.yaml
    #[arg(long, value_name = "FILE")]
    pins: Option<PathBuf>,

    /// Do not ask the host's package database (dpkg, rpm, pacman or apk) about files, nor packages of R
    /// where they are from
    #[arg(long)]
    no_host: bool,

    /// Ask the package database of the system below this directory instead of the host's
    #[arg(long, value_name = "DIR", conflicts_with = "no_host")]
    root: Option<PathBuf>,
}

impl ResolverArgs {
    /// Opens the sources.
    ///
    /// # Errors
    /// When a file that was named, or one that is there by default, cannot be used.
    pub(super) fn open(&self) -> Result<Resolver, Failure> {
        let mut resolver = Resolver::new();
        // A project's decisions go before a person's, and these before what was only recorded.
        let projects = self
            .pins
            .clone()
            .or_else(|| present("nixtrace.yaml".into()));
        let persons = directories::config().map(|config| config.join("nixtrace/pins.yaml"));
        let recorded = present(recorded::FILE.into());
        let files = [projects, persons.and_then(present), recorded];
        for path in files.into_iter().flatten() {
            resolver = resolver.with_pins(load_pins(&path)?);
        }
        let default_index = index::default_path().filter(|path| path.exists());
        if let Some(path) = self.index.clone().or(default_index) {
            let index = Index::open(&path).map_err(|error| unusable_index(&error))?;
            resolver = resolver.with_index(index);
        }
        resolver = resolver.with_index(Index::embedded());
        if !self.no_host {
            let root = self.root.as_deref().unwrap_or(Path::new("/"));
            resolver = resolver.with_descriptions(Descriptions::below(root));
            match distro::open(root) {
                Some(packages) => resolver = resolver.with_host(HostSource::new(packages)),
                None if self.root.is_none() => {}
                None => {
                    let root = root.display();
                    return Err(Failure::new(format!(
                        "there is no package database below `{root}`"
                    ))
                    .hint("the root of a system with dpkg, rpm, pacman or apk is meant"));
                }
            }
        }
        Ok(resolver)
    }
}

fn present(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn load_pins(path: &Path) -> Result<Pins, Failure> {
    Pins::load(path).map_err(|error| {
        Failure::new("cannot use the pins")
            .because(&error)
            .hint("docs/pins.md describes the file; `--pins` names another one")
    })
}

/// Writes the answers of a run to the file of recorded ones, beside those that it has.
///
/// # Errors
/// When the file cannot be read or written.
pub(super) fn record(resolver: &Resolver) -> Result<(), Failure> {
    let path = Path::new(recorded::FILE);
    let before = match present(path.to_owned()) {
        Some(path) => load_pins(&path)?,
        None => Pins::default(),
    };
    let cannot_write = |error: &dyn Error| {
        Failure::new(format!("cannot record the answers in {}", path.display())).because(error)
    };
    let answers = resolver.answers();
    let answers = answers.iter().map(|(query, best)| (query, best));
    let text = recorded::text(&before, answers).map_err(|error| cannot_write(&error))?;
    let mut file = AtomicFile::create(path, Existing::Replace, Audience::Umask)
        .map_err(|error| cannot_write(&error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| cannot_write(&error))?;
    file.commit().map_err(|error| cannot_write(&error))?;
    Ok(())
}

/// The failure to use an index, known at its opening or met at a look-up.
pub(super) fn unusable_index(error: &dyn Error) -> Failure {
    Failure::new("cannot use the index")
        .because(error)
        .hint("`nixtrace index build` makes it anew")
}
