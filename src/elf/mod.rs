//! ELF images: what the dynamic loader reads from them, and where it would find what they need.
//!
//! - [`Image`]: one file, as the loader sees it. Reading is bounded and never panics, whatever the
//!   bytes; only headers, the dynamic section, its strings and the notes are read, so a big file is
//!   as cheap as a small one. goblin is known only to `parse`.
//! - [`files`]: the file system as the loader sees it, so that a test can hand in a map.
//! - [`ldcache`]: the cache of libraries, `/etc/ld.so.cache`.
//! - [`search`]: where glibc and musl look for a library, and by which rule.
//! - [`mod@closure`]: everything that is loaded with a program, in load order.
//!
//! Nothing here runs a program, and nothing here knows of packages.

pub mod closure;
mod error;
pub mod files;
pub mod ldcache;
mod note;
mod parse;
pub mod search;
mod source;
mod target;

pub use closure::{Closure, Loader, closure};
pub use error::{Error, Malformed, NotElf};
pub use files::{Disk, FileId, FileSystem, Images};
pub use note::{DlopenNote, Priority};
pub use target::{Endianness, Target};

use bstr::BString;
use std::fs::File;
use std::path::Path;

/// What the dynamic loader cares about in an ELF file (gABI chapters 4 and 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// 32 or 64 bits (`EI_CLASS`).
    pub class: Class,
    /// The byte order (`EI_DATA`).
    pub endianness: Endianness,
    /// `EI_OSABI`: 0 for System V, 3 for GNU/Linux.
    pub os_abi: u8,
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`.
    pub file_type: FileType,
    /// Whether `e_entry` is set: the file has a place to start at.
    pub entry: bool,
    /// `PT_INTERP`, without its NUL.
    pub interpreter: Option<BString>,
    /// `DT_SONAME`.
    pub soname: Option<BString>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<BString>,
    /// `DT_RPATH`, its elements split at colons; none when absent. The loader ignores it when
    /// there is a `DT_RUNPATH`.
    pub rpath: Option<Vec<BString>>,
    /// `DT_RUNPATH`, its elements split at colons.
    pub runpath: Option<Vec<BString>>,
    /// `DT_FILTER`, in order: libraries that this one is a façade of; they must be found.
    pub filters: Vec<BString>,
    /// `DT_AUXILIARY`, in order: the same, but they may be missing.
    pub auxiliaries: Vec<BString>,
    /// `DT_AUDIT` and `DT_DEPAUDIT`, their elements split at colons: auditors of the loader.
    pub audit: Vec<BString>,
    /// `DF_1_NODEFLIB`: what this object needs is not looked for in the system's directories.
    pub no_default_directories: bool,
    /// `DF_1_PIE`: a position-independent program, not a library.
    pub pie: bool,
    /// Whether there is a dynamic section at all.
    pub dynamic: bool,
    /// Whether other objects can find symbols in it (`DT_GNU_HASH`, `DT_HASH`).
    pub exports: bool,
    /// The symbol versions it wants from other objects (`DT_VERNEED`), in order.
    pub version_needs: Vec<VersionNeed>,
    /// Optional libraries that it says it may dlopen (`.note.dlopen`).
    pub dlopen_notes: Vec<DlopenNote>,
    /// Whether there is a section header table. patchelf refuses files without one.
    pub section_headers: bool,
    /// Where the ELF file ends: the end of the last header table, segment or section.
    pub elf_size: u64,
    /// The size of the whole file.
    pub file_size: u64,
}

/// `EI_CLASS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `ELFCLASS32`.
    Elf32,
    /// `ELFCLASS64`.
    Elf64,
}

/// `e_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileType {
    /// `ET_REL`: an object file or a kernel module.
    Relocatable,
    /// `ET_EXEC`: a program at a fixed address.
    Executable,
    /// `ET_DYN`: a library, or a program that may be loaded anywhere.
    SharedObject,
    /// `ET_CORE`.
    Core,
    /// Any other value.
    Other(u16),
}

