//! `why`: the chains from the command to what a run has.

use super::support::{Finished, Home, needs, nixtrace};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Records a shell script in the project and gives the trace's path.
fn record(home: &Home, name: &str, script: &str) -> PathBuf {
    let trace = home.outside(format!("{name}.jsonl"));
    home.command(["sh", "-c", script])
        .recorded(&trace, &["-q"])
        .run();
    trace
}

fn why(home: &Home, trace: &Path, names: &[&str]) -> Finished {
    home.command([nixtrace().as_os_str(), "why".as_ref(), trace.as_os_str()])
        .args(names)
        .run()
}

/// The attributes of the packages of a trace, those that are implied as well.
fn packages(home: &Home, trace: &Path) -> Vec<String> {
    let result = home
        .command([nixtrace(), "emit".as_ref(), trace])
        .args(["-f", "json", "-q"])
        .run()
        .exits(0)
        .text();
    let result: Value = serde_json::from_str(&result).unwrap();
    let packages = result["packages"].as_array().unwrap().iter();
    packages
        .map(|package| package["attr"].as_str().unwrap().to_owned())
        .collect()
}

/// That each package is explained by chains from a command to it, in each run that has it.
fn check_chains(home: &Home, trace: &Path, least: usize) {
    let packages = packages(home, trace);
    assert!(packages.len() >= least, "{packages:?}");
    let mut words: Vec<&str> = packages.iter().map(String::as_str).collect();
    words.push("--json");
    let explained = why(home, trace, &words).exits(0).text();
    let explained: Vec<Value> = explained
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for attr in packages {
        let mut of_attr = explained.iter().filter(|it| it["name"] == *attr).peekable();
        assert!(of_attr.peek().is_some(), "{attr}");
        for explained in of_attr {
            assert_eq!(explained["kind"], "package", "{attr}");
            let chains = explained["chains"].as_array().unwrap();
            assert!(!chains.is_empty(), "{attr}");
            for chain in chains {
                let links = chain.as_array().unwrap();
                assert_eq!(links[0]["how"], "the command", "{attr}");
                assert_eq!(links[0]["kind"], "process", "{attr}");
                let last = links.last().unwrap();
                assert_eq!(last["name"], *attr);
                assert!(!last["how"].as_str().unwrap().is_empty(), "{attr}");
            }
        }
    }
}

#[test]
fn every_package_of_a_run_has_a_chain_from_the_command() {
    needs!("cc", "make", "python3", "git", "jq", "perl");
    let home = Home::new();
    home.write(
        "project/a.c",
        "#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n",
    );
    home.write("project/Makefile", "a: a.c\n\tcc a.c -lz -o a\n\t./a\n");
    let build = record(
        &home,
        "build",
        "make; python3 -c 'import sqlite3'; git --version",
    );
    check_chains(&home, &build, 4);
    let scripts = record(
        &home,
        "scripts",
        "perl -MJSON::PP -e1; echo 1 | jq .; python3 -c 'import ssl'; curl --version; date; ./a",
    );
    check_chains(&home, &scripts, 4);
    let both = home.outside("both.jsonl");
    home.command([nixtrace(), "merge".as_ref(), "-q".as_ref(), "-o".as_ref()])
        .arg(&both)
        .args([&build, &scripts])
        .run()
        .exits(0);
    check_chains(&home, &both, 6);
}

#[test]
fn without_a_name_every_listed_package_is_explained_and_none_is_said_to_be_none() {
    needs!("jq", "git");
    let home = Home::new();
    let trace = record(&home, "some", "git --version; jq --version");
    let text = why(&home, &trace, &[]).exits(0).text();
    for package in ["git\n\n  sh -c ", "jq\n\n  sh -c "] {
        assert!(text.contains(package), "{package:?} in {text}");
    }
    let trace = record(&home, "none", "cat /etc/hosts");
    why(&home, &trace, &[])
        .exits(0)
        .prints("the run needs no package that stdenv does not bring\n");
}

#[test]
fn a_library_is_explained_by_its_soname_and_by_the_package_that_has_it() {
    needs!("cc");
    let home = Home::new();
    let source = home.write(
        "outside/a.c",
        "#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n",
    );
    let built = std::process::Command::new("cc")
        .arg(source)
        .args(["-lz", "-o"])
        .arg(home.project().join("app"))
        .status();
    assert!(built.unwrap().success());
    let trace = record(&home, "app", "./app; true");
    let library = why(&home, &trace, &["libz.so.1"]).exits(0).text();
    assert!(library.contains("libz.so.1"), "{library}");
    assert!(library.contains("→ ./app  process "), "{library}");
    assert!(library.contains("→ loads /"), "{library}");
    let package = why(&home, &trace, &["zlib"]).exits(0).text();
    assert!(package.starts_with("zlib\n"), "{package}");
    assert!(
        package.contains("→ zlib  libz.so.1, needed by ./app"),
        "{package}"
    );
}

