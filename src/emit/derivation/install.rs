//! Steps of an `installPhase`.

use crate::emit::nix::{Entry, Expression, Line};

/// `installPhase = '' … '';`, between the hooks that every phase runs.
pub(super) fn phase(name: &'static str, steps: Vec<Line>) -> Entry {
    let (before, after) = match name {
        "buildPhase" => ("runHook preBuild", "runHook postBuild"),
        _ => ("runHook preInstall", "runHook postInstall"),
    };
    let mut lines = vec![Line::shell(before)];
    lines.extend(steps);
    lines.push(Line::shell(after));
    Entry::binding(name, Expression::Lines(lines))
}

/// `install -Dm755 FILE -t $out/bin`
pub(super) fn program(file: &[u8], directory: &'static str) -> Line {
    Line::shell("install -Dm755 ")
        .then(if file.starts_with(b"-") { "./" } else { "" })
        .word(file)
        .then(" -t ")
        .then(directory)
}
