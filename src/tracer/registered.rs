//! The kinds of files for which an interpreter is registered (binfmt_misc,
//! linux/Documentation/admin-guide/binfmt-misc.rst).
//!
//! The kernel asks these rules before it looks whether a file is a program of its own kind or a
//! script, so that what a file itself says about how it runs is only true where no rule may match it.

use super::image::{MACHINE, MACHINE_AT};
use std::fs;
use std::path::Path;

/// Where the rules are, if that is mounted.
const RULES: &str = "/proc/sys/fs/binfmt_misc";

/// What a file says itself about how it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is a program of this machine's own kind.
    Program,
    /// It is a script.
    Script,
}

impl Kind {
    /// The bytes that all files of the kind have in this place.
    fn byte(self, at: usize) -> Option<u8> {
        let order = if cfg!(target_endian = "big") { 2 } else { 1 };
        match self {
            // `e_machine` and the beginning of `e_ident` of a 64-bit file (elf(5)): what the kernel looks
            // at. That the others are as they should be is up to who made the file.
            Self::Program => match at.checked_sub(MACHINE_AT) {
                Some(at) => MACHINE?.to_ne_bytes().get(at).copied(),
                None => [0x7f, b'E', b'L', b'F', 2, order].get(at).copied(),
            },
            Self::Script => b"#!".get(at).copied(),
        }
    }
}

/// Which files an interpreter is registered for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Those with these bytes in this place, of which the mask's bits count.
    Magic {
        offset: usize,
        magic: Vec<u8>,
        mask: Vec<u8>,
    },
    /// Those whose names end so, behind a dot.
    Extension(Vec<u8>),
    /// It cannot be said.
    Any,
}

impl Rule {
    /// Reads a rule as the kernel shows it; none when it is switched off.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() == Some("disabled") {
            return None;
        }
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let rule = || {
            if let Some(extension) = value("extension .") {
                return Some(Self::Extension(extension.into()));
            }
            let magic = bytes(value("magic ")?)?;
            let mask = match value("mask ") {
                Some(mask) => bytes(mask).filter(|mask| mask.len() == magic.len())?,
                None => vec![0xff; magic.len()],
            };
            Some(Self::Magic {
                offset: value("offset ")?.parse().ok()?,
                magic,
                mask,
            })
        };
        Some(rule().unwrap_or(Self::Any))
    }

    fn may_match(&self, path: &[u8], kind: Kind) -> bool {
        match self {
            Self::Magic {
                offset,
                magic,
                mask,
            } => magic
                .iter()
                .zip(mask)
                .enumerate()
                .all(|(index, (byte, mask))| {
                    let at = offset.saturating_add(index);
                    kind.byte(at).is_none_or(|known| (known ^ byte) & mask == 0)
                }),
            Self::Extension(extension) => path
                .strip_suffix(extension.as_slice())
                .is_some_and(|path| path.ends_with(b".")),
            Self::Any => true,
        }
    }
}

/// Bytes in hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

