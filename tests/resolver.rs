//! The resolver over all its sources: what a file of some system comes to.

use nixtrace::resolve::distro::{self, translate::HostSource};
use nixtrace::resolve::index::build::Builder;
use nixtrace::resolve::index::{Index, Input};
use nixtrace::resolve::pins::Pins;
use nixtrace::resolve::{Kind, Query, Resolution, Resolver, SourceKind, Verdict};
use std::path::Path;

/// The resolver with nothing but the embedded index.
fn plain() -> Resolver {
    Resolver::new().with_index(Index::embedded())
}

/// The answer as `attr^output`, or what else it came to.
fn answer(resolution: &Resolution) -> String {
    match (&resolution.verdict, &resolution.best) {
        (Verdict::Package, Some(best)) => format!("{}^{}", best.attr, best.output),
        (Verdict::Host(_), _) => "host".to_owned(),
        (Verdict::Ignored(_), _) => "ignored".to_owned(),
        _ => "open".to_owned(),
    }
}

#[track_caller]
fn check(resolver: &Resolver, path: &str, expected: &str) {
    let resolution = resolver.resolve(&Query::new(Kind::Path, path));
    assert_eq!(answer(&resolution), expected, "{path}: {resolution:#?}");
}

#[test]
fn a_file_of_a_usual_system_is_answered_by_its_place() {
    let resolver = plain();
    for (path, expected) in [
        ("/usr/bin/git", "git^out"),
        ("/usr/bin/python3", "python3^out"),
        ("/bin/sh", "bash^out"),
        ("/usr/bin/awk", "gawk^out"),
        ("/usr/lib/x86_64-linux-gnu/libssl.so.3", "openssl^out"),
        ("/usr/lib/x86_64-linux-gnu/libz.so.1.2.13", "zlib^out"),
        ("/usr/lib/x86_64-linux-gnu/libGL.so.1", "libGL^out"),
        (
            "/usr/lib/x86_64-linux-gnu/libwayland-client.so.0",
            "wayland^out",
        ),
        (
            "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
            "stdenv.cc.cc^lib",
        ),
        (
            "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "stdenv.cc.cc^lib",
        ),
        ("/usr/include/openssl/ssl.h", "openssl^dev"),
        ("/usr/include/netinet/in.h", "glibc^dev"),
        ("/usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc", "zlib^dev"),
        (
            "/usr/lib/python3/dist-packages/numpy/__init__.py",
            "python3Packages.numpy^out",
        ),
        (
            "/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
            "python3^out",
        ),
        (
            "/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm",
            "perlPackages.JSONXS^out",
        ),
        ("/usr/share/perl/5.36.0/strict.pm", "perl^out"),
        ("/usr/share/zoneinfo/Europe/Paris", "tzdata^out"),
        ("/etc/ssl/certs/ca-certificates.crt", "cacert^out"),
        ("/lib/terminfo/x/xterm", "ncurses^out"),
        ("/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", "glibc^out"),
    ] {
        check(&resolver, path, expected);
    }
}

#[test]
fn a_file_dropped_in_for_a_program_to_find_is_not_the_program_s() {
    let resolver = plain();
    for path in [
        "/usr/share/dbus-1/services/org.acme.Daemon.service",
        "/usr/share/emacs/site-lisp/acme/acme.el",
        "/usr/share/fish/vendor_completions.d/acme.fish",
        "/usr/share/glib-2.0/schemas/gschemas.compiled",
        "/usr/share/gtk-doc/html/acme/index.html",
        "/usr/share/ibus/component/acme.xml",
        "/usr/share/polkit-1/actions/org.acme.policy",
        "/usr/share/vala/vapi/acme.vapi",
        "/usr/share/vim/vimfiles/plugin/acme.vim",
        "/usr/share/nvim/site",
        "/usr/share/polkit-1/actions",
        "/usr/share/vim/vimfiles",
    ] {
        check(&resolver, path, "open");
    }
    check(&resolver, "/usr/share/misc/magic.mgc", "file^out");
}

