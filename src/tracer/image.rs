//! What the kernel reads of a file that is executed: the `#!` line, or the ELF program header that
//! names the loader.
//!
//! Only as much as execve(2) itself looks at; everything else about ELF is the `elf` module's.
//! The files are of the traced program's choosing: every offset is checked, every length bounded.

use super::images::Images;
use super::registered::Kind;
use super::sys::{self, Status};
use crate::elf::files::open_without_waiting;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How many bytes of a file the kernel looks at for `#!` (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;

/// The longest loader path that is read (`PATH_MAX`).
const LONGEST_LOADER: u64 = 4096;

const PT_INTERP: u32 = 3;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const SIZE_OF_PHDR64: u16 = 56;

/// This machine's `EM_*`, where it is known.
pub(super) const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(62)
} else if cfg!(target_arch = "aarch64") {
    Some(183)
} else {
    None
};

/// Where an ELF file says for what machine it is (`e_machine`).
pub(super) const MACHINE_AT: usize = 18;

/// How many `#!` interpreters the kernel starts for one execve (`fs/exec.c`).
pub(super) const MOST_INTERPRETERS: usize = 5;

/// What the kernel opens beside a file to run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// The `#!` interpreters, the outermost script's first.
    pub(super) interpreters: Vec<Vec<u8>>,
    /// The dynamic loader of the program that runs in the end.
    pub(super) loader: Option<Vec<u8>>,
    /// The file that could not be read, so that the rest is not known.
    pub(super) unread: Option<Vec<u8>>,
}

impl Chain {
    /// That of a file; `find` says where a name in it is found, as it is then kept.
    pub(super) fn of(
        images: &mut Images,
        path: &[u8],
        find: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
    ) -> Self {
        let mut chain = Self::default();
        let mut path = path.to_vec();
        let mut image = images.read(&path);
        loop {
            match image {
                Image::Script(interpreter) => {
                    let Some(interpreter) = find(interpreter) else {
                        return chain;
                    };
                    image = images.read(&interpreter);
                    path.clone_from(&interpreter);
                    chain.interpreters.push(interpreter);
                    if chain.interpreters.len() == MOST_INTERPRETERS {
                        image = Image::Other;
                    }
                }
                Image::Elf { loader, .. } => {
                    chain.loader = loader.and_then(find);
                    return chain;
                }
                Image::Unread => {
                    chain.unread = Some(path);
                    return chain;
                }
                Image::Other => return chain,
            }
        }
    }

    /// That of a file which another one, an interpreter, was seen to run for; none when it is what the
    /// file names. `may_match` says whether an interpreter may be registered (binfmt_misc) for files that
    /// say themselves how they run.
    pub(super) fn by_registration(
        images: &mut Images,
        path: &[u8],
        runs: Vec<u8>,
        may_match: impl Fn(Kind) -> bool,
    ) -> Option<Self> {
        let is_registered = match images.read(path) {
            Image::Script(_) => {
                let named = Self::of(images, path, Some).interpreters.pop();
                may_match(Kind::Script) && named.is_none_or(|named| !is_same(&named, &runs))
            }
            Image::Elf {
                is_native: true, ..
            } => may_match(Kind::Program),
            Image::Elf { .. } | Image::Other | Image::Unread => true,
        };
        if !is_registered {
            return None;
        }
        let image = images.read(&runs);
        let unread = (image == Image::Unread).then(|| runs.clone());
        Some(Self {
            interpreters: vec![runs],
            loader: image.wanted(),
            unread,
        })
    }
}

/// Whether two paths lead to one file.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let file = |path: &[u8]| {
        let path = CString::new(path).ok()?;
        sys::status(libc::AT_FDCWD, &path, 0).ok().map(Status::id)
    };
    file(one).is_some_and(|one| Some(one) == file(other))
}

/// A file as execve(2) sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Image {
    /// A script, with the interpreter of its `#!` line.
    Script(Vec<u8>),
    /// An ELF file.
    Elf {
        /// The loader that it asks for.
        loader: Option<Vec<u8>>,
        /// Whether it is a program of this machine's own kind.
        is_native: bool,
    },
    /// Something else.
    #[default]
    Other,
    /// It could not be read.
    Unread,
}

/// Opens a regular file, if it is one, to read what it holds now.
///
/// A path of the traced program may lead to a FIFO, whose opening would wait, or to what the kernel
/// writes (`/proc/kmsg`), which calls itself regular and is waited for when it is read.
pub(super) fn open(path: &Path) -> Option<io::Result<File>> {
    path.is_file().then(|| open_without_waiting(path))
}

