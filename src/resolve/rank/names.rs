//! How alike the name of a thing and the name of a package are. What a likeness counts for is the
//! table of weights' business.

use crate::resolve::{Kind, Query};
use bstr::ByteSlice;

/// The words of an attribute's name, split at punctuation and at capitals: `gitFull` is `git` and
/// `full`.
pub(super) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
            lower = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower {
            words.push(String::new());
        }
        lower = c.is_ascii_lowercase();
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// How alike two names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    Same,
    Alike,
    Begins,
    None,
}

/// `cmake` of `cmake-3.25`, `vim` of `vim90`.
pub(in crate::resolve) fn without_release(directory: &str) -> &str {
    directory
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
        .trim_end_matches('-')
}

/// Directories of data that many packages fill.
pub(in crate::resolve) const SHARED_DIRECTORIES: [&str; 20] = [
    "aclocal",
    "applications",
    "bash-completion",
    "bug",
    "doc",
    "doc-base",
    "icons",
    "info",
    "java",
    "licenses",
    "lintian",
    "locale",
    "man",
    "metainfo",
    "mime",
    "perl5",
    "pixmaps",
    "sgml",
    "xml",
    "zsh",
];

/// Where packages put files for another program to find: that a file lies there does not make it the
/// program's own.
const DROP_INS: [&str; 30] = [
    "share/dbus-1/interfaces",
    "share/dbus-1/services",
    "share/dbus-1/session.d",
    "share/dbus-1/system-services",
    "share/dbus-1/system.d",
    "share/dict",
    "share/emacs/site-lisp",
    "share/fish/vendor_completions.d",
    "share/fish/vendor_conf.d",
    "share/fish/vendor_functions.d",
    "share/gdb/auto-load",
    "share/gettext/its",
    "share/glib-2.0/schemas",
    "share/gnome-shell/extensions",
    "share/gnome-shell/search-providers",
    "share/gstreamer-1.0/presets",
    "share/gtk-doc/html",
    "share/ibus/component",
    "share/misc",
    "share/nginx/modules",
    "share/nvim/site",
    "share/octave/packages",
    "share/php",
    "share/polkit-1/actions",
    "share/polkit-1/rules.d",
    "share/python3",
    "share/ruby",
    "share/vala/vapi",
    "share/vim/addons",
    "share/vim/vimfiles",
];