/// What a file is to the loader. See [`Image::form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// A program that its interpreter loads.
    Program,
    /// A program that needs no loader and has a fixed address.
    StaticProgram,
    /// A program that needs no loader and relocates itself (`-static-pie`). It looks like a
    /// library to tools that go by `ET_DYN`; patching it breaks it.
    StaticPie,
    /// A shared library.
    Library,
    /// Neither: an object file, a kernel module, a core dump.
    NotLoadable,
}

/// The versions of symbols that are wanted from one library (`Verneed`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionNeed {
    /// The library's soname (`vn_file`).
    pub file: BString,
    /// The versions (`vna_name`), in order: `GLIBC_2.34`.
    pub versions: Vec<BString>,
}

/// A piece of a file that is loaded into memory (`PT_LOAD`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded<'f> {
    /// What of the file it is.
    pub bytes: &'f [u8],
    /// Where it is loaded to (`p_vaddr`), from where the file is.
    pub address: u64,
    /// Whether it may be executed (`PF_X`).
    pub is_code: bool,
}

/// The pieces of a whole file that are loaded, in the order of its program headers.
///
/// # Errors
/// When the bytes are not an ELF file, or one whose headers or pieces lie outside it.
pub fn loaded(file: &[u8]) -> Result<Vec<Loaded<'_>>, Malformed> {
    parse::loaded(file).map_err(parse::Failure::of_slice)
}

impl Image {
    /// Reads an image from the bytes of a whole file.
    ///
    /// # Errors
    /// When the bytes are not an ELF file, or one whose headers lie outside it or make no sense.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        parse::image(&bytes).map_err(parse::Failure::of_slice)
    }

    /// Reads the image of a file.
    ///
    /// # Errors
    /// When the file cannot be read, is no regular file, or [`parse`](Self::parse) would fail.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = files::open_without_waiting(path).map_err(|source| Error::io(path, source))?;
        Self::from_file(&file, path).map(|(_, image)| image)
    }

    /// Reads the image of an open file, and says which file it is; `path` is for the error only.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_file(file: &File, path: &Path) -> Result<(FileId, Self), Error> {
        let metadata = file.metadata().map_err(|source| Error::io(path, source))?;
        if !metadata.is_file() {
            return Err(Error::not_elf(path, NotElf::NotRegular));
        }
        let source = source::OpenFile::new(file, metadata.len());
        let image = parse::image(&source).map_err(|failure| failure.at(path))?;
        Ok((FileId::of(&metadata), image))
    }

    /// What the loader compares before it takes a file: class, byte order and machine.
    pub fn target(&self) -> Target {
        Target {
            class: self.class,
            endianness: self.endianness,
            machine: self.machine,
        }
    }

    /// What the file is to the loader.
    ///
    /// `ET_DYN` does not tell programs from libraries, so what else distinguishes them is asked:
    /// the interpreter; `DF_1_PIE`; and for a self-relocating program, whose linker or packer may
    /// not have set that flag, an entry point where there is neither a soname nor a symbol for
    /// others. musl's loader has an entry point and no soname, but it has the C library's symbols.
    pub fn form(&self) -> Form {
        match (self.file_type, &self.interpreter) {
            (FileType::Executable, None) => Form::StaticProgram,
            (FileType::Executable, Some(_)) => Form::Program,
            // libc.so.6 has an interpreter, so that it can be run, and is a library all the same.
            (FileType::SharedObject, Some(_)) if self.pie || self.soname.is_none() => Form::Program,
            (FileType::SharedObject, None)
                if self.needed.is_empty()
                    && (self.pie || (self.entry && self.soname.is_none() && !self.exports)) =>
            {
                Form::StaticPie
            }
            (FileType::SharedObject, _) => Form::Library,
            _ => Form::NotLoadable,
        }
    }

    /// How many bytes follow the end of the ELF file: an archive, a script, a file system that the
    /// program finds behind itself. Stripping removes it, patching moves it.
    pub fn appended(&self) -> u64 {
        self.file_size.saturating_sub(self.elf_size)
    }

    /// The list of directories that applies to what this object needs, when it is a `DT_RPATH`:
    /// it is ignored where there is a `DT_RUNPATH` (ld.so(8)).
    pub fn effective_rpath(&self) -> Option<&[BString]> {
        match self.runpath {
            Some(_) => None,
            None => self.rpath.as_deref(),
        }
    }
}