impl Image {
    /// Reads the beginning of a file.
    pub(crate) fn read(path: &Path) -> Self {
        match open(path) {
            Some(Ok(file)) => Self::parse(&file),
            Some(Err(_)) => Self::Unread,
            None => Self::Other,
        }
    }

    /// Reads the beginning of an open file.
    pub(super) fn parse(file: &impl FileExt) -> Self {
        let mut head = [0; HEAD];
        let head = read_head(file, &mut head);
        if let Some(line) = head.strip_prefix(b"#!") {
            return script(line).map_or(Self::Other, Self::Script);
        }
        if head.starts_with(b"\x7fELF") {
            return Self::Elf {
                loader: loader(file, head),
                is_native: is_native(head),
            };
        }
        Self::Other
    }

    /// The other file that the kernel opens to run this one.
    pub(super) fn wanted(self) -> Option<Vec<u8>> {
        match self {
            Self::Script(interpreter) => Some(interpreter),
            Self::Elf { loader, .. } => loader,
            Self::Other | Self::Unread => None,
        }
    }
}

/// Whether a file that begins so is an ELF program of this machine's own kind (`e_ident`, `e_type`
/// and `e_machine` of elf(5)).
fn is_native(head: &[u8]) -> bool {
    let number = Number {
        big_endian: cfg!(target_endian = "big"),
    };
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    head.starts_with(b"\x7fELF")
        && head.get(4) == Some(&2)
        && head.get(5) == Some(&order)
        && matches!(number.half(head, 16), Some(ET_EXEC | ET_DYN))
        && number.half(head, MACHINE_AT) == MACHINE
        && number.half(head, ELF64.phentsize) == Some(SIZE_OF_PHDR64)
}

fn read_head<'a>(file: &impl FileExt, head: &'a mut [u8; HEAD]) -> &'a [u8] {
    let mut length = 0;
    while length < HEAD {
        match file.read_at(&mut head[length..], length as u64) {
            Ok(0) | Err(_) => break,
            Ok(read) => length += read,
        }
    }
    &head[..length]
}

/// The interpreter that the rest of a `#!` line names (`fs/binfmt_script.c`).
fn script(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.split(|&byte| byte == b'\n').next()?;
    let interpreter = line
        .split(|&byte| matches!(byte, b' ' | b'\t' | b'\0'))
        .find(|word| !word.is_empty())?;
    Some(interpreter.to_vec())
}

/// Where a number is in an ELF header, by class.
struct Layout {
    phoff: usize,
    phentsize: usize,
    phnum: usize,
    offset: usize,
    filesz: usize,
    wide: bool,
}

/// `Elf32_Ehdr`, `Elf32_Phdr` (elf(5)).
const ELF32: Layout = Layout {
    phoff: 28,
    phentsize: 42,
    phnum: 44,
    offset: 4,
    filesz: 16,
    wide: false,
};

/// `Elf64_Ehdr`, `Elf64_Phdr` (elf(5)).
const ELF64: Layout = Layout {
    phoff: 32,
    phentsize: 54,
    phnum: 56,
    offset: 8,
    filesz: 32,
    wide: true,
};

/// The path in an ELF file's `PT_INTERP` segment.
fn loader(file: &impl FileExt, head: &[u8]) -> Option<Vec<u8>> {
    let layout = match head.get(4)? {
        1 => ELF32,
        2 => ELF64,
        _ => return None,
    };
    let number = Number {
        big_endian: *head.get(5)? == 2,
    };
    let phoff = number.word(head, layout.phoff, layout.wide)?;
    let size = usize::from(number.half(head, layout.phentsize)?);
    let count = number.half(head, layout.phnum)?;
    let mut header = vec![0; size];
    for index in 0..u64::from(count) {
        let at = phoff.checked_add(index.checked_mul(size as u64)?)?;
        file.read_exact_at(&mut header, at).ok()?;
        if number.int(&header, 0)? != PT_INTERP {
            continue;
        }
        let offset = number.word(&header, layout.offset, layout.wide)?;
        let length = number.word(&header, layout.filesz, layout.wide)?;
        let mut path = vec![0; length.min(LONGEST_LOADER) as usize];
        file.read_exact_at(&mut path, offset).ok()?;
        let end = path.iter().position(|&byte| byte == 0)?;
        path.truncate(end);
        return Some(path);
    }
    None
}