#[test]
fn what_nixpkgs_has_in_another_release_only_is_open() {
    let resolver = plain();
    for (kind, name) in [
        (Kind::Soname, "libsoup-2.4.so.1"),
        (Kind::PkgConfig, "libsoup-2.4"),
        (Kind::PkgConfig, "Magick++-6.Q16HDRI"),
        (Kind::Header, "libsoup-2.4/libsoup/soup.h"),
        (Kind::Typelib, "Soup-2.4"),
        (Kind::CMake, "Qt5WebEngineCore"),
    ] {
        let resolution = resolver.resolve(&Query::new(kind, name));
        assert!(
            matches!(resolution.verdict, Verdict::Open),
            "{kind} {name}: {resolution:?}"
        );
    }
}

#[test]
fn what_only_the_host_has_is_no_package() {
    let resolver = plain();
    for path in [
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
        "/run/opengl-driver/lib/libGLX_mesa.so.0",
        "/usr/lib/x86_64-linux-gnu/libnss_systemd.so.2",
        "/var/run/nscd/socket",
        "/etc/nsswitch.conf",
    ] {
        check(&resolver, path, "host");
    }
}

#[test]
fn a_store_path_is_told_from_its_name() {
    let resolver = plain();
    let hash = "0c5b8vw40d1178xlpddw65q9gf1h2186";
    for (item, expected) in [
        ("openssl-3.0.13/lib/libssl.so.3", "openssl^out"),
        ("openssl-3.0.13-dev/include/openssl/ssl.h", "openssl^dev"),
        ("jq-1.7.1-bin/bin/jq", "jq^bin"),
        ("gtk+3-3.24.41/share/themes/Default/index.theme", "gtk3^out"),
        (
            "python3.11-numpy-1.26.4/lib/python3.11/site-packages/numpy/__init__.py",
            "python3Packages.numpy^out",
        ),
        (
            "perl5.38.2-JSON-XS-4.03/lib/perl5/site_perl/5.38.2/JSON/XS.pm",
            "perlPackages.JSONXS^out",
        ),
        ("zlib-1.3.1", "zlib^out"),
        ("acme-of-nowhere-1.0/bin/acme-of-nowhere", "open"),
    ] {
        check(&resolver, &format!("/nix/store/{hash}-{item}"), expected);
    }
}

/// A Debian system with one package, made up or real, of the given files.
fn debian(package: &str, source: &str, files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("var/lib/dpkg");
    let status =
        format!("Package: {package}\nStatus: install ok installed\nSource: {source}\nVersion: 1\n");
    std::fs::create_dir_all(directory.join("info"))
        .and_then(|()| std::fs::create_dir_all(root.path().join("etc")))
        .and_then(|()| std::fs::write(directory.join("status"), status))
        .and_then(|()| {
            std::fs::write(
                directory.join(format!("info/{package}.list")),
                files.join("\n"),
            )
        })
        .and_then(|()| {
            std::fs::write(
                root.path().join("etc/os-release"),
                "NAME=\"Debian GNU/Linux\"\n",
            )
        })
        .expect("the temporary directory can be written");
    root
}

fn on(root: &Path) -> Resolver {
    let database = distro::open(root).expect("the package database is there");
    plain().with_host(HostSource::new(database))
}

#[test]
fn an_unknown_file_is_told_from_the_other_files_of_its_package() {
    let root = debian(
        "libssl3",
        "openssl",
        &[
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
            "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
            "/usr/lib/odd/odd.bin",
        ],
    );
    let resolution = on(root.path()).resolve(&Query::new(Kind::Path, "/usr/lib/odd/odd.bin"));
    assert_eq!(answer(&resolution), "openssl^out", "{resolution:#?}");
    assert_eq!(
        resolution.candidates[0].because[0],
        "owned by Debian's libssl3 (source openssl), of whose other files 2 of 2 are from openssl"
    );
}

