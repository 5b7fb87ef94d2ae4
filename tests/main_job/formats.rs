//! Which files are written, where, and what becomes of those that exist.

use super::support::{Home, compile, needs, nixtrace};
use std::ffi::OsStr;
use std::path::Path;

const PROGRAM: &str = "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n";

fn home_with_program() -> Home {
    let home = Home::new();
    compile(&home, "project/acme", PROGRAM, &[]);
    home
}

fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_program_of_the_users_becomes_a_shell_and_a_package() {
    needs!("cc");
    let home = home_with_program();
    home.command([nixtrace().as_os_str(), "--".as_ref(), "./acme".as_ref()])
        .run()
        .exits(0)
        .says("wrote package.nix");
    assert_eq!(
        files(&home.project()),
        ["acme", "default.nix", "package.nix", "shell.nix"]
    );
}

#[test]
fn a_command_of_the_system_becomes_a_shell() {
    let home = Home::new();
    home.command([nixtrace().as_os_str(), "--".as_ref(), "true".as_ref()])
        .run()
        .exits(0);
    assert_eq!(files(&home.project()), ["shell.nix"]);
}

#[test]
fn a_package_that_exists_and_was_not_asked_for_is_kept() {
    needs!("cc");
    let home = home_with_program();
    home.write("project/package.nix", "mine");
    home.command([nixtrace().as_os_str(), "--".as_ref(), "./acme".as_ref()])
        .run()
        .exits(0)
        .says("package.nix exists and is kept");
    let kept = std::fs::read_to_string(home.project().join("package.nix")).unwrap();
    assert_eq!(kept, "mine");
    assert_eq!(files(&home.project()), ["acme", "package.nix", "shell.nix"]);
}

#[test]
fn a_file_that_exists_and_was_asked_for_is_refused_before_anything_runs() {
    let home = Home::new();
    home.write("project/flake.nix", "mine");
    home.command([nixtrace().as_os_str()])
        .args(["-f", "shell,flake", "--", "touch", "ran"])
        .run()
        .exits(125)
        .says("flake.nix exists");
    assert_eq!(files(&home.project()), ["flake.nix"]);
}

#[test]
fn several_formats_go_to_a_directory_with_what_they_call() {
    needs!("cc");
    let home = home_with_program();
    std::fs::create_dir(home.project().join("nix")).unwrap();
    home.command([nixtrace().as_os_str()])
        .args(["-f", "flake", "-f", "image", "-o", "nix/", "--", "./acme"])
        .run()
        .exits(0)
        .says("wrote nix/flake.nix");
    assert_eq!(
        files(&home.project().join("nix")),
        [
            "default.nix",
            "flake.nix",
            "image.nix",
            "overlay.nix",
            "package.nix",
            "shell.nix"
        ]
    );
    // The program is not beside the file any more.
    let package = std::fs::read_to_string(home.project().join("nix/package.nix")).unwrap();
    assert!(package.contains("root = ../.;"), "{package}");
}

#[test]
fn several_formats_are_not_written_to_one_file() {
    let home = Home::new();
    home.command([nixtrace().as_os_str()])
        .args(["-f", "shell,package", "-o", "x.nix", "--", "true"])
        .run()
        .exits(2)
        .says("give --output a directory");
    assert!(files(&home.project()).is_empty());
}

