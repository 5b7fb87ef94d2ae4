//! One file per format, and which formats call each other.

mod arion;
mod default;
mod flake;
mod image;
mod json;
mod module;
mod overlay;
mod package;
mod shell;

use super::services::Listening;
use super::{Environment, Error, Options, RunKind};
use crate::graph::subject::SubjectForm;
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::BTreeSet;

/// Writes an environment in one format.
trait Writer {
    /// The whole text of the file, with a newline at its end.
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error>;
}

/// A format that a person can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Format {
    /// A shell.nix for nix-shell.
    Shell,
    /// A package.nix for callPackage, and a default.nix that calls it.
    Package,
    /// A flake.nix, with the package, the shell and the overlay that it offers.
    Flake,
    /// An overlay.nix that adds the package to nixpkgs.
    Overlay,
    /// A module.nix with a NixOS service.
    Module,
    /// An image.nix for a container.
    Image,
    /// An arion-compose.nix for Arion.
    Arion,
    /// The result itself, for programs.
    Json,
}

/// A file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// shell.nix
    Shell,
    /// package.nix
    Package,
    /// default.nix
    Default,
    /// flake.nix
    Flake,
    /// overlay.nix
    Overlay,
    /// module.nix
    Module,
    /// image.nix
    Image,
    /// arion-compose.nix
    Arion,
    /// arion-pkgs.nix
    ArionPkgs,
    /// The result, for programs.
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] = [
        Self::Shell,
        Self::Package,
        Self::Flake,
        Self::Overlay,
        Self::Module,
        Self::Image,
        Self::Arion,
        Self::Json,
    ];

    /// The formats for a run when nobody says which: a shell for every run, and a package for what
    /// could be one. A command of nixpkgs is one already.
    pub fn for_run(environment: &Environment) -> BTreeSet<Self> {
        let is_package = match environment.kind {
            RunKind::Script => false,
            RunKind::Build => true,
            RunKind::Binary => matches!(environment.subject.form, SubjectForm::Program(_)),
        };
        let mut formats = BTreeSet::from([Self::Shell]);
        if is_package {
            formats.insert(Self::Package);
        }
        formats
    }

    /// The format and those whose files its own calls.
    pub fn with_companions(self, environment: &Environment) -> BTreeSet<Self> {
        match self {
            Self::Shell | Self::Package | Self::Json => BTreeSet::from([self]),
            Self::Overlay | Self::Module | Self::Image | Self::Arion => {
                BTreeSet::from([self, Self::Package])
            }
            Self::Flake => {
                let mut formats = BTreeSet::from([self, Self::Package, Self::Shell, Self::Overlay]);
                if Listening::of(environment).is_service() {
                    formats.insert(Self::Module);
                }
                formats
            }
        }
    }

    /// The files that the format is.
    pub fn files(self) -> &'static [File] {
        match self {
            Self::Shell => &[File::Shell],
            Self::Package => &[File::Package, File::Default],
            Self::Flake => &[File::Flake],
            Self::Overlay => &[File::Overlay],
            Self::Module => &[File::Module],
            Self::Image => &[File::Image],
            Self::Arion => &[File::Arion, File::ArionPkgs],
            Self::Json => &[File::Json],
        }
    }
}

impl File {
    /// The name of the file; none for what goes to standard output unless a file is named.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Shell => "shell.nix",
            Self::Package => "package.nix",
            Self::Default => "default.nix",
            Self::Flake => "flake.nix",
            Self::Overlay => "overlay.nix",
            Self::Module => "module.nix",
            Self::Image => "image.nix",
            Self::Arion => "arion-compose.nix",
            Self::ArionPkgs => "arion-pkgs.nix",
            Self::Json => return None,
        })
    }

    pub(super) fn write(
        self,
        environment: &Environment,
        options: &Options,
    ) -> Result<String, Error> {
        let writer: &dyn Writer = match self {
            Self::Shell => &shell::Shell,
            Self::Package => &package::Package,
            Self::Default => &default::Default,
            Self::Flake => &flake::Flake,
            Self::Overlay => &overlay::Overlay,
            Self::Module => &module::Module,
            Self::Image => &image::Image,
            Self::Arion => &arion::Compose,
            Self::ArionPkgs => &arion::Pkgs,
            Self::Json => &json::Json,
        };
        writer.write(environment, options)
    }
}

/// The arguments that the run's own program was given. A command with a package has them in its
/// package.nix, and a build has none that its result would take.
fn program_arguments(environment: &Environment) -> Vec<Bytes> {
    let subject = &environment.subject;
    let Some(file) = &subject.file else {
        return Vec::new();
    };
    let name = file.rsplit_str("/").next().unwrap_or(file);
    let is_program = |word: &Bytes| word.rsplit_str("/").next() == Some(name);
    let words = environment.command.iter();
    words
        .skip_while(|word| !is_program(word))
        .skip(1)
        .filter(|word| !word.contains_str("…"))
        .cloned()
        .collect()
}
