//! What attribute names say by nixpkgs' customs: which sets hold copies, which words make a variant,
//! which programs bundle what others provide. Word lists and nothing that weighs them.

use super::names::{Stems, words};
use crate::resolve::Kind;

/// Sets that only group packages, each of which is there once.
pub(super) const PLAIN_SETS: [&str; 24] = [
    "apacheHttpdPackages",
    "cinnamon",
    "deepin",
    "e2fsprogs",
    "enlightenment",
    "gnome",
    "gnome2",
    "gnustep",
    "gst_all_1",
    "kdePackages",
    "libsForQt5",
    "llvmPackages",
    "lomiri",
    "lxqt",
    "mariadb",
    "mate",
    "mesa",
    "pantheon",
    "plasma5Packages",
    "qt5",
    "qt6",
    "stdenv",
    "xfce",
    "xorg",
];

/// Where modules of a language live.
pub(super) fn proper_set(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Python => Some("python3Packages"),
        Kind::Perl => Some("perlPackages"),
        Kind::Gem => Some("rubyPackages"),
        Kind::Lua => Some("luaPackages"),
        Kind::R => Some("rPackages"),
        Kind::OCaml => Some("ocamlPackages"),
        _ => None,
    }
}

/// Whether modules of some language live in a set.
pub(super) fn is_language_set(set: &str) -> bool {
    [
        Kind::Python,
        Kind::Perl,
        Kind::Gem,
        Kind::Lua,
        Kind::R,
        Kind::OCaml,
    ]
    .into_iter()
    .any(|kind| proper_set(kind) == Some(set))
}

/// `llvmPackages_14` is a release of `llvmPackages`.
pub(super) fn is_release_of(name: &str, plain: &str) -> bool {
    name.strip_prefix(plain).is_some_and(|rest| {
        rest.is_empty()
            || rest
                .trim_start_matches('_')
                .bytes()
                .all(|b| b.is_ascii_digit())
    })
}

/// Sets that hold copies: of another platform or toolchain, for one language's implementation, or a
/// program's own choice of versions.
pub(super) fn is_copy_set(first: &str) -> bool {
    const SETS: [&str; 28] = [
        "androidenv",
        "beamPackages",
        "buildPackages",
        "chickenPackages",
        "cudaPackages",
        "darwin",
        "dotnetPackages",
        "elmPackages",
        "gnuradioPackages",
        "graalvmPackages",
        "haskell",
        "haskellPackages",
        "libretro",
        "lispPackages",
        "luajitPackages",
        "nixVersions",
        "nodePackages",
        "ocamlPackages",
        "octavePackages",
        "openraPackages",
        "pkgsCross",
        "pkgsMusl",
        "pkgsStatic",
        "pkgsi686Linux",
        "python2Packages",
        "rocmPackages",
        "sourcehut",
        "unixtools",
    ];
    SETS.iter().any(|set| is_release_of(first, set))
        || first.starts_with("wine")
        || first.starts_with("pypy")
        || first.ends_with("Cross")
}

/// Words in an attribute's name that make it a variant of the package without them.
const VARIANT_WORDS: [&str; 41] = [
    "alpha",
    "beta",
    "big",
    "bin",
    "bootstrap",
    "compat",
    "cross",
    "debug",
    "dev",
    "devel",
    "doc",
    "esr",
    "extended",
    "extra",
    "full",
    "git",
    "gtk4",
    "headless",
    "interactive",
    "legacy",
    "light",
    "lts",
    "minimal",
    "mini",
    "multi",
    "multilib",
    "musl",
    "nightly",
    "nox",
    "prefixed",
    "sandbox",
    "shrunk",
    "slim",
    "small",
    "static",
    "test",
    "unstable",
    "unwrapped",
    "wrapped",
    "wrapper",
    "x11",
];

