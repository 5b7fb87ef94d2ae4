//! The conventions that a syntax tree shows.

use rnix::ast::{AstNode, AttrSet, Attrpath, Expr, HasEntry, PatEntry, PathSearch};
use rnix::{Root, SyntaxKind, SyntaxNode};

/// The tokens that mean something, in order: what is left without comments and layout.
pub(crate) fn tokens(source: &str) -> Vec<String> {
    tree(source)
        .descendants_with_tokens()
        .filter_map(rnix::NodeOrToken::into_token)
        .filter(|token| {
            !matches!(
                token.kind(),
                SyntaxKind::TOKEN_COMMENT | SyntaxKind::TOKEN_WHITESPACE
            )
        })
        .map(|token| token.text().to_owned())
        .collect()
}

/// What no file may have, whatever its format.
#[track_caller]
pub(crate) fn no_reviewer_objects(source: &str) {
    let tree = tree(source);
    no_with(source, &tree);
    no_rec(source, &tree);
    nixpkgs_without_the_readers_configuration(source, &tree);
    hashes_are_known_or_fake(source, &tree);
    outputs_by_function(source, &tree);
    no_library_path(source, &tree);
    nothing_twice(source, &tree);
    every_argument_is_used(source, &tree);
}

/// K3
#[track_caller]
pub(crate) fn no_with(source: &str, tree: &SyntaxNode) {
    let mut kinds = tree.descendants().map(|node| node.kind());
    assert!(kinds.all(|kind| kind != SyntaxKind::NODE_WITH), "{source}");
}

/// K4
#[track_caller]
pub(crate) fn no_rec(source: &str, tree: &SyntaxNode) {
    for set in nodes::<AttrSet>(tree) {
        assert!(set.rec_token().is_none(), "{source}");
    }
}

/// K5: `<nixpkgs>` is the default of the argument `pkgs`, or what a file that takes no argument
/// imports; who imports nixpkgs says which configuration and which overlays, none of the reader's.
/// A flake, which has no configuration of the reader's, says which system instead.
#[track_caller]
pub(crate) fn nixpkgs_without_the_readers_configuration(source: &str, tree: &SyntaxNode) {
    let file = tree.first_child().and_then(cast::<Expr>);
    for path in nodes::<PathSearch>(tree) {
        assert_eq!(path.to_string(), "<nixpkgs>", "{source}");
        let argument = syntax(&path).ancestors().find_map(cast::<PatEntry>);
        let name = argument.and_then(|argument| argument.ident());
        match name {
            Some(name) => assert_eq!(name.to_string(), "pkgs", "{source}"),
            None => assert!(matches!(file, Some(Expr::Apply(_))), "{source}"),
        }
    }
    for call in nodes::<rnix::ast::Apply>(tree) {
        let Some(Expr::Apply(import)) = call.lambda() else {
            continue;
        };
        let (Some(function), Some(Expr::AttrSet(given))) = (import.lambda(), call.argument())
        else {
            continue;
        };
        // The shell beside a flake is given a nixpkgs and imports none.
        let is_file = matches!(import.argument(), Some(Expr::PathRel(_)))
            && given.inherits().next().is_some();
        if function.to_string() != "import" || is_file {
            continue;
        }
        let names: Vec<String> = given
            .attrpath_values()
            .map(|entry| entry.attrpath().unwrap().to_string())
            .collect();
        let says = |name: &str| {
            names
                .iter()
                .any(|it| it == name || it.starts_with(&format!("{name}.")))
        };
        let is_of_flake = given
            .inherits()
            .any(|it| it.to_string() == "inherit system;");
        assert!(
            says("config") && (says("overlays") || is_of_flake),
            "{source}"
        );
    }
}

/// K7: a hash is `fetchTarball`'s that was given, `lib.fakeHash` with a word on what to do, or none
/// because there is nothing to fetch.
#[track_caller]
pub(crate) fn hashes_are_known_or_fake(source: &str, tree: &SyntaxNode) {
    for entry in nodes::<rnix::ast::AttrpathValue>(tree) {
        let name = entry.attrpath().unwrap().to_string();
        let value = entry.value().unwrap().to_string();
        if name == "sha256" {
            let call = syntax(&entry)
                .ancestors()
                .filter_map(cast::<rnix::ast::Apply>);
            let mut functions = call.filter_map(|call| call.lambda());
            assert!(
                functions.any(|it| it.to_string() == "fetchTarball"),
                "{source}"
            );
        } else if name == "hash" || name.ends_with("Hash") {
            assert!(
                ["lib.fakeHash", "null"].contains(&value.as_str()),
                "{source}"
            );
            let line = source
                .lines()
                .find(|line| line.contains(&format!("{name} = {value};")));
            let says_so = line.unwrap().contains("# TODO nixtrace") || value == "null";
            let above = source.split(&format!("{name} = {value};")).next().unwrap();
            let stands_above = above.trim_end().lines().next_back().unwrap_or_default();
            assert!(
                says_so || stands_above.contains("# TODO nixtrace"),
                "{source}"
            );
        }
    }
}

