//! The programs of this machine, whose closures must be what its loader says.

use crate::support::{Loaded, Start, as_listed, have, listed};
use nixtrace::elf::closure::{Flavour, Interpreter};
use nixtrace::elf::{Disk, Form, Image, closure};
use nixtrace::trace::Bytes;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of a directory whose images are such, in the order of their names.
fn files(directory: &Path, is_wanted: impl Fn(&Image) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths.retain(|path| Image::read(path).is_ok_and(|image| is_wanted(&image)));
    paths
}

/// Programs of glibc.
fn programs() -> Vec<PathBuf> {
    files(Path::new("/usr/bin"), |image| {
        image.form() == Form::Program
            && Flavour::of(image) == Flavour::Glibc
            && image.target().is_native()
    })
}

/// Libraries that the loader can be given as if they were programs: those of its own directories.
fn libraries() -> Vec<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    files(&Path::new("/usr/lib").join(triplet), |image| {
        image.form() == Form::Library && image.target().is_native() && image.interpreter.is_none()
    })
}

/// Every so manieth, about `count` in all.
fn sample(all: Vec<PathBuf>, count: usize) -> Vec<PathBuf> {
    let step = all.len().div_ceil(count).max(1);
    all.into_iter().step_by(step).collect()
}

fn compare(paths: &[PathBuf]) {
    let disk = Disk::new();
    let start = Start::default();
    let mut differences = Vec::new();
    for path in paths {
        let name = Bytes::from(path.as_path());
        let (file, image) = disk.read_image(name.as_ref()).unwrap();
        let closure = closure(&disk, &start.conditions(), name.as_ref(), file, image);
        let interpreter = match &closure.interpreter {
            Interpreter::Loaded(id) => closure.object(*id).path.as_path(),
            _ => Path::new(closure.main().image.target().glibc_loader().unwrap()),
        };
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
    let programs = sample(programs(), 150);
    assert!(!programs.is_empty());
    compare(&programs);
}

#[test]
fn closures_of_libraries_of_this_machine_are_what_its_loader_says() {
    compare(&sample(libraries(), 50));
}

#[test]
#[ignore = "every program and library of the machine takes a while; run it by name"]
fn closures_of_all_files_of_this_machine_are_what_its_loader_says() {
    compare(&programs());
    compare(&libraries());
}

#[test]
fn wanted_symbol_versions_are_what_readelf_says() {
    if !have(&["readelf"]) {
        return;
    }
    for path in sample(programs(), 40) {
        let output = Command::new("readelf")
            .arg("-VW")
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        // The last section is that of needs; others define versions, or number them.
        let needs = text.rsplit("Version needs section").next().unwrap();
        let words = needs.lines().flat_map(str::split_whitespace);
        let words: Vec<&str> = words.collect();
        let theirs: Vec<&str> = words
            .windows(2)
            .filter(|pair| matches!(pair[0], "File:" | "Name:"))
            .map(|pair| pair[1])
            .collect();
        let image = Image::read(&path).unwrap();
        let ours: Vec<String> = image
            .version_needs
            .iter()
            .flat_map(|need| std::iter::once(&need.file).chain(&need.versions))
            .map(ToString::to_string)
            .collect();
        assert_eq!(ours, theirs, "{}", path.display());
    }
}
