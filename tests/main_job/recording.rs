//! The trace file, as docs/trace-format.md promises it.

use super::support::{Home, compile, needs, nixtrace};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// Reads a trace.
///
/// # Panics
/// When a line is not a record, or the first is not the header.
#[track_caller]
pub(crate) fn check_lines(trace: &str) -> Vec<Value> {
    let records: Vec<Value> = trace
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(records[0]["type"], "header", "{trace}");
    assert_eq!(records[0]["format"], 1);
    records
}

/// The lines of a trace that was cut short, without the one that it may have been cut in.
pub(crate) fn whole_lines(trace: &str) -> &str {
    let end = trace.rfind('\n').map_or(0, |end| end + 1);
    &trace[..end]
}

/// Records a command and gives the trace.
#[track_caller]
fn record(home: &Home, command: super::support::Invocation, status: i32) -> Vec<Value> {
    let trace = home.outside("trace.jsonl");
    command.recorded(&trace, &["-q"]).run().exits(status);
    check_lines(&std::fs::read_to_string(trace).unwrap())
}

#[track_caller]
fn has(records: &[Value], expected: &[(&str, &str)]) {
    let found = records
        .iter()
        .any(|record| expected.iter().all(|(key, value)| record[*key] == *value));
    assert!(found, "{expected:?} in {records:#?}");
}

#[test]
fn a_trace_begins_with_the_command_and_ends_with_its_status() {
    let home = Home::new();
    let records = record(&home, home.command(["sh", "-c", "exit 42"]), 42);
    assert_eq!(
        records[0]["argv"],
        serde_json::json!(["sh", "-c", "exit 42"])
    );
    assert_eq!(records[0]["cwd"], *home.project().to_string_lossy());
    let footer = records.last().unwrap();
    assert_eq!(footer["type"], "footer");
    assert_eq!(footer["code"], 42);
}

#[test]
fn a_look_up_that_failed_is_recorded_with_its_error() {
    let home = Home::new();
    let records = record(&home, home.command(["cat", "/no/such/file"]), 1);
    has(
        &records,
        &[
            ("type", "accessed"),
            ("path", "/no/such/file"),
            ("outcome", "ENOENT"),
        ],
    );
}

#[test]
fn paths_are_made_absolute_from_the_directory_they_were_relative_to() {
    let home = Home::new();
    let file = home.write("project/below/file", "text");
    let command = home.command(["sh", "-c", "cd below && cat file"]);
    let records = record(&home, command, 0);
    has(
        &records,
        &[
            ("op", "read"),
            ("path", &file.to_string_lossy()),
            ("outcome", "ok"),
        ],
    );
}

#[test]
fn the_interpreter_of_a_script_is_recorded() {
    let home = Home::new();
    home.write_program("project/script", "#!/bin/sh\nexit 0\n");
    let records = record(&home, home.command(["./script"]), 0);
    let executed = records
        .iter()
        .find(|record| record["type"] == "executed")
        .unwrap();
    assert_eq!(executed["interpreters"], serde_json::json!(["/bin/sh"]));
}

#[test]
fn a_name_of_any_bytes_survives() {
    needs!("cc");
    let home = Home::new();
    let source = "#include <fcntl.h>\nint main(void) { return open(\"/tmp/\\xff\\n\\\"\", O_RDONLY) != -1; }";
    let program = compile(&home, "program", source, &[]);
    let records = record(&home, home.command([program]), 0);
    has(
        &records,
        &[("path", "/tmp/\0ff\n\""), ("outcome", "ENOENT")],
    );
}

#[test]
fn a_trace_is_for_its_owner_only() {
    let home = Home::new();
    record(&home, home.command(["true"]), 0);
    let mode = home
        .outside("trace.jsonl")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_values_of_variables_are_not_recorded() {
    let home = Home::new();
    let command = home
        .command(["true"])
        .env("API_TOKEN", "correct-horse-battery-staple");
    let records = record(&home, command, 0);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("correct-horse"), "{text}");
    assert!(text.contains("API_TOKEN"), "{text}");
}

#[test]
fn the_trace_of_a_main_run_can_be_kept() {
    let home = Home::new();
    let trace = home.outside("kept.jsonl");
    home.command(["true"])
        .under([
            nixtrace(),
            "-q".as_ref(),
            "--trace".as_ref(),
            &trace,
            "--".as_ref(),
        ])
        .run()
        .exits(0);
    check_lines(&std::fs::read_to_string(trace).unwrap());
}

#[test]
fn files_that_the_command_is_given_open_are_recorded() {
    let home = Home::new();
    let input = home.outside("input.txt");
    std::fs::write(&input, "given").unwrap();
    let trace = home.outside("given.jsonl");
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["record", "-q", "-o"])
        .arg(&trace)
        .args(["--", "true"])
        .stdin(std::fs::File::open(&input).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    let text = std::fs::read_to_string(&trace).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let given = input.canonicalize().unwrap();
    assert_eq!(header["inherited"][0]["fd"], 0);
    assert_eq!(header["inherited"][0]["path"], given.to_str().unwrap());
    home.command([
        nixtrace(),
        "emit".as_ref(),
        &trace,
        "-o".as_ref(),
        "-".as_ref(),
    ])
    .run()
    .exits(0);
}

#[test]
fn a_secret_is_given_to_the_command_and_written_nowhere() {
    const SECRETS: [&str; 4] = [
        "hunter2",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "pw",
        "s3",
    ];
    let home = Home::new();
    let app = home.write_program(
        "app",
        "#!/bin/sh\n[ \"$2\" = hunter2 ] && exec /usr/bin/env printf '%s\\n' \"$@\"\n",
    );
    let arguments = [
        "--password",
        "hunter2",
        "Authorization: Bearer ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "https://me:pw@localhost/",
        "--token=s3",
    ];
    let trace = home.outside("trace.jsonl");
    let result = home.outside("result.json");
    let shell = home.outside("shell.nix");
    let finished = home
        .command([app.as_os_str()])
        .args(arguments)
        .recorded(&trace, &["-q"])
        .run()
        .exits(0);
    assert_eq!(finished.text(), format!("{}\n", arguments.join("\n")));
    for (format, file) in [("json", &result), ("shell", &shell)] {
        super::support::Invocation::new([
            nixtrace().as_os_str(),
            "emit".as_ref(),
            "-f".as_ref(),
            format.as_ref(),
            "-o".as_ref(),
            file.as_os_str(),
            trace.as_os_str(),
        ])
        .run()
        .exits(0);
    }
    for file in [trace, result, shell] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains('…'), "{text}");
        for secret in SECRETS {
            let is_there = text
                .split(|it: char| !it.is_alphanumeric() && it != '_')
                .any(|word| word == secret);
            assert!(!is_there, "{secret} in {}: {text}", file.display());
        }
    }
}