/// K15: an output is never selected from a package, whose outputs can be others in the next release.
#[track_caller]
pub(crate) fn outputs_by_function(source: &str, tree: &SyntaxNode) {
    const OUTPUTS: &[&str] = &["out", "lib", "dev", "bin", "man", "doc", "static"];
    for select in nodes::<rnix::ast::Select>(tree) {
        // A set of the expression's own; `utils` and `cfg` have no packages.
        let of = select.expr().unwrap().to_string();
        if !["pkgs", "ps", "p"].contains(&of.as_str()) {
            continue;
        }
        let path = select.attrpath().unwrap();
        let last = path.attrs().last().unwrap().to_string();
        let is_whole = path.attrs().count() == 1;
        assert!(
            is_whole || !OUTPUTS.contains(&last.as_str()),
            "{last} in {source}"
        );
    }
}

/// No library path for a whole shell (section 3.2).
#[track_caller]
pub(crate) fn no_library_path(source: &str, tree: &SyntaxNode) {
    for name in nodes::<Attrpath>(tree) {
        assert_ne!(name.to_string(), "LD_LIBRARY_PATH", "{source}");
    }
}

#[track_caller]
fn nothing_twice(source: &str, tree: &SyntaxNode) {
    for list in nodes::<rnix::ast::List>(tree) {
        // Words of a command line can be equal.
        let is_command = |item: &Expr| matches!(item, Expr::Str(_));
        if list.items().any(|item| is_command(&item)) {
            continue;
        }
        let mut items: Vec<String> = list.items().map(|item| item.to_string()).collect();
        let count = items.len();
        items.sort();
        items.dedup();
        assert_eq!(items.len(), count, "something is listed twice in {source}");
    }
}

/// What a function takes by name it uses; a module takes what NixOS gives it and says so by `...`.
#[track_caller]
fn every_argument_is_used(source: &str, tree: &SyntaxNode) {
    let used: Vec<String> = nodes::<rnix::ast::Ident>(tree)
        .filter(|ident| {
            syntax(ident)
                .parent()
                .is_none_or(|it| it.kind() != SyntaxKind::NODE_PAT_ENTRY)
        })
        .map(|ident| ident.to_string())
        .collect();
    for argument in nodes::<PatEntry>(tree) {
        let name = argument.ident().unwrap().to_string();
        assert!(used.contains(&name), "{name} is not used in {source}");
    }
}

/// Nothing that a reviewer of nixpkgs would send back in a shell: no `with`, no `rec`, `<nixpkgs>` only as the
/// default of the argument `pkgs`, every import of nixpkgs with empty `config` and `overlays`, no
/// list twice, and no `LD_LIBRARY_PATH` in the shell.
#[track_caller]
pub(crate) fn follow_conventions(source: &str) {
    no_reviewer_objects(source);
    let tree = tree(source);
    for argument in nodes::<PatEntry>(&tree) {
        if let Some(default) = argument.default() {
            let words: Vec<String> = tokens(&default.to_string());
            let end = "{ config = { } ; overlays = [ ] ; }";
            assert!(words.join(" ").ends_with(end), "{source}");
        }
    }
    // The body is one shell.
    let body = match Root::parse(source).ok().unwrap().expr() {
        Some(Expr::Lambda(function)) => function.body(),
        _ => None,
    };
    let Some(Expr::Apply(call)) = body else {
        panic!("not a function that gives a shell: {source}");
    };
    let function = call.lambda().unwrap().to_string();
    assert!(["pkgs.mkShell", "pkgs.mkShellNoCC"].contains(&function.as_str()));
    let Some(Expr::AttrSet(arguments)) = call.argument() else {
        panic!("not a shell: {source}");
    };
    for entry in arguments.attrpath_values() {
        let name = entry.attrpath().unwrap().to_string();
        assert!(
            ["packages", "buildInputs", "env"].contains(&name.as_str()),
            "{source}"
        );
    }
}

#[track_caller]
pub(crate) fn tree(source: &str) -> SyntaxNode {
    let parsed = Root::parse(source);
    assert_eq!(parsed.errors(), [], "{source}");
    parsed.syntax()
}

fn nodes<T: AstNode>(tree: &SyntaxNode) -> impl Iterator<Item = T> {
    tree.descendants().filter_map(cast)
}

fn cast<T: AstNode>(node: SyntaxNode) -> Option<T> {
    T::cast(node)
}

fn syntax(node: &impl AstNode) -> &SyntaxNode {
    node.syntax()
}
