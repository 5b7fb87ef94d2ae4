//! What a file is known by, told from where it lies in a package: `lib/libz.so.1` is the soname
//! `libz.so.1`, `include/zlib.h` the header `zlib.h`.
//!
//! The same rules are used when an index is made from a listing and when it is asked for a path.
//! Pure: only names are looked at.

use super::format::KeyKind;
use crate::resolve::modules::{Owner, owner_of};
use bstr::ByteSlice;

/// What is known of a path besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A directory.
    Directory,
    /// A file, or a link to one.
    File,
}

/// The parts of the name that a path below a package's root is known by: kind, key, place. Sharpest
/// first; a path that is known by nothing gives nothing.
pub(super) fn known_by(path: &[u8], form: Form, mut known: impl FnMut(KeyKind, &[u8], &[u8])) {
    let (parent, name) = match path.rfind_byte(b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&b""[..], path),
    };
    let Some((top, below)) = path.split_once_str(b"/") else {
        return;
    };
    if name.is_empty() {
        return;
    }
    if form == Form::File {
        let parts: Vec<&[u8]> = path.split_str(b"/").collect();
        if let Some(Owner::Module {
            kind,
            name,
            tells: true,
        }) = owner_of(&parts)
            && let Some(kind) = KeyKind::of_module(kind)
        {
            known(kind, &name, parent);
        }
    }
    match top {
        // What begins with a dot was put aside by a wrapper: nobody types it.
        b"bin" | b"sbin" if form == Form::File && below == name && !name.starts_with(b".") => {
            known(KeyKind::Command, name, top);
        }
        b"include" => {
            if form == Form::File {
                known(KeyKind::Header, below, b"include");
            } else if below.find_iter(b"/").count() < 2 {
                known(KeyKind::Header, &[below, b"/"].concat(), b"include");
            }
        }
        b"lib" | b"share" | b"etc" | b"libexec" => {
            if let Some(name) = distribution_of(path) {
                known(KeyKind::Distribution, name.as_bytes(), b"site");
            } else if form == Form::File {
                developer_file(parent, name, &mut known);
                if let Some((kind, key, place)) = module(path) {
                    known(kind, &key, place);
                } else if is_library(name)
                    && !matches!(top, b"share" | b"etc")
                    && !is_private_to_a_language(parent)
                {
                    known(KeyKind::Soname, name, parent);
                }
            }
            if is_data(path, form) {
                known(KeyKind::Data, path, parent);
            }
        }
        _ => {}
    }
}

/// Files that say to a build how to use a library.
fn developer_file(parent: &[u8], name: &[u8], known: &mut impl FnMut(KeyKind, &[u8], &[u8])) {
    if let Some(module) = name.strip_suffix(b".pc")
        && parent.ends_with(b"/pkgconfig")
    {
        known(KeyKind::PkgConfig, module, parent);
    }
    if let Some(package) = cmake_package(name) {
        known(KeyKind::CMake, package, parent);
    }
    if let Some(typelib) = name.strip_suffix(b".typelib")
        && parent.ends_with(b"/girepository-1.0")
    {
        known(KeyKind::Typelib, typelib, parent);
    }
}

/// The package of a CMake config file, as `find_package` searches for it: `FooConfig.cmake` or
/// `foo-config.cmake`.
pub(super) fn cmake_package(name: &[u8]) -> Option<&[u8]> {
    name.strip_suffix(b"Config.cmake")
        .or_else(|| name.strip_suffix(b"-config.cmake"))
        .filter(|package| !package.is_empty())
}

