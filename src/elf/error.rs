//! What can be wrong with a file that was to be an ELF image.

use bstr::BString;
use std::io;
use std::path::{Path, PathBuf};

/// Why the image of a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("`{}` is not an ELF file: {what}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: NotElf,
    },
    /// The file is a broken ELF file.
    #[error("`{}` is a damaged ELF file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Malformed,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn not_elf(path: &Path, what: NotElf) -> Self {
        Self::NotElf {
            path: path.to_owned(),
            what,
        }
    }
}

/// What a file is that is not an ELF file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotElf {
    /// A directory, device, socket or pipe.
    #[error("it is not a regular file")]
    NotRegular,
    /// A file without content.
    #[error("it is empty")]
    Empty,
    /// A script: `#!` and the rest of that line as it is, blanks at its ends removed.
    #[error("it is a script for `{interpreter}`")]
    Script {
        /// The interpreter and its argument.
        interpreter: BString,
    },
    /// A static library.
    #[error("it is an archive of object files (`ar`)")]
    Archive,
    /// Anything else.
    #[error("it does not begin with the ELF magic number")]
    Unknown,
}

/// What is wrong with the bytes of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not an ELF file at all.
    #[error("not an ELF file: {0}")]
    NotElf(NotElf),
    /// The header has a value that the gABI does not define, or one that contradicts another.
    #[error("its ELF header makes no sense: {0}")]
    Header(String),
    /// Something that the headers promise is not, or not wholly, in the file.
    #[error("its {0} is not within the file")]
    OutOfBounds(&'static str),
    /// Something is bigger than any honest file has it.
    #[error("its {0} is too large to be honest")]
    TooLarge(&'static str),
}