#[test]
fn why_explains_files_variables_and_what_is_missing() {
    let home = Home::new();
    let trace = record(
        &home,
        "run",
        "LD_LIBRARY_PATH=/opt/x cat /etc/hosts /no/file; true",
    );
    let text = why(&home, &trace, &["hosts", "LD_LIBRARY_PATH", "/no/file"])
        .exits(0)
        .text();
    for part in [
        "→ cat /etc/hosts /no/file  process ",
        "→ reads /etc/hosts  1×, first at ",
        "→ has LD_LIBRARY_PATH=/opt/x",
        "/no/file, looked for in vain",
        "→ looks for /no/file  ENOENT, 1×, first at ",
        "only in processes that failed",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn what_the_run_does_not_have_is_said_with_what_is_like_it() {
    let home = Home::new();
    let trace = record(&home, "run", "cat /etc/hosts");
    why(&home, &trace, &["host"])
        .exits(1)
        .says("the run has nothing called `host`")
        .says("hint: it has hosts");
}

#[test]
fn every_candidate_for_what_is_needed_is_told_with_its_features() {
    let home = Home::new();
    needs!("gcc");
    let program = "#include <zlib.h>\nint main(void) { return zlibVersion() == 0; }\n";
    home.write("project/app.c", program);
    let trace = record(&home, "build", "gcc app.c -lz -o app && ./app");
    let object = why(&home, &trace, &["zlib", "--json"]).exits(0).text();
    let object: Value = serde_json::from_str(&object).unwrap();
    let answers = object["answers"].as_array().unwrap();
    let asked: Vec<&str> = answers
        .iter()
        .map(|answer| answer["query"].as_str().unwrap())
        .collect();
    assert_eq!(asked, ["libz.so.1", "zlib.h"]);
    let text = why(&home, &trace, &["zlib", "--explain"]).exits(0).text();
    for answer in answers {
        assert_eq!(answer["best"]["attr"], "zlib");
        for candidate in answer["candidates"].as_array().unwrap() {
            let features = candidate["features"].as_array().unwrap();
            assert!(!features.is_empty(), "{candidate}");
            let first = features[0]["feature"].as_str().unwrap();
            assert!(text.contains(candidate["attr"].as_str().unwrap()), "{text}");
            assert!(text.contains(&format!("{first} ")), "{text}");
        }
    }
    let brief = why(&home, &trace, &["zlib"]).exits(0).text();
    assert!(
        brief.contains("\n  libz.so.1 (soname): zlib 0.99\n"),
        "{brief}"
    );
    assert!(!brief.contains("listed +"), "{brief}");
    let file = why(&home, &trace, &["zlib.h"]).exits(0).text();
    assert!(
        file.contains("\n  zlib.h (header): zlib.dev 0.99\n"),
        "{file}"
    );
}

#[test]
fn needs_without_a_certain_package_are_not_kept_silent() {
    let home = Home::new();
    let open = record(&home, "open", "no-such-command-at-all; exit 3");
    let text = why(&home, &open, &[]).exits(0).text();
    assert_eq!(
        text,
        "no package is certain; `nixtrace emit` tells of 1 that may be needed\n"
    );
}

#[test]
fn the_name_of_a_run_does_not_steer_the_terminal() {
    let home = Home::new();
    let failed = record(
        &home,
        "failed",
        "git --version; no-such-command-at-all; exit 3",
    );
    let both = home.outside("both.jsonl");
    let named = ["a\x1b[31mb", "c"].map(|name| format!("{name}={}", failed.display()));
    home.command([nixtrace(), "merge".as_ref(), "-q".as_ref(), "-o".as_ref()])
        .arg(&both)
        .args(named)
        .run()
        .exits(0);
    let explained = why(&home, &both, &["git"]).exits(0).text();
    let lacking = home
        .command([nixtrace(), "doctor".as_ref(), "--trace".as_ref()])
        .arg(&both)
        .run()
        .exits(1)
        .text();
    for text in [explained, lacking] {
        assert!(text.contains(r"a\u{1b}[31mb"), "{text:?}");
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}
