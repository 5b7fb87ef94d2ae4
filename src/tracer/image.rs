//! What the kernel reads of a file that is executed: the `#!` line, or the ELF program header that
//! names the loader.
//!
//! Only as much as execve(2) itself looks at; everything else about ELF is the `elf` module's.
//! The files are of the traced program's choosing: every offset is checked, every length bounded.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How many bytes of a file the kernel looks at for `#!` (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;

/// The longest loader path that is read (`PATH_MAX`).
const LONGEST_LOADER: u64 = 4096;

const PT_INTERP: u32 = 3;

/// A file as execve(2) sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// A script, with the interpreter of its `#!` line.
    Script(Vec<u8>),
    /// An ELF file, with the loader that it asks for.
    Elf(Option<Vec<u8>>),
    /// Something else, or nothing that can be read.
    Other,
}

impl Image {
    /// Reads the beginning of a file.
    pub(crate) fn read(path: &Path) -> Self {
        // A path of the traced program may lead to a FIFO, whose opening would wait.
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => {}
            _ => return Self::Other,
        }
        File::open(path).map_or(Self::Other, |file| Self::parse(&file))
    }

    fn parse(file: &impl FileExt) -> Self {
        let mut head = [0; HEAD];
        let mut length = 0;
        while length < HEAD {
            match file.read_at(&mut head[length..], length as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => length += read,
            }
        }
        let head = &head[..length];
        if let Some(line) = head.strip_prefix(b"#!") {
            return script(line).map_or(Self::Other, Self::Script);
        }
        if head.starts_with(b"\x7fELF") {
            return Self::Elf(loader(file, head));
        }
        Self::Other
    }

    /// The other file that the kernel opens to run this one.
    pub(super) fn wanted(self) -> Option<Vec<u8>> {
        match self {
            Self::Script(interpreter) => Some(interpreter),
            Self::Elf(loader) => loader,
            Self::Other => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;

    struct Memory<'a>(&'a [u8]);

    impl FileExt for Memory<'_> {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = usize::try_from(offset)
                .ok()
                .and_then(|offset| self.0.get(offset..))
                .unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
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
    fn an_empty_line_names_none() {
        assert_eq!(Image::parse(&Memory(b"#!\n/bin/sh")), Image::Other);
    }

    #[test]
    fn a_dynamic_program_names_its_loader() {
        let Image::Elf(Some(loader)) = Image::read(&std::env::current_exe().unwrap()) else {
            panic!("this test is a dynamic ELF program");
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
