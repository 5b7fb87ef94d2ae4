use super::nix_index::write::{self, Listing, Owned, database};
use super::nix_index::{Origin, StorePath};
use super::*;
use crate::resolve::{Basis, FileForm};
use clap::ValueEnum;
use proptest::prelude::*;

/// Asks the embedded index and compares the attributes, the one that is meant first.
#[track_caller]
fn check(kind: Kind, name: &str, expected: &str) {
    let found = Index::embedded().candidates(&Query::new(kind, name));
    let meant = found.iter().find(|c| c.attr.as_str() == expected);
    assert!(meant.is_some(), "{kind} {name}: {found:#?}");
}

#[test]
fn the_embedded_index_is_whole() {
    format::verify(EMBEDDED).unwrap();
    let about = Index::embedded().about().unwrap();
    assert!(about.keys["soname"] > 14_000);
}

#[test]
fn the_embedded_index_knows_everyday_things() {
    check(Kind::Soname, "libssl.so.3", "openssl");
    check(Kind::Soname, "libz.so.1", "zlib");
    check(Kind::Soname, "libcurl.so.4", "curl");
    check(Kind::Soname, "libsqlite3.so.0", "sqlite");
    check(Kind::Soname, "libX11.so.6", "libx11");
    check(Kind::Soname, "libGL.so.1", "libGL");
    check(Kind::Soname, "libstdc++.so.6", "stdenv.cc.cc");
    check(Kind::LinkName, "libsqlite3.so", "sqlite");
    for (command, attr) in [
        ("git", "git"),
        ("jq", "jq"),
        ("curl", "curl"),
        ("sqlite3", "sqlite"),
        ("gpg", "gnupg"),
        ("ffmpeg", "ffmpeg"),
        ("perl", "perl"),
        ("python3", "python3"),
        ("make", "gnumake"),
    ] {
        check(Kind::Command, command, attr);
    }
    check(Kind::Header, "openssl/ssl.h", "openssl");
    check(Kind::Header, "zlib.h", "zlib");
    check(Kind::Header, "netinet/in.h", "glibc");
    check(Kind::Header, "gtk/gtk.h", "gtk3");
    check(Kind::Header, "gtk-3.0/gtk/gtk.h", "gtk3");
    check(Kind::Header, "Python.h", "python3");
    check(Kind::PkgConfig, "zlib", "zlib");
    check(Kind::Python, "numpy", "python3Packages.numpy");
    check(Kind::Python, "PyYAML", "python3Packages.pyyaml");
    check(Kind::Perl, "JSON::XS", "perlPackages.JSONXS");
    check(Kind::Typelib, "Gtk-3.0", "gtk3");
    check(Kind::Data, "share/zoneinfo/Europe/Berlin", "tzdata");
    check(Kind::Data, "etc/ssl/certs/ca-bundle.crt", "cacert");
    check(Kind::Path, "/usr/lib/x86_64-linux-gnu/libz.so.1", "zlib");
}

/// A small index made from one listing.
fn small() -> Vec<u8> {
    let listing =
        |name: &str, attr: &str, output: &str, toplevel, files: &[(&str, Owned)]| Listing {
            store_path: StorePath {
                store_dir: "/nix/store".into(),
                hash: "f14451jmpw39crs5mvfp3adky084pcsx".into(),
                name: name.to_owned().into(),
                origin: Origin {
                    attr: attr.to_owned().into(),
                    output: output.to_owned().into(),
                    toplevel,
                    system: Some("x86_64-linux".into()),
                },
            },
            entries: files
                .iter()
                .map(|(path, node)| (path.as_bytes().to_vec(), node.clone()))
                .collect(),
        };
    let file = || Owned::Regular {
        size: 1,
        executable: true,
    };
    let link = |target: &str| Owned::Symlink {
        target: target.as_bytes().to_vec(),
    };
    let listings = [
        listing(
            "foo-1.2-lib",
            "foo",
            "lib",
            true,
            &[
                ("", Owned::Directory { entries: 1 }),
                ("/lib/libfoo.so.2", link("libfoo.so.2.1")),
                ("/lib/libfoo.so.2.1", file()),
                (
                    "/lib/libz.so.1",
                    link("/nix/store/0000000000000000000000000000000a-zlib-1.3/lib/libz.so.1"),
                ),
            ],
        ),
        listing(
            "python3.11-numpy-1.26.4",
            "python311Packages.numpy",
            "out",
            true,
            &[
                ("/lib/python3.11/site-packages/numpy/__init__.py", file()),
                (
                    "/lib/python3.11/site-packages/numpy-1.26.4.dist-info",
                    Owned::Directory { entries: 3 },
                ),
            ],
        ),
        listing(
            "jq-1.7.1-bin",
            "somethingThatUsesJq",
            "out",
            false,
            &[("/bin/jq", file()), ("/bin/.jq-wrapped", file())],
        ),
    ];
    let database = database(&write::listing(&listings));
    let mut builder = build::Builder::new();
    builder
        .add_database(
            Input::default(),
            Path::new("files"),
            &database[..],
            Index::embedded(),
            &mut |_| (),
        )
        .unwrap();
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    bytes
}

