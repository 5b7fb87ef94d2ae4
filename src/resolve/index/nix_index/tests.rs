//! Databases of nix-index as they are, and as they should not be.

use super::write::{Listing, Owned, database, listing};
use super::*;
use proptest::prelude::*;
use std::fs::File;
use std::path::PathBuf;

fn count(bytes: impl Read) -> Result<(usize, usize), NixIndexError> {
    let mut reader = Reader::new(bytes)?;
    let (mut paths, mut entries) = (0, 0);
    while let Some(package) = reader.next_package()? {
        paths += 1;
        entries += package.entries().len();
    }
    Ok((paths, entries))
}

fn zlib() -> Listing {
    Listing {
        store_path: StorePath {
            store_dir: "/nix/store".into(),
            hash: "f14451jmpw39crs5mvfp3adky084pcsx".into(),
            name: "zlib-1.3.1".into(),
            origin: Origin {
                attr: "zlib".into(),
                output: "out".into(),
                toplevel: true,
                system: Some("x86_64-linux".into()),
            },
        },
        entries: vec![
            (b"".to_vec(), Owned::Directory { entries: 1 }),
            (b"/lib".to_vec(), Owned::Directory { entries: 2 }),
            (
                b"/lib/libz.so.1".to_vec(),
                Owned::Symlink {
                    target: b"libz.so.1.3.1".to_vec(),
                },
            ),
            (
                b"/lib/libz.so.1.3.1".to_vec(),
                Owned::Regular {
                    size: 125_000,
                    executable: true,
                },
            ),
        ],
    }
}

#[test]
fn a_file_that_is_something_else_is_named_as_such() {
    assert!(matches!(
        count(&b"SQLite format 3\0"[..]),
        Err(NixIndexError::NotADatabase)
    ));
    assert!(matches!(
        count(&b"NI"[..]),
        Err(NixIndexError::NotADatabase)
    ));
}

#[test]
fn a_newer_version_is_named() {
    let error = count(&b"NIXI\x02\0\0\0\0\0\0\0"[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "version 2 of the nix-index format is not known here (only 1 is)"
    );
}

#[test]
fn every_shortened_database_is_an_error() {
    let whole = database(&listing(&[zlib(), zlib()]));
    assert_eq!(count(&whole[..]).unwrap(), (2, 8));
    for length in 0..whole.len() {
        assert!(count(&whole[..length]).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn a_listing_without_its_footer_is_an_error_that_says_where() {
    let mut unpacked = listing(&[zlib()]);
    let footer = unpacked.windows(2).position(|at| at == b"p\0").unwrap();
    unpacked.truncate(footer);
    assert_eq!(
        count(&database(&unpacked)[..]).unwrap_err().to_string(),
        format!(
            "damaged at byte {footer} of the listing: it ends within the listing of a store path"
        )
    );
}

#[test]
fn a_prefix_longer_than_the_path_before_is_an_error() {
    let error = count(&database(b"1d\0\x05lib\n")[..]).unwrap_err();
    assert!(matches!(error, NixIndexError::Record { offset: 0, .. }));
    let error = count(&database(b"1d\0\xfflib\n")[..]).unwrap_err();
    assert!(matches!(error, NixIndexError::Record { offset: 0, .. }));
}

#[test]
fn a_prefix_that_grows_by_a_newline_s_number_does_not_end_the_record() {
    // The difference of ten is the byte of a newline.
    let bytes = b"1d\0\0/libx11-1.8\n3r\0\x0a.so\np\0\xf6{\"store_dir\":\"/nix/store\",\"hash\":\"h\",\"name\":\"n\",\"origin\":{\"attr\":\"a\",\"output\":\"out\",\"toplevel\":true}}\n";
    let database = database(bytes);
    let mut reader = Reader::new(&database[..]).unwrap();
    let package = reader.next_package().unwrap().unwrap();
    let paths: Vec<&[u8]> = package.entries().map(|(path, _)| path).collect();
    assert_eq!(paths, [&b"/libx11-1.8"[..], b"/libx11-1..so"]);
}

#[test]
fn the_real_databases_read_whole() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    // A plain clone does not have them.
    if !data.is_dir() {
        println!("skipped: no databases beside this clone");
        return;
    }
    for (name, expected) in [
        ("nix-index-i686-linux-2023-01-18.db", (4662, 815_361)),
        ("nix-index-i686-linux-2022-10.db", (2168, 339_258)),
        ("nix-index-x86_64-darwin-2024-06-22.db", (2589, 195_336)),
    ] {
        let found = count(File::open(data.join(name)).unwrap()).unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

fn node() -> impl Strategy<Value = Owned> {
    prop_oneof![
        (any::<u64>(), any::<bool>())
            .prop_map(|(size, executable)| Owned::Regular { size, executable }),
        any::<u64>().prop_map(|entries| Owned::Directory { entries }),
        // A target may hold newlines, and end as every other record ends.
        prop::collection::vec(1_u8.., 0..300).prop_map(|target| Owned::Symlink { target }),
    ]
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    // Few letters, so that prefixes are shared; some long enough for a two-byte difference.
    prop::collection::vec(
        prop::sample::select(vec![&b"/a"[..], b"b", b"\xff", &[b'l'; 130]]),
        0..5,
    )
    .prop_map(|parts| {
        let path = parts.concat();
        if path.is_empty() || path.starts_with(b"/") {
            path
        } else {
            [b"/", &path[..]].concat()
        }
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(packages in prop::collection::vec(prop::collection::vec((path(), node()), 0..12), 0..4)) {
        let packages: Vec<Listing> = packages
            .into_iter()
            .map(|entries| Listing { entries, ..zlib() })
            .collect();
        let database = database(&listing(&packages));
        let mut reader = Reader::new(&database[..]).unwrap();
        for expected in &packages {
            let package = reader.next_package().unwrap().unwrap();
            prop_assert_eq!(&package.store_path, &expected.store_path);
            let found: Vec<_> = package.entries().collect();
            let expected: Vec<_> = expected.entries.iter().map(|(path, node)| (&path[..], node.as_node())).collect();
            prop_assert_eq!(found, expected);
        }
        prop_assert!(reader.next_package().unwrap().is_none());
    }

    #[test]
    fn no_listing_makes_the_reader_panic(listing in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = count(&database(&listing)[..]);
    }

    #[test]
    fn no_file_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = count(&[b"NIXI\x01\0\0\0\0\0\0\0", &bytes[..]].concat()[..]);
    }
}
