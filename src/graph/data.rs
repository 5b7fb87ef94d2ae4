//! Data that a program read and that a package has: certificates, time zones, files below
//! `/usr/share`.
//!
//! What configures the host (`/etc`, `/var`), its desktop (icons, fonts, the MIME cache) and its C
//! library (locales, gconv, NSS) is the host's on every system and no dependency.

use super::classify::{Origin, file_name, is_below, is_library_name};
use super::command::Part;
use super::evidence::Evidence;
use super::host::Host;
use super::modules::{StartUp, is_module_file};
use super::program::{Program, Run, is_host_configuration};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};

/// A file that was read as data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataUse {
    /// Where it would lie in a package: relative to the package's root.
    pub name: Bytes,
    /// The file, as asked.
    pub path: Bytes,
}

/// Where distributions keep the bundle of certificate authorities. It is generated, so that no
/// package of the host's owns it (T50).
const CA_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
];

/// Read by everything and the host's own everywhere.
const HOSTS: &[&str] = &[
    "/usr/lib/locale",
    "/usr/share/locale",
    "/usr/share/i18n",
    "/usr/share/icons",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fontconfig",
    "/usr/share/mime",
    "/usr/share/applications",
    "/usr/share/themes",
    "/usr/share/dbus-1",
    "/usr/share/glvnd",
    "/usr/share/vulkan",
    "/usr/share/drirc.d",
    "/usr/share/gcc",
    "/usr/share/libc-bin",
];

/// The data that the program read and that may have a package of its own, sorted.
///
/// `everything` is false for programs that have a package themselves: it brings their data, and
/// only what packages leave to the host (certificates, a time zone asked for by name) is told.
pub fn data(run: &Run, program: &Program, everything: bool, host: &dyn Host) -> Vec<DataUse> {
    let start_up = StartUp::of(program, host);
    let tree = own_tree(program, host);
    let is_own = |path: &Bytes| {
        tree.as_ref()
            .is_some_and(|tree| path.starts_with(tree.as_bytes()))
    };
    let mut found: Vec<DataUse> = program
        .used(Evidence::Read)
        .into_iter()
        .filter(|(_, usage)| !usage.own_output && !usage.seen.has(Evidence::Listed))
        .filter(|(path, _)| !start_up.names(path))
        .filter_map(|(path, usage)| {
            let file = usage.file(path);
            let name = left_to_the_host(path.as_ref()).or_else(|| {
                let is_candidate = everything
                    && !is_own(path)
                    && !is_own(file)
                    && run.territory.origin(file.as_ref()) == Origin::System
                    && !is_noise(program, file.as_ref())
                    && !is_noise(program, path.as_ref());
                is_candidate.then(|| below_prefix(file.as_ref()))
            })?;
            Some(DataUse {
                name,
                path: path.clone(),
            })
        })
        .collect();
    found.sort();
    found.dedup_by(|a, b| a.name == b.name);
    found
}

/// The name of data that every package leaves to the host.
fn left_to_the_host(path: &BStr) -> Option<Bytes> {
    if CA_BUNDLES.iter().any(|place| path == place) || is_hashed_certificate(path) {
        return Some("etc/ssl/certs/ca-bundle.crt".into());
    }
    // `/etc/localtime` is the host's; a zone asked for by name is the program's wish (T48). NixOS
    // has the zones in `/etc`.
    ["/usr/share/zoneinfo", "/etc/zoneinfo"]
        .iter()
        .any(|place| is_below(path, place))
        .then(|| "share/zoneinfo".into())
}

/// Directories of certificates in which OpenSSL looks: Debian's and Arch's, and Fedora's two.
const HASHED_CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/",
    "/etc/pki/tls/certs/",
    "/etc/pki/ca-trust/extracted/pem/directory-hash/",
];

/// Whether OpenSSL looked a single authority up: `HASH.N` in its directory of certificates
/// (openssl-rehash(1)).
fn is_hashed_certificate(path: &BStr) -> bool {
    let Some(name) = HASHED_CERTIFICATES
        .iter()
        .find_map(|place| path.strip_prefix(place.as_bytes()))
    else {
        return false;
    };
    name.len() > 9
        && name[..8].iter().all(u8::is_ascii_hexdigit)
        && name[8] == b'.'
        && name[9..].iter().all(u8::is_ascii_digit)
}

/// Caches that package managers' hooks generate from what is installed; no package has them (T52).
fn is_generated(name: &BStr) -> bool {
    name.ends_with(b".cache") || name == "gschemas.compiled"
}

/// The tree in which an interpreter is installed with all that is its own, up to and with a slash:
/// `/usr/lib/jvm/java-17-openjdk-amd64/` for what `/usr/bin/java` links to.
///
/// None for one that lies among the other commands of the system.
fn own_tree(program: &Program, host: &dyn Host) -> Option<Bytes> {
    let Part::Interpreter(_) = program.part else {
        return None;
    };
    let real = host.real(program.executable.as_ref());
    let file: &BStr = real.as_ref().unwrap_or(&program.executable).as_ref();
    let tree = file.strip_suffix(file_name(file).as_bytes())?;
    let tree = tree.strip_suffix(b"bin/")?;
    const SHARED: &[&[u8]] = &[b"/", b"/usr/", b"/usr/local/"];
    (!SHARED.contains(&tree)).then(|| tree.into())
}

fn is_noise(program: &Program, path: &BStr) -> bool {
    is_host_configuration(path)
        || HOSTS.iter().any(|place| is_below(path, place))
        || is_library_name(file_name(path))
        || is_module_file(program, path)
        || is_below(path, "/usr/include")
        || path.contains_str("/gconv/")
        || is_generated(file_name(path))
        || ["bin", "sbin"].iter().any(|place| {
            super::classify::parent(path).is_some_and(|directory| file_name(directory) == *place)
        })
        || path.as_bytes() == program.executable.as_bytes()
}

/// The path relative to the root of the package that would have it.
fn below_prefix(path: &BStr) -> Bytes {
    let inner = ["/usr/local/", "/usr/", "/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix.as_bytes()))
        .unwrap_or(path);
    // Debian keeps the terminals that a rescue needs beside the C library; ncurses itself has all
    // of them in one place (T49).
    match inner.strip_prefix(b"lib/terminfo/") {
        Some(terminal) => [b"share/terminfo/".as_slice(), terminal].concat().into(),
        None => inner.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_zones_are_left_to_the_host_on_every_distribution() {
        let name = |path: &str| left_to_the_host(path.into()).map(|name| name.to_string());
        for path in [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/ssl/certs/5ed36f99.0",
            "/etc/pki/tls/certs/5ed36f99.0",
        ] {
            assert_eq!(name(path).as_deref(), Some("etc/ssl/certs/ca-bundle.crt"));
        }
        for path in ["/usr/share/zoneinfo/Europe/Vienna", "/etc/zoneinfo/UTC"] {
            assert_eq!(name(path).as_deref(), Some("share/zoneinfo"));
        }
        assert_eq!(name("/etc/localtime"), None);
    }

    #[test]
    fn a_terminals_description_has_one_place_in_packages() {
        for path in [
            "/lib/terminfo/x/xterm",
            "/usr/lib/terminfo/x/xterm",
            "/usr/share/terminfo/x/xterm",
        ] {
            assert_eq!(below_prefix(path.into()), "share/terminfo/x/xterm".into());
        }
    }
}
