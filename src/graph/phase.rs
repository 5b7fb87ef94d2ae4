//! The steps of a build: which command line began which phase, in the words of nixpkgs' stdenv.
//!
//! A step is the outermost command that belongs to a phase (`./configure`, `make`, `make install`);
//! what it starts belongs to it too. So `make` below `make check` is no step of its own.

use super::command;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use serde::Serialize;

/// A phase of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It looks at the system and writes what the build goes by.
    Configure,
    /// It compiles.
    Build,
    /// It tests what was built.
    Check,
    /// It puts results where they belong.
    Install,
}

/// What a step was done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// A `configure` script.
    Configure,
    /// What makes one: `autoreconf`, `autogen.sh`.
    Autoreconf,
    /// `make`.
    Make,
    /// `ninja`.
    Ninja,
    /// `cmake` and `ctest`.
    Cmake,
    /// `meson`.
    Meson,
    /// `cargo`.
    Cargo,
    /// `go`.
    Go,
    /// `npm`.
    Npm,
    /// `pip`, `python -m build`, `setup.py`.
    Python,
    /// A compiler that was called by hand.
    Compiler,
}

impl Tool {
    /// Whether a build with it ends with something that was linked.
    pub fn compiles(self) -> bool {
        !matches!(
            self,
            Self::Npm | Self::Python | Self::Configure | Self::Autoreconf
        )
    }
}

/// A command that began a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which.
    pub phase: Phase,
    /// With what.
    pub tool: Tool,
    /// Its arguments, its own name first.
    pub argv: Vec<Bytes>,
    /// The directory that it ran in.
    pub cwd: Bytes,
}

/// A hostile program can begin any number of steps; no build has so many.
pub(super) const STEPS: usize = 64;

/// The phases that a program ran in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Phases(u8);

impl Phases {
    /// Adds one; none when the program ran outside of any.
    pub fn add(&mut self, phase: Option<Phase>) {
        self.0 |= phase.map_or(1 << 7, |phase| 1 << phase as u8);
    }

    /// The phases, in the order of a build; `None` stands for a time that was none.
    pub fn iter(self) -> impl Iterator<Item = Option<Phase>> {
        [
            Some(Phase::Configure),
            Some(Phase::Build),
            Some(Phase::Check),
            Some(Phase::Install),
            None,
        ]
        .into_iter()
        .filter(move |phase| self.0 & phase.map_or(1 << 7, |phase| 1 << phase as u8) != 0)
    }
}

/// The phase that a command begins, and its tool; none when it begins none.
///
/// `script` is the script that runs, if one does.
pub fn begun(name: &BStr, script: Option<&BStr>, argv: &[Bytes]) -> Option<(Phase, Tool)> {
    let words: Vec<&[u8]> = argv.iter().skip(1).map(|word| word.as_bytes()).collect();
    let has = |word: &str| words.contains(&word.as_bytes());
    // The first word that is no option says what `cargo` and its like are to do.
    let verb = words.iter().find(|word| !word.starts_with(b"-")).copied();
    if let Some(script) = script {
        return match script.as_bytes() {
            b"configure" => Some((Phase::Configure, Tool::Configure)),
            b"autogen.sh" | b"bootstrap" | b"bootstrap.sh" | b"autoreconf" => {
                Some((Phase::Configure, Tool::Autoreconf))
            }
            b"meson" | b"meson.py" => of_meson(verb),
            b"npm" | b"npm-cli.js" => of_npm(verb, &words),
            b"pyproject-build" => Some((Phase::Build, Tool::Python)),
            b"pip" | b"pip3" => of_pip(&words),
            b"pytest" | b"py.test" => Some((Phase::Check, Tool::Python)),
            b"setup.py" => {
                let phase = if has("install") || has("develop") {
                    Phase::Install
                } else if has("test") {
                    Phase::Check
                } else {
                    Phase::Build
                };
                Some((phase, Tool::Python))
            }
            _ => None,
        };
    }
    match command::stem(name).as_bytes() {
        b"make" | b"gmake" => Some((of_targets(&words), Tool::Make)),
        b"ninja" | b"samu" => Some((of_targets(&words), Tool::Ninja)),
        b"cmake" if has("--install") => Some((Phase::Install, Tool::Cmake)),
        b"cmake" if has("--build") => Some((of_targets(&words), Tool::Cmake)),
        b"cmake" if has("-E") || has("-P") || has("--version") => None,
        b"cmake" => Some((Phase::Configure, Tool::Cmake)),
        b"ctest" => Some((Phase::Check, Tool::Cmake)),
        b"autoreconf" => Some((Phase::Configure, Tool::Autoreconf)),
        b"meson" => of_meson(verb),
        b"npm" => of_npm(verb, &words),
        b"cargo" => match verb? {
            b"build" | b"b" | b"rustc" | b"run" | b"r" | b"check" => {
                Some((Phase::Build, Tool::Cargo))
            }
            b"test" | b"t" | b"nextest" => Some((Phase::Check, Tool::Cargo)),
            b"install" => Some((Phase::Install, Tool::Cargo)),
            _ => None,
        },
        b"go" => match verb? {
            b"build" | b"run" => Some((Phase::Build, Tool::Go)),
            b"test" | b"vet" => Some((Phase::Check, Tool::Go)),
            b"install" => Some((Phase::Install, Tool::Go)),
            _ => None,
        },
        b"python" if words.starts_with(&[b"-m", b"build"]) => Some((Phase::Build, Tool::Python)),
        b"python" if words.starts_with(&[b"-m", b"pip"]) => of_pip(&words[2..]),
        b"python" if words.starts_with(&[b"-m", b"pytest"]) => Some((Phase::Check, Tool::Python)),
        _ if command::part(name) == command::Part::Toolchain => {
            Some((Phase::Build, Tool::Compiler))
        }
        _ => None,
    }
}

