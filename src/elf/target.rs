//! Machines: which files fit together, and what the loaders call them.

use super::Class;
use std::fmt;

/// `EI_DATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endianness {
    /// `ELFDATA2LSB`.
    Little,
    /// `ELFDATA2MSB`.
    Big,
}

/// What must be the same in every object of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// 32 or 64 bits.
    pub class: Class,
    /// The byte order.
    pub endianness: Endianness,
    /// `e_machine`.
    pub machine: u16,
}

const EM_386: u16 = 3;
const EM_PPC64: u16 = 21;
const EM_S390: u16 = 22;
const EM_ARM: u16 = 40;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const EM_RISCV: u16 = 243;
const EM_LOONGARCH: u16 = 258;

/// `ld.so.cache`: an ELF library for glibc (`FLAG_ELF_LIBC6`); the architecture is above it.
const ELF_LIBC6: u32 = 0x0003;

impl Target {
    /// The machine in the words that `uname -m` has for it; none when it has no short name here.
    pub fn name(self) -> Option<&'static str> {
        Some(match (self.machine, self.class, self.endianness) {
            (EM_386, ..) => "i386",
            (EM_X86_64, Class::Elf64, _) => "x86_64",
            (EM_X86_64, Class::Elf32, _) => "x32",
            (EM_AARCH64, _, Endianness::Little) => "aarch64",
            (EM_AARCH64, _, Endianness::Big) => "aarch64_be",
            (EM_ARM, ..) => "arm",
            (EM_PPC64, _, Endianness::Little) => "ppc64le",
            (EM_PPC64, _, Endianness::Big) => "ppc64",
            (EM_S390, Class::Elf64, _) => "s390x",
            (EM_RISCV, Class::Elf64, _) => "riscv64",
            (EM_RISCV, Class::Elf32, _) => "riscv32",
            (EM_LOONGARCH, Class::Elf64, _) => "loongarch64",
            _ => return None,
        })
    }

    /// Whether this machine's kernel may run such a file by itself.
    pub fn is_native(self) -> bool {
        match std::env::consts::ARCH {
            "x86_64" => matches!(self.machine, EM_X86_64 | EM_386),
            "aarch64" => matches!(self.machine, EM_AARCH64 | EM_ARM),
            here => self.name().is_some_and(|name| match here {
                "x86" => name == "i386",
                "powerpc64" => name.starts_with("ppc64"),
                here => name == here,
            }),
        }
    }

    /// Where glibc's loader for such files is by the ABI's convention; none where not known here.
    pub fn glibc_loader(self) -> Option<&'static str> {
        Some(match self.name()? {
            "i386" => "/lib/ld-linux.so.2",
            "x86_64" => "/lib64/ld-linux-x86-64.so.2",
            "x32" => "/libx32/ld-linux-x32.so.2",
            "aarch64" => "/lib/ld-linux-aarch64.so.1",
            "aarch64_be" => "/lib/ld-linux-aarch64_be.so.1",
            "arm" => "/lib/ld-linux-armhf.so.3",
            "ppc64le" => "/lib64/ld64.so.2",
            "ppc64" => "/lib64/ld64.so.1",
            "s390x" => "/lib/ld64.so.1",
            "riscv64" => "/lib/ld-linux-riscv64-lp64d.so.1",
            "loongarch64" => "/lib64/ld-linux-loongarch-lp64d.so.1",
            _ => return None,
        })
    }

    /// Debian's name for the library directories of such files.
    pub(crate) fn multiarch(self) -> Option<&'static str> {
        Some(match self.name()? {
            "i386" => "i386-linux-gnu",
            "x86_64" => "x86_64-linux-gnu",
            "x32" => "x86_64-linux-gnux32",
            "aarch64" => "aarch64-linux-gnu",
            "arm" => "arm-linux-gnueabihf",
            "ppc64le" => "powerpc64le-linux-gnu",
            "s390x" => "s390x-linux-gnu",
            "riscv64" => "riscv64-linux-gnu",
            "loongarch64" => "loongarch64-linux-gnu",
            _ => return None,
        })
    }

    /// What `$PLATFORM` stands for: the kernel's `AT_PLATFORM`. (glibc before 2.37 may put the
    /// processor's family there, such as `haswell`.)
    pub(crate) fn platform(self) -> Option<&'static str> {
        Some(match self.name()? {
            "i386" => "i686",
            "x86_64" | "x32" => "x86_64",
            "aarch64" => "aarch64",
            "arm" => "v7l",
            _ => return None,
        })
    }

    /// The flags that libraries of this target carry in `ld.so.cache` (glibc's `ldconfig.h`); none
    /// where they are not known here.
    pub(crate) fn cache_flags(self) -> Option<u32> {
        let architecture = match self.name()? {
            "i386" => 0,
            "x86_64" => 0x0300,
            "s390x" => 0x0400,
            "ppc64" | "ppc64le" => 0x0500,
            "x32" => 0x0800,
            "arm" => 0x0900,
            "aarch64" => 0x0a00,
            "riscv64" => 0x1000,
            "loongarch64" => 0x1200,
            _ => return None,
        };
        Some(architecture | ELF_LIBC6)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "machine {}", self.machine),
        }
    }
}
