//! What the name of a program says about the part it plays: an interpreter, a compiler, a
//! launcher that only runs something else.
//!
//! Names are those of the program's file without its directory and without a version at its end
//! (`python3.11` is `python`, `gcc-12` is `gcc`).

use bstr::{BStr, ByteSlice};

/// The part a program plays in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Runs scripts in a language.
    Interpreter(Language),
    /// Turns sources into objects, or objects into programs.
    Toolchain,
    /// Starts what its arguments or the project's files name: its children are the user's own
    /// commands.
    Driver,
    /// Runs the command in its arguments and nothing else: collapses into it.
    Launcher,
    /// Any other program.
    Tool,
}

/// Languages with an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// sh, bash, dash, zsh, …
    Shell,
    /// python, pypy.
    Python,
    /// perl.
    Perl,
    /// ruby.
    Ruby,
    /// node.
    Node,
    /// lua, php, Rscript, tclsh, guile, …
    Other,
}

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"];

const OTHER_INTERPRETERS: &[&str] = &[
    "lua",
    "luajit",
    "php",
    "Rscript",
    "R",
    "tclsh",
    "wish",
    "guile",
    "gjs",
    "java",
    "julia",
    "octave-cli",
    "octave",
    "escript",
    "elixir",
    "groovy",
    "deno",
    "bun",
    "mono",
];

const TOOLCHAIN: &[&str] = &[
    "gcc",
    "cc",
    "c89",
    "c99",
    "g++",
    "c++",
    "cpp",
    "gfortran",
    "cc1",
    "cc1plus",
    "f951",
    "collect2",
    "lto-wrapper",
    "lto1",
    "as",
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "rust-lld",
    "lld",
    "mold",
    "gold",
    "clang",
    "clang++",
    "ar",
    "ranlib",
    "strip",
    "nm",
    "objdump",
    "objcopy",
    "gcc-ar",
    "gcc-nm",
    "gcc-ranlib",
    "rustc",
    "javac",
    "ghc",
    "ocamlopt",
    "ocamlc",
    "compile",
    "link",
    "asm",
    "cgo",
    "tcc",
    "zig",
];

/// Programs of the tool chain whose names alone show that something was built.
const COMPILERS: &[&str] = &[
    "cc1", "cc1plus", "f951", "collect2", "clang", "clang++", "rustc", "javac", "ghc", "ocamlopt",
    "tcc", "zig",
];

const DRIVERS: &[&str] = &[
    "make",
    "gmake",
    "ninja",
    "samu",
    "cmake",
    "ctest",
    "meson",
    "scons",
    "waf",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pip",
    "cargo",
    "go",
    "mvn",
    "gradle",
    "ant",
    "rake",
    "bundle",
    "tox",
    "nox",
    "poetry",
    "uv",
    "just",
    "task",
    "autoreconf",
    "libtool",
    "dune",
    "stack",
    "cabal",
    "bazel",
];

/// Launchers that the standard environment has, or that speed a build up and are no part of it.
const LAUNCHERS_EVERYWHERE: &[&str] = &[
    "env", "timeout", "nice", "nohup", "stdbuf", "ccache", "sccache", "distcc", "time",
];

/// Launchers that have a package of their own.
const LAUNCHERS: &[&str] = &[
    "setsid", "ionice", "chrt", "taskset", "setarch", "linux64", "linux32", "flock", "unshare",
    "prlimit", "sudo", "doas", "strace", "ltrace",
];

/// What starts a build when it is the command itself.
const BUILD_COMMANDS: &[&str] = &[
    "make",
    "gmake",
    "ninja",
    "samu",
    "cmake",
    "meson",
    "scons",
    "waf",
    "configure",
    "autoreconf",
    "bazel",
    "dune",
];

/// Names in which the number is no version.
const NUMBERED: &[&str] = &[
    "c89", "c99", "cc1", "f951", "lto1", "collect2", "linux32", "linux64",
];

/// The name without its version: `python3.11` is `python`, `gcc-12` is `gcc`, `ld.bfd` stays.
pub fn stem(name: &BStr) -> &BStr {
    let name = without_target(name);
    let end = name
        .trim_end_with(|c| c.is_ascii_digit() || c == '.' || c == '-')
        .len();
    // A name that is all digits and dots, or `c89`, is a name of its own.
    if end == 0 || is_one_of(name, NUMBERED) {
        name.as_bstr()
    } else {
        name[..end].as_bstr()
    }
}

