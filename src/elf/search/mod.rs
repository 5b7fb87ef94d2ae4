//! Where a dynamic loader looks for a library, and by which rule it finds it.
//!
//! [`glibc`](Glibc) and [`musl`](Musl) have rules of their own. Both touch no disk: what exists
//! comes in through [`FileSystem`]. Walking from need to need is the work of [`mod@super::closure`].

mod builtin;
mod glibc;
mod musl;
#[cfg(test)]
mod tests;
mod token;

pub use builtin::BuiltIn;
pub use glibc::Glibc;
pub use musl::Musl;

use super::files::{FileId, Opened};
use super::{Error, FileSystem, Image, Target};
use crate::trace::Bytes;
use bstr::{BStr, BString, ByteSlice};
use std::sync::Arc;

/// What a loader takes from the process that it loads for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// The working directory, absolute: names with a slash and empty list elements start here.
    pub cwd: Bytes,
    /// `LD_LIBRARY_PATH`.
    pub library_path: Option<Bytes>,
    /// `LD_PRELOAD`.
    pub preload: Option<Bytes>,
    /// `LD_AUDIT`.
    pub audit: Option<Bytes>,
    /// Whether the program has more rights than its caller (set-user-ID, file capabilities), so
    /// that the loader trusts no variable (`AT_SECURE`).
    pub secure: bool,
    /// The subdirectories of `glibc-hwcaps` that the processor can use, the best first.
    pub hwcaps: Vec<&'static str>,
}

impl Conditions {
    /// No variables, the rights of the caller, and this machine's processor.
    pub fn new(cwd: impl Into<Bytes>) -> Self {
        Self {
            cwd: cwd.into(),
            library_path: None,
            preload: None,
            audit: None,
            secure: false,
            hwcaps: glibc::hwcaps_of_this_processor(),
        }
    }

    /// A path as the kernel takes it: a relative one starts in the working directory.
    pub(super) fn absolute(&self, path: &BStr) -> BString {
        if path.starts_with(b"/") {
            return path.to_owned();
        }
        let mut absolute = BString::from(self.cwd.as_bytes());
        if !absolute.ends_with(b"/") {
            absolute.push(b'/');
        }
        absolute.extend_from_slice(path);
        absolute
    }
}

/// An object of a closure, by its place in load order: 0 is the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub usize);

impl ObjectId {
    /// The program itself.
    pub const MAIN: Self = Self(0);
}

/// A loaded object.
#[derive(Clone, Debug)]
pub struct Object {
    /// The path by which the loader opened it; relative where the loader's list was.
    pub path: Bytes,
    /// The file itself.
    pub file: FileId,
    /// What is in it.
    pub image: Arc<Image>,
    /// How it was found.
    pub rule: Rule,
    /// Why it was loaded.
    pub reason: Reason,
    /// The object whose need loaded it first; none for the program and its interpreter.
    pub loader: Option<ObjectId>,
    /// Files that the loader opened on its way to this one and passed over, being for another
    /// machine.
    pub passed_over: Vec<PassedOver>,
    /// What `$ORIGIN` stands for in it.
    pub(super) origin: BString,
    /// Its `DT_RUNPATH`, or without one its `DT_RPATH`, tokens replaced.
    pub(super) directories: Vec<BString>,
}

/// By which rule of ld.so(8) a file was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is the program.
    Main,
    /// The kernel loads it: `PT_INTERP` names it.
    Interpreter,
    /// The name has a slash, so nothing was searched.
    Path,
    /// A directory in the `DT_RPATH` of the object `of`: the one in need, or one that loaded it.
    /// musl treats `DT_RUNPATH` alike.
    Rpath {
        /// The object whose list it is.
        of: ObjectId,
    },
    /// A directory in `LD_LIBRARY_PATH`.
    LibraryPath,
    /// A directory in the `DT_RUNPATH` of the object in need.
    Runpath {
        /// The object whose list it is.
        of: ObjectId,
    },
    /// An entry in the loader's cache.
    Cache,
    /// A directory that the loader was built with, or that musl's path file names.
    DefaultDirectory,
}

