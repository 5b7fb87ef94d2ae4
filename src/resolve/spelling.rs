//! Other names under which nixpkgs may have the same thing.
//!
//! Distributions rename commands that clash, put the target's triplet before a compiler's name and
//! a version behind it; and a file's full version (`libz.so.1.2.13`) is not its soname.

use super::{Kind, Query};
use bstr::ByteSlice;

/// Debian's names for commands that upstream, and so nixpkgs, calls otherwise.
const RENAMED: [(&str, &str); 21] = [
    ("ack-grep", "ack"),
    ("batcat", "bat"),
    ("chromium-browser", "chromium"),
    ("fdfind", "fd"),
    ("gmake", "make"),
    ("gold", "ld.gold"),
    ("md5sum.textutils", "md5sum"),
    ("rbash", "bash"),
    ("rename.ul", "rename"),
    ("slogin", "ssh"),
    ("nodejs", "node"),
    ("pdftk.pdftk-java", "pdftk"),
    ("php.default", "php"),
    ("pybabel-python3", "pybabel"),
    ("ruby.ruby", "ruby"),
    ("vim.basic", "vim"),
    ("vim.gtk3", "vim"),
    ("vim.nox", "vim"),
    ("vim.tiny", "vim"),
    ("nc.openbsd", "nc"),
    ("nc.traditional", "nc"),
];

/// Another spelling, and what it is to the one that was asked for.
pub(super) struct Spelling {
    pub(super) query: Query,
    pub(super) relation: Relation,
}

/// What a spelling is to the name that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same thing.
    Same,
    /// The thing in any version.
    AnyVersion,
    /// The module that it is a part of.
    Whole,
    /// The file's own name, which counts only for what has it in the same directory.
    InPlace,
}

/// The other spellings of a query, the nearest first.
pub(super) fn spellings(query: &Query) -> Vec<Spelling> {
    let name = query.name.as_bytes();
    let mut spellings = Vec::new();
    let mut add = |kind: Kind, name: &[u8], relation| {
        let query = Query {
            kind,
            name: name.into(),
            path: query.path.clone(),
        };
        spellings.push(Spelling { query, relation });
    };
    match query.kind {
        Kind::Soname => {
            let mut shorter = name;
            while let Some((rest, _)) = shorter.rsplit_once_str(".")
                && rest.contains_str(".so.")
            {
                add(Kind::Soname, rest, Relation::Same);
                shorter = rest;
            }
        }
        Kind::Command => {
            if let Some((_, upstream)) =
                RENAMED.iter().find(|(debian, _)| debian.as_bytes() == name)
            {
                add(Kind::Command, upstream.as_bytes(), Relation::Same);
            }
            let tool = after_triplet(name);
            if let Some(tool) = tool {
                add(Kind::Command, tool, Relation::Same);
            }
            let tool = tool.unwrap_or(name);
            let unversioned = tool.trim_end_with(|c| c.is_ascii_digit() || c == '.');
            let unversioned = unversioned.strip_suffix(b"-").unwrap_or(unversioned);
            if unversioned.len() > 1 && unversioned.len() < tool.len() {
                add(Kind::Command, unversioned, Relation::AnyVersion);
            }
        }
        Kind::Python => {
            if let Some((top, _)) = name.split_once_str(".") {
                add(Kind::Python, top, Relation::Whole);
            }
        }
        Kind::Perl => {
            let mut shorter = name;
            while let Some((rest, _)) = shorter.rsplit_once_str("::") {
                add(Kind::Perl, rest, Relation::Whole);
                shorter = rest;
            }
        }
        // A plugin is listed by its file name too, like a library.
        Kind::Data if name.starts_with(b"lib/") && name.ends_with(b".so") => {
            add(
                Kind::Soname,
                name.rsplit_str("/").next().unwrap_or_default(),
                Relation::InPlace,
            );
        }
        _ => {}
    }
    spellings
}

/// `gcc-12` of `x86_64-linux-gnu-gcc-12`, if that is for this machine.
fn after_triplet(name: &[u8]) -> Option<&[u8]> {
    split_triplet(name)
        .filter(|(triplet, _)| {
            let architecture = triplet.split_str("-").next();
            architecture == Some(std::env::consts::ARCH.as_bytes())
        })
        .map(|(_, tool)| tool)
}

/// The target's triplet that a tool's name begins with, and the tool.
pub(super) fn split_triplet(name: &[u8]) -> Option<(&[u8], &[u8])> {
    // `-linux-gnu` or `-w64-mingw32` follows the architecture.
    let (architecture, rest) = name.split_once_str("-")?;
    let system = [
        "linux-gnu-",
        "linux-gnueabihf-",
        "linux-gnueabi-",
        "linux-musl-",
        "unknown-linux-gnu-",
        "pc-linux-gnu-",
        "w64-mingw32-",
    ]
    .iter()
    .find(|system| rest.starts_with(system.as_bytes()))?;
    let end = architecture.len() + system.len();
    let tool = &name[end + 1..];
    (!architecture.is_empty() && !tool.is_empty()).then_some((&name[..end], tool))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kind: Kind, name: &str) -> Vec<String> {
        spellings(&Query::new(kind, name))
            .into_iter()
            .map(|spelling| spelling.query.name.to_string())
            .collect()
    }

    #[test]
    fn a_name_has_the_spellings_that_nixpkgs_may_know() {
        assert_eq!(
            names(Kind::Soname, "libz.so.1.2.13"),
            ["libz.so.1.2", "libz.so.1"]
        );
        assert_eq!(names(Kind::Soname, "libz.so.1"), [""; 0]);
        assert_eq!(
            names(
                Kind::Command,
                &format!("{}-linux-gnu-gcc-12", std::env::consts::ARCH)
            ),
            ["gcc-12", "gcc"]
        );
        assert_eq!(names(Kind::Command, "sparc64-linux-gnu-gcc"), [""; 0]);
        assert_eq!(names(Kind::Command, "fdfind"), ["fd"]);
        assert_eq!(names(Kind::Command, "python3.11"), ["python"]);
        assert_eq!(names(Kind::Command, "git"), [""; 0]);
        assert_eq!(names(Kind::Python, "google.protobuf"), ["google"]);
        assert_eq!(names(Kind::Perl, "JSON::XS::Boolean"), ["JSON::XS", "JSON"]);
        assert_eq!(
            names(Kind::Data, "lib/gio/modules/libgiognutls.so"),
            ["libgiognutls.so"]
        );
    }
}
