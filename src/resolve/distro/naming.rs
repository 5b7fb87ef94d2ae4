//! What the name of a distribution's package says, by the distribution's own rules for naming.
//!
//! A name leads to questions whose answers tell the package: Debian's `libssl3` is called for the
//! soname `libssl.so.3` (Debian Policy, 8.1), Fedora's `perl-JSON-XS` for the Perl module `JSON::XS`,
//! Alpine's `so:libssl.so.3` says it outright. And it leads to attributes that nixpkgs may have
//! under the same name. Whether any of them exists is another question.

use super::Manager;
use crate::resolve::{AttrPath, Kind, Query};

/// A question that a package's name amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) query: Query,
    /// Whether it is about what the package is called for, and not about what is left of the name
    /// without its number: `libgtk-3-dev` may have a `libgtk.so`, but `libpcre2-dev` has no
    /// `libpcre.so`.
    pub(super) exact: bool,
}

/// The questions that a package's name amounts to, the most telling first.
pub(super) fn questions(manager: Manager, name: &str) -> Vec<Question> {
    if let Some(query) = capability(manager, name).or_else(|| of_a_language(manager, name)) {
        return vec![Question { query, exact: true }];
    }
    if is_a_source_library(name) {
        return Vec::new();
    }
    let name = name.strip_prefix("lib32-").unwrap_or(name);
    let mut questions = Vec::new();
    let mut ask = |kind, name: String, exact| {
        questions.push(Question {
            query: Query::new(kind, name),
            exact,
        });
    };
    if let Some(base) = development(name) {
        let stem = base.strip_prefix("lib").unwrap_or(base);
        for spelling in spellings(stem) {
            let exact = spelling != without_number(stem) || spelling == stem;
            ask(Kind::PkgConfig, spelling.clone(), exact);
            ask(Kind::PkgConfig, format!("lib{spelling}"), exact);
            ask(Kind::LinkName, format!("lib{spelling}.so"), exact);
        }
        return questions;
    }
    for soname in sonames(name) {
        ask(Kind::Soname, soname, true);
    }
    let base = without_part(name);
    ask(Kind::Command, base.to_owned(), true);
    // These distributions have programs, libraries and headers in one package.
    if matches!(manager, Manager::Pacman | Manager::Apk) || base != name {
        let stem = base.strip_prefix("lib").unwrap_or(base);
        ask(Kind::PkgConfig, base.to_owned(), true);
        ask(Kind::LinkName, format!("lib{stem}.so"), true);
    }
    questions
}

/// The kind of thing that a package of this name has: its headers, its libraries or its programs.
pub(super) fn usual_kind(name: &str) -> Kind {
    if development(name).is_some() {
        Kind::Header
    } else if name.starts_with("lib") || name.ends_with("-libs") {
        Kind::Soname
    } else {
        Kind::Command
    }
}

/// What a package provides rather than what it is called: `pkgconfig(zlib)`, `libz.so.1()(64bit)`,
/// `cmd:git`.
fn capability(manager: Manager, name: &str) -> Option<Query> {
    match manager {
        Manager::Rpm => {
            let (what, rest) = name.split_once('(')?;
            let inner = rest.split_once(')').map_or(rest, |(inner, _)| inner);
            let kind = match what {
                "pkgconfig" => Kind::PkgConfig,
                "cmake" => Kind::CMake,
                "perl" => Kind::Perl,
                "rubygem" => Kind::Gem,
                "npm" => Kind::Node,
                "R" => Kind::R,
                "ocaml" => Kind::OCaml,
                "typelib" => Kind::Typelib,
                python if python.starts_with("python") && python.ends_with("dist") => Kind::Python,
                library if library.contains(".so") => {
                    return Some(Query::parse(library.as_bytes()));
                }
                _ => return None,
            };
            Some(Query::parse_as(kind, inner.as_bytes()))
        }
        Manager::Apk => {
            let (what, name) = name.split_once(':')?;
            let kind = match what {
                "so" => Kind::Soname,
                "cmd" => Kind::Command,
                "pc" => Kind::PkgConfig,
                python if python.starts_with("py3") => Kind::Python,
                _ => return None,
            };
            Some(Query::new(kind, name))
        }
        // `libssl.so=3-64`: the version and the size of a pointer.
        Manager::Pacman => {
            let (library, version) = name.split_once(".so")?;
            let version = version
                .strip_prefix('=')
                .and_then(|it| it.split('-').next());
            Some(match version {
                Some(version) => Query::new(Kind::Soname, format!("{library}.so.{version}")),
                None => Query::new(Kind::LinkName, format!("{library}.so")),
            })
        }
        Manager::Dpkg => None,
    }
}