/// A file that a language's interpreter loads by a module's name.
fn module(path: &[u8]) -> Option<(KeyKind, Vec<u8>, &'static [u8])> {
    let parts: Vec<&[u8]> = path.split_str(b"/").collect();
    match parts.as_slice() {
        [
            b"lib",
            python,
            b"site-packages" | b"dist-packages",
            rest @ ..,
        ] if python.starts_with(b"python") => {
            python_module(rest).map(|name| (KeyKind::Python, name, &b"site"[..]))
        }
        [b"lib", python, b"lib-dynload", rest @ ..] if python.starts_with(b"python") => {
            python_module(rest).map(|name| (KeyKind::Python, name, &b"stdlib"[..]))
        }
        [b"lib", python, rest @ ..] if python.starts_with(b"python") => {
            python_module(rest).map(|name| (KeyKind::Python, name, &b"stdlib"[..]))
        }
        [b"lib", b"perl5", b"site_perl", rest @ ..] => {
            perl_module(rest).map(|name| (KeyKind::Perl, name, &b"site"[..]))
        }
        // Debian's directories of packaged modules; `perl` without the 5 is the interpreter's own.
        [b"share" | b"lib", b"perl5", rest @ ..] => {
            let place = if parts[0] == b"lib" && !has_debian_perl_version(rest) {
                &b"core"[..]
            } else {
                &b"site"[..]
            };
            perl_module(rest).map(|name| (KeyKind::Perl, name, place))
        }
        [b"share" | b"lib", b"perl" | b"perl-base", rest @ ..] => {
            perl_module(rest).map(|name| (KeyKind::Perl, name, &b"core"[..]))
        }
        _ => None,
    }
}

/// The top-level module of a file below `site-packages`; of a namespace package that is `google`,
/// the part below it too.
fn python_module(rest: &[&[u8]]) -> Option<Vec<u8>> {
    let (first, below) = rest.split_first()?;
    if below.is_empty() {
        // `six.py`, `_ssl.cpython-311-x86_64-linux-gnu.so`
        let (stem, suffix) = first.split_once_str(b".")?;
        let loaded = suffix == b"py" || suffix == b"so" || suffix.ends_with(b".so");
        return (loaded && !stem.is_empty()).then(|| stem.to_vec());
    }
    if first.contains(&b'.') || *first == b"__pycache__" || first.contains(&b'-') {
        return None;
    }
    if *first == b"google" && below.len() > 1 {
        return Some([first, &b"."[..], below[0]].concat());
    }
    Some(first.to_vec())
}

/// The distribution whose metadata a path is, or lies in.
fn distribution_of(path: &[u8]) -> Option<String> {
    let mut parts = path.split_str(b"/");
    let found = parts.next() == Some(b"lib")
        && parts.next()?.starts_with(b"python")
        && matches!(parts.next()?, b"site-packages" | b"dist-packages");
    if found {
        python_distribution(parts.next()?)
    } else {
        None
    }
}

/// The distribution that a metadata directory below `site-packages` belongs to, in the normal form
/// of PEP 503: `numpy-1.24.2.dist-info` is `numpy`.
pub(super) fn python_distribution(directory: &[u8]) -> Option<String> {
    let stem = directory
        .strip_suffix(b".dist-info")
        .or_else(|| directory.strip_suffix(b".egg-info"))?;
    let name = stem.split_str(b"-").next()?;
    normal_distribution(name)
}

