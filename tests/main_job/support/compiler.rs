//! Small programs that tests compile.

use super::Home;
use std::path::PathBuf;

/// Compiles C into a program, its path relative to the home; `flags` come after the source, as the
/// linker wants libraries.
pub(crate) fn compile(home: &Home, path: &str, source: &str, flags: &[&str]) -> PathBuf {
    let file = home.outside("source.c");
    std::fs::write(&file, source).unwrap();
    let program = home.path().join(path);
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    home.command(["cc", "-O1", "-Wall", "-o"])
        .arg(&program)
        .arg(&file)
        .args(flags)
        .succeeds();
    program
}