#[test]
fn a_pin_is_taken_from_a_lock() {
    let home = Home::new();
    home.write(
        "project/flake.lock",
        r#"{"nodes":{"nixpkgs_2":{"locked":{"type":"github","owner":"NixOS","repo":"nixpkgs",
            "rev":"c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1","narHash":"sha256-oUiBFVTVVTVsbXKyFLR0JCFHv0GQ3TJpEBUQXbJmJ2E="}},
            "root":{"inputs":{"nixpkgs":"nixpkgs_2"}}},"root":"root","version":7}"#,
    );
    home.command([nixtrace().as_os_str()])
        .args(["--nixpkgs", "flake.lock", "--", "true"])
        .run()
        .exits(0);
    let shell = std::fs::read_to_string(home.project().join("shell.nix")).unwrap();
    assert!(
        shell.contains("archive/c8abb984d5fbc79271ee4a2ed2ecf8747c3c8ec1.tar.gz"),
        "{shell}"
    );
    assert!(shell.contains("sha256 = \"sha256-oUiBFVTVVTVsbXKyFLR0JCFHv0GQ3TJpEBUQXbJmJ2E=\";"));

    home.write("project/sources.json", r#"{"pins":{"other":{}}}"#);
    home.command([nixtrace().as_os_str()])
        .args(["--force", "--nixpkgs", "sources.json", "--", "true"])
        .run()
        .exits(2)
        .says("pins no nixpkgs");

    home.write(
        "project/npins/sources.json",
        r#"{"pins":{"nixpkgs":{"url":"https://example.org/n.tar.xz","hash":"0abc"}},"version":5}"#,
    );
    home.command([nixtrace().as_os_str()])
        .args(["--force", "--nixpkgs", "npins", "--", "true"])
        .run()
        .exits(0);
    let shell = std::fs::read_to_string(home.project().join("shell.nix")).unwrap();
    assert!(
        shell.contains("import (import ./npins).nixpkgs {"),
        "{shell}"
    );
}

#[test]
fn k13_nothing_is_written_over_without_force_and_check_says_what_would_change() {
    needs!("cc");
    let home = home_with_program();
    let run = |options: &[&str]| {
        let invocation = home.command([nixtrace().as_os_str()]);
        invocation.args(options).args(["--", "./acme"]).run()
    };
    let all = "shell,package,flake,overlay,module,image,arion";
    run(&["-f", all]).exits(0);
    let names = files(&home.project());
    let written = names.iter().filter(|name| name.ends_with(".nix"));
    for name in written {
        home.write(&format!("project/{name}"), "mine");
        run(&["-f", all]).exits(125).says("exists").says("--force");
        let kept = std::fs::read_to_string(home.project().join(name)).unwrap();
        assert_eq!(kept, "mine", "{name}");
        // `--check` writes nothing, and tells the file by its name.
        let finished = run(&["-f", all, "--check"]).exits(1);
        assert!(
            finished.words().contains(&format!("{name} would change")),
            "{finished}"
        );
        let kept = std::fs::read_to_string(home.project().join(name)).unwrap();
        assert_eq!(kept, "mine", "{name}");
        run(&["-f", all, "--force"]).exits(0);
        run(&["-f", all, "--check"]).exits(0);
    }
}

#[test]
fn the_image_of_nixery_with_the_packages_alone_is_named_beside_an_image() {
    needs!("jq", "sqlite3");
    let home = Home::new();
    home.command(["sh", "-c", "jq --version; sqlite3 --version"])
        .under([
            nixtrace().as_os_str(),
            "-f".as_ref(),
            "image".as_ref(),
            "--".as_ref(),
        ])
        .run()
        .exits(0)
        .says("nixery.dev/shell/jq/sqlite");
}

#[test]
fn versions_of_the_host_are_asserted_when_that_is_asked_for() {
    needs!("jq");
    let home = Home::new();
    for (options, is_asserted) in [
        (&["--force"][..], false),
        (&["--force", "--assert-versions"], true),
    ] {
        home.command(["jq", "--version"])
            .under(
                [nixtrace().as_os_str()]
                    .into_iter()
                    .chain(options.iter().map(OsStr::new))
                    .chain(["--".as_ref()]),
            )
            .run()
            .exits(0);
        let shell = std::fs::read_to_string(home.project().join("shell.nix")).unwrap();
        let asserts = "assert pkgs.lib.versionAtLeast pkgs.jq.version";
        assert_eq!(shell.contains(asserts), is_asserted, "{shell}");
    }
}
