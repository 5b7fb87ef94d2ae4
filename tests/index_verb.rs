//! `nixtrace index` as a person uses it: what it writes, says and leaves alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The listing of one store path, as nix-index writes it.
const LISTING: &[u8] = b"1d\0\0\n1d\0\0/bin\n1r\0\x04/foo\np\0\xfc{\"store_dir\":\"/nix/store\",\
\"hash\":\"f14451jmpw39crs5mvfp3adky084pcsx\",\"name\":\"foo-1.2\",\"origin\":{\"attr\":\"foo\",\
\"output\":\"out\",\"toplevel\":true,\"system\":\"x86_64-linux\"}}\n";

fn database() -> Vec<u8> {
    let packed = zstd::encode_all(LISTING, 3).expect("bytes in memory can be packed");
    [&b"NIXI\x01\0\0\0\0\0\0\0"[..], &packed].concat()
}

fn index(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .arg("index")
        .args(arguments)
        .env("HOME", home)
        .env_remove("XDG_CACHE_HOME")
        .current_dir(home)
        .output()
        .expect("the program was built for this test")
}

#[track_caller]
fn fails_saying(output: &Output, expected: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{words}");
    assert!(words.contains(expected), "{words}");
}

#[test]
fn the_user_s_database_becomes_the_user_s_index() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".cache");
    fs::create_dir_all(cache.join("nix-index")).unwrap();
    fs::write(cache.join("nix-index/files"), database()).unwrap();
    let built = index(home.path(), &["build"]);
    assert!(built.status.success(), "{built:?}");
    assert!(cache.join("nixtrace/index").is_file());
    let told = index(home.path(), &["info", "--json"]);
    let users = told.stdout.split(|byte| *byte == b'\n').next().unwrap();
    let users: serde_json::Value = serde_json::from_slice(users).unwrap();
    assert_eq!(users["about"]["keys"]["command"], 1);
    assert_eq!(users["about"]["made_from"][0]["entries"], 3);
}

#[test]
fn a_quiet_build_says_nothing() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("files"), database()).unwrap();
    let built = index(
        home.path(),
        &["build", "-q", "--nix-index", "files", "-o", "index"],
    );
    assert!(
        built.status.success() && built.stderr.is_empty(),
        "{built:?}"
    );
}

#[test]
fn without_a_database_it_says_how_to_get_one() {
    let home = tempfile::tempdir().unwrap();
    let built = index(home.path(), &["build"]);
    fails_saying(&built, "hint: run `nix-index` first");
}

/// A channel's table of commands, as the release scripts of NixOS make it.
fn programs(path: &Path, rows: &str) {
    rusqlite::Connection::open(path)
        .and_then(|connection| {
            connection.execute_batch(&format!(
                "CREATE TABLE Programs (name text not null, system text not null, \
                 package text not null, primary key (name, system, package)); \
                 INSERT INTO Programs VALUES {rows};"
            ))
        })
        .expect("a database can be made");
}

#[test]
fn listings_and_tables_of_commands_become_one_index() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("files"), database()).unwrap();
    programs(
        &home.path().join("a.sqlite"),
        "('foo', 'x86_64-linux', 'foo'), ('bar', 'x86_64-linux', 'bar')",
    );
    programs(
        &home.path().join("b.sqlite"),
        "('baz', 'aarch64-linux', 'baz'), ('bar', 'aarch64-linux', 'bar')",
    );
    let built = index(
        home.path(),
        &[
            "build",
            "--nix-index",
            "files",
            "--programs",
            "a.sqlite",
            "--programs",
            "b.sqlite",
            "-o",
            "index",
        ],
    );
    assert!(built.status.success(), "{built:?}");
    let told = index(home.path(), &["info", "--json", "index"]);
    let about: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let about = &about["about"];
    assert_eq!(about["keys"]["command"], 3, "foo, bar and baz");
    // What both say of `foo` is one row, and so is what two tables say of `bar`.
    assert_eq!(about["candidates"], 3);
    let inputs: Vec<String> = about["made_from"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| format!("{} {} {}", input["kind"], input["name"], input["entries"]))
        .collect();
    assert_eq!(
        inputs,
        [
            r#""nix-index" "files" 3"#,
            r#""programs" "a.sqlite" 2"#,
            r#""programs" "b.sqlite" 2"#,
        ]
    );
    let words = index(home.path(), &["info", "index"]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(
        words.contains("    programs   a.sqlite (2 entries, 20"),
        "{words}"
    );
}

#[test]
fn a_table_of_commands_that_is_none_leaves_the_index_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    fs::write(&path, "the index of before").unwrap();
    fs::write(
        home.path().join("programs.sqlite"),
        "SQLite format 3\0 and no more",
    )
    .unwrap();
    for (programs, expected) in [
        (
            "programs.sqlite",
            "cannot read the table of commands `programs.sqlite`: file is not a database",
        ),
        ("absent", "cannot read `absent`: No such file or directory"),
        (".", "cannot read `.`: is a directory"),
    ] {
        let built = index(
            home.path(),
            &["build", "--programs", programs, "-o", "index"],
        );
        fails_saying(&built, expected);
        assert_eq!(fs::read(&path).unwrap(), b"the index of before");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
}

#[test]
fn a_database_that_is_cut_short_leaves_the_index_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    fs::write(&path, "the index of before").unwrap();
    let whole = database();
    fs::write(home.path().join("files"), &whole[..whole.len() - 9]).unwrap();
    let built = index(
        home.path(),
        &["build", "--nix-index", "files", "-o", "index"],
    );
    fails_saying(&built, "cannot read the nix-index database `files`");
    assert_eq!(fs::read(&path).unwrap(), b"the index of before");
    let names = fs::read_dir(home.path()).unwrap().count();
    assert_eq!(names, 2, "nothing half-written is left");
}

#[test]
fn an_index_with_a_changed_byte_is_refused() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("files"), database()).unwrap();
    index(
        home.path(),
        &["build", "--nix-index", "files", "-o", "index"],
    );
    let path = home.path().join("index");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let told = index(home.path(), &["info", "index"]);
    fails_saying(&told, "it is damaged: its checksum does not agree");
}