/// PEP 503: letters in lower case; every run of `-`, `_` and `.` is one `-`.
pub(super) fn normal_distribution(name: &[u8]) -> Option<String> {
    let name = name.to_str().ok()?;
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if !matches!(letter, '-' | '_' | '.') {
            normal.push(letter.to_ascii_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    let normal = normal.trim_matches('-');
    (!normal.is_empty()).then(|| normal.to_owned())
}

/// A home page without what differs between those who write it down: scheme, `www.`, the slash at
/// the end, `.git`, capitals in the host's name. None for a text that is no web page.
pub(super) fn normal_homepage(url: &str) -> Option<String> {
    let (_, page) = url.split_once("://")?;
    let page = page.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = page.split_once('/').unwrap_or((page, ""));
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path = path.strip_suffix("/index.html").unwrap_or(path);
    if !host.contains('.') {
        return None;
    }
    // GitHub's names are the same in any case, and people write them in both.
    let path = match host {
        "github.com" => path.to_ascii_lowercase(),
        _ => path.to_owned(),
    };
    Some(if path.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    })
}

/// The module of a file below a Perl library directory, which may begin with a version and an
/// architecture: `5.36.0/x86_64-linux-thread-multi/JSON/XS.pm` is `JSON::XS`.
fn perl_module(rest: &[&[u8]]) -> Option<Vec<u8>> {
    let mut rest = rest;
    if rest.first()?.first()?.is_ascii_digit() {
        rest = &rest[1..];
    }
    if rest.first()?.contains(&b'-') {
        rest = &rest[1..];
    }
    let (file, directories) = rest.split_last()?;
    let stem = file.strip_suffix(b".pm")?;
    let mut parts: Vec<&[u8]> = directories.to_vec();
    parts.push(stem);
    let sound = parts.iter().all(|part| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    });
    sound.then(|| parts.join(&b"::"[..]))
}

/// Debian's `lib/<triplet>/perl5/5.36/…` has a version of two numbers, nixpkgs' core directory
/// `lib/perl5/5.36.0/…` one of three.
fn has_debian_perl_version(rest: &[&[u8]]) -> bool {
    rest.first()
        .is_some_and(|version| version.find_iter(b".").count() == 1)
}

/// Whether the name is one of a shared library: `libz.so`, `libz.so.1`.
fn is_library(name: &[u8]) -> bool {
    stem(name).is_some()
}

/// Directories whose shared objects no loader is asked for by name: extension modules, Wine's DLLs,
/// separate debug information.
fn is_private_to_a_language(directory: &[u8]) -> bool {
    const DIRECTORIES: [&[u8]; 7] = [
        b"perl5",
        b"ruby",
        b"ocaml",
        b"node_modules",
        b"wine",
        b"debug",
        b"erlang",
    ];
    directory.split_str(b"/").any(|part| {
        DIRECTORIES.contains(&part) || part.starts_with(b"python") || part.starts_with(b"ghc-")
    })
}

/// A library's file name up to and with `.so`; none when it has no such part.
pub(super) fn stem(name: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    while let Some(at) = name[from..].find(b".so") {
        let end = from + at + 3;
        let rest = &name[end..];
        let versioned = rest.first() == Some(&b'.')
            && rest[1..].first().is_some_and(u8::is_ascii_digit)
            && rest
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b));
        if (rest.is_empty() || versioned) && from + at > 0 {
            return Some(&name[..end]);
        }
        from = end;
    }
    None
}

/// Directories of the first levels, and files that programs look for by name.
fn is_data(path: &[u8], form: Form) -> bool {
    let depth = path.find_iter(b"/").count();
    const SAYS_NOTHING: [&[u8]; 9] = [
        b"share/doc",
        b"share/man",
        b"share/info",
        b"share/locale",
        b"share/gtk-doc",
        b"share/licenses",
        b"lib/cmake",
        b"lib/debug",
        b"lib/python",
    ];
    if form == Form::Directory {
        return depth <= 2 && !SAYS_NOTHING.iter().any(|start| path.starts_with(start));
    }
    if path.starts_with(b"etc/") {
        return depth <= 3;
    }
    const BELOW: [&[u8]; 12] = [
        b"share/aclocal/",
        b"share/gir-1.0/",
        b"share/terminfo/",
        b"share/glib-2.0/schemas/",
        b"share/vala/vapi/",
        b"share/dbus-1/",
        b"share/polkit-1/",
        b"share/applications/",
        b"share/vulkan/",
        b"share/mime/packages/",
        b"share/fonts/",
        b"lib/udev/",
    ];
    depth <= 4 && BELOW.iter().any(|directory| path.starts_with(directory))
}

