//! `nixtrace resolve` as it is typed.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the verb in a directory of its own, without the user's index and with no input.
fn resolve(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    resolve_in(directory.path(), arguments, b"")
}

fn resolve_in(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .arg("resolve")
        .args(arguments)
        .current_dir(directory)
        .env("XDG_CACHE_HOME", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A verb that does not read its input closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("the program ends")
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is a JSON object"))
        .collect()
}

#[test]
fn json_has_one_object_a_line_in_the_order_of_the_queries() {
    let output = resolve(&["--json", "libssl.so.3", "git", "openssl/ssl.h", "zlib.pc"]);
    assert_eq!(output.status.code(), Some(0));
    let answers: Vec<String> = lines(&output)
        .iter()
        .map(|answer| {
            let best = &answer["best"];
            assert!(
                best["score"].as_f64().is_some_and(|score| score > 0.9),
                "{answer}"
            );
            assert!(
                best["because"]
                    .as_array()
                    .is_some_and(|because| !because.is_empty()),
                "{answer}"
            );
            assert_eq!(&answer["candidates"][0], best);
            format!(
                "{} {} {}.{}",
                answer["query"], answer["kind"], best["attr"], best["output"]
            )
        })
        .collect();
    assert_eq!(
        answers,
        [
            r#""libssl.so.3" "soname" "openssl"."out""#,
            r#""git" "command" "git"."out""#,
            r#""openssl/ssl.h" "header" "openssl"."dev""#,
            r#""zlib.pc" "pkg-config" "zlib"."dev""#,
        ]
    );
}

#[test]
fn standard_input_is_read_as_bytes_one_query_a_line() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = resolve_in(
        directory.path(),
        &["--json", "--stdin", "jq"],
        b"curl\n\n\xff\xfe\nlast-without-newline",
    );
    let queries: Vec<Value> = lines(&output)
        .iter()
        .map(|answer| answer["query"].clone())
        .collect();
    assert_eq!(queries, ["jq", "curl", "\0ff\0fe", "last-without-newline"]);
    assert_eq!(output.status.code(), Some(1), "two of them stayed open");
}

#[test]
fn a_kind_can_be_forced() {
    let output = resolve(&["--json", "--kind", "python", "numpy"]);
    assert_eq!(lines(&output)[0]["best"]["attr"], "python3Packages.numpy");
    let output = resolve(&["--json", "--kind", "pkg-config", "zlib"]);
    assert_eq!(lines(&output)[0]["best"]["output"], "dev");
}

#[test]
fn an_open_query_is_no_error_but_shows_in_the_status() {
    let output = resolve(&["no-such-command-anywhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "no-such-command-anywhere (command): nothing known provides it\n"
    );
    assert!(output.stderr.is_empty());
}

#[test]
fn a_person_reads_the_reasons_and_nothing_that_steers_the_terminal() {
    let output = resolve(&["libcuda.so.1", "a\u{1b}[2Jb"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("libcuda.so.1 (soname): the host's, no package\n"),
        "{text}"
    );
    assert!(text.contains("a\\u{1b}[2Jb (command)"), "{text}");
}

#[test]
fn a_broken_file_of_pins_is_named_with_the_position() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(
        directory.path().join("nixtrace.yaml"),
        "pins:\n  git: \"no attr\"\n",
    )
    .expect("can be written");
    let output = resolve_in(directory.path(), &["git"], b"");
    assert_eq!(output.status.code(), Some(125));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.starts_with("nixtrace: error: cannot use the pins: nixtrace.yaml:2:8: "),
        "{error}"
    );
}

#[test]
fn an_index_that_is_none_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("index");
    std::fs::write(&path, "not an index").expect("can be written");
    let output = resolve_in(
        directory.path(),
        &["--index", &path.to_string_lossy(), "git"],
        b"",
    );
    assert_eq!(output.status.code(), Some(125));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("cannot use the index"), "{error}");
}

#[test]
fn an_index_forged_under_its_checksum_is_said_to_be_damaged() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut index =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/catalogue.nxi"))
            .expect("the embedded index is in the repository");
    // The root of the table of keys lies before its foot of 20 bytes. Written from its end: one
    // transition, for `s`, by an address of 8 bytes that lies nowhere.
    let root = index.len() - 20;
    index[root - 11..root].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\x7f\x80s\x80");
    let checksum = crc32fast::hash(&index[16..]);
    index[12..16].copy_from_slice(&checksum.to_le_bytes());
    let file = directory.path().join("index");
    std::fs::write(&file, index).expect("a file is written");
    let output = resolve_in(
        directory.path(),
        &["--index", &file.to_string_lossy(), "libssl.so.3"],
        b"",
    );
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{words}");
    assert!(
        words.contains("its table of keys cannot be read"),
        "{words}"
    );
    assert!(!words.contains("panicked"), "{words}");
}

#[test]
fn another_system_s_package_database_is_asked_with_root() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hosts/fedora");
    let root = root.to_str().expect("the path is text");
    let output = resolve(&[
        "--root",
        root,
        "/usr/share/licenses/openssl-libs/LICENSE.txt",
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("owned by Fedora's openssl-libs (source openssl)"),
        "{text}"
    );
    let output = resolve(&["--root", "/nonexistent", "git"]);
    assert_eq!(output.status.code(), Some(125));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("there is no package database below `/nonexistent`"),
        "{error}"
    );
}

#[test]
fn a_distribution_s_packages_are_read_as_dependencies_name_them() {
    for (kind, name, expected) in [
        ("dpkg", "libssl-dev:amd64 (>= 3)", "openssl.dev"),
        ("rpm", "pkgconfig(zlib) >= 1.2", "zlib.dev"),
        ("pacman", "python-yaml>=6", "python3Packages.pyyaml.out"),
        ("apk", "so:libssl.so.3", "openssl.out"),
    ] {
        let output = resolve(&["--no-host", "--json", "--kind", kind, name]);
        let best = &lines(&output)[0]["best"];
        let found = [&best["attr"], &best["output"]].map(|it| it.as_str().expect("a text"));
        assert_eq!(found.join("."), expected, "{name}");
    }
}

#[test]
fn every_candidate_can_be_explained() {
    let output = resolve(&["--json", "libz.so.1"]);
    let answer = &lines(&output)[0];
    let candidates = answer["candidates"].as_array().expect("a list");
    assert!(candidates.len() > 1, "{answer}");
    for candidate in candidates {
        let features = candidate["features"].as_array().expect("a list");
        assert!(!features.is_empty(), "{candidate}");
        for feature in features {
            assert!(feature["feature"].is_string() && feature["weight"].is_number());
        }
    }
    assert_eq!(answer["best"]["features"], candidates[0]["features"]);

    let output = resolve(&["--explain", "libz.so.1"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.matches("  ? ").count(), candidates.len() - 1, "{text}");
    let sums = text.lines().filter(|line| line.contains(" = ")).count();
    assert_eq!(sums, candidates.len(), "{text}");
    assert!(text.contains("listed +4.0"), "{text}");
}