fn ask(index: &Index, kind: Kind, name: &str) -> Candidate {
    let mut found = index.candidates(&Query::new(kind, name));
    assert_eq!(found.len(), 1, "{kind} {name}: {found:#?}");
    found.remove(0)
}

#[test]
fn an_index_of_a_listing_says_where_each_file_is() {
    let index = Index::from_bytes(small(), SourceKind::Index).unwrap();
    let library = ask(&index, Kind::Soname, "libfoo.so.2");
    assert_eq!(library.attr.as_str(), "foo");
    assert_eq!(library.output, Some(Output("lib".to_owned())));
    assert_eq!(library.place, Bytes::from("lib"));
    assert_eq!(library.form, FileForm::Link);
    assert_eq!(library.basis, Basis::Listed);
    assert_eq!(library.source, SourceKind::Index);
    assert_eq!(library.facts.linux_listings, 1);
}

#[test]
fn a_link_to_another_package_is_no_file_of_its_own() {
    let index = Index::from_bytes(small(), SourceKind::Index).unwrap();
    let library = ask(&index, Kind::Soname, "libz.so.1");
    assert_eq!(library.form, FileForm::ReExport);
}

#[test]
fn a_versioned_set_s_member_has_its_current_name() {
    let index = Index::from_bytes(small(), SourceKind::Index).unwrap();
    for name in ["numpy", "numpy.linalg", "Numpy"] {
        let module = ask(&index, Kind::Python, name);
        assert_eq!(module.attr.as_str(), "python3Packages.numpy");
    }
}

#[test]
fn a_path_that_another_package_refers_to_is_told_from_its_name() {
    let index = Index::from_bytes(small(), SourceKind::Index).unwrap();
    let command = ask(&index, Kind::Command, "jq");
    assert_eq!(command.attr.as_str(), "jq");
    assert_eq!(command.output, Some(Output("bin".to_owned())));
    assert_eq!(command.basis, Basis::ListedUnderOtherName);
    assert!(command.facts.is_main_program);
    assert!(command.popularity > 0, "the embedded index knows it");
}

#[test]
fn another_version_of_a_library_is_a_sibling() {
    let index = Index::from_bytes(small(), SourceKind::Index).unwrap();
    let names: Vec<_> = index
        .siblings(b"libfoo.so.7")
        .into_iter()
        .map(|(name, candidates)| (name.to_string(), candidates.len()))
        .collect();
    assert_eq!(
        names,
        [
            ("libfoo.so.2".to_owned(), 1),
            ("libfoo.so.2.1".to_owned(), 1)
        ]
    );
    let found = index.candidates(&Query::new(Kind::LinkName, "libfoo.so"));
    assert_eq!(found[0].facts.sibling, Some(Bytes::from("libfoo.so.2")));
}

#[test]
fn an_old_attribute_name_leads_to_today_s() {
    let old = AttrPath::new("xorg.libX11").unwrap();
    let facts = Index::embedded().attribute(&old).unwrap();
    assert_eq!(facts.attr.as_str(), "libx11");
    assert_eq!(facts.alias.unwrap().state, AliasState::Alias);
    assert!(
        Index::embedded()
            .by_pname("gtk+3")
            .iter()
            .any(|attr| attr.as_str() == "gtk3")
    );
}

