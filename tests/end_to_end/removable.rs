//! What can be taken out of a file: each package of each list, each hook, each variable.

use rnix::ast::{AstNode, AttrpathValue, Expr, HasEntry, List};
use rnix::{Root, SyntaxNode, TextRange};
use std::ops::Range;

/// Something in a file that it may not need.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    /// What it is called: `zlib`, `numpy`, `TZDIR`.
    pub(crate) name: String,
    place: Range<usize>,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A package of a list.
    Package,
    /// A package that only hooks into the build.
    Hook,
    /// A variable of `env`.
    Variable,
}

impl Part {
    /// The text without it.
    pub(crate) fn taken_out_of(&self, text: &str) -> String {
        format!("{}{}", &text[..self.place.start], &text[self.place.end..])
    }
}

/// All such parts of a file.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let tree = Root::parse(text).syntax();
    let mut parts = Vec::new();
    for node in tree.descendants() {
        if let Some(list) = cast::<List>(node.clone())
            && !is_told_elsewhere(&list)
        {
            parts.extend(list.items().filter_map(|item| package(&item)));
        } else if let Some(entry) = cast::<AttrpathValue>(node)
            && entry.attrpath().unwrap().to_string() == "env"
            && let Some(Expr::AttrSet(variables)) = entry.value()
        {
            parts.extend(variables.attrpath_values().map(|variable| Part {
                kind: Kind::Variable,
                name: variable.attrpath().unwrap().to_string(),
                place: range(syntax(&variable).text_range()),
            }));
        }
    }
    parts
}

/// Whether a list is of something else than packages.
fn is_told_elsewhere(list: &List) -> bool {
    let bindings = syntax(list).ancestors().filter_map(cast::<AttrpathValue>);
    let mut names = bindings.map(|binding| binding.attrpath().unwrap().to_string());
    names.any(|name| name.starts_with("meta") || name == "src")
}

fn package(item: &Expr) -> Option<Part> {
    let name = name(item)?;
    let hooks = ["autoPatchelfHook", "makeWrapper"];
    Some(Part {
        kind: match hooks.contains(&name.as_str()) {
            true => Kind::Hook,
            false => Kind::Package,
        },
        name,
        place: range(syntax(item).text_range()),
    })
}

/// The name of the package that an item is; none for what holds packages itself.
fn name(item: &Expr) -> Option<String> {
    match item {
        Expr::Ident(ident) => Some(ident.to_string()),
        Expr::Select(select) => Some(select.attrpath()?.attrs().last()?.to_string()),
        Expr::Paren(paren) => name(&paren.expr()?),
        Expr::Apply(call) => {
            let function = call.lambda()?.to_string();
            match function.strip_suffix(".withPackages") {
                Some(interpreter) => Some(interpreter.trim_start_matches("pkgs.").to_owned()),
                None if function.ends_with("getLib") => name(&call.argument()?),
                None => None,
            }
        }
        _ => None,
    }
}

fn cast<T: AstNode>(node: SyntaxNode) -> Option<T> {
    T::cast(node)
}

fn syntax(node: &impl AstNode) -> &SyntaxNode {
    node.syntax()
}

fn range(range: TextRange) -> Range<usize> {
    range.start().into()..range.end().into()
}

#[test]
fn every_package_of_every_list_and_every_variable_is_a_part() {
    let text = "{ jq, lib }:\n{\n  a = [\n    jq # why\n    (pkgs.python3.withPackages (ps: [ ps.numpy ]))\n    (lib.makeLibraryPath [ pkgs.zlib ])\n    makeWrapper\n  ];\n  env = { A = \"1\"; };\n  meta.platforms = [ x ];\n}\n";
    let parts = parts(text);
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(
        names,
        ["jq", "python3", "makeWrapper", "numpy", "zlib", "A"]
    );
    assert_eq!(parts[2].kind, Kind::Hook);
    assert!(parts[0].taken_out_of(text).contains("[\n     # why\n"));
    assert!(parts[5].taken_out_of(text).contains("env = {  };"));
}