#[test]
fn every_package_manager_s_files_are_told_from_their_packages() {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hosts");
    for (system, path) in [
        ("arch", "/etc/ssl/acme-policy.cnf"),
        ("alpine", "/etc/ssl/acme-policy.cnf"),
        ("fedora", "/usr/share/licenses/openssl-libs/LICENSE.txt"),
        ("suse", "/usr/share/licenses/openssl-libs/LICENSE.txt"),
        ("centos", "/usr/share/licenses/openssl-libs/LICENSE.txt"),
    ] {
        check(&on(&hosts.join(system)), path, "openssl^out");
    }
}

#[test]
fn a_distribution_s_package_is_told_from_its_name_and_from_what_it_has() {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hosts");
    let resolver = on(&hosts.join("fedora"));
    let resolution = resolver.resolve(&Query::new(Kind::Rpm, "openssl-devel"));
    assert_eq!(answer(&resolution), "openssl^dev", "{resolution:#?}");
    let because = &resolution.candidates[0].because[0];
    assert!(
        because.starts_with(
            "installed here, of whose files 4 of 4 are from openssl, \
             which has the home page of openssl; "
        ),
        "{because}"
    );
    // Another manager's package is no package of this system.
    let resolution = resolver.resolve(&Query::new(Kind::Dpkg, "libssl-dev"));
    assert_eq!(answer(&resolution), "openssl^dev", "{resolution:#?}");
    assert_eq!(
        resolution.candidates[0].because[0],
        "its pkg-config libssl is in openssl"
    );
    let resolution = resolver.resolve(&Query::new(Kind::Rpm, "acme-of-nowhere-devel"));
    assert_eq!(answer(&resolution), "open", "{resolution:#?}");
}

#[test]
fn a_package_of_r_is_answered_where_something_says_that_an_archive_has_it() {
    let file = "/usr/lib/R/site-library/acmeR/R/acmeR.rdb";
    // Any name may be one that somebody made up at home.
    check(&plain(), file, "open");
    let own = debian("acme-tools", "acme-tools", &[file]);
    check(&on(own.path()), file, "open");
    let archive = debian("r-cran-acmer", "acmer", &[file]);
    check(&on(archive.path()), file, "rPackages.acmeR^out");
    // What everybody uses is known to be there.
    check(
        &plain(),
        "/usr/lib/R/site-library/dplyr/R/dplyr.rdb",
        "rPackages.dplyr^out",
    );
}

#[test]
fn a_package_that_no_one_knows_stays_open() {
    let root = debian(
        "acme-of-nowhere",
        "acme-of-nowhere",
        &["/usr/share/acme-of-nowhere/data.bin"],
    );
    check(
        &on(root.path()),
        "/usr/share/acme-of-nowhere/data.bin",
        "open",
    );
}

/// An index of a nix-index database: what each attribute, by the name that it had then, has.
fn listed(packages: &[(&str, &[&str])]) -> Index {
    let mut listing = Vec::new();
    for (attr, files) in packages {
        for file in *files {
            listing.extend_from_slice(format!("1r\0\0{file}\n").as_bytes());
        }
        listing.extend_from_slice(
            format!(
                "p\0\0{{\"store_dir\":\"/nix/store\",\"hash\":\"f14451jmpw39crs5mvfp3adky084pcsx\",\
                 \"name\":\"acme-1.2\",\"origin\":{{\"attr\":\"{attr}\",\"output\":\"out\",\
                 \"toplevel\":true,\"system\":\"x86_64-linux\"}}}}\n"
            )
            .as_bytes(),
        );
    }
    let mut database = b"NIXI\x01\0\0\0\0\0\0\0".to_vec();
    database.extend(zstd::encode_all(&listing[..], 3).expect("bytes in memory can be packed"));
    let mut builder = Builder::new();
    let mut bytes = Vec::new();
    builder
        .add_database(
            Input::default(),
            Path::new("files"),
            &database[..],
            Index::embedded(),
            &mut |_| (),
        )
        .and_then(|()| builder.finish(&mut bytes))
        .expect("the database is whole");
    Index::from_bytes(bytes, SourceKind::Index).expect("the index is whole")
}