/// Why an object is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is the program.
    Main,
    /// It is the program's interpreter.
    Interpreter,
    /// `DT_NEEDED`.
    Needed,
    /// `LD_PRELOAD`.
    Preload,
    /// `/etc/ld.so.preload`.
    PreloadFile,
    /// `LD_AUDIT`, `DT_AUDIT` or `DT_DEPAUDIT`.
    Audit,
    /// `DT_FILTER`.
    Filter,
    /// `DT_AUXILIARY`: it may be missing.
    Auxiliary,
}

/// A file that was found and is for another machine: the loader reads its header and goes on. It
/// is no dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Where it is.
    pub path: Bytes,
    /// What it is for.
    pub target: Target,
}

/// A file that the loader takes.
#[derive(Clone, Debug)]
pub struct Found {
    /// The path by which the loader opens it.
    pub path: Bytes,
    /// The file itself.
    pub file: FileId,
    /// What is in it.
    pub image: Arc<Image>,
    /// How it was found.
    pub rule: Rule,
    /// Files for other machines that came before it.
    pub passed_over: Vec<PassedOver>,
}

/// Why a library is missing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Missing {
    /// It is in none of the places where the loader looks.
    #[error("not found")]
    NotFound {
        /// Files for other machines that were there.
        passed_over: Vec<PassedOver>,
    },
    /// A file of that name is there, but the loader cannot use it, and looks no further.
    #[error("unusable")]
    Unusable {
        /// Where it is.
        path: Bytes,
        /// What is wrong with it.
        source: Arc<Error>,
    },
}

/// The rules of one C library's loader.
pub trait Search {
    /// The file that the loader would open for `name`, which `from` needs.
    ///
    /// # Errors
    /// When there is none, or none that it can use.
    fn find(&self, objects: &[Object], from: ObjectId, name: &BStr) -> Result<Found, Missing>;

    /// What `$ORIGIN` stands for in an object that was opened as `path`.
    fn origin(&self, path: &BStr) -> BString;

    /// The directories that an object's own list names, tokens replaced.
    fn directories(&self, image: &Image, origin: &BStr) -> Vec<BString>;

    /// What is loaded before anything that is needed: names, and where they come from.
    fn preloads(&self) -> Vec<(BString, Reason)>;

    /// The names that the object answers to from then on, when it was asked for as `name` and
    /// opened as `path`: what is needed under one of them is not looked for on the disk.
    fn known_as(&self, name: &BStr, path: &BStr, image: &Image) -> Vec<BString>;

    /// The name that stands for `name` among those that objects answer to.
    fn known_name<'n>(&self, name: &'n BStr) -> &'n BStr;
}

/// One attempt to find a file: what was passed over so far.
struct Attempt<'a> {
    files: &'a dyn FileSystem,
    conditions: &'a Conditions,
    target: Target,
    passed_over: Vec<PassedOver>,
}

impl Attempt<'_> {
    /// Opens `path`; none when the loader would go on to the next place.
    fn open(&mut self, path: BString, rule: &Rule) -> Option<Result<Found, Missing>> {
        match self
            .files
            .open(self.conditions.absolute(path.as_bstr()).as_bstr())
        {
            Opened::Absent => None,
            Opened::Unusable(source) => Some(Err(Missing::Unusable {
                path: Vec::from(path).into(),
                source,
            })),
            Opened::Image(_, image) if image.target() != self.target => {
                self.passed_over.push(PassedOver {
                    path: Vec::from(path).into(),
                    target: image.target(),
                });
                None
            }
            Opened::Image(file, image) => Some(Ok(Found {
                path: Vec::from(path).into(),
                file,
                image,
                rule: rule.clone(),
                passed_over: std::mem::take(&mut self.passed_over),
            })),
        }
    }

    /// There was nothing.
    fn not_found(self) -> Missing {
        Missing::NotFound {
            passed_over: self.passed_over,
        }
    }
}

/// The path of `name` in `directory`; an empty directory is the working directory.
fn join(directory: &[u8], name: &[u8]) -> BString {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    path.extend_from_slice(directory);
    if !path.is_empty() && !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path.into()
}

/// The directory that a path is in: all before its last slash, or `/`.
fn parent(path: &[u8]) -> &[u8] {
    match path.rfind_byte(b'/') {
        Some(0) => b"/",
        Some(slash) => &path[..slash],
        None => b".",
    }
}
