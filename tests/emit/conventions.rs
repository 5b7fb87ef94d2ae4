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

/// What no file may have, whatever its format: `with`, `rec`, a list with something twice, an
/// attribute `LD_LIBRARY_PATH`, a hash in base 32.
#[track_caller]
pub(crate) fn no_reviewer_objects(source: &str) {
    let tree = tree(source);
    let kinds = |kind| tree.descendants().filter(move |node| node.kind() == kind);
    assert_eq!(kinds(SyntaxKind::NODE_WITH).count(), 0, "{source}");
    for set in nodes::<AttrSet>(&tree) {
        assert!(set.rec_token().is_none(), "{source}");
    }
    for name in nodes::<Attrpath>(&tree) {
        assert_ne!(name.to_string(), "LD_LIBRARY_PATH", "{source}");
    }
    for list in nodes::<rnix::ast::List>(&tree) {
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

/// Nothing that a reviewer of nixpkgs would send back in a shell: no `with`, no `rec`, `<nixpkgs>` only as the
/// default of the argument `pkgs`, every import of nixpkgs with empty `config` and `overlays`, no
/// list twice, and no `LD_LIBRARY_PATH` in the shell.
#[track_caller]
pub(crate) fn follow_conventions(source: &str) {
    no_reviewer_objects(source);
    let tree = tree(source);
    for path in nodes::<PathSearch>(&tree) {
        let argument = syntax(&path).ancestors().find_map(cast::<PatEntry>);
        let name = argument.and_then(|argument| argument.ident());
        assert_eq!(name.unwrap().to_string(), "pkgs", "{source}");
    }
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
fn tree(source: &str) -> SyntaxNode {
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