/// A naming rule for a language's modules: prefix, suffix, whose modules.
type Rule = (&'static str, &'static str, Kind);

const DEBIAN: &[Rule] = &[
    ("python3-", "", Kind::Python),
    ("ruby-", "", Kind::Gem),
    ("node-", "", Kind::Node),
    ("lua-", "", Kind::Lua),
    ("r-cran-", "", Kind::R),
    ("r-bioc-", "", Kind::R),
    ("lib", "-ocaml-dev", Kind::OCaml),
    ("lib", "-ocaml", Kind::OCaml),
    ("lib", "-java", Kind::Jar),
    ("gir1.2-", "", Kind::Typelib),
];

const RPM: &[Rule] = &[
    ("python3-", "", Kind::Python),
    ("python310-", "", Kind::Python),
    ("python311-", "", Kind::Python),
    ("python312-", "", Kind::Python),
    ("python313-", "", Kind::Python),
    ("perl-", "", Kind::Perl),
    ("rubygem-", "", Kind::Gem),
    ("nodejs-", "", Kind::Node),
    ("lua-", "", Kind::Lua),
    ("R-", "", Kind::R),
    ("ocaml-", "-devel", Kind::OCaml),
    ("ocaml-", "", Kind::OCaml),
    ("typelib-1_0-", "", Kind::Typelib),
];

const ARCH: &[Rule] = &[
    ("python-", "", Kind::Python),
    ("ruby-", "", Kind::Gem),
    ("nodejs-", "", Kind::Node),
    ("lua-", "", Kind::Lua),
    ("r-", "", Kind::R),
    ("ocaml-", "", Kind::OCaml),
];

const ALPINE: &[Rule] = &[
    ("py3-", "", Kind::Python),
    ("ruby-", "", Kind::Gem),
    ("lua5.1-", "", Kind::Lua),
    ("lua5.2-", "", Kind::Lua),
    ("lua5.3-", "", Kind::Lua),
    ("lua5.4-", "", Kind::Lua),
    ("lua-", "", Kind::Lua),
    ("R-", "", Kind::R),
    ("ocaml-", "", Kind::OCaml),
];

/// Packages that are named as a module is, but are the interpreter's.
const OF_THE_INTERPRETER: [&str; 18] = [
    "base",
    "common",
    "core",
    "debug",
    "dev",
    "devel",
    "distutils",
    "doc",
    "docs",
    "full",
    "libs",
    "minimal",
    "modules",
    "runtime",
    "tkinter",
    "tk",
    "tests",
    "venv",
];

fn of_a_language(manager: Manager, name: &str) -> Option<Query> {
    let rules = match manager {
        Manager::Dpkg => DEBIAN,
        Manager::Rpm => RPM,
        Manager::Pacman => ARCH,
        Manager::Apk => ALPINE,
    };
    let (module, kind) = rules.iter().find_map(|(prefix, suffix, kind)| {
        let module = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
        (!module.is_empty()).then_some((module, *kind))
    })?;
    if OF_THE_INTERPRETER.contains(&module) {
        return None;
    }
    Some(match kind {
        Kind::Perl => Query::new(kind, module.replace('-', "::")),
        // SUSE has no dots in names, Debian no capitals: `Gtk-3_0`, `gtk-3.0`.
        Kind::Typelib => Query::new(kind, capitalised(&module.replace('_', "."))),
        kind => Query::new(kind, module),
    })
}

