//! Tools that build for another machine: `aarch64-linux-gnu-gcc` is the compiler of
//! `pkgsCross.aarch64-multiplatform`, and never the one of this machine.

use super::spelling::split_triplet;
use super::{AttrPath, Basis, Candidate, Facts, FileForm, Kind, Query, SourceKind};
use crate::trace::Bytes;
use bstr::ByteSlice;

/// Triplets as distributions write them, and nixpkgs' name for the platform
/// (`lib/systems/examples.nix`).
const PLATFORMS: [(&str, &str); 12] = [
    ("aarch64-linux-gnu", "aarch64-multiplatform"),
    ("aarch64-linux-musl", "aarch64-multiplatform-musl"),
    ("arm-linux-gnueabi", "armv7l-hf-multiplatform"),
    ("arm-linux-gnueabihf", "armv7l-hf-multiplatform"),
    ("i686-linux-gnu", "gnu32"),
    ("i686-w64-mingw32", "mingw32"),
    ("powerpc64le-linux-gnu", "powernv"),
    ("riscv64-linux-gnu", "riscv64"),
    ("s390x-linux-gnu", "s390x"),
    ("x86_64-linux-gnu", "gnu64"),
    ("x86_64-linux-musl", "musl64"),
    ("x86_64-w64-mingw32", "mingwW64"),
];

/// What the compiler of a platform brings, without versions.
const TOOLS: [&str; 22] = [
    "addr2line",
    "ar",
    "as",
    "c++",
    "c++filt",
    "cc",
    "cpp",
    "g++",
    "gcc",
    "gcc-ar",
    "gcc-nm",
    "gcc-ranlib",
    "ld",
    "ld.bfd",
    "nm",
    "objcopy",
    "objdump",
    "ranlib",
    "readelf",
    "size",
    "strings",
    "strip",
];

/// The compiler that a command builds with for another machine.
pub(super) fn candidates(query: &Query) -> Vec<Candidate> {
    if query.kind != Kind::Command {
        return Vec::new();
    }
    let Some((triplet, tool)) = split_triplet(query.name.as_bytes()) else {
        return Vec::new();
    };
    let tool = tool.trim_end_with(|c| c.is_ascii_digit() || c == '-' || c == '.');
    let platform = PLATFORMS
        .iter()
        .filter(|_| TOOLS.iter().any(|known| tool == known.as_bytes()))
        .find(|(known, _)| triplet == known.as_bytes());
    let Some((triplet, platform)) = platform else {
        return Vec::new();
    };
    if triplet.split('-').next() == Some(std::env::consts::ARCH) && triplet.ends_with("-linux-gnu")
    {
        return Vec::new();
    }
    let Ok(attr) = AttrPath::new(format!("pkgsCross.{platform}.stdenv.cc")) else {
        return Vec::new();
    };
    vec![Candidate {
        attr,
        output: None,
        source: SourceKind::Heuristic,
        basis: Basis::Manual,
        form: FileForm::Regular,
        place: Bytes::default(),
        popularity: 0,
        note: Some(format!("it builds for {triplet}")),
        facts: Facts::default(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_for_another_machine_is_that_platforms_compiler() {
        let attr = |command: &str| {
            let found = candidates(&Query::new(Kind::Command, command));
            found.first().map(|candidate| candidate.attr.to_string())
        };
        for (command, platform) in [
            ("riscv64-linux-gnu-gcc", "riscv64"),
            ("arm-linux-gnueabihf-g++-12", "armv7l-hf-multiplatform"),
            ("x86_64-w64-mingw32-strip", "mingwW64"),
            ("s390x-linux-gnu-gcc-nm-11", "s390x"),
        ] {
            let expected = format!("pkgsCross.{platform}.stdenv.cc");
            assert_eq!(attr(command), Some(expected), "{command}");
        }
        let own = format!("{}-linux-gnu-gcc", std::env::consts::ARCH);
        for command in [
            own.as_str(),
            "mips-linux-gnu-gcc",
            "riscv64-linux-gnu-gdb",
            "gcc",
        ] {
            assert_eq!(attr(command), None, "{command}");
        }
    }
}
