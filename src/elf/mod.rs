//! ELF images: what the dynamic loader reads from them.
//!
//! goblin is known only here. Reading is bounded and never panics, whatever the bytes.

use bstr::BString;

/// What the dynamic loader cares about in an ELF file (gABI chapters 4 and 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// 32 or 64 bits (`EI_CLASS`).
    pub class: Class,
    /// `e_machine`.
    pub machine: u16,
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
    /// Whether there is a dynamic section at all.
    pub dynamic: bool,
}

/// `EI_CLASS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `ELFCLASS32`.
    Elf32,
    /// `ELFCLASS64`.
    Elf64,
}
