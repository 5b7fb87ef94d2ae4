//! Traces of which little can be made, or nothing: a clear result or a clear error, and never an
//! expression that does not parse.

use super::support::{Finished, Home, nix_file, nixtrace};
use std::path::{Path, PathBuf};

const FORMATS: &str = "shell,package,flake,overlay,module,image,arion";

/// A trace of these records, with a header before them.
fn trace(home: &Home, argv: &str, records: &[&str]) -> PathBuf {
    let cwd = home.project();
    let header = format!(
        r#"{{"type":"header","format":1,"nixtrace":"0.1.0","kernel":"Linux 6.18","architecture":"x86_64","os":{{}},"start":0,"argv":{argv},"cwd":"{}","home":"{}","environment":[],"inherited":[],"engine":"notify","exact":false}}"#,
        cwd.display(),
        home.path().display(),
    );
    let text: String = [header.as_str()]
        .iter()
        .chain(records)
        .map(|line| format!("{line}\n"))
        .collect();
    home.write("trace.jsonl", text)
}

const STARTED: &str = r#"{"type":"started","process":0,"pid":100,"at":0}"#;
const FOOTER: &str =
    r#"{"type":"footer","code":0,"duration":9,"processes":1,"accesses":0,"gaps":0}"#;

fn executed(path: &str) -> String {
    format!(
        r#"{{"type":"executed","process":0,"at":1,"path":"{path}","argv":["{path}"],"cwd":"/","loader":null}}"#
    )
}

fn emit(home: &Home, trace: &Path) -> Finished {
    home.command([nixtrace().as_os_str(), "emit".as_ref(), trace.as_os_str()])
        .args(["-f", FORMATS])
        .run()
        .does_not_panic()
}

/// That every file that was written parses; the text of one of them.
#[track_caller]
fn parses(home: &Home, file: &str) -> String {
    for entry in std::fs::read_dir(home.project()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "nix") {
            nix_file::parsed(home, &path);
        }
    }
    std::fs::read_to_string(home.project().join(file)).unwrap()
}

#[test]
fn a_trace_without_an_exec_is_an_expression_that_lists_nothing() {
    let home = Home::new();
    let trace = trace(&home, r#"["acme"]"#, &[STARTED, FOOTER]);
    emit(&home, &trace).exits(0);
    let shell = parses(&home, "shell.nix");
    assert!(shell.contains("# Written by nixtrace for: acme"), "{shell}");
    assert!(
        shell.contains("used nothing that a package would have to provide"),
        "{shell}"
    );
}

#[test]
fn a_trace_that_ends_behind_its_header_is_no_error() {
    let home = Home::new();
    let trace = trace(&home, "[]", &[]);
    emit(&home, &trace).exits(0);
    parses(&home, "package.nix");
}

#[test]
fn a_failed_command_is_told_with_its_status_and_what_was_missing() {
    let home = Home::new();
    let app = home.project().join("app");
    let app = app.to_str().unwrap();
    let missing = r#"{"type":"accessed","process":0,"at":2,"op":"read","path":"/usr/lib/x86_64-linux-gnu/libssl.so.3","outcome":"ENOENT"}"#;
    let trace = trace(
        &home,
        r#"["./app"]"#,
        &[
            STARTED,
            &executed(app),
            missing,
            r#"{"type":"exited","process":0,"at":3,"code":127}"#,
            r#"{"type":"footer","code":127,"duration":9,"processes":1,"accesses":1,"gaps":0}"#,
        ],
    );
    emit(&home, &trace).exits(0);
    for file in ["shell.nix", "package.nix"] {
        let text = parses(&home, file);
        assert!(text.contains("# Its exit status was 127"), "{text}");
        let open = "# TODO nixtrace: not found: libssl.so.3";
        assert!(text.contains(open), "{text}");
    }
}

#[test]
fn files_that_nobody_knows_are_all_that_is_told() {
    let home = Home::new();
    let trace = trace(
        &home,
        r#"["/opt/acme/acme"]"#,
        &[
            STARTED,
            &executed("/opt/acme/acme"),
            r#"{"type":"started","process":1,"pid":101,"parent":0,"at":2}"#,
            r#"{"type":"executed","process":1,"at":3,"path":"/usr/bin/nobody-knows","argv":["nobody-knows"],"cwd":"/","loader":null}"#,
            FOOTER,
        ],
    );
    emit(&home, &trace).exits(0);
    let shell = parses(&home, "shell.nix");
    assert!(
        shell.contains("# TODO nixtrace: no certain package for /usr/bin/nobody-knows"),
        "{shell}"
    );
    assert!(!shell.contains("packages ="), "{shell}");
}

#[test]
fn hostile_names_never_leave_their_string_or_comment() {
    let home = Home::new();
    let name = r"/srv/a\n}: builtins.abort '' ${x} \u202e/b\u0000ff";
    let argv = format!(r#"["{name}","''${{y}}","*/ # \r\n]"]"#);
    let trace = trace(
        &home,
        &argv,
        &[
            STARTED,
            &executed(name),
            &format!(
                r#"{{"type":"accessed","process":0,"at":2,"op":"map","path":"{name}.so","outcome":"ok"}}"#
            ),
            &format!(
                r#"{{"type":"accessed","process":0,"at":3,"op":"write","path":"/var/lib/{name}/x","outcome":"ok"}}"#
            ),
            FOOTER,
        ],
    );
    emit(&home, &trace).exits(0);
    parses(&home, "module.nix");
}

#[test]
fn a_trace_of_a_newer_version_is_refused_with_what_to_do() {
    let home = Home::new();
    let trace = trace(&home, r#"["acme"]"#, &[STARTED, FOOTER]);
    let newer = std::fs::read_to_string(&trace)
        .unwrap()
        .replace("\"format\":1", "\"format\":99");
    std::fs::write(&trace, newer).unwrap();
    let finished = emit(&home, &trace).exits(125);
    finished
        .says("trace format 99")
        .says("reads formats up to 1");
    assert_eq!(std::fs::read_dir(home.project()).unwrap().count(), 0);
}
