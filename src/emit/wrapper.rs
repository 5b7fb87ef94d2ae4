//! A wrapper round interpreters that lets their loader find libraries.

use super::nix::{Entry, Expression, Item, Line, NixText};

/// The interpreters as one package whose programs find the libraries.
///
/// An interpreter from nixpkgs does not ask nix-ld and searches no directory for what a script opens
/// by name, so it has to be told. The wrapper tells it and what it starts, but not the rest of the
/// shell, as a variable of the shell would.
pub(crate) fn with_libraries(interpreters: Vec<Item>, libraries: Vec<Item>) -> Item {
    let tools = vec![Item {
        value: NixText::constant("pkgs.makeBinaryWrapper").into(),
        comment: None,
    }];
    // Each of them, because `bin/python3` is a link to `bin/python3.12`.
    let wrap = [
        "for program in $out/bin/*; do",
        "  wrapProgram $program --prefix LD_LIBRARY_PATH : $libraryPath",
        "done",
    ];
    let arguments = Expression::Set {
        entries: vec![
            Entry::binding(
                "name",
                NixText::string(b"interpreter-with-libraries").into(),
            ),
            Entry::binding("paths", Expression::List(interpreters)),
            Entry::binding("nativeBuildInputs", Expression::List(tools)),
            Entry::binding(
                "libraryPath",
                Expression::call(
                    NixText::constant("pkgs.lib.makeLibraryPath"),
                    Expression::List(libraries),
                ),
            ),
            Entry::binding("postBuild", Expression::Lines(wrap.map(Line::shell).into())),
        ],
        spaced: false,
    };
    let join = Expression::Apply(NixText::constant("pkgs.symlinkJoin"), vec![arguments]);
    Item {
        value: Expression::Parenthesised(Box::new(join)),
        comment: None,
    }
}