/// Whether a name has a word that makes it a variant, and which the thing asked for has not.
pub(super) fn is_variant(member: &str, stems: &Stems) -> bool {
    // Most names are one word.
    if member
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    {
        return false;
    }
    words(member)
        .skip(1)
        .any(|word| VARIANT_WORDS.contains(&&*word) && !stems.has_word(&word))
        || member.contains("With")
        || member.contains("Without")
        || member.contains("-with-")
        || member.contains("-without-")
        || member.ends_with("FHS")
        || member.contains("Masquerade")
}

/// The package that an attribute is a variant of by its last word: `foo` of `foo-gtk4`.
pub(in crate::resolve) fn plain_of_variant(attr: &str) -> Option<&str> {
    let (plain, word) = attr.rsplit_once('-')?;
    VARIANT_WORDS.contains(&word).then_some(plain)
}

/// Interpreters and the sets of their modules. `python3.withPackages` builds an environment that is
/// called as the interpreter and links to the modules' files.
pub(super) const INTERPRETERS: [(&str, &str); 3] = [
    ("python3", "python3Packages"),
    ("perl", "perlPackages"),
    ("ruby", "rubyPackages"),
];

/// Whether an attribute is an interpreter with modules of its own.
pub(in crate::resolve) fn is_interpreter(attr: &str) -> bool {
    INTERPRETERS
        .iter()
        .any(|(interpreter, _)| *interpreter == attr)
}

/// Whether an attribute is a member of a set, and not the interpreter, which is one too.
pub(super) fn is_module_of(attr: &str, set: &str) -> bool {
    attr.strip_prefix(set)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|member| !matches!(member, "python" | "perl" | "ruby"))
}

/// Whether a name is another with words added: `gtk3-x11` of `gtk3`.
pub(super) fn is_extension_of(attr: &str, plain: &str) -> bool {
    attr.strip_prefix(plain)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Programs that carry copies of libraries, or whose commands stand in for those of others.
pub(super) const BUNDLES: [&str; 49] = [
    "adoptopenjdk",
    "anaconda",
    "android",
    "betterbird",
    "binutils-unwrapped",
    "brave",
    "busybox",
    "ccacheWrapper",
    "chromium",
    "conda",
    "dataexplorer",
    "discord",
    "distcc",
    "dropbox",
    "electron",
    "emscripten",
    "firefox",
    "gcj",
    "gccgo",
    "genymotion",
    "gfortran",
    "gnat",
    "google-chrome",
    "jetbrains",
    "klibc",
    "libgccjit",
    "libressl",
    "libreoffice",
    "mathematica",
    "matlab",
    "minimacy",
    "nvidia",
    "openjdk-bootstrap",
    "opera",
    "outils",
    "sbase",
    "signal-desktop",
    "slack",
    "spotify",
    "steam",
    "teams",
    "temurin",
    "thunderbird",
    "toybox",
    "ubase",
    "uutils",
    "virtualbox",
    "vivaldi",
    "zoom-us",
];

/// The names that an attribute may be one version of: `openssl_1_1` of `openssl`, `gcc48` of `gcc`,
/// `python37` of `python3`, `nodejs-slim_14` of `nodejs-slim`.
pub(super) fn plain_of(attr: &str) -> impl Iterator<Item = &str> {
    let is_of_version = |byte: &u8| byte.is_ascii_digit() || b"_-x.".contains(byte);
    let bytes = attr.as_bytes();
    let version = bytes.iter().rev().take_while(|byte| is_of_version(byte));
    let begin = (bytes.len() - version.count()).max(1);
    // A version has a digit, and begins at its last one at the latest.
    let end = bytes
        .iter()
        .rposition(u8::is_ascii_digit)
        .map_or(begin, |digit| digit + 1);
    (begin..end)
        .filter(move |&at| !b"_-.x".contains(&bytes[at - 1]))
        // All after it is ASCII, so it is where a character begins.
        .map(move |at| &attr[..at])
}