/// The phase of a call of make: that of the last target that has one, since `make all install`
/// ends with it.
fn of_targets(words: &[&[u8]]) -> Phase {
    words
        .iter()
        .rev()
        .find_map(|word| match *word {
            b"install" | b"install-strip" => Some(Phase::Install),
            b"check" | b"test" | b"tests" => Some(Phase::Check),
            _ => None,
        })
        .unwrap_or(Phase::Build)
}

fn of_meson(verb: Option<&[u8]>) -> Option<(Phase, Tool)> {
    let phase = match verb? {
        b"compile" => Phase::Build,
        b"test" => Phase::Check,
        b"install" => Phase::Install,
        b"introspect" | b"configure" | b"rewrite" | b"wrap" => return None,
        _ => Phase::Configure,
    };
    Some((phase, Tool::Meson))
}

/// pip builds what lies in a directory; what it is given by name is built elsewhere.
fn of_pip(words: &[&[u8]]) -> Option<(Phase, Tool)> {
    let builds = words
        .iter()
        .any(|word| matches!(*word, b"install" | b"wheel"));
    let is_local = |word: &&[u8]| word.starts_with(b".") || word.starts_with(b"/");
    // The directory after `--target` and its like is no source.
    let is_given = words.iter().enumerate().any(|(at, word)| {
        is_local(word)
            && at
                .checked_sub(1)
                .is_none_or(|before| !words[before].starts_with(b"-"))
            || *word == b"."
    });
    (builds && is_given).then_some((Phase::Build, Tool::Python))
}

fn of_npm(verb: Option<&[u8]>, words: &[&[u8]]) -> Option<(Phase, Tool)> {
    let phase = match verb? {
        b"ci" | b"install" | b"i" => Phase::Configure,
        b"test" | b"t" => Phase::Check,
        b"run" | b"run-script" if words.contains(&b"test".as_slice()) => Phase::Check,
        b"run" | b"run-script" | b"pack" => Phase::Build,
        _ => return None,
    };
    Some((phase, Tool::Npm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(Phase, Tool)>) {
        let argv: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
        let name = super::super::classify::file_name(argv[0].as_ref());
        let script = ["configure", "setup.py", "pip"]
            .contains(&name.to_string().as_str())
            .then_some(name);
        assert_eq!(begun(name, script, &argv), expected, "{line}");
    }

    #[test]
    fn a_command_line_says_which_phase_it_begins() {
        use Phase::{Build, Check, Configure, Install};
        check(
            "./configure --prefix=/usr",
            Some((Configure, Tool::Configure)),
        );
        check("make -j4", Some((Build, Tool::Make)));
        check("make all install PREFIX=/x", Some((Install, Tool::Make)));
        check("make check", Some((Check, Tool::Make)));
        check("cmake -S . -B build", Some((Configure, Tool::Cmake)));
        check("cmake --build build", Some((Build, Tool::Cmake)));
        check("cmake --install build", Some((Install, Tool::Cmake)));
        check("cmake -E touch x", None);
        check("meson setup build", Some((Configure, Tool::Meson)));
        check("cargo --offline test", Some((Check, Tool::Cargo)));
        check("go build ./cmd/x", Some((Build, Tool::Go)));
        check("npm run build", Some((Build, Tool::Npm)));
        check("gcc-12 -o app main.c", Some((Build, Tool::Compiler)));
        check("pip install .", Some((Build, Tool::Python)));
        check("pip install --target ./d .", Some((Build, Tool::Python)));
        check("pip install --target ./d requests", None);
        check("pip download .", None);
        check("git status", None);
    }
}