/// The directory for drop-ins that a file lies below, or that the name is.
pub(in crate::resolve) fn drop_in(name: &[u8]) -> Option<&'static str> {
    DROP_INS.into_iter().find(|directory| {
        name.strip_prefix(directory.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

/// The names that a package of the thing would have.
pub(super) struct Stems {
    /// As they are: `ssl`, `libssl` for `libssl.so.3`.
    plain: Vec<String>,
    /// Without punctuation: `allegro5` for `allegro-5`. Only of those that end in a version.
    joined: Vec<String>,
    /// Without `lib`, punctuation and trailing digits.
    bare: Vec<String>,
    /// Whether a command is asked for.
    command: bool,
}

impl Stems {
    pub(super) fn of(query: &Query) -> Self {
        let name = query.name.to_str_lossy();
        let mut plain: Vec<String> = Vec::new();
        match query.kind {
            Kind::Soname | Kind::LinkName => {
                let stem = name.split(".so").next().unwrap_or_default();
                // `libglade-2.0.so.0` is libglade's rather than glade's.
                plain.extend([stem, without_release(stem)].map(str::to_owned));
                plain.push(stem.strip_prefix("lib").unwrap_or(stem).to_owned());
            }
            Kind::Header => {
                let (first, rest) = name.split_once('/').unwrap_or((&name, ""));
                plain.push(first.split('.').next().unwrap_or_default().to_owned());
                if !rest.is_empty() {
                    let file = rest.rsplit('/').next().unwrap_or_default();
                    plain.push(file.split('.').next().unwrap_or_default().to_owned());
                }
            }
            Kind::Data => {
                let mut parts = name.split('/').skip(1);
                // Below these every package has a directory, called as the *distribution* calls it.
                let first = parts
                    .next()
                    .filter(|first| !SHARED_DIRECTORIES.contains(first));
                if let Some(first) = first {
                    plain.push(first.to_owned());
                    plain.push(without_release(first).to_owned());
                    plain.extend(parts.next().map(str::to_owned));
                }
            }
            Kind::Perl => plain.push(name.replace("::", "")),
            Kind::Python => {
                plain.push(name.to_string());
                plain.push(name.replace(['.', '_'], "-"));
            }
            Kind::Lua => {
                plain.push(name.to_string());
                plain.push(format!("lua{name}"));
            }
            Kind::R => plain.push(name.replace('.', "_")),
            Kind::Node => {
                plain.push(name.rsplit('/').next().unwrap_or_default().to_owned());
            }
            // The first names are those of the owner of a domain: org.gnome.
            Kind::GSettings => plain.extend(name.split('.').skip(2).map(str::to_owned)),
            // A namespace is called for its library, without `lib`: `Grss-0.7` is of libgrss.
            Kind::Typelib => {
                let namespace = name.split('-').next().unwrap_or_default();
                plain.extend([namespace.to_owned(), format!("lib{namespace}")]);
                plain.push(name.to_string());
            }
            Kind::Path => plain.push(name.rsplit('/').next().unwrap_or_default().to_owned()),
            Kind::Command
            | Kind::PkgConfig
            | Kind::CMake
            | Kind::Gem
            | Kind::Jar
            | Kind::OCaml
            | Kind::Aclocal => plain.push(name.to_string()),
            Kind::Dpkg | Kind::Rpm | Kind::Pacman | Kind::Apk => {
                // The headers of a project are packages of their own elsewhere.
                let own = ["-devel", "-dev"]
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .unwrap_or(&name);
                plain.push(own.to_owned());
                plain.push(own.strip_prefix("lib").unwrap_or(own).to_owned());
            }
        }
        plain.retain(|stem| !stem.is_empty());
        plain.dedup();
        for stem in &mut plain {
            stem.make_ascii_lowercase();
        }
        let joined = plain
            .iter()
            .filter(|stem| stem.ends_with(|c: char| c.is_ascii_digit()))
            .map(|stem| joined(stem))
            .collect();
        let mut bare_ones: Vec<String> = Vec::with_capacity(plain.len());
        for stem in &plain {
            let bare = bare(stem);
            if bare.len() > 1 && !bare_ones.contains(&bare) {
                bare_ones.push(bare);
            }
        }
        Self {
            plain,
            joined,
            bare: bare_ones,
            command: query.kind == Kind::Command,
        }
    }

    pub(super) fn compare(&self, name: &str) -> Likeness {
        let name = name.to_ascii_lowercase();
        if self.plain.contains(&name) || self.has_version_of(&name) {
            return Likeness::Same;
        }
        let other = bare(&name);
        // A command's package may be called without its digits, but `libfoo` is not where `foo` is.
        let only_a_library = self.command && name.starts_with("lib");
        if !only_a_library && self.bare.contains(&other) {
            return Likeness::Alike;
        }
        let begins = |a: &str, b: &str| a.len() >= 3 && b.starts_with(a);
        if self
            .bare
            .iter()
            .any(|stem| begins(stem, &other) || begins(&other, stem))
        {
            return Likeness::Begins;
        }
        Likeness::None
    }

    /// Whether the name ends in the very version that was asked for: `allegro5` for `allegro-5`.
    pub(super) fn has_version_of(&self, name: &str) -> bool {
        !self.joined.is_empty() && self.joined.contains(&joined(&name.to_ascii_lowercase()))
    }

    /// Whether what was asked for has a word itself.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.plain
            .iter()
            .any(|stem| words(stem).any(|own| own == word))
    }
}

/// The letters and digits of a name.
fn joined(name: &str) -> String {
    let mut letters = name.to_owned();
    // Most names have nothing else.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        letters.retain(|c| c.is_ascii_alphanumeric());
    }
    letters
}

/// A name without what differs between a library and its package: `lib` in front, punctuation,
/// versions and digits at the end.
fn bare(name: &str) -> String {
    let name = name
        .strip_prefix("lib")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name);
    let mut letters = joined(name);
    let stem = letters.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if stem > 0 {
        letters.truncate(stem);
    }
    letters
}
