//! The programs of this machine, whose closures must be what its loader says.

use crate::support::{Loaded, Start, as_listed, have, listed};
use nixtrace::elf::closure::Interpreter;
use nixtrace::elf::{Disk, Form, Image, closure};
use nixtrace::trace::Bytes;
use std::path::PathBuf;
use std::process::Command;

/// Programs of /usr/bin with an interpreter of glibc, in the order of their names.
fn programs() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir("/usr/bin")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths.retain(|path| {
        Image::read(path).is_ok_and(|image| {
            image.form() == Form::Program
                && image
                    .interpreter
                    .is_some_and(|name| name.starts_with(b"/lib64/ld-linux"))
        })
    });
    paths
}

fn compare(paths: &[PathBuf]) {
    let disk = Disk::new();
    let start = Start::default();
    let mut differences = Vec::new();
    for path in paths {
        let name = Bytes::from(path.as_path());
        let (file, image) = disk.read_image(name.as_ref()).unwrap();
        let closure = closure(&disk, &start.conditions(), name.as_ref(), file, image);
        let Interpreter::Loaded(interpreter) = &closure.interpreter else {
            differences.push(format!("{}: no interpreter", path.display()));
            continue;
        };
        let interpreter = closure.object(*interpreter).path.as_path();
        // The list is asked of the loader, and not of the program: some are set-user-ID. The
        // real path, for a program that the loader is given has its $ORIGIN where it was named.
        let output = Command::new(interpreter)
            .env_clear()
            .arg("--list")
            .arg(path.canonicalize().unwrap())
            .output()
            .unwrap();
        let real: Loaded = listed(&output.stdout);
        let ours = as_listed(&closure);
        if ours != real {
            differences.push(format!("{}: {ours:#?} {real:#?}", path.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn closures_of_programs_of_this_machine_are_what_its_loader_says() {
    if !have(&["sh"]) {
        return;
    }
    let all = programs();
    let step = all.len().div_ceil(150).max(1);
    let sample: Vec<PathBuf> = all.into_iter().step_by(step).collect();
    assert!(!sample.is_empty());
    compare(&sample);
}

/// Takes longer; run it by name.
#[test]
#[ignore = "every program of the machine, by hand"]
fn closures_of_all_programs_of_this_machine_are_what_its_loader_says() {
    compare(&programs());
}
