//! musl, rule by rule.
//!
//! musl's trace mode is `ldd`: the loader under that name, or with `--list`.

use crate::support::{Start, Workshop, as_listed, ours, rule_of};
use nixtrace::elf::Image;
use nixtrace::elf::closure::{Closure, Flavour};
use nixtrace::elf::search::{ObjectId, Rule};
use std::collections::HashSet;
use std::path::Path;

const MAIN: ObjectId = ObjectId::MAIN;

/// Checks that both loaders say the same, and returns our closure.
///
/// musl prints the program's needs as `name => path`, itself in front, and names that it does not
/// find on stderr.
fn agree(program: &Path, start: &Start) -> Closure {
    let image = Image::read(program).unwrap();
    assert_eq!(Flavour::of(&image), Flavour::Musl);
    let interpreter = image.interpreter.unwrap().to_string();
    let mut command = start.command(&interpreter);
    let output = command.arg("--list").arg(program).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let paths: Vec<String> = stdout
        .lines()
        .filter_map(|line| line.trim().rsplit_once(" (0x"))
        .map(|(line, _)| line.split_once(" => ").map_or(line, |(_, path)| path))
        .filter(|path| *path != interpreter)
        .map(str::to_owned)
        .collect();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let missing: HashSet<String> = stderr
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once("Error loading shared library ")?;
            Some(rest.split_once(':')?.0.to_owned())
        })
        .collect();

    let closure = ours(program, start);
    let ours = as_listed(&closure);
    let our_paths: Vec<String> = ours
        .paths
        .into_iter()
        .filter(|path| *path != interpreter)
        .collect();
    assert_eq!((our_paths, ours.missing), (paths, missing), "ours is left");
    closure
}

fn workshop() -> Option<Workshop> {
    Workshop::with("musl-gcc")
}

fn app_mid_foo(workshop: &Workshop, tag: &str) -> std::path::PathBuf {
    workshop.library("a", "foo", &[], &[]);
    workshop.library("b", "foo", &[], &[]);
    workshop.library("a", "mid", &["foo"], &["-La", "-lfoo"]);
    workshop.program("app", &["mid"], &["-La", "-lmid", tag, "-Wl,-rpath,@/a"])
}

#[test]
fn runpath_reaches_what_the_libraries_need_as_rpath_does() {
    let Some(workshop) = workshop() else { return };
    for tag in ["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"] {
        let closure = agree(&app_mid_foo(&workshop, tag), &Start::default());
        assert_eq!(
            rule_of(&closure, "/a/libfoo.so"),
            Rule::Rpath { of: MAIN },
            "{tag}"
        );
    }
}

#[test]
fn ld_library_path_is_searched_before_either_list() {
    let Some(workshop) = workshop() else { return };
    for tag in ["-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"] {
        let start = Start::library_path(workshop.at("b"));
        let closure = agree(&app_mid_foo(&workshop, tag), &start);
        assert_eq!(
            rule_of(&closure, "/b/libfoo.so"),
            Rule::LibraryPath,
            "{tag}"
        );
    }
}

#[test]
fn the_c_library_is_the_loader() {
    let Some(workshop) = workshop() else { return };
    let app = workshop.program("app", &[], &[]);
    let closure = agree(&app, &Start::default());
    let paths: Vec<String> = closure.objects.iter().map(|o| o.path.to_string()).collect();
    let interpreter = format!("/lib/ld-musl-{}.so.1", std::env::consts::ARCH);
    assert_eq!(paths, [app.to_str().unwrap(), interpreter.as_str()]);
}

#[test]
fn a_library_in_the_path_file_s_directories_is_found_and_one_of_glibc_s_is_not() {
    let Some(workshop) = workshop() else { return };
    workshop.library("a", "foo", &[], &[]);
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo"]);
    let closure = agree(&app, &Start::default());
    assert_eq!(closure.missing().count(), 1);
}

#[test]
fn origin_is_known_and_any_other_token_voids_the_list() {
    let Some(workshop) = workshop() else { return };
    workshop.library("a", "foo", &[], &[]);
    for (list, finds) in [
        ("-Wl,-rpath,$ORIGIN/a", true),
        ("-Wl,-rpath,${ORIGIN}/a", true),
        ("-Wl,-rpath,@/a:$LIB", false),
    ] {
        let app = workshop.program("app", &["foo"], &["-La", "-lfoo", list]);
        let closure = agree(&app, &Start::default());
        assert_eq!(closure.missing().count() == 0, finds, "{list}");
    }
}

#[test]
fn libraries_are_loaded_in_the_order_of_need() {
    let Some(workshop) = workshop() else { return };
    workshop.library("a", "deep", &[], &[]);
    workshop.library("a", "left", &["deep"], &["-La", "-ldeep"]);
    workshop.library("a", "right", &[], &[]);
    let flags = [
        "-La",
        "-lleft",
        "-lright",
        "-Wl,-rpath-link,a",
        "-Wl,-rpath,@/a",
    ];
    agree(
        &workshop.program("app", &["left", "right"], &flags),
        &Start::default(),
    );
}