/// Sources of Go, Rust and Haskell libraries: nixpkgs vendors the first two, and the third has
/// names of its own that no index lists.
fn is_a_source_library(name: &str) -> bool {
    [
        "golang-", "librust-", "rust-", "libghc-", "ghc-", "haskell-",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// The package whose headers a development package has.
fn development(name: &str) -> Option<&str> {
    ["-devel", "-dev"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
}

/// A name without the part of the project that the package is.
fn without_part(name: &str) -> &str {
    const PARTS: [&str; 16] = [
        "-bin",
        "-common",
        "-core",
        "-data",
        "-dbg",
        "-defaults",
        "-doc",
        "-docs",
        "-libs",
        "-minimal",
        "-progs",
        "-runtime",
        "-static",
        "-tools",
        "-utils",
        "t64",
    ];
    PARTS
        .iter()
        .find_map(|part| name.strip_suffix(part))
        .filter(|base| !base.is_empty())
        .unwrap_or(name)
}

/// The spellings of a library's stem: Debian writes `glib2.0` for `glib-2.0`, SUSE `glib-2_0`, and
/// `boost-filesystem` is upstream's `boost_filesystem`. `zlib1g` still has the `g` of the change to
/// glibc.
fn spellings(stem: &str) -> Vec<String> {
    let mut all = vec![stem.to_owned()];
    let dotted = stem.replace('_', ".");
    let number = stem.find(|c: char| c.is_ascii_digit());
    if let Some(at) = number
        && at > 0
        && !stem[..at].ends_with('-')
        && stem[at..].contains('.')
    {
        all.push(format!("{}-{}", &stem[..at], &stem[at..]));
    }
    if without_g(stem) != stem {
        all.push(without_number(without_g(stem)).to_owned());
    }
    all.push(without_number(stem).to_owned());
    all.push(dotted);
    all.push(stem.replace('-', "_"));
    let mut seen = Vec::new();
    all.retain(|one| {
        !one.is_empty() && !seen.contains(one) && {
            seen.push(one.clone());
            true
        }
    });
    all
}

/// `zlib1` of `zlib1g`.
fn without_g(stem: &str) -> &str {
    stem.strip_suffix('g')
        .filter(|before| before.ends_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(stem)
}

/// `ncurses` of `ncurses5`, `gtk` of `gtk-3`.
fn without_number(stem: &str) -> &str {
    let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    bare.strip_suffix('-').unwrap_or(bare)
}

/// The sonames that a library package is called for: `libssl3` is `libssl.so.3`, `libpng16-16` is
/// `libpng16.so.16`.
fn sonames(name: &str) -> Vec<String> {
    // The change to 64-bit times, and older changes of the C++ ABI, are part of the name.
    let name = ["t64", "v5"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let Some(stem) = name.strip_prefix("lib") else {
        return Vec::new();
    };
    if let Some(module) = stem.strip_prefix("qt5") {
        // `libqt5core5a`.
        let letters = module.trim_end_matches(|c: char| !c.is_ascii_alphabetic() || c == 'a');
        let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
        let mut rest = letters.chars();
        return rest.next().map_or_else(Vec::new, |first| {
            vec![format!(
                "libQt5{}{}.so.5",
                first.to_ascii_uppercase(),
                rest.as_str()
            )]
        });
    }
    let before = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
    let (library, version) = stem.split_at(before.len());
    if version.is_empty() {
        return Vec::new();
    }
    let version = version.replace('_', ".");
    let library = library.strip_suffix('-').unwrap_or(library);
    spellings_of_a_library(library)
        .into_iter()
        .map(|library| format!("lib{library}.so.{version}"))
        .collect()
}

/// As [`spellings`], but the number is the library's own: `libgtk-3-0` is not `libgtk.so.0`.
fn spellings_of_a_library(library: &str) -> Vec<String> {
    let bare = without_number(library);
    spellings(library)
        .into_iter()
        .filter(|spelling| spelling == library || spelling != bare)
        .collect()
}

/// How many signs it is worth that an attribute is called as a package is: a module's name is that
/// of its registry on both sides; a program's own name says more than what is left of it without a
/// part or a number.
pub(super) fn worth(name: &str, attr: &AttrPath) -> u8 {
    let own = development(name).unwrap_or(name);
    let bare = own.strip_prefix("lib").unwrap_or(own);
    if attr.set_member().is_some() {
        3
    } else if [own, bare].contains(&attr.as_str()) {
        2
    } else {
        1
    }
}

/// The attributes that a package's name suggests: `libssl-dev` is `libssl` or `ssl`, `python3-yaml` is
/// `python3Packages.yaml`, `libjson-xs-perl` is `perlPackages.JsonXs` or `perlPackages.JSONXS`.
pub(super) fn attributes(manager: Manager, name: &str) -> Vec<AttrPath> {
    let texts = match of_a_language(manager, name) {
        Some(query) => of_a_module(query.kind, &query.name.to_string()),
        None => match perl_module(manager, name) {
            Some(module) => perl_attributes(module),
            None if is_a_source_library(name) => Vec::new(),
            None => of_a_program(name.strip_prefix("lib32-").unwrap_or(name)),
        },
    };
    texts
        .into_iter()
        .filter_map(|text| AttrPath::new(text).ok())
        .collect()
}

fn of_a_module(kind: Kind, module: &str) -> Vec<String> {
    match kind {
        Kind::Python => vec![
            format!("python3Packages.{module}"),
            format!("python3Packages.{}", module.replace('.', "-")),
            format!("python3Packages.{}", module.to_ascii_lowercase()),
        ],
        Kind::Perl => vec![format!("perlPackages.{}", module.replace("::", ""))],
        Kind::Gem => vec![format!("rubyPackages.{module}")],
        Kind::Lua => vec![
            format!("luaPackages.{module}"),
            format!("luaPackages.lua{module}"),
        ],
        Kind::OCaml => vec![format!("ocamlPackages.{module}")],
        _ => Vec::new(),
    }
}

/// A Perl module where the distribution writes its name in small letters.
fn perl_module(manager: Manager, name: &str) -> Option<&str> {
    match manager {
        Manager::Dpkg => name.strip_prefix("lib")?.strip_suffix("-perl"),
        Manager::Pacman | Manager::Apk => name.strip_prefix("perl-"),
        Manager::Rpm => None,
    }
}

/// A word with its first letter in capitals.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

fn perl_attributes(module: &str) -> Vec<String> {
    let words: String = module.split('-').map(capitalised).collect();
    let capitals = module.replace('-', "").to_ascii_uppercase();
    vec![
        format!("perlPackages.{words}"),
        format!("perlPackages.{capitals}"),
        // `DBDSQLite`, `XMLParser`: the first word is often an abbreviation.
        match module.split_once('-') {
            Some((first, rest)) => format!(
                "perlPackages.{}{}",
                first.to_ascii_uppercase(),
                rest.split('-').map(capitalised).collect::<String>()
            ),
            None => format!("perlPackages.{capitals}"),
        },
    ]
}

fn of_a_program(name: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    if let Some(font) = name
        .strip_prefix("fonts-")
        .or_else(|| name.strip_prefix("ttf-"))
        .or_else(|| name.strip_suffix("-fonts"))
    {
        texts.push(format!("{font}_fonts"));
        texts.push(format!("{font}-fonts"));
    }
    let mut stem = name;
    loop {
        texts.push(stem.to_owned());
        if let Some(bare) = stem.strip_prefix("lib") {
            texts.push(bare.to_owned());
        }
        let shorter = development(stem).unwrap_or_else(|| match without_part(stem) {
            // One number at a time: `libgav1-1` is `libgav1` before it is `libgav`.
            same if same == stem => without_number(without_g(stem)),
            shorter => shorter,
        });
        if shorter == stem || shorter.is_empty() {
            break;
        }
        stem = shorter;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn asks(manager: Manager, name: &str, expected: &str) {
        let questions: Vec<String> = questions(manager, name)
            .iter()
            .map(|asked| format!("{} {}", asked.query.kind, asked.query.name))
            .collect();
        assert!(
            questions.iter().any(|question| question == expected),
            "{name}: {questions:?}"
        );
    }

    #[test]
    fn a_library_package_is_called_for_its_soname() {
        for (name, expected) in [
            ("libssl3", "soname libssl.so.3"),
            ("libssl3t64", "soname libssl.so.3"),
            ("libssl1.1", "soname libssl.so.1.1"),
            ("libpng16-16", "soname libpng16.so.16"),
            ("libgtk-3-0", "soname libgtk-3.so.0"),
            ("libglib2.0-0", "soname libglib-2.0.so.0"),
            ("libstdc++6", "soname libstdc++.so.6"),
            ("libgcc-s1", "soname libgcc_s.so.1"),
            (
                "libboost-filesystem1.74.0",
                "soname libboost_filesystem.so.1.74.0",
            ),
            ("libqt5core5a", "soname libQt5Core.so.5"),
        ] {
            asks(Manager::Dpkg, name, expected);
        }
        asks(Manager::Rpm, "libglib-2_0-0", "soname libglib-2.0.so.0");
        asks(Manager::Apk, "libssl3", "soname libssl.so.3");
    }

    #[test]
    fn a_development_package_is_called_for_its_library() {
        asks(Manager::Dpkg, "libssl-dev", "linkname libssl.so");
        asks(Manager::Dpkg, "zlib1g-dev", "pkg-config zlib");
        asks(Manager::Dpkg, "libglib2.0-dev", "pkg-config glib-2.0");
        asks(Manager::Dpkg, "libncurses5-dev", "linkname libncurses.so");
        asks(Manager::Rpm, "openssl-devel", "pkg-config openssl");
        asks(Manager::Apk, "zlib-dev", "pkg-config zlib");
    }

    #[test]
    fn a_module_s_package_is_called_for_the_module() {
        asks(Manager::Dpkg, "python3-numpy", "python numpy");
        asks(Manager::Dpkg, "ruby-nokogiri", "gem nokogiri");
        asks(Manager::Dpkg, "libzarith-ocaml-dev", "ocaml zarith");
        asks(Manager::Rpm, "perl-JSON-XS", "perl JSON::XS");
        asks(Manager::Rpm, "typelib-1_0-Gtk-3_0", "typelib Gtk-3.0");
        asks(Manager::Dpkg, "gir1.2-gtk-3.0", "typelib Gtk-3.0");
        asks(Manager::Pacman, "python-yaml", "python yaml");
        asks(Manager::Apk, "lua5.4-lpeg", "lua lpeg");
        asks(Manager::Dpkg, "python3-minimal", "command python3");
    }

    #[test]
    fn what_a_package_provides_is_said_outright() {
        asks(Manager::Rpm, "pkgconfig(zlib)", "pkg-config zlib");
        asks(Manager::Rpm, "perl(JSON::XS)", "perl JSON::XS");
        asks(Manager::Rpm, "python3.11dist(pyyaml)", "python pyyaml");
        asks(
            Manager::Rpm,
            "libssl.so.3(OPENSSL_3.0.0)(64bit)",
            "soname libssl.so.3",
        );
        asks(Manager::Apk, "so:libssl.so.3", "soname libssl.so.3");
        asks(Manager::Apk, "cmd:git", "command git");
        asks(Manager::Pacman, "libssl.so=3-64", "soname libssl.so.3");
    }

    #[test]
    fn the_source_of_a_library_asks_for_nothing() {
        assert_eq!(questions(Manager::Dpkg, "librust-serde-dev"), []);
        assert_eq!(attributes(Manager::Dpkg, "golang-github-x-y-dev"), []);
    }

    #[test]
    fn a_name_suggests_attributes() {
        let suggested = |manager, name: &str| -> Vec<String> {
            let attributes = attributes(manager, name);
            attributes.iter().map(AttrPath::to_string).collect()
        };
        assert!(suggested(Manager::Dpkg, "libssl-dev").contains(&"libssl".to_owned()));
        assert!(
            suggested(Manager::Dpkg, "libjson-xs-perl").contains(&"perlPackages.JSONXS".to_owned())
        );
        assert!(
            suggested(Manager::Apk, "perl-dbd-sqlite")
                .contains(&"perlPackages.DBDSqlite".to_owned())
        );
        assert!(suggested(Manager::Dpkg, "fonts-dejavu").contains(&"dejavu_fonts".to_owned()));
        assert!(suggested(Manager::Rpm, "openssl-libs").contains(&"openssl".to_owned()));
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in "(lib|python3-|so:|perl\\()?[-a-z0-9.+_=():\u{e9}]{0,16}(-dev|t64|-perl|\\))?") {
            for manager in [Manager::Dpkg, Manager::Rpm, Manager::Pacman, Manager::Apk] {
                questions(manager, &name);
                attributes(manager, &name);
                usual_kind(&name);
            }
        }
    }
}
