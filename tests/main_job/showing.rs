//! `show` and `why`: what a trace holds, for a person and for programs.

use super::support::{Home, needs, nixtrace};
use serde_json::Value;

/// Records a shell script in the project and gives the trace's path.
fn record(home: &Home, script: &str) -> std::path::PathBuf {
    let trace = home.outside("trace.jsonl");
    home.command(["sh", "-c", script])
        .recorded(&trace, &["-q"])
        .run();
    trace
}

fn show(home: &Home, trace: &std::path::Path, options: &[&str]) -> String {
    home.command([nixtrace().as_os_str(), "show".as_ref(), trace.as_os_str()])
        .args(options)
        .run()
        .exits(0)
        .text()
}

#[test]
fn tables_tell_what_was_used_by_class_and_what_was_not_seen() {
    let home = Home::new();
    let trace = record(&home, "cat /etc/hosts > copy; cat /no/such/file; true");
    let text = show(&home, &trace, &[]);
    for part in [
        "command    sh -c 'cat /etc/hosts > copy; cat /no/such/file; true'",
        "ended      exit status 0 after",
        "\ncommands (",
        "\nlibraries (",
        "\nconfiguration (",
        "  ./copy ",
        "/no/such/file",
        "ENOENT",
        "\nnot seen (0)\n",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(!text.contains('\x1b'), "plain when piped: {text:?}");
}

#[test]
fn filters_leave_only_what_they_name() {
    let home = Home::new();
    let trace = record(&home, "cat /etc/hosts; ls /etc/passwd");
    let rows = show(&home, &trace, &["--class", "configuration", "--by", "cat"]);
    assert!(rows.contains("/etc/hosts"), "{rows}");
    assert!(!rows.contains("libraries"), "{rows}");
    let rows = show(&home, &trace, &["--matching", "libc.so"]);
    assert!(
        rows.lines().skip(1).all(|line| line.contains("libc.so")),
        "{rows}"
    );
    let nothing = show(&home, &trace, &["--matching", "no such thing"]);
    assert_eq!(nothing, "nothing of the kind\n");
}

#[test]
fn json_has_every_row_with_counts_times_and_processes() {
    let home = Home::new();
    let trace = record(&home, "cat /etc/hosts; cat /etc/hosts; exit 3");
    let value: Value = serde_json::from_str(&show(&home, &trace, &["--json"])).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["exit"], 3);
    let row = value["used"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["path"] == "/etc/hosts")
        .unwrap();
    assert_eq!(row["class"], "configuration");
    assert_eq!(row["count"], 2);
    assert_eq!(row["by"], serde_json::json!(["cat"]));
    assert_eq!(row["pids"].as_array().unwrap().len(), 2);
    assert!(row["first"].as_u64() <= row["last"].as_u64());
}

#[test]
fn the_tree_has_each_process_below_its_parent() {
    let home = Home::new();
    let trace = record(&home, "sh -c 'cat /etc/hosts; exit 4'; true");
    let text = show(&home, &trace, &["--tree"]);
    let line = |what: &str| {
        let line = text.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("{what} in {text}"))
    };
    assert!(line("exit status 4").starts_with("└─ ") || line("exit status 4").starts_with("├─ "));
    assert!(
        line("cat /etc/hosts (").contains("   └─ ") || line("cat /etc/hosts (").contains("│  ")
    );
}