/// The rules of this machine.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Reads them; where they are not mounted there is nothing to read.
    pub(super) fn find() -> Self {
        Self::read(Path::new(RULES))
    }

    fn read(directory: &Path) -> Self {
        let Ok(entries) = fs::read_dir(directory) else {
            return Self::default();
        };
        if fs::read_to_string(directory.join("status")).is_ok_and(|text| text == "disabled\n") {
            return Self::default();
        }
        let of_a_rule = |name: &std::ffi::OsStr| name != "register" && name != "status";
        Self(
            entries
                .flatten()
                .filter(|entry| of_a_rule(&entry.file_name()))
                .filter_map(|entry| match fs::read_to_string(entry.path()) {
                    Ok(text) => Rule::parse(&text),
                    Err(_) => Some(Rule::Any),
                })
                .collect(),
        )
    }

    /// From now on others may be registered.
    pub(super) fn may_change(&mut self) {
        self.0 = vec![Rule::Any];
    }

    /// Whether a file of this kind and name may be run by a registered interpreter.
    pub(super) fn may_match(&self, path: &[u8], kind: Kind) -> bool {
        self.0.iter().any(|rule| rule.may_match(path, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        let place = tempfile::tempdir().unwrap();
        for (index, text) in texts.iter().enumerate() {
            fs::write(place.path().join(index.to_string()), text).unwrap();
        }
        fs::write(place.path().join("register"), "").unwrap();
        fs::write(place.path().join("status"), "enabled\n").unwrap();
        Rules::read(place.path())
    }

    #[test]
    fn a_rule_for_programs_of_other_machines_or_other_files_matches_none_of_ours() {
        let rules = rules(&[
            "enabled\ninterpreter /usr/bin/wine\nflags: \noffset 0\nmagic 4d5a\n",
            "enabled\ninterpreter /usr/bin/qemu-i386\nflags: \noffset 0\n\
             magic 7f454c46010101\nmask ffffffffffffff\n",
            "enabled\ninterpreter /usr/bin/qemu-riscv64\nflags: POCF\noffset 0\n\
             magic 7f454c460201010000000000000000000200f300\n\
             mask ffffffffffffff00fffffffffffffffffeffffff\n",
            "enabled\ninterpreter /usr/bin/jexec\nflags: \noffset 0\nmagic 504b0304\n",
        ]);
        for kind in [Kind::Program, Kind::Script] {
            assert!(!rules.may_match(b"/bin/x", kind), "{kind:?}");
        }
    }

    #[test]
    fn a_rule_for_what_programs_begin_with_may_match_them() {
        let rules = rules(&["enabled\ninterpreter /x\nflags: \noffset 0\n\
             magic 7f454c4602010100006f\nmask ffffffff000000ff00ff\n"]);
        assert!(rules.may_match(b"/bin/x", Kind::Program));
        assert!(!rules.may_match(b"/bin/x", Kind::Script));
        // This machine's own, by what one of them begins with.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let own: String = own[..20].iter().map(|byte| format!("{byte:02x}")).collect();
        let rules = self::rules(&[&format!(
            "enabled\ninterpreter /x\nflags: \noffset 0\nmagic {own}\n\
             mask ffffffffffffff00fffffffffffffffffeffffff\n"
        )]);
        assert!(rules.may_match(b"/bin/x", Kind::Program));
        assert!(!rules.may_match(b"/bin/x", Kind::Script));
        // What is behind the place that all of them have in common may be anything.
        let rules = self::rules(&["enabled\ninterpreter /x\nflags: \noffset 40\nmagic 7878\n"]);
        assert!(rules.may_match(b"/bin/x", Kind::Program));
        assert!(rules.may_match(b"/bin/x", Kind::Script));
    }

    #[test]
    fn a_rule_for_an_ending_may_match_names_that_end_so() {
        let rules = rules(&["enabled\ninterpreter /x\nflags: \nextension .exe\n"]);
        assert!(rules.may_match(b"/opt/a.exe", Kind::Program));
        assert!(!rules.may_match(b"/opt/exe", Kind::Program));
        assert!(!rules.may_match(b"/opt/a.exe.sh", Kind::Script));
    }

    #[test]
    fn a_rule_that_is_switched_off_matches_nothing() {
        let off = "disabled\ninterpreter /x\nflags: \nextension .exe\n";
        assert!(!rules(&[off]).may_match(b"a.exe", Kind::Program));
    }

    #[test]
    fn a_rule_that_is_not_understood_may_match_anything() {
        let odd = "enabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f4\n";
        assert!(rules(&[odd]).may_match(b"/bin/x", Kind::Script));
        let mut rules = Rules::default();
        assert!(!rules.may_match(b"/bin/x", Kind::Program));
        rules.may_change();
        assert!(rules.may_match(b"/bin/x", Kind::Program));
    }
}
