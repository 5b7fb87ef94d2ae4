//! Which sources the resolver asks: flags and files that a person gives, and what is there.

use super::Failure;
use crate::resolve::Resolver;
use crate::resolve::distro::{self, translate::HostSource};
use crate::resolve::index::{self, Index};
use crate::resolve::pins::Pins;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Where answers come from.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Packages")]
pub(super) struct ResolverArgs {
    /// Ask this index first [default: ~/.cache/nixtrace/index, if it is there]
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,

    /// Take decisions from this file [default: ./nixtrace.yaml, if it is there]
    #[arg(long, value_name = "FILE")]
    pins: Option<PathBuf>,

    /// Do not ask the host's package database (dpkg, rpm, pacman or apk) about files
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
        let default_pins = Path::new("nixtrace.yaml");
        let default_pins = default_pins.exists().then_some(default_pins);
        if let Some(path) = self.pins.as_deref().or(default_pins) {
            let pins = Pins::load(path).map_err(|error| {
                Failure::new("cannot use the pins")
                    .because(&error)
                    .hint("docs/pins.md describes the file; `--pins` names another one")
            })?;
            resolver = resolver.with_pins(pins);
        }
        let default_index = index::default_path().filter(|path| path.exists());
        if let Some(path) = self.index.clone().or(default_index) {
            let index = Index::open(&path).map_err(|error| unusable_index(&error))?;
            resolver = resolver.with_index(index);
        }
        resolver = resolver.with_index(Index::embedded());
        if !self.no_host {
            let root = self.root.as_deref().unwrap_or(Path::new("/"));
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

/// The failure to use an index, known at its opening or met at a look-up.
pub(super) fn unusable_index(error: &dyn Error) -> Failure {
    Failure::new("cannot use the index")
        .because(error)
        .hint("`nixtrace index build` makes it anew")
}
