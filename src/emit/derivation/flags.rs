//! Flags of a build as they were given, without those that stdenv gives itself.

use super::Ingredients;
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::BTreeSet;

/// Flags as they were given, without those that stdenv gives itself.
#[derive(Default)]
pub(super) struct Flags {
    pub(super) told: BTreeSet<Bytes>,
    /// Those that Nix computes.
    pub(super) made: Vec<NixText>,
}

impl Flags {
    /// Options of `configure`. Directories are stdenv's to set.
    pub(super) fn configure<'a>(words: impl Iterator<Item = &'a Bytes>) -> Self {
        const DIRECTORIES: &[&str] = &[
            "--prefix",
            "--exec-prefix",
            "--bindir",
            "--sbindir",
            "--libdir",
            "--includedir",
            "--datadir",
            "--datarootdir",
            "--mandir",
            "--infodir",
            "--sysconfdir",
            "--localstatedir",
            "--build",
            "--host",
            "--disable-dependency-tracking",
            "--cache-file",
            "--srcdir",
            "--silent",
            "--quiet",
            "-q",
            "-C",
        ];
        let is_ours = |word: &Bytes| {
            let name = word.split_str("=").next().unwrap_or(word);
            DIRECTORIES.iter().any(|known| name == known.as_bytes())
        };
        let told = words.filter(|word| word.starts_with(b"-") && !is_ours(word));
        Self {
            told: told.cloned().collect(),
            made: Vec::new(),
        }
    }

    /// Definitions of CMake and Meson: `-DNAME=VALUE`, in one word or two.
    pub(super) fn definitions<'a>(words: impl Iterator<Item = &'a Bytes>, ours: &[&str]) -> Self {
        let words: Vec<&Bytes> = words.collect();
        let mut told = BTreeSet::new();
        for (at, word) in words.iter().enumerate() {
            let definition = match word.strip_prefix(b"-D") {
                Some([]) => words.get(at + 1).map(|next| next.as_bytes()),
                inner => inner,
            };
            let Some(definition) = definition else {
                continue;
            };
            let name = definition
                .split(|byte| b":=".contains(byte))
                .next()
                .unwrap_or_default();
            if !ours.iter().any(|known| name == known.as_bytes()) {
                told.insert([b"-D", definition].concat().into());
            }
        }
        Self {
            told,
            made: Vec::new(),
        }
    }

    /// Assignments on the command line of make; where results go is stdenv's to say.
    pub(super) fn assignments<'a>(words: impl Iterator<Item = &'a Bytes>) -> Self {
        const OURS: &[&str] = &["PREFIX", "prefix", "DESTDIR"];
        let told = words.filter(|word| {
            word.split_once_str("=").is_some_and(|(name, _)| {
                let is_name = name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                is_name && !name.is_empty() && !OURS.iter().any(|known| name == known.as_bytes())
            })
        });
        Self {
            told: told.cloned().collect(),
            made: Vec::new(),
        }
    }

    /// `name = [ … ];`. What names this machine's places, or was hidden, is left to a person.
    pub(super) fn entry(self, ingredients: &Ingredients<'_>, name: &'static str) -> Option<Entry> {
        let home = ingredients.evidence.home;
        let root = &ingredients.evidence.environment.subject.root;
        let is_general = |word: &Bytes| {
            NixText::can_spell(word)
                && !word.contains_str("…")
                && !home.is_named_in(word)
                && (root.len() < 2 || !word.contains_str(root.as_bytes()))
        };
        let (general, local): (Vec<Bytes>, Vec<Bytes>) =
            self.told.into_iter().partition(is_general);
        let todo: Vec<Comment> = local
            .iter()
            .filter_map(|word| {
                let word = home.shown(word);
                Comment::new(&format!(
                    "TODO nixtrace: {word} was given, which is for this machine"
                ))
            })
            .collect();
        let values = general
            .iter()
            .map(|word| NixText::string(word))
            .chain(self.made);
        let values: Vec<NixText> = values.collect();
        match values.is_empty() {
            true if todo.is_empty() => None,
            true => Some(Entry::Comments(
                todo.into_iter().map(|it| (0, it)).collect(),
            )),
            false => {
                let entry = Entry::binding(name, Expression::list(values));
                Some(
                    todo.into_iter()
                        .fold(entry, |entry, it| entry.below(Some(it))),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(flags: &Flags) -> Vec<String> {
        flags.told.iter().map(ToString::to_string).collect()
    }

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(Bytes::from).collect()
    }

    #[test]
    fn flags_that_stdenv_gives_itself_are_left_out() {
        let line = words("--prefix=/usr --enable-x --with-y=z CFLAGS=-O2 --build=x86_64");
        assert_eq!(
            told(&Flags::configure(line.iter())),
            ["--enable-x", "--with-y=z"]
        );
        let line = words("-S . -B b -DCMAKE_INSTALL_PREFIX=/x -DA:BOOL=ON -D B=1 -GNinja");
        let flags = Flags::definitions(line.iter(), &["CMAKE_INSTALL_PREFIX"]);
        assert_eq!(told(&flags), ["-DA:BOOL=ON", "-DB=1"]);
        let line = words("-j4 all PREFIX=/x V=1 install");
        assert_eq!(told(&Flags::assignments(line.iter())), ["V=1"]);
    }
}