#[test]
fn a_terminal_of_80_columns_is_wide_enough() {
    needs!("script");
    let home = Home::new();
    let trace = record(
        &home,
        "mkdir -p a/very/long/path/that/goes/on/and/on/and/on/and/on/and/on/and/on/and/on; \
         cp /etc/hosts a/very/long/path/that/goes/on/and/on/and/on/and/on/and/on/and/on/and/on/file",
    );
    for option in ["--no-pager", "--tree"] {
        let command = format!(
            "stty cols 80 rows 24; '{}' show '{}' --no-pager {option}",
            nixtrace().display(),
            trace.display()
        );
        let command = command.replace("--no-pager --no-pager", "--no-pager");
        let text = home
            .command(["script", "-qec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .run()
            .exits(0)
            .text();
        assert!(text.contains("cp "), "{text}");
        for line in text.lines() {
            let line = line.replace("\x1b[1m", "").replace("\x1b[0m", "");
            let width = line.trim_end().chars().count();
            assert!(width <= 80, "{width} columns: {line:?}");
        }
    }
}

#[test]
fn a_text_longer_than_the_terminal_goes_through_the_pager() {
    needs!("script");
    let home = Home::new();
    let trace = record(&home, "cat /etc/hosts");
    let command = format!(
        "stty cols 80 rows 10; '{}' show '{}'",
        nixtrace().display(),
        trace.display()
    );
    let text = home
        .command(["script", "-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .env("NIXTRACE_PAGER", "sed 's/^/paged: /'")
        .run()
        .exits(0)
        .text();
    assert!(
        text.lines().all(|line| line.starts_with("paged: ")),
        "{text}"
    );
    let without = home
        .command(["script", "-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .env("NIXTRACE_PAGER", "/no/such/pager")
        .run()
        .exits(0)
        .text();
    assert!(without.contains("commands ("), "{without}");
}

#[test]
fn a_trace_that_was_cut_short_is_shown_and_says_so() {
    let home = Home::new();
    let trace = record(&home, "cat /etc/hosts");
    let text = std::fs::read_to_string(&trace).unwrap();
    let cut = text.trim_end().rfind('\n').unwrap() - 10;
    std::fs::write(&trace, &text[..cut]).unwrap();
    let text = show(&home, &trace, &[]);
    assert!(text.contains("not seen (1)\n  truncated"), "{text}");
    assert!(text.contains("ended      not seen"), "{text}");
}

/// A trace by hand: a shell of ada's that does these things.
fn trace(home: &Home, lines: &[Value]) -> std::path::PathBuf {
    let mut text = String::new();
    let begin = [
        serde_json::json!({"type": "header", "format": 1, "nixtrace": "0", "kernel": "Linux",
            "architecture": "x86_64", "os": {}, "start": 0, "argv": ["sh"], "cwd": "/home/ada/project",
            "home": "/home/ada", "environment": [], "engine": "notify", "exact": true}),
        serde_json::json!({"type": "started", "process": 0, "pid": 7, "parent": null, "at": 0}),
        serde_json::json!({"type": "executed", "process": 0, "at": 0, "path": "/usr/bin/sh",
            "argv": ["sh"], "cwd": "/home/ada/project"}),
    ];
    let end = [
        serde_json::json!({"type": "exited", "process": 0, "at": 9, "code": 0}),
        serde_json::json!({"type": "footer", "code": 0, "duration": 9, "processes": 1, "accesses": 0,
            "gaps": 0}),
    ];
    for line in begin.iter().chain(lines).chain(&end) {
        text.push_str(&format!("{line}\n"));
    }
    let path = home.outside("by-hand.jsonl");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_kind_of_gap_is_told_with_its_reason_in_80_columns() {
    needs!("script");
    const KINDS: [&str; 15] = [
        "io-uring",
        "untraced",
        "lost-process",
        "unknown-syscall",
        "unreadable",
        "look-up",
        "outcome",
        "own-seccomp",
        "nested-tracer",
        "privilege",
        "foreign-abi",
        "truncated",
        "fallback",
        "outside-helper",
        "not-told",
    ];
    let home = Home::new();
    let reason =
        "What was done there and why it could not be seen takes more than one line of a terminal.";
    let lines: Vec<Value> = KINDS
        .iter()
        .flat_map(|kind| {
            let line = |detail: &str, count: u64| {
                serde_json::json!({"type": "gap", "process": 0, "at": 1, "kind": kind, "detail": detail,
                    "count": count})
            };
            [line(reason, 1), line(reason, 2), line("Another.", 1)]
        })
        .collect();
    let trace = trace(&home, &lines);
    let command = format!(
        "stty cols 80; '{}' show '{}' --no-pager",
        nixtrace().display(),
        trace.display()
    );
    let text = home
        .command(["script", "-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .run()
        .exits(0)
        .text()
        .replace('\r', "");
    let text = text.replace("\x1b[1m", "").replace("\x1b[0m", "");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let (_, gaps) = text
        .split_once(&format!("not seen ({})\n", 2 * KINDS.len()))
        .unwrap_or_else(|| panic!("{text}"));
    // Whole, however the lines are broken.
    let words: Vec<&str> = gaps.split_whitespace().collect();
    let words = words.join(" ");
    for kind in KINDS {
        assert!(
            words.contains(&format!("{kind} 3× {reason} (process 7)")),
            "{kind}: {gaps}"
        );
        assert!(
            words.contains(&format!("{kind} Another. (process 7)")),
            "{kind}: {gaps}"
        );
    }
    let json: Value = serde_json::from_str(&show(&home, &trace, &["--json"])).unwrap();
    let told = json["gaps"].as_array().unwrap();
    assert_eq!(told.len(), 2 * KINDS.len());
    assert!(
        told.iter()
            .any(|gap| gap["kind"] == "outcome" && gap["count"] == 3 && gap["pid"] == 7),
        "{told:#?}"
    );
    let page = home
        .command([nixtrace().as_os_str(), "report".as_ref(), trace.as_os_str()])
        .args(["-o", "-"])
        .run()
        .exits(0)
        .text();
    assert!(
        page.contains("<li><b>outcome</b>: What was done there"),
        "{page}"
    );
}

#[test]
fn what_lies_below_another_root_is_told_as_it_is_seen_from_here() {
    let home = Home::new();
    let file = |path: &str, real: Option<&str>, root: Option<&str>| {
        let mut line = serde_json::json!({"type": "accessed", "process": 0, "at": 1, "op": "read", "path": path,
            "outcome": "ok"});
        for (key, value) in [("real", real), ("root", root)] {
            if let Some(value) = value {
                line[key] = value.into();
            }
        }
        line
    };
    let inside = serde_json::json!({"type": "executed", "process": 1, "at": 1, "path": "/bin/tool",
        "real": "/srv/root/bin/tool", "root": "/srv/root", "argv": ["tool"], "cwd": "/"});
    let trace = trace(
        &home,
        &[
            file(
                "/etc/inside.conf",
                Some("/srv/root/etc/inside.conf"),
                Some("/srv/root"),
            ),
            file("/etc/nowhere.conf", None, Some("mnt:[4026532201]/")),
            file("/etc/outside.conf", None, None),
            serde_json::json!({"type": "started", "process": 1, "pid": 8, "parent": 0, "at": 1}),
            inside,
            serde_json::json!({"type": "exited", "process": 1, "at": 2, "code": 0}),
        ],
    );
    let text = show(&home, &trace, &["--all"]);
    assert!(text.contains("/srv/root/etc/inside.conf"), "{text}");
    assert!(text.contains("/srv/root/bin/tool"), "{text}");
    assert!(text.contains("/etc/outside.conf"), "{text}");
    // What nixtrace has no name for is no file of this system's.
    assert!(!text.contains("nowhere"), "{text}");
    let chain = why(&home, &trace, &["/srv/root/etc/inside.conf"])
        .exits(0)
        .text();
    assert!(
        chain.contains("→ reads /srv/root/etc/inside.conf"),
        "{chain}"
    );
    why(&home, &trace, &["/etc/nowhere.conf"]).exits(1);
    let page = home
        .command([nixtrace().as_os_str(), "report".as_ref(), trace.as_os_str()])
        .args(["-o", "-"])
        .run()
        .exits(0)
        .text();
    assert!(page.contains("/srv/root/etc/inside.conf") && !page.contains("nowhere.conf"));
}

#[test]
fn what_is_no_trace_is_refused_with_a_way_out() {
    let home = Home::new();
    let file = home.write("project/notes", "hello\n");
    home.command([nixtrace().as_os_str(), "show".as_ref(), file.as_os_str()])
        .run()
        .exits(125)
        .says("is not a trace of nixtrace")
        .says("hint: `nixtrace record");
}

#[test]
fn a_name_from_the_traced_system_does_not_steer_the_terminal() {
    let home = Home::new();
    let trace = record(&home, "printf x > \"$(printf 'a\\033]0;title\\007b')\"");
    let text = show(&home, &trace, &["--class", "written"]);
    assert!(text.contains(r"a\u{1b}]0;title\u{7}b"), "{text:?}");
}

fn why(home: &Home, trace: &std::path::Path, names: &[&str]) -> super::support::Finished {
    home.command([nixtrace().as_os_str(), "why".as_ref(), trace.as_os_str()])
        .args(names)
        .run()
}

#[test]
fn every_package_of_a_run_has_a_chain_from_the_command() {
    needs!("cc", "make", "python3");
    let home = Home::new();
    home.write(
        "project/a.c",
        "#include <zlib.h>\nint main(void) { return !zlibVersion(); }\n",
    );
    home.write("project/Makefile", "a: a.c\n\tcc a.c -lz -o a\n\t./a\n");
    let trace = record(&home, "make; python3 -c 'import sqlite3'; git --version");
    let result = home
        .command([nixtrace(), "emit".as_ref(), &trace])
        .args(["-f", "json", "-q"])
        .run()
        .exits(0)
        .text();
    let result: Value = serde_json::from_str(&result).unwrap();
    let packages = result["packages"].as_array().unwrap();
    assert!(packages.len() > 3, "{result:#}");
    for package in packages {
        let attr = package["attr"].as_str().unwrap();
        let explained = why(&home, &trace, &[attr, "--json"]).exits(0).text();
        let explained: Value = serde_json::from_str(&explained).unwrap();
        assert_eq!(explained["kind"], "package");
        let chain = &explained["chains"][0].as_array().unwrap();
        assert_eq!(chain[0]["how"], "the command", "{attr}");
        assert_eq!(chain.last().unwrap()["name"], attr);
        assert!(!chain.last().unwrap()["how"].as_str().unwrap().is_empty());
    }
}

#[test]
fn why_explains_files_variables_and_what_is_missing() {
    let home = Home::new();
    let trace = record(
        &home,
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
    let trace = record(&home, "cat /etc/hosts");
    why(&home, &trace, &["host"])
        .exits(1)
        .says("the run has nothing called `host`")
        .says("hint: it has hosts");
}