#[test]
fn an_index_of_years_ago_answers_with_the_names_of_today() {
    let index = listed(&[
        ("xorg.libX11", &["/lib/libacme-x.so.1"]),
        ("gnome3.gnome-terminal", &["/bin/acme-terminal"]),
        ("gnome2.gtk", &["/lib/libacme-gtk.so.1"]),
        (
            "python310Packages.numpy",
            &["/lib/python3.10/site-packages/acme/__init__.py"],
        ),
        (
            "perl532Packages.JSONXS",
            &["/lib/perl5/site_perl/5.32.1/Acme/XS.pm"],
        ),
    ]);
    let resolver = plain().with_index(index);
    for (kind, name, expected) in [
        (Kind::Soname, "libacme-x.so.1", "libx11^out"),
        (Kind::Command, "acme-terminal", "gnome-terminal^out"),
        (Kind::Soname, "libacme-gtk.so.1", "gtk2^out"),
        (Kind::Python, "acme", "python3Packages.numpy^out"),
        (Kind::Perl, "Acme::XS", "perlPackages.JSONXS^out"),
    ] {
        let resolution = resolver.resolve(&Query::new(kind, name));
        assert_eq!(answer(&resolution), expected, "{resolution:#?}");
    }
}

#[test]
fn what_nixpkgs_has_removed_since_an_index_was_made_stays_open() {
    let index = listed(&[("SDL2_classic", &["/lib/libacme-sdl.so.1"])]);
    let resolution = plain()
        .with_index(index)
        .resolve(&Query::new(Kind::Soname, "libacme-sdl.so.1"));
    assert_eq!(answer(&resolution), "open", "{resolution:#?}");
    let because = resolution.candidates[0].because.join("; ");
    assert!(because.contains("has removed SDL2_classic"), "{because}");
}

#[test]
fn the_set_of_one_python_is_named_only_where_that_version_is_asked_for() {
    let of_one_version = |attr: &str| {
        let digits = attr.strip_prefix("python3").unwrap_or_default();
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    let labels = include_str!("data/labels/python.tsv");
    let resolver = plain();
    for line in labels.lines().filter(|line| !line.starts_with('#')) {
        let (module, _) = line.split_once('\t').expect("a name and its attributes");
        let resolution = resolver.resolve(&Query::new(Kind::Python, module));
        for candidate in &resolution.candidates {
            assert!(!of_one_version(candidate.attr.as_str()), "{resolution:#?}");
        }
    }
    check(&resolver, "/usr/bin/python3", "python3^out");
    check(&resolver, "/usr/bin/python3.12", "python312^out");
    check(&resolver, "/usr/lib/libpython3.12.so.1.0", "python312^out");
    let pins = Pins::parse(
        b"pins: { 'python:numpy': python312Packages.numpy }",
        Path::new("nixtrace.yaml"),
    )
    .expect("the pins are valid");
    let resolution = plain()
        .with_pins(pins)
        .resolve(&Query::new(Kind::Python, "numpy"));
    assert_eq!(answer(&resolution), "python312Packages.numpy^out");
}

#[test]
fn pins_go_before_everything() {
    let pins = Pins::parse(
        b"pins: { git: gitMinimal, /opt/acme/**: { attr: acme, output: lib }, libcuda.so.1: mydriver }\nignore: [/usr/bin/jq]\n",
        Path::new("nixtrace.yaml"),
    )
    .expect("the pins are valid");
    let resolver = plain().with_pins(pins);
    check(&resolver, "/usr/bin/git", "gitMinimal^out");
    check(&resolver, "/opt/acme/lib/x.so", "acme^lib");
    check(&resolver, "/usr/bin/jq", "ignored");
    check(&resolver, "/usr/lib/libcuda.so.1", "mydriver^out");
    check(&resolver, "/usr/bin/curl", "curl^bin");
}
