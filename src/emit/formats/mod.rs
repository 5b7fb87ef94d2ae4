//! One file per format.

mod json;
mod shell;

use super::{Environment, Error, Options};

/// Writes an environment in one format.
trait Writer {
    /// The whole text of the file, with a newline at its end.
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error>;
}

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Format {
    /// A shell.nix for nix-shell.
    Shell,
    /// The result itself, for programs.
    Json,
}

impl Format {
    /// The name of the file that the format is written to unless another is given; none when it
    /// goes to standard output.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Shell => Some("shell.nix"),
            Self::Json => None,
        }
    }

    pub(super) fn write(
        self,
        environment: &Environment,
        options: &Options,
    ) -> Result<String, Error> {
        let writer: &dyn Writer = match self {
            Self::Shell => &shell::Shell,
            Self::Json => &json::Json,
        };
        writer.write(environment, options)
    }
}
