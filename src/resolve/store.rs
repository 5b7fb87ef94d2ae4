//! Store paths: what their names say about the package.
//!
//! Knows the form `/nix/store/<hash>-<name>` and how Nix splits a name into package and version.
//! Whether the path exists, and which derivation made it, is not asked.

use bstr::ByteSlice;
use std::fmt;

/// A store path and nothing below it: `/nix/store/<hash>-<name>`.
///
/// Store derivations (`….drv`), the `.links` directory and the store itself are none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath {
    hash: String,
    name: String,
}

/// Nix's base 32 leaves out `e`, `o`, `u` and `t` (Nix manual, "Store path").
const HASH_ALPHABET: &[u8] = b"0123456789abcdfghijklmnpqrsvwxyz";
const HASH_LENGTH: usize = 32;
/// The longest name that Nix allows.
const NAME_LIMIT: usize = 211;

/// Outputs that nixpkgs' packages have beside `out`, which leaves no trace in the name.
const OUTPUTS: [&str; 21] = [
    "bin",
    "cc",
    "client",
    "data",
    "debug",
    "dev",
    "devdoc",
    "doc",
    "info",
    "installedTests",
    "jre",
    "kfd",
    "lib",
    "libgcc",
    "locale",
    "man",
    "nc",
    "server",
    "static",
    "terminfo",
    "tools",
];

impl StorePath {
    /// The store path that a path is or lies below, and the rest (`bin/git`, empty for itself).
    pub fn of(path: &[u8]) -> Option<(Self, &[u8])> {
        let below = path.strip_prefix(b"/nix/store/")?;
        let (item, rest) = below.split_once_str("/").unwrap_or((below, b""));
        let item = std::str::from_utf8(item).ok()?;
        let (hash, name) = item.split_once('-')?;
        let well_formed = hash.len() == HASH_LENGTH
            && hash.bytes().all(|byte| HASH_ALPHABET.contains(&byte))
            && (1..=NAME_LIMIT).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b))
            && !name.ends_with(".drv");
        well_formed.then(|| {
            (
                Self {
                    hash: hash.to_owned(),
                    name: name.to_owned(),
                },
                rest,
            )
        })
    }

    /// The name after the hash: `openssl-3.0.13-dev`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Package, version and output, as far as the name tells them apart.
    pub fn parts(&self) -> NameParts<'_> {
        let (pname, version) = parse_drv_name(&self.name);
        let (rest, output) = match version.rsplit_once('-') {
            Some((rest, output)) if OUTPUTS.contains(&output) => (rest, output),
            _ if OUTPUTS.contains(&version) => ("", version),
            _ => (version, "out"),
        };
        if !version.is_empty() {
            return NameParts {
                pname,
                version: rest,
                output,
            };
        }
        // Without a version the last word may be an output or part of the name (`x-tools`); only
        // the words that end no package's name are taken.
        match pname.rsplit_once('-') {
            Some((package, output @ ("dev" | "man" | "doc" | "lib"))) => NameParts {
                pname: package,
                version,
                output,
            },
            _ => NameParts {
                pname,
                version,
                output: "out",
            },
        }
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/nix/store/{}-{}", self.hash, self.name)
    }
}

/// What a store path's name consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameParts<'a> {
    /// The package's name in its derivation, which need not be its attribute.
    pub pname: &'a str,
    /// The version; empty when the name has none.
    pub version: &'a str,
    /// The output.
    pub output: &'a str,
}

/// Splits a derivation's name as `builtins.parseDrvName` does: the version begins after the first
/// dash that no letter follows.
fn parse_drv_name(name: &str) -> (&str, &str) {
    let bytes = name.as_bytes();
    let dash = (0..bytes.len().saturating_sub(1))
        .find(|&at| bytes[at] == b'-' && !bytes[at + 1].is_ascii_alphabetic());
    match dash {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "0c5b8vw40d1178xlpddw65q9gf1h2186";

    fn parts(name: &str) -> (String, String, String) {
        let path = format!("/nix/store/{HASH}-{name}/bin/x");
        let (store_path, rest) = StorePath::of(path.as_bytes()).unwrap();
        assert_eq!(rest, b"bin/x");
        let parts = store_path.parts();
        (
            parts.pname.into(),
            parts.version.into(),
            parts.output.into(),
        )
    }

    #[test]
    fn a_name_is_split_as_nix_does() {
        for (name, pname, version, output) in [
            ("openssl-3.0.13-dev", "openssl", "3.0.13", "dev"),
            ("openssl-3.0.13", "openssl", "3.0.13", "out"),
            (
                "bash-interactive-5.2-p15-man",
                "bash-interactive",
                "5.2-p15",
                "man",
            ),
            ("gcc-12.3.0-lib", "gcc", "12.3.0", "lib"),
            ("glibc-2.37-8", "glibc", "2.37-8", "out"),
            (
                "python3.11-numpy-1.26.4",
                "python3.11-numpy",
                "1.26.4",
                "out",
            ),
            (
                "perl5.38.2-JSON-XS-4.03",
                "perl5.38.2-JSON-XS",
                "4.03",
                "out",
            ),
            ("gtk+3-3.24.38", "gtk+3", "3.24.38", "out"),
            ("nss-cacert-3.98", "nss-cacert", "3.98", "out"),
            ("stdenv-linux", "stdenv-linux", "", "out"),
            (
                "hello-unstable-2024-01-01",
                "hello-unstable",
                "2024-01-01",
                "out",
            ),
            ("acme-dev", "acme", "", "dev"),
            ("x-tools", "x-tools", "", "out"),
        ] {
            assert_eq!(
                parts(name),
                (pname.into(), version.into(), output.into()),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_store_path_is_refused() {
        for path in [
            "/nix/store",
            "/nix/store/",
            "/nix/store/.links/x",
            "/nix/store/short-hello",
            "/nix/store/0c5b8vw40d1178xlpddw65q9gf1h2186",
            "/nix/store/0c5b8vw40d1178xlpddw65q9gf1h2186-",
            "/nix/store/0c5b8vw40d1178xlpddw65q9gf1h2186-hello.drv",
            "/nix/store/ec5b8vw40d1178xlpddw65q9gf1h2186-hello",
            "/usr/bin/git",
        ] {
            assert_eq!(StorePath::of(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn a_store_path_is_shown_whole() {
        let path = format!("/nix/store/{HASH}-hello-2.12");
        assert_eq!(StorePath::of(path.as_bytes()).unwrap().0.to_string(), path);
    }

    proptest! {
        #[test]
        fn any_bytes_below_the_store_are_read(name in prop::collection::vec(any::<u8>(), 0..60)) {
            let path = [b"/nix/store/0c5b8vw40d1178xlpddw65q9gf1h2186-", &name[..]].concat();
            if let Some((store_path, _)) = StorePath::of(&path) {
                store_path.parts();
            }
        }
    }
}
