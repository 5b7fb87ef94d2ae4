//! What is asked of the resolver: a thing that a program used, in the words it is known by.
//!
//! Names are brought to the normal form of their kind here, once; [`Query::for_path`] tells the
//! kind from where a file lies (Filesystem Hierarchy Standard, Debian's multiarch directories, the
//! Nix store). No file is looked at.

mod kind;
mod names;
mod place;

pub use kind::Kind;
pub(super) use names::{archive_name, before_version_number, node_name};

use crate::trace::Bytes;
use bstr::ByteSlice;
use names::{
    Library, base, cmake_name, has_header_suffix, header_name, library, link_name, module_name,
    package_name, perl_name, python_name, typelib_name,
};
use place::{below_a_root, classify};

/// One question to the resolver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name in the normal form of its kind (see [`Kind`]'s examples): no `.pc`, no `-l`, no
    /// `include/`.
    pub name: Bytes,
    /// The file on this system that stands behind the question, if one does: lets the package
    /// database of the host and the pins be asked.
    pub path: Option<Bytes>,
}

impl Query {
    /// A question about a name alone.
    pub fn new(kind: Kind, name: impl Into<Bytes>) -> Self {
        Self {
            kind,
            name: name.into(),
            path: None,
        }
    }

    /// The same question, with the file that it is about.
    pub fn at(mut self, path: impl Into<Bytes>) -> Self {
        self.path = Some(path.into());
        self
    }
}

impl Query {
    /// Reads a question as a person types it; the kind is told from its shape: `libssl.so.3`,
    /// `-lssl`, `zlib.pc`, `openssl/ssl.h`, `FooConfig.cmake`, `JSON::XS`, `Gtk-3.0.typelib`,
    /// `org.gnome.desktop.interface.gschema.xml`, `commons-io.jar`, `pkg.m4`, `/usr/bin/git`,
    /// `share/zoneinfo`; what has no such shape is a command.
    pub fn parse(text: &[u8]) -> Self {
        Self::parse_as(shape(text), text)
    }

    /// Reads a question of a kind that is known.
    pub fn parse_as(kind: Kind, text: &[u8]) -> Self {
        if text.starts_with(b"/") && kind != Kind::Path {
            // Where a file lies says more than its name does.
            let query = Self::for_path(text);
            if query.kind == kind {
                return query;
            }
        }
        let suffix = |suffix: &str| {
            base(text)
                .strip_suffix(suffix.as_bytes())
                .unwrap_or(base(text))
        };
        let name = match kind {
            Kind::Soname | Kind::Command => base(text).to_vec(),
            Kind::LinkName => link_name(text),
            Kind::Header => header_name(text),
            Kind::PkgConfig => suffix(".pc").to_vec(),
            Kind::CMake => cmake_name(base(text)).unwrap_or_else(|| base(text).to_vec()),
            Kind::Python => python_name(text),
            Kind::Perl => perl_name(text),
            Kind::Gem => before_version_number(suffix(".gemspec")).to_vec(),
            Kind::Node => node_name(text).to_vec(),
            Kind::Lua | Kind::OCaml => module_name(text).to_vec(),
            Kind::Jar => archive_name(base(text)).to_vec(),
            Kind::R => text.to_vec(),
            Kind::Typelib => typelib_name(base(text)).to_vec(),
            Kind::GSettings => suffix(".gschema.xml").to_vec(),
            Kind::Aclocal => suffix(".m4").to_vec(),
            Kind::Dpkg | Kind::Rpm | Kind::Pacman | Kind::Apk => package_name(kind, text).to_vec(),
            Kind::Data => text.strip_suffix(b"/").unwrap_or(text).to_vec(),
            Kind::Path => text.to_vec(),
        };
        let query = Self::new(kind, name);
        if text.starts_with(b"/") {
            query.at(text)
        } else {
            query
        }
    }

    /// The sharpest question about a file of this system: `/usr/bin/git` is the command `git`,
    /// `/usr/lib/x86_64-linux-gnu/libssl.so.3` the soname, `/nix/store/…-zlib-1.3-dev/include/zlib.h`
    /// the header. A place that says nothing remains a [`Kind::Path`].
    pub fn for_path(path: &[u8]) -> Self {
        below_a_root(path)
            .and_then(classify)
            .unwrap_or_else(|| Self::new(Kind::Path, path))
            .at(path)
    }
}

