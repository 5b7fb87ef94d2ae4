//! `show`: what a trace holds, for a person and for programs.

use super::support::{Home, needs, nixtrace};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

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
fn what_a_trace_does_not_record_is_said_unless_it_is_exact() {
    let home = Home::new();
    for (options, says) in [(&["-q"][..], true), (&["-q", "--exact"], false)] {
        let trace = home.outside(format!("{}.jsonl", options.len()));
        home.command(["true"])
            .recorded(&trace, options)
            .run()
            .exits(0);
        let text = show(&home, &trace, &[]);
        assert_eq!(
            text.contains("\nexcept     links that only"),
            says,
            "{text}"
        );
        let value: Value = serde_json::from_str(&show(&home, &trace, &["--json"])).unwrap();
        assert_eq!(value["unrecorded"].is_string(), says, "{value}");
    }
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
    let own = show(&home, &trace, &["--origin", "own"]);
    assert_eq!(
        own, "nothing of the kind\n",
        "nothing of the user's was used"
    );
    let system = show(&home, &trace, &["--origin", "system"]);
    assert!(system.contains("bin/cat"), "{system}");
}

#[test]
fn what_only_failed_processes_used_is_marked_and_can_be_shown_alone() {
    let home = Home::new();
    home.write("project/both", "");
    home.write("project/failed-only", "");
    let trace = record(&home, "cat both; cat both failed-only no-such-file; true");
    let text = show(&home, &trace, &["--class", "data"]);
    let line = |name: &str| {
        let line = text.lines().find(|line| line.contains(name));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
    };
    assert!(line("./failed-only").ends_with("cat, failed"), "{text}");
    assert!(line("./both").ends_with("cat"), "{text}");
    let failed = show(&home, &trace, &["--failed"]);
    assert!(
        failed.contains("./failed-only") && failed.contains("./no-such-file"),
        "{failed}"
    );
    assert!(!failed.contains("./both"), "{failed}");
    let json: Value = serde_json::from_str(&show(&home, &trace, &["--json", "--failed"])).unwrap();
    let rows = json["used"].as_array().unwrap();
    assert!(!rows.is_empty());
    assert!(
        rows.iter().all(|row| row["only_failed"] == true),
        "{json:#}"
    );
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
fn the_tree_has_arguments_durations_and_ends() {
    let home = Home::new();
    let trace = record(&home, "sh -c 'sleep 0.2; kill -KILL $$'; exit 3");
    let text = show(&home, &trace, &["--tree"]);
    assert!(text.contains(" sleep 0.2 ("), "{text}");
    assert!(text.contains(", killed by SIGKILL"), "{text}");
    let json: Value = serde_json::from_str(&show(&home, &trace, &["--tree", "--json"])).unwrap();
    let processes = json["processes"].as_array().unwrap();
    let named = |argv: &[&str]| {
        let argv = serde_json::json!(argv);
        let ran = |it: &&Value| {
            it["ran"]
                .as_array()
                .unwrap()
                .iter()
                .any(|ran| ran["argv"] == argv)
        };
        let process = processes.iter().find(ran);
        process.unwrap_or_else(|| panic!("{argv} in {json:#}"))
    };
    let sleep = named(&["sleep", "0.2"]);
    let shell = named(&["sh", "-c", "sleep 0.2; kill -KILL $$"]);
    let command = &processes[0];
    assert!(sleep["duration"].as_u64() >= Some(200_000), "{sleep:#}");
    assert!(
        shell["duration"].as_u64() >= sleep["duration"].as_u64(),
        "{json:#}"
    );
    assert_eq!(sleep["parent_pid"], shell["pid"]);
    assert_eq!(shell["parent_pid"], command["pid"]);
    assert_eq!(command["parent"], Value::Null);
    assert_eq!(
        [&sleep["exit"], &shell["exit"], &command["exit"]],
        [0, 137, 3]
    );
}

#[test]
fn what_is_piped_is_never_cut() {
    let home = Home::new();
    // A script that calls itself, so that each process is the child of the one before.
    home.write_program(
        "project/nest",
        "#!/bin/sh\nif test $1 -gt 0; then ./nest $(($1 - 1)) \"$2\"; else cat \"$2\"; fi; true\n",
    );
    let long = format!(
        "{}/a-file-with-a-long-name",
        "a-directory-with-a-long-name/"
            .repeat(8)
            .trim_end_matches('/')
    );
    home.write(&format!("project/{long}"), "");
    let trace = record(&home, &format!("./nest 60 {long}"));
    let cat = format!("cat {long}");
    let tables = show(&home, &trace, &["--all"]);
    assert!(tables.contains(&format!("  ./{long}")), "{tables}");
    let tree = show(&home, &trace, &["--tree"]);
    assert!(tree.lines().any(|line| line.contains(&cat)), "{tree}");
    let chain = home
        .command([nixtrace().as_os_str(), "why".as_ref(), trace.as_os_str()])
        .arg(&long)
        .run()
        .exits(0)
        .text();
    for link in (0..=60).map(|rest| format!(" ./nest {rest} {long}  process ")) {
        assert!(chain.contains(&link), "{link} in {chain}");
    }
    assert!(
        chain.contains(&format!("→ reads ./{long}  1×, first at ")),
        "{chain}"
    );
    for text in [tables, tree, chain] {
        assert!(!text.contains('…') && !text.contains('\x1b'), "{text}");
    }
}

#[test]
fn a_terminal_of_80_columns_is_wide_enough() {
    needs!("script");
    let home = Home::new();
    // Letters of one column and of two.
    let narrow = format!("a/very/long/path/that/goes/{}", "on/and/".repeat(12));
    let wide = "漢字の長い名前のディレクトリ/".repeat(6);
    // Processes that go deeper than a terminal is wide, each of which fails.
    home.write_program(
        "project/nest",
        "#!/bin/sh\nif test $1 -gt 0; then ./nest $(($1 - 1)); else kill -SEGV $$; fi; exit 111\n",
    );
    let trace = record(
        &home,
        &format!(
            "mkdir -p {narrow} {wide}; cp /etc/hosts {narrow}/file; \
             cp /etc/hosts {wide}/file; cat {wide}/no-such-file; cp {wide}/file {narrow}; ./nest 50; true"
        ),
    );
    for verb in [
        "show",
        "show --all",
        "show --tree",
        "why file",
        "why hosts",
        "why no-such-file",
    ] {
        let (verb, words) = verb.split_once(' ').unwrap_or((verb, ""));
        let command = format!(
            "stty cols 80 rows 24; '{}' {verb} '{}' {words} --no-pager",
            nixtrace().display(),
            trace.display()
        );
        let text = home
            .command(["script", "-qec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .run()
            .exits(0)
            .text();
        assert!(text.lines().count() > 4, "{text}");
        for line in text.lines() {
            let line = line.replace("\x1b[1m", "").replace("\x1b[0m", "");
            let width = line.trim_end().width();
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
    let why = |name: &str| {
        home.command([nixtrace().as_os_str(), "why".as_ref(), trace.as_os_str()])
            .arg(name)
            .run()
    };
    let chain = why("/srv/root/etc/inside.conf").exits(0).text();
    assert!(
        chain.contains("→ reads /srv/root/etc/inside.conf"),
        "{chain}"
    );
    why("/etc/nowhere.conf").exits(1);
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
