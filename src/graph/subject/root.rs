//! Which directory the sources of a build lie in: not always the one that it was begun in.

use super::super::arguments::absolute;
use super::super::classify::{Origin, file_name, is_below_path, parent};
use super::super::host::Host;
use super::super::phase::{Phase, Step, Tool};
use super::super::program::Run;
use crate::trace::Bytes;
use bstr::ByteSlice;

/// The directory with the sources of a build.
///
/// That is where its first step ran, if the caller was there or below (`cd build && cmake ..` begins below
/// the project), or a directory above that a step names as that of the sources (`cmake ..`,
/// `../configure`, `gcc ../main.c`) or that a tool of a language finds its manifest in.
pub(super) fn source_root(run: &Run, host: &dyn Host) -> Bytes {
    let start = &run.header.cwd;
    let begun = run
        .steps
        .iter()
        .map(|step| &step.cwd)
        .find(|cwd| {
            is_below_path(start.as_ref(), cwd.as_ref())
                || is_below_path(cwd.as_ref(), start.as_ref())
        })
        .filter(|cwd| is_below_path(start.as_ref(), cwd.as_ref()))
        .unwrap_or(start);
    run.steps
        .iter()
        .flat_map(|step| named(step, host))
        .filter(|named| is_below_path(begun.as_ref(), named.as_ref()) && is_project(run, named))
        .min_by_key(|named| named.len())
        .unwrap_or_else(|| begun.clone())
}

/// Whether a directory can be that of one project: no home, and nothing that holds those of many.
fn is_project(run: &Run, directory: &Bytes) -> bool {
    const OF_MANY: &[&str] = &["/", "/home", "/tmp", "/var/tmp"];
    let home = run.header.home.as_ref();
    !home.is_some_and(|home| is_below_path(home.as_ref(), directory.as_ref()))
        && run.territory.origin(directory.as_ref()) != Origin::System
        && !OF_MANY
            .iter()
            .any(|it| directory.as_bytes() == it.as_bytes())
}

/// The directories that a step names as those of sources.
fn named(step: &Step, host: &dyn Host) -> Vec<Bytes> {
    let holds = |directory: &Bytes, file: &str| {
        host.entries(directory.as_ref())
            .iter()
            .any(|entry| entry.as_bytes() == file.as_bytes())
    };
    let words = || step.argv.iter().map(|word| word.as_bytes());
    // `cmake -S..`, `gcc -I../include`
    let values = || {
        words().map(|word| match word {
            [b'-', letter, value @ ..] if letter.is_ascii_uppercase() => value,
            word => word,
        })
    };
    let marked = |file: &str| -> Vec<Bytes> {
        values()
            .map(|word| directory(step, word))
            .filter(|directory| holds(directory, file))
            .collect()
    };
    let above = |file: &str| -> Vec<Bytes> {
        let mut directory = Some(step.cwd.clone());
        while let Some(here) = directory {
            if holds(&here, file) {
                return vec![here];
            }
            directory = parent(here.as_ref()).map(Bytes::from);
        }
        Vec::new()
    };
    match (step.tool, step.phase) {
        (Tool::Cmake, Phase::Configure) => marked("CMakeLists.txt"),
        (Tool::Meson, Phase::Configure) => marked("meson.build"),
        (Tool::Cargo, _) => above("Cargo.toml"),
        (Tool::Go, _) => above("go.mod"),
        (Tool::Configure, _) => words()
            .filter(|word| file_name(word.as_bstr()) == "configure")
            .filter_map(|word| parent(directory(step, word).as_ref()).map(Bytes::from))
            .collect(),
        (Tool::Compiler, _) => values()
            .map(|word| {
                let ups = word.split_str("/").take_while(|part| *part == b"..");
                directory(step, &bstr::join("/", ups))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The directory that a word of a step names.
fn directory(step: &Step, word: &[u8]) -> Bytes {
    let word = word.trim_end_with(|letter| letter == '/');
    // As the value of an option that stands apart from it (`-S ..`).
    let word = if word.is_empty() { b"." } else { word };
    absolute(&word.into(), Some(&step.cwd))
}