/// The kind that a name without a kind most likely has.
fn shape(text: &[u8]) -> Kind {
    let name = base(text);
    if text.starts_with(b"/") {
        return Kind::Path;
    }
    if text.starts_with(b"-l") && text.len() > 2 {
        return Kind::LinkName;
    }
    if text.contains_str("::") || name.ends_with(b".pm") {
        return Kind::Perl;
    }
    if name.ends_with(b".pc") {
        return Kind::PkgConfig;
    }
    if name.ends_with(b".typelib") {
        return Kind::Typelib;
    }
    if cmake_name(name).is_some() {
        return Kind::CMake;
    }
    for (suffix, kind) in [
        (&b".gschema.xml"[..], Kind::GSettings),
        (b".jar", Kind::Jar),
        (b".m4", Kind::Aclocal),
        (b".gemspec", Kind::Gem),
    ] {
        if name.len() > suffix.len() && name.ends_with(suffix) && !text.contains(&b'/') {
            return kind;
        }
    }
    if has_header_suffix(name) || text.starts_with(b"<") {
        return Kind::Header;
    }
    match library(name) {
        Some(Library::Versioned) => return Kind::Soname,
        Some(Library::Plain) => return Kind::LinkName,
        None => {}
    }
    match text.split_str("/").next() {
        Some(b"include") if text.contains(&b'/') => Kind::Header,
        Some(b"bin" | b"sbin") => Kind::Command,
        _ if text.contains(&b'/') => Kind::Data,
        _ => Kind::Command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;
    use proptest::prelude::*;

    fn parsed(text: &str) -> String {
        let query = Query::parse(text.as_bytes());
        format!("{} {}", query.kind, query.name)
    }

    fn of(path: &str) -> String {
        let query = Query::for_path(path.as_bytes());
        assert_eq!(query.path, Some(Bytes::from(path)));
        format!("{} {}", query.kind, query.name)
    }

    #[test]
    fn the_kind_is_told_from_the_shape() {
        for (text, expected) in [
            ("libssl.so.3", "soname libssl.so.3"),
            ("ld-linux-x86-64.so.2", "soname ld-linux-x86-64.so.2"),
            ("libssl.so", "linkname libssl.so"),
            ("-lssl", "linkname libssl.so"),
            ("-l:libssl.so.3", "linkname libssl.so"),
            ("zlib.pc", "pkg-config zlib"),
            ("gtk+-3.0.pc", "pkg-config gtk+-3.0"),
            ("openssl/ssl.h", "header openssl/ssl.h"),
            ("zlib.h", "header zlib.h"),
            ("<boost/any.hpp>", "header boost/any.hpp"),
            ("FooConfig.cmake", "cmake Foo"),
            ("foo-config.cmake", "cmake foo"),
            ("JSON::XS", "perl JSON::XS"),
            ("JSON/XS.pm", "perl JSON::XS"),
            ("Gtk-3.0.typelib", "typelib Gtk-3.0"),
            ("/usr/bin/git", "path /usr/bin/git"),
            ("share/zoneinfo", "data share/zoneinfo"),
            ("etc/fonts/", "data etc/fonts"),
            ("bin/git", "command git"),
            ("include/openssl/ssl.h", "header openssl/ssl.h"),
            ("git", "command git"),
            ("[", "command ["),
            ("7z", "command 7z"),
            ("python3.11", "command python3.11"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_the_sharpest_thing_its_place_says() {
        for (path, expected) in [
            ("/usr/bin/git", "command git"),
            ("/bin/sh", "command sh"),
            ("/usr/local/sbin/nginx", "command nginx"),
            (
                "/usr/lib/jvm/java-17-openjdk-amd64/bin/java",
                "command java",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                "soname libssl.so.3",
            ),
            ("/lib64/ld-linux-x86-64.so.2", "soname ld-linux-x86-64.so.2"),
            ("/usr/lib/x86_64-linux-gnu/libssl.so", "linkname libssl.so"),
            ("/usr/lib/x86_64-linux-gnu/libz.a", "linkname libz.so"),
            (
                "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1",
                "soname libz.so.1",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/pulseaudio/libpulsecommon-16.1.so",
                "data lib/pulseaudio/libpulsecommon-16.1.so",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/gio/modules/libgiognutls.so",
                "data lib/gio/modules/libgiognutls.so",
            ),
            (
                "/usr/include/x86_64-linux-gnu/curl/curl.h",
                "header curl/curl.h",
            ),
            ("/usr/include/openssl/ssl.h", "header openssl/ssl.h"),
            (
                "/usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc",
                "pkg-config zlib",
            ),
            ("/usr/share/pkgconfig/iso-codes.pc", "pkg-config iso-codes"),
            (
                "/usr/lib/x86_64-linux-gnu/cmake/Boost-1.74.0/BoostConfig.cmake",
                "cmake Boost",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/cmake/Qt5Core/Qt5CoreMacros.cmake",
                "cmake Qt5Core",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/girepository-1.0/Gtk-3.0.typelib",
                "typelib Gtk-3.0",
            ),
            (
                "/usr/lib/python3/dist-packages/numpy/core/__init__.py",
                "python numpy",
            ),
            (
                "/usr/lib/python3/dist-packages/_cffi_backend.cpython-311-x86_64-linux-gnu.so",
                "python _cffi_backend",
            ),
            (
                "/usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA",
                "python PyYAML",
            ),
            (
                "/usr/local/lib/python3.11/site-packages/google/protobuf/message.py",
                "python google.protobuf",
            ),
            ("/usr/lib/python3/dist-packages/six.py", "python six"),
            (
                "/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
                "command python3",
            ),
            ("/usr/lib/python3.11/ssl.py", "command python3"),
            ("/usr/share/perl5/URI/Escape.pm", "perl URI::Escape"),
            (
                "/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm",
                "perl JSON::XS",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl5/5.36/auto/JSON/XS/XS.so",
                "perl JSON::XS",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/perl-base/strict.pm",
                "command perl",
            ),
            ("/usr/share/perl/5.36.0/strict.pm", "command perl"),
            (
                "/usr/share/zoneinfo/Europe/Paris",
                "data share/zoneinfo/Europe/Paris",
            ),
            ("/lib/terminfo/x/xterm", "data share/terminfo/x/xterm"),
            (
                "/etc/ssl/certs/ca-certificates.crt",
                "data etc/ssl/certs/ca-bundle.crt",
            ),
            ("/usr/lib/locale/C.utf8/LC_CTYPE", "soname libc.so.6"),
            ("/etc/fonts/fonts.conf", "data etc/fonts/fonts.conf"),
            (
                "/usr/libexec/gcc/x86_64-linux-gnu/12/cc1",
                "path /usr/libexec/gcc/x86_64-linux-gnu/12/cc1",
            ),
            ("/usr/include/x86_64-linux-musl/stdio.h", "command musl-gcc"),
            ("/home/me/x", "path /home/me/x"),
            ("/run/current-system/sw/bin/git", "command git"),
            (
                "/nix/store/00000000000000000000000000000000-git-2.44.0/bin/git",
                "command git",
            ),
            (
                "/nix/store/00000000000000000000000000000000-perl5.38.2-JSON-XS-4.03/lib/perl5/site_perl/5.38.2/x86_64-linux-thread-multi/JSON/XS.pm",
                "perl JSON::XS",
            ),
            (
                "/nix/store/00000000000000000000000000000000-perl-5.38.2/lib/perl5/5.38.2/strict.pm",
                "command perl",
            ),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_forced_kind_has_its_own_normal_form() {
        for (kind, text, expected) in [
            (Kind::Python, "numpy", "numpy"),
            (
                Kind::Python,
                "google/protobuf/message.py",
                "google.protobuf",
            ),
            (Kind::Perl, "JSON/XS.pm", "JSON::XS"),
            (Kind::LinkName, "ssl", "libssl.so"),
            (Kind::CMake, "Boost", "Boost"),
            (Kind::PkgConfig, "zlib", "zlib"),
            (Kind::Typelib, "Gtk-3.0", "Gtk-3.0"),
            (Kind::Header, "/usr/include/zlib.h", "zlib.h"),
            (Kind::Command, "/usr/bin/git", "git"),
        ] {
            assert_eq!(
                Query::parse_as(kind, text.as_bytes()).name,
                Bytes::from(expected),
                "{kind} {text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_query(text in prop::collection::vec(any::<u8>(), 0..80)) {
            Query::parse(&text);
            Query::for_path(&text);
            for kind in Kind::value_variants() {
                Query::parse_as(*kind, &text);
            }
        }

        #[test]
        fn any_path_of_familiar_parts_is_a_query(parts in prop::collection::vec(
            prop::sample::select(vec!["usr", "lib", "perl5", "5.36", "5.36.0", "auto", "site_perl", "python3", "python3.11",
                "dist-packages", "cmake", "pkgconfig", "a.so", "x.so.1", "x86_64-linux-gnu", "include", "bin", "", ".so.", "glibc-hwcaps"]), 0..8)) {
            let path = format!("/{}", parts.join("/"));
            Query::for_path(path.as_bytes());
        }
    }
}
