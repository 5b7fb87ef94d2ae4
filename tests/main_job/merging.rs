//! `merge`, `emit A B C`, `record --append`: several runs, one result.

use super::support::{Finished, Home, needs, nixtrace};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

fn record(home: &Home, name: &str, command: &[&str]) -> PathBuf {
    let trace = home.outside(format!("{name}.jsonl"));
    home.command([nixtrace()])
        .args(["record", "-q", "-o"])
        .arg(&trace)
        .arg("--")
        .args(command)
        .run();
    trace
}

fn merge(home: &Home, output: &str, traces: &[&Path]) -> PathBuf {
    let output = home.outside(output);
    merging(home, &output, traces).exits(0);
    output
}

fn merging(home: &Home, output: &Path, traces: &[&Path]) -> Finished {
    home.command([nixtrace()])
        .args(["merge", "--force", "-q", "-o"])
        .arg(output)
        .args(traces)
        .run()
}

fn emit(home: &Home, format: &str, traces: &[&Path]) -> String {
    home.command([nixtrace()])
        .args(["emit", "-q", "-o", "-", "-f", format])
        .args(traces)
        .run()
        .exits(0)
        .text()
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn merging_is_associative_commutative_and_idempotent() {
    let home = Home::new();
    let a = record(&home, "a", &["cat", "/etc/hosts"]);
    let b = record(&home, "b", &["sh", "-c", "ls / > list; false"]);
    let c = record(&home, "c", &["true"]);
    // One of them was cut short.
    let text = std::fs::read_to_string(&b).unwrap();
    std::fs::write(&b, &text[..text.len() * 2 / 3]).unwrap();
    let all = merge(&home, "all.jsonl", &[&a, &b, &c]);
    let backwards = merge(&home, "backwards.jsonl", &[&c, &b, &a]);
    assert!(bytes(&all) == bytes(&backwards));
    let ab = merge(&home, "ab.jsonl", &[&a, &b]);
    let bc = merge(&home, "bc.jsonl.zst", &[&b, &c]);
    let left = merge(&home, "left.jsonl", &[&ab, &c]);
    let right = merge(&home, "right.jsonl", &[&a, &bc]);
    assert!(bytes(&left) == bytes(&all));
    assert!(bytes(&right) == bytes(&all));
    let again = merge(&home, "again.jsonl", &[&all, &bc, &all, &a]);
    assert!(bytes(&again) == bytes(&all));
}

#[test]
fn several_traces_give_the_same_as_their_merge_in_any_order() {
    let home = Home::new();
    let a = record(&home, "a", &["jq", "--version"]);
    let b = record(&home, "b", &["git", "--version"]);
    let all = merge(&home, "all.jsonl", &[&a, &b]);
    for format in ["shell", "json"] {
        let merged = emit(&home, format, &[&all]);
        assert_eq!(emit(&home, format, &[&a, &b]), merged);
        assert_eq!(emit(&home, format, &[&b, &a]), merged);
    }
    let shell = emit(&home, "shell", &[&all]);
    for line in [
        "# Written by nixtrace for 2 runs:",
        "# - a: jq --version",
        "# - b: git --version",
    ] {
        assert!(shell.contains(line), "{line:?} in {shell}");
    }
    let result: Value = serde_json::from_str(&emit(&home, "json", &[&all])).unwrap();
    let git = result["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["attr"] == "git")
        .unwrap();
    assert_eq!(git["because"][0], "the command (in b)");
    assert_eq!(result["runs"][1]["name"], "b");
}

/// What is written into a directory, by the names of the files.
fn files(home: &Home, name: &str, format: &str, traces: &[&Path]) -> Vec<(String, Vec<u8>)> {
    let directory = home.outside(name);
    std::fs::create_dir(&directory).unwrap();
    home.command([nixtrace()])
        .args(["emit", "-q", "--force", "-f", format, "-o"])
        .arg(format!("{}/", directory.display()))
        .args(traces)
        .run()
        .exits(0);
    let entries = std::fs::read_dir(&directory).unwrap();
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                bytes(&path),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_format_is_written_the_same_from_several_runs_and_from_their_merge() {
    let home = Home::new();
    let a = record(&home, "a", &["jq", "--version"]);
    let b = record(&home, "b", &["sh", "-c", "git --version; false"]);
    let c = record(&home, "c", &["curl", "--version"]);
    let all = merge(&home, "all.jsonl", &[&a, &b, &c]);
    for format in [
        "shell", "package", "flake", "overlay", "module", "image", "arion",
    ] {
        let merged = files(&home, &format!("{format}-merged"), format, &[&all]);
        assert!(!merged.is_empty(), "{format}");
        let apart = files(&home, &format!("{format}-apart"), format, &[&c, &a, &b]);
        assert!(apart == merged, "{format}");
        // What only one run needs is there in each format.
        let text: String = merged
            .iter()
            .map(|(_, bytes)| String::from_utf8_lossy(bytes))
            .collect();
        for attr in ["jq", "git", "curl"] {
            assert!(text.contains(attr), "{attr} in {format}: {text}");
        }
    }
}

#[test]
fn homes_of_other_runs_do_not_change_how_the_first_ones_is_shown() {
    let home = Home::new();
    let a = record(&home, "a", &["git", "--version"]);
    let b = record(&home, "b", &["jq", "--version"]);
    let moved = |trace: &Path, to: &str| {
        let text = std::fs::read_to_string(trace).unwrap();
        let (header, rest) = text.split_once('\n').unwrap();
        let mut header: Value = serde_json::from_str(header).unwrap();
        header["home"] = to.into();
        header["argv"] =
            serde_json::json!(["git", "-C", "/home/ada/notes", "-C", "/home/bob/notes"]);
        std::fs::write(trace, format!("{header}\n{rest}")).unwrap();
    };
    moved(&a, "/home/ada");
    moved(&b, "/home/bob");
    for traces in [[&a, &b], [&b, &a]] {
        let shell = emit(&home, "shell", &traces.map(PathBuf::as_path));
        // Runs are sorted by name, so `a` is the first in either order.
        for name in ["a", "b"] {
            let line = format!("# - {name}: git -C ~/notes -C /home/bob/notes");
            assert!(shell.contains(&line), "{shell}");
        }
    }
}

#[test]
fn runs_are_told_apart_when_a_merged_trace_is_shown() {
    let home = Home::new();
    let a = record(&home, "a", &["cat", "/etc/hosts"]);
    let b = record(&home, "b", &["cat", "/etc/passwd"]);
    let named = [
        format!("smoke={}", a.display()),
        format!("full={}", b.display()),
    ];
    let all = merge(&home, "all.jsonl", &named.each_ref().map(Path::new));
    let show = |options: &[&str]| {
        home.command([nixtrace().as_os_str(), "show".as_ref(), all.as_os_str()])
            .args(options)
            .run()
            .exits(0)
            .text()
    };
    let text = show(&["--class", "configuration"]);
    let runs: Vec<&str> = text.lines().filter(|it| it.starts_with("run ")).collect();
    assert_eq!(runs, ["run full", "run smoke"]);
    let smoke = show(&["--class", "configuration", "--run", "smoke"]);
    assert!(
        smoke.contains("/etc/hosts") && !smoke.contains("/etc/passwd"),
        "{smoke}"
    );
    let lines: Vec<Value> = show(&["--json"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["run"], "full");
    assert_eq!(
        lines[1]["command"],
        serde_json::json!(["cat", "/etc/hosts"])
    );
}

#[test]
fn a_run_is_appended_and_the_trace_before_it_is_kept() {
    let home = Home::new();
    let trace = home.outside("app.jsonl");
    let append = |options: &[&str], command: &[&str]| {
        home.command([nixtrace()])
            .args(["record", "--append", "-o"])
            .arg(&trace)
            .args(options)
            .arg("--")
            .args(command)
            .run()
    };
    append(&[], &["cat", "/etc/hosts"]).exits(0);
    append(&[], &["cat", "/no/such"])
        .exits(1)
        .says("run `cat-2` is one of 2 in ");
    append(&["--name", "third", "-q"], &["true"]).exits(0);
    let header = std::fs::read_to_string(&trace).unwrap();
    let header: Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    let names: Vec<&str> = header["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["cat", "cat-2", "third"]);
    let left: Vec<_> = std::fs::read_dir(home.outside(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["app.jsonl"], "nothing is left beside the trace");
    append(&[], &["/no/such/command"]).exits(127);
    assert_eq!(std::fs::read_dir(home.outside("")).unwrap().count(), 1);
}

#[test]
fn a_trace_that_was_cut_short_is_merged_with_a_gap_that_says_so() {
    let home = Home::new();
    let a = record(&home, "a", &["cat", "/etc/hosts"]);
    let b = record(&home, "b", &["true"]);
    let text = std::fs::read_to_string(&a).unwrap();
    std::fs::write(&a, &text[..text.len() / 2]).unwrap();
    let all = merge(&home, "all.jsonl", &[&a, &b]);
    let result: Value = serde_json::from_str(&emit(&home, "json", &[&all])).unwrap();
    assert_eq!(result["gaps"][0]["kind"], "truncated");
    let apart: Value = serde_json::from_str(&emit(&home, "json", &[&a, &b])).unwrap();
    assert_eq!(result, apart);
}

#[test]
fn what_is_no_trace_is_not_merged_and_nothing_is_written() {
    let home = Home::new();
    let a = record(&home, "a", &["true"]);
    let notes = home.write("project/notes", "hello\n");
    let output = home.outside("all.jsonl");
    merging(&home, &output, &[&a, &notes])
        .exits(125)
        .says("is not a trace of nixtrace");
    assert!(!output.exists());
}

/// A trace's lines, and which of them have to come before each: those of the same process, that which
/// started it, and for what a process does after a child has ended that end, which it may have waited
/// for. All else happened side by side.
struct Happening {
    lines: Vec<String>,
    after: Vec<Vec<usize>>,
}

impl Happening {
    fn read(trace: &Path) -> Self {
        let text = std::fs::read_to_string(trace).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut after = vec![Vec::new(); lines.len()];
        let mut last: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut parents: HashMap<u64, u64> = HashMap::new();
        for (number, line) in lines.iter().enumerate().skip(1) {
            let record: Value = serde_json::from_str(line).unwrap();
            let Some(process) = record["process"].as_u64() else {
                // The footer is behind all.
                after[number] = (0..number).collect();
                continue;
            };
            after[number].push(0);
            after[number].extend(last.insert(process, vec![number]).unwrap_or_default());
            match (record["type"].as_str().unwrap(), record["parent"].as_u64()) {
                ("started", Some(parent)) => {
                    parents.insert(process, parent);
                    after[number].extend(last.insert(parent, vec![number]).unwrap_or_default());
                }
                ("exited", _) => {
                    if let Some(parent) = parents.get(&process) {
                        last.entry(*parent).or_default().push(number);
                    }
                }
                _ => {}
            }
        }
        Self { lines, after }
    }

    /// The lines in an order in which they could have been written as well: of those that may be next
    /// the choices name one.
    fn interleaved(&self, choices: &[usize]) -> String {
        let mut waits: Vec<usize> = self.after.iter().map(Vec::len).collect();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.lines.len()];
        for (number, after) in self.after.iter().enumerate() {
            after.iter().for_each(|&it| before[it].push(number));
        }
        let mut ready = vec![0];
        let mut text = String::new();
        let mut choices = choices.iter().cycle();
        while !ready.is_empty() {
            let next = ready.swap_remove(choices.next().unwrap() % ready.len());
            text.push_str(&self.lines[next]);
            text.push('\n');
            for &number in &before[next] {
                waits[number] -= 1;
                if waits[number] == 0 {
                    ready.push(number);
                }
            }
        }
        text
    }
}

#[test]
fn the_order_in_which_processes_interleave_changes_no_package() {
    needs!("cc", "make", "git", "jq", "python3");
    let home = Home::new();
    home.write(
        "project/Makefile",
        "all: app more\n\
         app: a.o b.o\n\tcc -o app a.o b.o -lz -lsqlite3\n\
         %.o: %.c\n\tcc -c $<\n\
         more:\n\tgit --version | jq -R . > more\n\tpython3 -c 'import ssl, sqlite3'\n",
    );
    home.write(
        "project/a.c",
        "#include <zlib.h>\nint b(void);\nint main(void) { return b() + !zlibVersion(); }\n",
    );
    home.write(
        "project/b.c",
        "#include <sqlite3.h>\nint b(void) { return !sqlite3_libversion(); }\n",
    );
    let trace = record(&home, "build", &["make", "-j3"]);
    let happening = Happening::read(&trace);
    let expected = [
        emit(&home, "shell", &[&trace]),
        emit(&home, "package", &[&trace]),
        emit(&home, "json", &[&trace]),
    ];
    for attr in ["zlib", "sqlite", "git", "jq", "python3"] {
        assert!(expected[0].contains(attr), "{attr} in {}", expected[0]);
    }
    let config = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let choices = prop::collection::vec(any::<usize>(), 1..100);
    let other = home.outside("other/build.jsonl");
    std::fs::create_dir(other.parent().unwrap()).unwrap();
    let orders = RefCell::new(HashSet::new());
    let checked = TestRunner::new(config).run(&choices, |choices| {
        let text = happening.interleaved(&choices);
        std::fs::write(&other, &text).unwrap();
        orders.borrow_mut().insert(text);
        for (format, expected) in ["shell", "package", "json"].iter().zip(&expected) {
            prop_assert_eq!(&emit(&home, format, &[&other]), expected);
        }
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
    let orders = orders.into_inner().len();
    assert!(orders > 1, "something happened side by side");
}