/// The name without the target that cross tools carry: `x86_64-linux-gnu-gcc` is `gcc`.
fn without_target(name: &BStr) -> &BStr {
    match name.find(b"-linux-gnu-") {
        Some(at) => name[at + "-linux-gnu-".len()..].as_bstr(),
        None => name,
    }
}

fn is_one_of(name: &BStr, names: &[&str]) -> bool {
    names.iter().any(|known| name == known)
}

/// The part that a program of this name plays.
pub fn part(name: &BStr) -> Part {
    let stem = stem(name);
    if is_one_of(stem, SHELLS) {
        return Part::Interpreter(Language::Shell);
    }
    match stem.as_bytes() {
        b"python" | b"pypy" => return Part::Interpreter(Language::Python),
        b"perl" => return Part::Interpreter(Language::Perl),
        b"ruby" => return Part::Interpreter(Language::Ruby),
        b"node" | b"nodejs" => return Part::Interpreter(Language::Node),
        _ => {}
    }
    if is_one_of(stem, OTHER_INTERPRETERS) {
        Part::Interpreter(Language::Other)
    } else if is_one_of(stem, TOOLCHAIN) {
        Part::Toolchain
    } else if is_one_of(stem, DRIVERS) {
        Part::Driver
    } else if is_one_of(stem, LAUNCHERS) || is_one_of(stem, LAUNCHERS_EVERYWHERE) {
        Part::Launcher
    } else {
        Part::Tool
    }
}

/// Whether a launcher of this name is there without being asked for.
pub fn is_everywhere(launcher: &BStr) -> bool {
    is_one_of(stem(launcher), LAUNCHERS_EVERYWHERE)
}

/// Whether a program of this name ran only because something is compiled.
pub fn is_compiler(name: &BStr) -> bool {
    is_one_of(stem(name), COMPILERS)
}

/// Whether a command of this name is a build by itself, even if there was nothing to do.
pub fn is_build_command(name: &BStr) -> bool {
    is_one_of(stem(name), BUILD_COMMANDS)
}

/// Whether the program links: reads the libraries that `-l` names.
pub fn is_linker(name: &BStr) -> bool {
    let stem = stem(name);
    is_one_of(
        stem,
        &[
            "ld", "ld.bfd", "ld.gold", "ld.lld", "rust-lld", "lld", "mold", "gold", "collect2",
        ],
    )
}

/// Whether the program reads headers: a compiler proper.
pub fn is_compiler_proper(name: &BStr) -> bool {
    is_one_of(
        stem(name),
        &["cc1", "cc1plus", "clang", "clang++", "cpp", "tcc", "f951"],
    )
}

/// Whether the program asks about the host's installation: tools do so to fit in where they find
/// themselves, and go without elsewhere.
pub fn asks_the_host(name: &BStr) -> bool {
    const QUESTIONS: &[&str] = &[
        "apk",
        "apt-config",
        "dpkg",
        "dpkg-architecture",
        "dpkg-buildflags",
        "dpkg-query",
        "ldconfig",
        "lsb_release",
        "pacman",
        "rpm",
    ];
    is_one_of(name, QUESTIONS)
}

/// Whether the program is pkg-config under one of its names.
pub fn is_pkg_config(name: &BStr) -> bool {
    is_one_of(without_target(name), &["pkg-config", "pkgconf"])
}

/// Whether a program of this name is a make.
pub fn is_make(name: &BStr) -> bool {
    is_one_of(stem(name), &["make", "gmake"])
}

/// Whether a program of this name is CMake.
pub fn is_cmake(name: &BStr) -> bool {
    stem(name) == "cmake"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_no_part_of_the_name() {
        assert_eq!(
            part("python3.11".into()),
            Part::Interpreter(Language::Python)
        );
        assert_eq!(part("gcc-12".into()), Part::Toolchain);
        assert_eq!(part("x86_64-linux-gnu-g++-12".into()), Part::Toolchain);
        assert_eq!(stem("c89".into()), "c89");
        assert_eq!(stem("7".into()), "7");
    }

    #[test]
    fn compilers_proper_read_headers_and_drivers_do_not() {
        assert!(is_compiler_proper("cc1plus".into()));
        assert!(!is_compiler_proper("gcc".into()));
        assert!(is_linker("ld.bfd".into()));
    }
}
