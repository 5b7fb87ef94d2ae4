//! Whatever the bytes, reading them ends, and in an answer.

#![allow(clippy::unwrap_used, reason = "a test without its input has failed")]

use nixtrace::elf::ldcache::LdCache;
use nixtrace::elf::{Image, Malformed, NotElf};
use proptest::prelude::*;
use std::io::Write;
use std::sync::LazyLock;

/// A real program: this one's interpreter-loaded shell, small and dynamically linked.
static PROGRAM: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read("/bin/sh").unwrap());

/// Images of files and of their bytes are the same.
fn read_both_ways(bytes: &[u8]) -> Result<Image, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let of_file = Image::read(file.path()).map_err(|error| error.to_string());
    let of_bytes = Image::parse(bytes);
    assert_eq!(of_file.as_ref().ok(), of_bytes.as_ref().ok());
    of_file
}

#[test]
fn a_program_has_an_interpreter_and_wants_versions_of_symbols() {
    let image = read_both_ways(&PROGRAM).unwrap();
    assert!(image.interpreter.is_some());
    let libc = image
        .version_needs
        .iter()
        .find(|need| need.file == "libc.so.6");
    let versions = &libc.unwrap().versions;
    assert!(
        versions
            .iter()
            .all(|version| version.starts_with(b"GLIBC_"))
    );
}

#[test]
fn what_is_no_elf_file_is_told_apart() {
    let check = |bytes: &[u8], expected: NotElf| {
        assert_eq!(Image::parse(bytes), Err(Malformed::NotElf(expected)));
    };
    check(b"", NotElf::Empty);
    check(b"!<arch>\n", NotElf::Archive);
    check(b"MZ and so on", NotElf::Unknown);
    let interpreter = "/usr/bin/env -S python3 -u".into();
    check(
        b"#! /usr/bin/env -S python3 -u \nimport os\n",
        NotElf::Script { interpreter },
    );
    assert_eq!(
        Image::parse(b"\x7fELF"),
        Err(Malformed::OutOfBounds("ELF header"))
    );
}

#[test]
fn a_directory_and_a_pipe_are_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [directory.path(), &pipe] {
        let error = Image::read(path).unwrap_err().to_string();
        assert!(error.ends_with("is not a regular file"), "{error}");
    }
}

#[test]
fn a_sparse_file_of_a_terabyte_is_read_like_a_small_one() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&PROGRAM).unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    let image = Image::read(file.path()).unwrap();
    assert_eq!(image.appended(), (1 << 40) - PROGRAM.len() as u64);
}

#[test]
fn every_beginning_of_a_program_is_an_image_or_an_error() {
    for length in (0..PROGRAM.len()).step_by(61) {
        let _ = Image::parse(&PROGRAM[..length]);
    }
}

/// Where the fields are that lead to others: headers, program headers, dynamic section.
fn interesting() -> impl Strategy<Value = usize> {
    let image_tables = 0..0x400_usize;
    let tail = PROGRAM.len().saturating_sub(0x2000)..PROGRAM.len();
    prop_oneof![3 => image_tables, 1 => tail, 1 => 0..PROGRAM.len()]
}

fn value() -> impl Strategy<Value = [u8; 4]> {
    prop_oneof![
        any::<[u8; 4]>(),
        Just([0; 4]),
        Just([0xff; 4]),
        Just([0xff, 0xff, 0xff, 0x7f]),
        Just([0, 0, 0, 0x80]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_program_with_some_bytes_changed_is_an_image_or_an_error(
        changes in prop::collection::vec((interesting(), value()), 1..6)
    ) {
        let mut bytes = PROGRAM.clone();
        for (at, value) in changes {
            for (byte, value) in bytes[at..].iter_mut().zip(value) {
                *byte = value;
            }
        }
        let _ = Image::parse(&bytes);
    }

    #[test]
    fn any_bytes_behind_the_magic_number_are_an_image_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..512), class in 0..4_u8, order in 0..4_u8
    ) {
        let mut file = vec![0x7f, b'E', b'L', b'F', class, order];
        file.extend(bytes);
        let _ = Image::parse(&file);
    }

    #[test]
    fn any_bytes_behind_a_cache_s_magic_are_a_cache_or_an_error(
        magic in prop_oneof![Just(&b"ld.so-1.7.0\0"[..]), Just(&b"glibc-ld.so.cache1.1"[..])],
        count in prop_oneof![0..4_u32, any::<u32>()],
        bytes in prop::collection::vec(any::<u8>(), 0..256)
    ) {
        let mut file = magic.to_vec();
        file.extend(count.to_le_bytes());
        file.extend(bytes);
        let _ = LdCache::parse(file);
    }
}

/// A cache in the new format for either byte order, with one library and one for a processor.
fn cache(is_big: bool, marks_order: bool) -> Vec<u8> {
    let word = |value: u32| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let long = |value: u64| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let strings = b"libz.so.1\0/lib/libz.so.1\0/lib/glibc-hwcaps/z14/libz.so.1\0z14\0";
    let base = 48 + 2 * 24;
    let extension = (base + strings.len()).next_multiple_of(4);
    let mut file = b"glibc-ld.so.cache1.1".to_vec();
    file.extend(word(2));
    file.extend(word(strings.len() as u32));
    file.push(match (marks_order, is_big) {
        (false, _) => 0,
        (true, false) => 2,
        (true, true) => 3,
    });
    file.extend([0; 3]);
    file.extend(word(extension as u32));
    file.extend([0; 12]);
    for (path, hwcap) in [(25, 1 << 62), (10, 0)] {
        for value in [0x0403, base as u32, base as u32 + path] {
            file.extend(word(value));
        }
        file.extend(word(0));
        file.extend(long(hwcap));
    }
    file.extend(strings);
    file.resize(extension, 0);
    for value in [0xeaa4_2174, 1, 1, 0, extension as u32 + 24, 4] {
        file.extend(word(value));
    }
    let name = strings.len() - 4;
    file.extend(word((base + name) as u32));
    file
}

#[test]
fn a_cache_of_either_byte_order_is_read() {
    for is_big in [false, true] {
        for marks_order in [false, true] {
            let cache = LdCache::parse(cache(is_big, marks_order)).unwrap();
            let find = |hwcaps: &[&str]| {
                let hwcaps: Vec<_> = hwcaps.iter().map(|hwcap| (*hwcap).into()).collect();
                cache
                    .find("libz.so.1".into(), 0x0403, &hwcaps)
                    .unwrap()
                    .to_string()
            };
            assert_eq!(find(&[]), "/lib/libz.so.1");
            assert_eq!(find(&["z15", "z14"]), "/lib/glibc-hwcaps/z14/libz.so.1");
        }
    }
}

#[test]
fn a_cache_that_is_cut_off_is_an_error() {
    let whole = cache(false, true);
    for length in 0..whole.len() {
        assert!(
            LdCache::parse(whole[..length].to_vec()).is_err(),
            "{length}"
        );
    }
}
