//! A script with the interpreter, modules and commands that it used.

use super::install;
use super::meta::Meta;
use super::wrapping::{self, Wrapping};
use super::{Derivation, Ingredients, Slot, nothing_to_build, source, strictness};
use crate::emit::nix::{Entry, Expression, Item, Line, NixText};
use crate::emit::variables;
use crate::trace::Bytes;

/// The derivation of a script that this interpreter runs.
pub(super) fn derivation(
    ingredients: &Ingredients<'_>,
    interpreter: &Bytes,
    is_shell: bool,
) -> Derivation {
    let subject = &ingredients.evidence.environment.subject;
    let is_alone = !subject.whole && !subject.more_files && subject.files.len() <= 1;
    // bash reads what is written for sh; what is written for other shells it does not.
    let is_bash = is_shell && matches!(interpreter.as_bytes(), b"sh" | b"bash" | b"dash");
    let file = subject
        .file
        .as_ref()
        .filter(|file| NixText::can_spell(file));
    let has_libraries = ingredients.parts.has(Slot::Linked) || ingredients.parts.has(Slot::Opened);
    match file {
        Some(file) if is_bash && is_alone && !has_libraries && is_beside(ingredients) => {
            application(ingredients, file)
        }
        _ => wrapped(ingredients, interpreter),
    }
}

fn is_beside(ingredients: &Ingredients<'_>) -> bool {
    ingredients.evidence.environment.subject.root == *ingredients.evidence.directory
}

/// `writeShellApplication`: it checks the script, and gives it its commands.
fn application(ingredients: &Ingredients<'_>, file: &Bytes) -> Derivation {
    let text = Expression::call(
        NixText::constant("builtins.readFile"),
        NixText::path(&[b"./", file.as_bytes()].concat()).into(),
    );
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known("writeShellApplication"),
        entries: shell_application(ingredients, Entry::binding("text", text)),
    }
}

/// What `writeShellApplication` is given for a text.
pub(super) fn shell_application(ingredients: &Ingredients<'_>, text: Entry) -> Vec<Entry> {
    let evidence = ingredients.evidence;
    let name = NixText::string(ingredients.identity.pname.as_bytes());
    let mut entries = vec![Entry::binding("name", name.into())];
    let mut inputs: Vec<Item> = ingredients
        .parts
        .interpreters(&["bash"], evidence)
        .into_values()
        .flatten()
        .collect();
    let slots = [Slot::Command, Slot::Data];
    for item in ingredients.parts.items_of(&slots, evidence) {
        if !inputs.iter().any(|it| it.is_same_as(&item)) {
            inputs.push(item);
        }
    }
    entries.extend(ingredients.list("runtimeInputs", inputs));
    let variables = variables::entries(variables::of_package(evidence));
    if !variables.is_empty() {
        entries.push(Entry::binding(
            "runtimeEnv",
            Expression::Set {
                entries: variables,
                spaced: false,
            },
        ));
    }
    // Without it the script would run with `set -euo pipefail`, which it was not written for.
    entries.push(
        Entry::binding("bashOptions", Expression::List(Vec::new()))
            .noted(evidence.remark("it ran without options")),
    );
    entries.push(text);
    entries
}

/// Any other script: installed beside its own files, and started by a wrapper.
fn wrapped(ingredients: &Ingredients<'_>, interpreter: &Bytes) -> Derivation {
    let evidence = ingredients.evidence;
    let subject = &evidence.environment.subject;
    let mut interpreters = ingredients.parts.interpreters(&[], evidence);
    // The one that runs the script is called like it: `python3` is the program of `python311` too.
    let stem = interpreter
        .as_bytes()
        .split(u8::is_ascii_digit)
        .next()
        .unwrap_or_default();
    let own = interpreters
        .keys()
        .find(|attr| attr.as_bytes().starts_with(stem))
        .cloned()
        .or_else(|| interpreters.keys().next().cloned());
    let mut own = own
        .and_then(|attr| interpreters.remove(&attr))
        .unwrap_or_default()
        .into_iter();
    let item = own.next();
    let (binding, program) = match item {
        Some(Item {
            value: Expression::Atom(attribute),
            ..
        }) => (None, attribute),
        Some(item) => (Some(item), NixText::constant("interpreter")),
        None => (None, ingredients.known("bash")),
    };
    let mut entries = vec![
        ingredients.identity.entry(),
        strictness(),
        source::entry(ingredients),
    ];
    let mut native = vec![Item::from(ingredients.known("makeWrapper"))];
    native.extend(wrapping::hooks(ingredients));
    native.extend(ingredients.parts.items(Slot::Native, evidence));
    entries.extend(ingredients.list("nativeBuildInputs", native));
    entries.push(nothing_to_build());

    let pname = ingredients.identity.pname.as_bytes();
    let slots = [Slot::Linked, Slot::Opened];
    let libraries = ingredients.parts.items_of(&slots, evidence);
    let script = subject.file.as_ref().map_or(pname, |it| it.as_bytes());
    let mut steps = vec![
        Line::shell("mkdir -p $out/bin $out/share"),
        Line::shell("cp -r . $out/share/").word(pname),
    ];
    let first = Line::shell("makeWrapper ")
        .value(program)
        .then("/bin/")
        .word(interpreter)
        .then(" $out/bin/")
        .word(pname)
        .then(" \\");
    steps.push(first);
    // The others are commands to it.
    let others = own.chain(interpreters.into_values().flatten()).collect();
    let wrapping = Wrapping::of(ingredients, others, libraries);
    let script = Line::shell("  --add-flag $out/share/")
        .word(pname)
        .then("/")
        .word(script);
    steps.extend(wrapping.lines(script, "  ", " \\"));
    entries.push(install::phase("installPhase", steps));
    entries.push(
        Meta {
            unfree: false,
            native: false,
            manifest: None,
        }
        .entry(ingredients),
    );
    Derivation {
        bindings: binding
            .map(|item| Entry::binding("interpreter", bare(item.value)).noted(item.comment))
            .into_iter()
            .collect(),
        builder: ingredients.known("stdenvNoCC.mkDerivation"),
        entries,
    }
}

/// The expression without the parentheses that an item of a list needs.
fn bare(expression: Expression) -> Expression {
    match expression {
        Expression::Parenthesised(inner) => *inner,
        other => other,
    }
}