#[test]
fn a_directory_that_is_known_answers_for_what_lies_below() {
    let found =
        Index::embedded().candidates(&Query::new(Kind::Data, "share/zoneinfo/Europe/Berlin"));
    assert_eq!(found[0].facts.below, Some(Bytes::from("share/zoneinfo")));
}

#[test]
fn every_shortened_index_is_refused_by_name() {
    let whole = small();
    for length in 0..whole.len() {
        let error = Index::from_bytes(whole[..length].to_vec(), SourceKind::Index).unwrap_err();
        assert!(
            matches!(error, FormatError::NotAnIndex | FormatError::Length { .. }),
            "cut to {length} bytes: {error}"
        );
    }
}

/// Makes the checksum agree with what was changed.
fn forge(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[format::UNCHECKED..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn a_forged_table_of_keys_is_damage_and_no_panic() {
    let whole = small();
    let keys = format::sections(&whole).unwrap()[6].clone();
    let query = Query::new(Kind::Soname, "libfoo.so.2");
    let mut met = 0;
    for at in keys {
        for byte in [0, 0x3f, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            forge(&mut bytes);
            match Index::from_bytes(bytes, SourceKind::Index) {
                Ok(index) => {
                    let _ = index.candidates(&query);
                    let _ = index.siblings(b"libfoo.so.7");
                    met += usize::from(index.damage().is_some());
                }
                Err(error) => assert_eq!(error, FormatError::Section("table of keys")),
            }
        }
    }
    assert!(met > 0, "no change of the table made the crate panic");
    let index = Index::from_bytes(whole, SourceKind::Index).unwrap();
    assert!(!index.candidates(&query).is_empty() && index.damage().is_none());
}

#[test]
fn an_index_of_another_version_is_refused_by_name() {
    let mut bytes = small();
    bytes[8] = 77;
    assert_eq!(
        Index::from_bytes(bytes, SourceKind::Index)
            .unwrap_err()
            .to_string(),
        "its format has version 77, this program reads version 1"
    );
}

#[test]
fn a_file_that_is_no_index_is_refused_with_its_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "NIXI\u{1}").unwrap();
    let IndexError::Format { path, source } = Index::open(file.path()).unwrap_err() else {
        panic!("it was read");
    };
    assert_eq!(path, file.path());
    assert_eq!(source, FormatError::NotAnIndex);
}

#[test]
fn a_directory_or_device_is_no_index() {
    assert!(matches!(
        Index::open(Path::new("/dev/zero")),
        Err(IndexError::Read { .. })
    ));
}

proptest! {
    #[test]
    fn every_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = small();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Index::from_bytes(bytes, SourceKind::Index).is_err());
    }

    #[test]
    fn sections_that_lie_give_no_answer_and_no_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        only_keys in any::<bool>(),
    ) {
        let mut bytes = small();
        let ranges = format::sections(&bytes).unwrap();
        let keys = ranges[6].clone();
        let sections = match only_keys {
            true => keys,
            false => format::HEADER..keys.end,
        };
        for (at, byte) in changes {
            bytes[sections.start + at.index(sections.len())] = byte;
        }
        forge(&mut bytes);
        let Ok(index) = Index::from_bytes(bytes, SourceKind::Index) else {
            return Ok(());
        };
        let _ = index.about();
        for (kind, name) in [(Kind::Soname, "libfoo.so.2"), (Kind::Command, "jq"), (Kind::Python, "numpy")] {
            let _ = index.candidates(&Query::new(kind, name));
        }
        let _ = index.siblings(b"libfoo.so.7");
        let _ = index.by_pname("jq");
        let _ = index.attribute(&AttrPath::new("jq").unwrap());
    }

    #[test]
    fn no_name_makes_a_look_up_panic(name in prop::collection::vec(any::<u8>(), 0..40)) {
        for kind in Kind::value_variants() {
            let _ = Index::embedded().candidates(&Query::new(*kind, &name[..]));
        }
        let _ = Index::embedded().siblings(&name);
    }
}
