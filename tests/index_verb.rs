//! `nixtrace index` as a person uses it: what it writes, says and leaves alone.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

/// The listing of one store path, as nix-index writes it.
const LISTING: &[u8] = b"1d\0\0\n1d\0\0/bin\n1r\0\x04/foo\np\0\xfc{\"store_dir\":\"/nix/store\",\
\"hash\":\"f14451jmpw39crs5mvfp3adky084pcsx\",\"name\":\"foo-1.2\",\"origin\":{\"attr\":\"foo\",\
\"output\":\"out\",\"toplevel\":true,\"system\":\"x86_64-linux\"}}\n";

fn database() -> Vec<u8> {
    let packed = zstd::encode_all(LISTING, 3).expect("bytes in memory can be packed");
    [&b"NIXI\x01\0\0\0\0\0\0\0"[..], &packed].concat()
}

fn index(home: &Path, arguments: &[&str]) -> Output {
    nixtrace(home, &[&["index"], arguments].concat())
        .output()
        .expect("the program was built for this test")
}

/// The program for a person who has only this directory.
fn nixtrace(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nixtrace"));
    command
        .args(arguments)
        .env("HOME", home)
        .env_remove("XDG_CACHE_HOME")
        .current_dir(home);
    command
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
fn a_bad_index_is_refused_by_every_verb_and_replaced_by_a_build() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("files"), database()).unwrap();
    let build = ["build", "--nix-index", "files", "-o", "index"];
    assert!(index(home, &build).status.success());
    let path = home.join("index");
    let whole = fs::read(&path).unwrap();
    let half = whole.len() / 2;
    let with = |change: fn(&mut [u8], usize)| {
        let mut bytes = whole.clone();
        change(&mut bytes, half);
        bytes
    };
    let cut_short = format!(
        "it is cut short or damaged: {half} bytes where its header says {}",
        whole.len()
    );
    for (what, bytes, expected) in [
        ("empty", Vec::new(), "it is not an index"),
        ("something else", database(), "it is not an index"),
        ("truncated", whole[..half].to_vec(), &*cut_short),
        // The disk was full, or the machine went down, before the second half was written.
        (
            "half-written",
            with(|bytes, half| bytes[half..].fill(0)),
            "it is damaged: its checksum does not agree",
        ),
        (
            "corrupt",
            with(|bytes, half| bytes[half] ^= 1),
            "it is damaged: its checksum does not agree",
        ),
        (
            "of an older program",
            with(|bytes, _| bytes[8] = 0),
            "its format has version 0, this program reads version 1",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        for arguments in [
            &["index", "info", "index"][..],
            &["resolve", "--index", "index", "foo"],
            &["--index", "index", "--", "touch", "it-ran"],
        ] {
            let refused = nixtrace(home, arguments).output().unwrap();
            let words = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(
                refused.status.code(),
                Some(125),
                "{what}, {arguments:?}: {words}"
            );
            assert!(
                words.contains("`index`") && words.contains(expected),
                "{what}, {arguments:?}: {words}"
            );
            assert!(!home.join("it-ran").exists(), "{what}");
        }
        let built = index(home, &build);
        assert!(built.status.success(), "{what}: {built:?}");
        assert_eq!(fs::read(&path).unwrap(), whole, "{what}");
    }
}

#[test]
fn the_user_s_own_index_is_refused_too_when_it_is_bad() {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".cache/nixtrace");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("index"), "an index of old").unwrap();
    let refused = nixtrace(home.path(), &["resolve", "git"]).output().unwrap();
    fails_saying(&refused, ".cache/nixtrace/index");
    fails_saying(&index(home.path(), &["info"]), "`nixtrace index build`");
}