/// An absolute path of a host as a path below a package's root: `/usr/lib/x86_64-linux-gnu/libz.so`
/// is `lib/libz.so`. None for a path that no package has.
pub(super) fn below_root(path: &[u8]) -> Option<Vec<u8>> {
    let path = if let Some(store) = path.strip_prefix(b"/nix/store/") {
        store.split_once_str(b"/")?.1
    } else {
        let path = path.strip_prefix(b"/")?;
        let path = path.strip_prefix(b"usr/").unwrap_or(path);
        path.strip_prefix(b"local/").unwrap_or(path)
    };
    let mut parts: Vec<&[u8]> = path
        .split_str(b"/")
        .filter(|part| !part.is_empty())
        .collect();
    if parts.contains(&&b".."[..]) || parts.contains(&&b"."[..]) {
        return None;
    }
    let top = parts.first_mut()?;
    if matches!(*top, b"lib64" | b"lib32" | b"libx32") {
        *top = b"lib";
    } else if *top == b"games" {
        *top = b"bin";
    }
    if matches!(parts[0], b"lib" | b"include")
        && parts.len() > 2
        && (parts[1].contains_str(b"-linux-gnu") || parts[1].contains_str(b"-linux-musl"))
    {
        parts.remove(1);
    }
    Some(parts.join(&b"/"[..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let form = if path.ends_with('/') {
            Form::Directory
        } else {
            Form::File
        };
        let mut found = Vec::new();
        known_by(
            path.trim_end_matches('/').as_bytes(),
            form,
            |kind, key, place| {
                let word = KeyKind::word(kind as u8).unwrap();
                found.push(format!("{word} {} in {}", key.as_bstr(), place.as_bstr()));
            },
        );
        assert_eq!(found.join("; "), expected, "{path}");
    }

    #[test]
    fn files_are_known_by_what_programs_ask_for() {
        check("bin/git", "command git in bin");
        check("bin/.git-wrapped", "");
        check("bin/sub/tool", "");
        check("lib/libz.so.1", "soname libz.so.1 in lib");
        check(
            "lib/gio/modules/libdconf.so",
            "soname libdconf.so in lib/gio/modules",
        );
        check("lib/libz.so.txt", "");
        check("lib/wine/i386-unix/shell32.dll.so", "");
        check("lib/debug/libc.so.6", "");
        check("include/openssl/ssl.h", "header openssl/ssl.h in include");
        check("include/openssl/", "header openssl/ in include");
        check("lib/pkgconfig/zlib.pc", "pkg-config zlib in lib/pkgconfig");
        check(
            "lib/cmake/fmt/fmt-config.cmake",
            "cmake fmt in lib/cmake/fmt",
        );
        check(
            "share/cmake/GTest/GTestConfig.cmake",
            "cmake GTest in share/cmake/GTest",
        );
        check(
            "lib/girepository-1.0/Gtk-3.0.typelib",
            "typelib Gtk-3.0 in lib/girepository-1.0",
        );
        check(
            "lib/ruby/gems/3.1.0/specifications/nokogiri-1.13.8.gemspec",
            "gem nokogiri in lib/ruby/gems/3.1.0/specifications",
        );
        check(
            "lib/ruby/gems/3.1.0/gems/nokogiri-1.13.8/lib/nokogiri.rb",
            "",
        );
        check("library/dplyr/DESCRIPTION", "r dplyr in library/dplyr");
        check(
            "share/gsettings-schemas/gtk+3-3.24/glib-2.0/schemas/org.gtk.Demo.gschema.xml",
            "gsettings org.gtk.Demo in share/gsettings-schemas/gtk+3-3.24/glib-2.0/schemas",
        );
        check("share/zoneinfo/", "data share/zoneinfo in share");
        check("share/doc/zlib/", "");
        check(
            "etc/ssl/certs/ca-bundle.crt",
            "data etc/ssl/certs/ca-bundle.crt in etc/ssl/certs",
        );
    }

    #[test]
    fn modules_are_known_by_their_names_and_not_as_libraries() {
        check(
            "lib/python3.11/site-packages/numpy/core/_multiarray.so",
            "python numpy in site",
        );
        check("lib/python3.11/site-packages/six.py", "python six in site");
        check(
            "lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
            "python _ssl in stdlib",
        );
        check(
            "lib/python3.11/site-packages/PyYAML-6.0.dist-info/METADATA",
            "python-distribution pyyaml in site",
        );
        check("lib/python3.11/json/decoder.py", "python json in stdlib");
        check(
            "lib/perl5/site_perl/5.36.0/x86_64-linux-thread-multi/JSON/XS.pm",
            "perl JSON::XS in site",
        );
        check("lib/perl5/5.36.0/File/Spec.pm", "perl File::Spec in core");
        check("share/perl5/JSON/PP.pm", "perl JSON::PP in site");
    }

    #[test]
    fn paths_of_a_host_lose_what_is_the_host_s() {
        #[track_caller]
        fn check(path: &str, expected: Option<&str>) {
            let found = below_root(path.as_bytes()).map(|path| String::from_utf8(path).unwrap());
            assert_eq!(found.as_deref(), expected, "{path}");
        }
        check("/usr/lib/x86_64-linux-gnu/libz.so.1", Some("lib/libz.so.1"));
        check(
            "/lib64/ld-linux-x86-64.so.2",
            Some("lib/ld-linux-x86-64.so.2"),
        );
        check("/usr/local/bin/jq", Some("bin/jq"));
        check("/bin/sh", Some("bin/sh"));
        check(
            "/usr/include/x86_64-linux-gnu/sys/cdefs.h",
            Some("include/sys/cdefs.h"),
        );
        check(
            "/nix/store/f14451jmpw39crs5mvfp3adky084pcsx-jq-1.7/bin/jq",
            Some("bin/jq"),
        );
        check("/usr/lib/../lib/libz.so", None);
        check("lib/libz.so", None);
    }

    #[test]
    fn the_stem_of_a_library_ends_with_so() {
        assert_eq!(stem(b"libssl.so.3"), Some(&b"libssl.so"[..]));
        assert_eq!(stem(b"libfoo.so"), Some(&b"libfoo.so"[..]));
        assert_eq!(stem(b"libfoo.social.so.1"), Some(&b"libfoo.social.so"[..]));
        assert_eq!(stem(b".so"), None);
        assert_eq!(stem(b"libz.a"), None);
    }

    #[test]
    fn home_pages_have_one_spelling() {
        for url in [
            "https://www.openssl.org/",
            "http://openssl.org",
            "https://WWW.OpenSSL.org/#top",
        ] {
            assert_eq!(
                normal_homepage(url).as_deref(),
                Some("openssl.org"),
                "{url}"
            );
        }
        assert_eq!(
            normal_homepage("https://github.com/JSON-C/json-c.git").as_deref(),
            Some("github.com/json-c/json-c")
        );
        assert_eq!(normal_homepage("openssl.org"), None);
        assert_eq!(normal_homepage("https://localhost/x"), None);
    }

    #[test]
    fn distributions_have_one_spelling() {
        assert_eq!(
            python_distribution(b"ruamel.yaml-0.17.21.dist-info").unwrap(),
            "ruamel-yaml"
        );
        assert_eq!(
            python_distribution(b"PyYAML-6.0.egg-info").unwrap(),
            "pyyaml"
        );
        assert_eq!(python_distribution(b"numpy"), None);
    }

    proptest! {
        #[test]
        fn no_path_makes_the_rules_panic(path in prop::collection::vec(prop::sample::select(vec![&b"/"[..], b"lib", b"perl5", b"python3.1", b"site-packages", b".so", b".", b"5.1", b"\xff", b".pm", b"-"]), 0..9)) {
            let path = path.concat();
            known_by(&path, Form::File, |_, _, _| ());
            known_by(&path, Form::Directory, |_, _, _| ());
            let _ = below_root(&path);
            let _ = stem(&path);
            let _ = python_distribution(&path);
        }
    }
}
