//! `--record-pins`: the answers of one run are those of the next.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Traces a command that runs `ls`, in a directory of its own and without a person's files.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nixtrace"))
        .args(["-f", "json", "-o", "result.json", "--force"])
        .args(arguments)
        .args(["--", "sh", "-c", "ls /; exit 0"])
        .current_dir(directory)
        .env("HOME", directory)
        .env_remove("XDG_CACHE_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .expect("the program was built for this test")
}

fn packages(directory: &Path) -> Vec<String> {
    let result = fs::read(directory.join("result.json")).expect("the result was written");
    let result: serde_json::Value = serde_json::from_slice(&result).expect("it is JSON");
    let packages = result["packages"].as_array().expect("a list");
    packages
        .iter()
        .map(|package| package["attr"].as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn recorded_answers_are_those_of_the_next_run() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let directory = home.path();
    let output = run(directory, &["--record-pins"]);
    assert!(output.status.success(), "{output:?}");
    assert!(packages(directory).contains(&"coreutils".to_owned()));
    let path = directory.join("nixtrace.recorded.yaml");
    let recorded = fs::read_to_string(&path).expect("the answers were recorded");
    assert!(
        recorded.contains("command:ls:\n    attr: coreutils\n"),
        "{recorded}"
    );

    let output = run(directory, &["--record-pins"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), recorded);

    // Whatever an index would say now: the recorded answer holds.
    fs::write(
        &path,
        recorded.replace("attr: coreutils", "attr: uutils-coreutils"),
    )
    .expect("can be written");
    assert!(run(directory, &[]).status.success());
    let found = packages(directory);
    assert!(found.contains(&"uutils-coreutils".to_owned()), "{found:?}");

    // A person's own decision goes before it, and the project's before both.
    let config = directory.join(".config/nixtrace");
    fs::create_dir_all(&config).expect("can be made");
    fs::write(config.join("pins.yaml"), "pins: { ls: busybox }\n").expect("can be written");
    assert!(run(directory, &[]).status.success());
    assert!(packages(directory).contains(&"busybox".to_owned()));
    fs::write(directory.join("nixtrace.yaml"), "pins: { ls: toybox }\n").expect("can be written");
    assert!(run(directory, &[]).status.success());
    let found = packages(directory);
    assert!(found.contains(&"toybox".to_owned()), "{found:?}");
}

#[test]
fn a_recorded_file_that_makes_no_sense_is_named_before_anything_runs() {
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::write(home.path().join("nixtrace.recorded.yaml"), "pins: [").expect("can be written");
    let output = run(home.path(), &["--record-pins"]);
    assert_eq!(output.status.code(), Some(125));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("nixtrace.recorded.yaml:1:"), "{error}");
    assert!(!home.path().join("result.json").exists());
}

#[test]
fn a_package_of_ones_own_is_called_from_where_its_pin_says() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let directory = home.path();
    let pins = "pins:\n  ls: { attr: acme-ls, source: ./nix/ls.nix }\n  sh: { role: runtime }\n";
    fs::write(directory.join("nixtrace.yaml"), pins).expect("can be written");
    let trace = directory.join("run.ntrace");
    let nixtrace = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_nixtrace"))
            .args(arguments)
            .current_dir(directory)
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .expect("the program was built for this test");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let name = trace.to_str().expect("text");
    nixtrace(&["record", "-o", name, "--", "sh", "-c", "ls /; exit 0"]);
    nixtrace(&["emit", name, "-f", "shell", "-o", "shell.nix"]);
    let shell = fs::read_to_string(directory.join("shell.nix")).expect("it was written");
    assert!(
        shell.contains("(pkgs.callPackage ./nix/ls.nix { })"),
        "{shell}"
    );
    // stdenv has it, but a person has said that it is needed for itself.
    assert!(shell.contains("    pkgs.bash"), "{shell}");

    // Below another directory the same file is spelt from there.
    fs::create_dir(directory.join("sub")).expect("can be made");
    nixtrace(&["emit", name, "-f", "shell,package", "-o", "sub/"]);
    let package = fs::read_to_string(directory.join("sub/package.nix")).expect("it was written");
    assert!(package.contains("callPackage,"), "{package}");
    assert!(
        package.contains("(callPackage ../nix/ls.nix { })"),
        "{package}"
    );
}
