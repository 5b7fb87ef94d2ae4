//! Where our own data goes: a file that appears whole, or standard output.

use super::{Exit, Failure};
use crate::atomic::{AtomicFile, Audience, Existing};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a text is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Yes,
    /// It was only compared, and the file has it already.
    UpToDate,
    /// It was only compared, and the file is missing or has something else.
    WouldChange,
}

impl Written {
    /// What became of two texts: what has to be said of one has to be said of both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::WouldChange, _) | (_, Self::WouldChange) => Self::WouldChange,
            (_, other) => other,
        }
    }
}

impl Destination {
    /// The destination that a person names: `-` is standard output.
    pub(super) fn named(name: &Path) -> Self {
        if name == Path::new("-") {
            Self::Stdout
        } else {
            Self::File(name.to_owned())
        }
    }

    /// Finds out whether the text will find its place, before any work is done for it.
    ///
    /// A pipe or device is opened now and stays open; a file is only tried out, so that the command
    /// does not meet a half-made one.
    ///
    /// # Errors
    /// When it will not: the file is there and is to be kept, or cannot be created.
    pub(super) fn prepare(self, existing: Existing) -> Result<Prepared, Failure> {
        let file = match &self {
            Self::Stdout => None,
            Self::File(path) => {
                let file = AtomicFile::create(path, existing, Audience::Umask)
                    .map_err(|error| unwritable(path, &error))?;
                file.is_special().then_some(file)
            }
        };
        Ok(Prepared {
            destination: self,
            existing,
            file,
        })
    }

    /// Whether something is there already.
    pub(super) fn exists(&self) -> bool {
        match self {
            Self::Stdout => false,
            Self::File(path) => path.symlink_metadata().is_ok(),
        }
    }

    /// Compares the text with what is there, and writes nothing.
    pub(super) fn compare(&self, text: &str) -> Written {
        match self {
            Self::File(path) if std::fs::read(path).is_ok_and(|old| old == text.as_bytes()) => {
                Written::UpToDate
            }
            _ => Written::WouldChange,
        }
    }
}

/// A destination that was found to be good.
pub(super) struct Prepared {
    destination: Destination,
    existing: Existing,
    file: Option<AtomicFile>,
}

impl Prepared {
    /// Writes the text, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(self, text: &str) -> Result<(), Failure> {
        let Destination::File(path) = &self.destination else {
            return match write_to_stdout(text) {
                // Whoever reads has read enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Failure::new("cannot write to standard output").because(&error))
                }
                _ => Ok(()),
            };
        };
        let file = match self.file {
            Some(file) => Ok(file),
            None => AtomicFile::create(path, self.existing, Audience::Umask),
        };
        file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.commit()
        })
        .map(drop)
        .map_err(|error| unwritable(path, &error))
    }
}

fn write_to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The failure to create a file that a person named.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Failure::new(format!("{} exists", path.display()))
            .hint("give --force to replace it, or choose another name")
            .exit_with(Exit::Failure);
    }
    Failure::new(format!("cannot write {}", path.display())).because(error)
}