/// Numbers in a file's byte order.
struct Number {
    big_endian: bool,
}

impl Number {
    fn half(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn int(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn word(&self, bytes: &[u8], at: usize, wide: bool) -> Option<u64> {
        if !wide {
            return self.int(bytes, at).map(u64::from);
        }
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }
}

/// A file in memory, as tests and the fuzzer make them.
#[cfg(any(test, fuzzing))]
pub(super) struct Memory<'a>(pub(super) &'a [u8]);

#[cfg(any(test, fuzzing))]
impl FileExt for Memory<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.0.get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A program that has a loader. The tests themselves may be a static one.
    fn dynamic() -> std::path::PathBuf {
        Path::new("/bin/sh").canonicalize().unwrap()
    }

    #[test]
    fn what_a_file_holds_later_is_not_waited_for() {
        let file = open(Path::new("/bin/sh")).unwrap().unwrap();
        let flags = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert_ne!(flags & libc::O_NONBLOCK, 0);
    }

    #[test]
    fn a_script_names_its_interpreter_without_its_argument() {
        for line in [
            "#!/bin/sh -e\necho\n",
            "#! /bin/sh\n",
            "#!/bin/sh",
            "#!\t/bin/sh\t-x",
        ] {
            assert_eq!(
                Image::parse(&Memory(line.as_bytes())),
                Image::Script(b"/bin/sh".to_vec())
            );
        }
    }

    #[test]
    fn a_program_of_another_machine_is_not_native() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(is_native(&own));
        let mut other = own[..HEAD].to_vec();
        other[18] ^= 1;
        assert!(!is_native(&other));
        assert!(!is_native(&own[..40]));
        assert!(!is_native(b"#!/bin/sh\n"));
    }

    #[test]
    fn an_empty_line_names_none() {
        assert_eq!(Image::parse(&Memory(b"#!\n/bin/sh")), Image::Other);
    }

    #[test]
    fn a_file_that_says_what_runs_it_has_a_registered_interpreter_only_where_a_rule_may_match_it() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = place.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.into_os_string().into_encoded_bytes()
        };
        let own = dynamic().into_os_string();
        let rule = std::cell::Cell::new(None);
        let by = |path: &[u8]| {
            let interpreter = own.as_encoded_bytes().to_vec();
            let may_match = |kind| rule.get() == Some(kind);
            Chain::by_registration(&mut Images::default(), path, interpreter, may_match)
        };
        let script = file("script", b"#!/usr/bin/env sh\n");
        let named = [b"#!".as_slice(), own.as_encoded_bytes(), b"\n"].concat();
        let script_of_own = file("script-of-own", &named);
        assert_eq!(by(&script), None);
        assert_eq!(by(own.as_encoded_bytes()), None);
        rule.set(Some(Kind::Script));
        assert!(by(&script).is_some());
        assert_eq!(by(&script_of_own), None);
        assert_eq!(by(own.as_encoded_bytes()), None);
        rule.set(Some(Kind::Program));
        assert_eq!(by(&script), None);
        assert!(by(own.as_encoded_bytes()).is_some());
        rule.set(None);
        let chain = by(&file("class", b"\xca\xfe\xba\xbe")).unwrap();
        assert_eq!(chain.interpreters, [own.as_encoded_bytes()]);
        assert!(chain.loader.is_some());
        // An ELF program of another machine (e_machine 0xf3 is RISC-V).
        let mut foreign = std::fs::read(&own).unwrap();
        foreign.truncate(4096);
        foreign[18] = 0xf3;
        assert!(by(&file("foreign", &foreign)).is_some());
    }

    #[test]
    fn a_dynamic_program_names_its_loader() {
        let own = std::fs::read(dynamic()).unwrap();
        let Image::Elf {
            loader: Some(loader),
            is_native: true,
        } = Image::parse(&Memory(&own))
        else {
            panic!("the shell is a dynamic ELF program");
        };
        assert!(Path::new(std::str::from_utf8(&loader).unwrap()).exists());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            class in 0u8..4,
            order in 0u8..4,
            rest in prop::collection::vec(any::<u8>(), 0..512),
        ) {
            let mut file = b"\x7fELF".to_vec();
            file.extend([class, order]);
            file.extend(rest);
            let _ = Image::parse(&Memory(&file));
        }
    }
}