#[test]
fn an_interrupted_build_leaves_the_index_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("files"), database()).unwrap();
    mkfifo(&home.join("endless"), Mode::S_IRWXU).unwrap();
    assert!(
        index(
            home,
            &["build", "-q", "--nix-index", "files", "-o", "index"]
        )
        .status
        .success()
    );
    let before = fs::read(home.join("index")).unwrap();
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let mut build = nixtrace(
            home,
            &["index", "build", "--nix-index", "endless", "-o", "index"],
        )
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        // Once it reads, the build is at work, and waits for more.
        let mut listing = writing_end(&home.join("endless"), &mut build);
        listing.write_all(&database()[..20]).unwrap();
        kill(Pid::from_raw(build.id() as i32), signal).unwrap();
        assert_eq!(build.wait().unwrap().signal(), Some(signal as i32));
        assert_eq!(fs::read(home.join("index")).unwrap(), before, "{signal}");
    }
    let told = index(home, &["info", "index"]);
    assert!(told.status.success(), "{told:?}");
    let built = index(home, &["build", "--nix-index", "files", "-o", "index"]);
    assert!(built.status.success(), "{built:?}");
}

/// So many files are a long build on any machine.
const ENOUGH: u64 = 300_000;

#[test]
fn a_long_build_shows_on_a_terminal_how_far_it_is() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    mkfifo(&home.join("files"), Mode::S_IRWXU).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(&size, None).unwrap();
    let mut build = nixtrace(
        home,
        &["index", "build", "--nix-index", "files", "-o", "index"],
    )
    .env("TERM", "xterm")
    .stderr(terminal.slave)
    .spawn()
    .unwrap();
    let file = writing_end(&home.join("files"), &mut build);
    let seen = AtomicBool::new(false);
    let (shown, written) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = file;
            file.write_all(b"NIXI\x01\0\0\0\0\0\0\0").unwrap();
            let mut packed = zstd::Encoder::new(file, 1).unwrap();
            let mut written: u64 = 0;
            // It is long as soon as something is shown; each turn gets through to the reader.
            while !seen.load(Ordering::Relaxed) && written < ENOUGH {
                packed.write_all(LISTING).unwrap();
                packed.flush().unwrap();
                written += 3;
                thread::sleep(Duration::from_millis(1));
            }
            packed.finish().unwrap();
            written
        });
        let shown = read_until(terminal.master, |text| {
            let found = text.contains("reading files");
            if found {
                seen.store(true, Ordering::Relaxed);
            }
            text.contains("wrote index")
        });
        (shown, writer.join().unwrap())
    });
    assert!(build.wait().unwrap().success(), "{shown}");
    let counts: Vec<u64> = shown
        .split("reading files ")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_ascii_digit())
                .next()?
                .parse()
                .ok()
        })
        .collect();
    assert!(
        counts.iter().any(|count| *count > 0 && *count <= written),
        "{counts:?} of {written}: {shown:?}"
    );
    assert!(counts.is_sorted(), "{counts:?}");
}

/// The writing end of a named pipe from which a build reads, once it does.
fn writing_end(pipe: &Path, build: &mut Child) -> File {
    loop {
        let opened = File::options()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(pipe);
        if let Ok(file) = opened {
            fcntl(&file, FcntlArg::F_SETFL(OFlag::empty())).expect("a pipe has flags");
            return file;
        }
        let ended = build.try_wait().expect("it is our child");
        assert_eq!(ended, None, "it reads nothing");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a terminal shows until that is enough, or until nobody writes to it any more.
fn read_until(terminal: OwnedFd, mut is_enough: impl FnMut(&str) -> bool) -> String {
    let mut terminal = File::from(terminal);
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
        if is_enough(&String::from_utf8_lossy(&shown)) {
            break;
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn info_tells_sources_dates_counts_and_coverage_by_kind() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("files"), database()).unwrap();
    programs(
        &home.join("programs.sqlite"),
        "('foo', 'x86_64-linux', 'foo'), ('bar', 'x86_64-linux', 'bar')",
    );
    for (name, seconds) in [("files", 1_674_086_400), ("programs.sqlite", 951_782_400)] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().append(true).open(home.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    let both = ["--nix-index", "files", "--programs", "programs.sqlite"];
    let built = index(home, &[&["build", "-q", "-o", "index"], &both[..]].concat());
    assert!(built.status.success(), "{built:?}");
    let told = index(home, &["info", "index"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    insta::assert_snapshot!(told, @r"
    index (0.0 MB)
      made from
        nix-index  files (3 entries, 2023-01-19)
        programs   programs.sqlite (2 entries, 2000-02-29)
      2 attributes, 2 candidates for
                2 attribute
                2 command
                2 package-name
    ");
}
