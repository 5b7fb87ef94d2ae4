//! A program that somebody else built, made to run with what nixpkgs has.
//!
//! What an experienced packager does is a table from evidence to knob. Where patching would break
//! the program (bytes behind the ELF image, no section headers, a program that reads its own file)
//! it is left as it is, and runs where a file system of the usual form is made for it.

use super::identity::file_name;
use super::install;
use super::meta::Meta;
use super::wrapping::{self, Wrapping};
use super::{Derivation, Ingredients, Slot, flag, nothing_to_build, source, strictness};
use crate::emit::nix::{Entry, Expression, Item, Line, NixText};
use crate::graph::subject::{Linkage, ProgramFacts};
use crate::graph::surroundings::Toolkit;

/// The derivation of a program with these facts.
pub(super) fn derivation(ingredients: &Ingredients<'_>, facts: &ProgramFacts) -> Derivation {
    let file = ingredients.evidence.environment.subject.file.as_ref();
    let is_app_image = file.is_some_and(|file| {
        let name = file_name(file).to_ascii_lowercase();
        name.ends_with(b".appimage")
    });
    match (facts.linkage, why_not_patched(facts)) {
        (_, Some(_)) if is_app_image => app_image(ingredients),
        (Some(Linkage::Dynamic) | None, Some(reason)) => unpatched(ingredients, reason),
        (linkage, reason) => patched(ingredients, facts, linkage, reason),
    }
}

/// Why a program must stay as it is, byte for byte.
fn why_not_patched(facts: &ProgramFacts) -> Option<String> {
    if facts.appended > 0 {
        Some(format!(
            "{} bytes follow the ELF image, which patching would move and stripping would remove",
            facts.appended
        ))
    } else if facts.linkage.is_some() && !facts.sections {
        Some("it has no section headers, without which patchelf refuses a file".to_owned())
    } else if facts.reads_itself {
        Some("it reads its own file, and may look for data or a checksum in it".to_owned())
    } else {
        None
    }
}

fn head(ingredients: &Ingredients<'_>) -> Vec<Entry> {
    vec![
        ingredients.identity.entry(ingredients.evidence.comments),
        strictness(),
        source::entry(ingredients),
    ]
}

const META: Meta = Meta {
    unfree: true,
    native: true,
};

/// A dynamic program with its loader and libraries set, or a static one as it is.
fn patched(
    ingredients: &Ingredients<'_>,
    facts: &ProgramFacts,
    linkage: Option<Linkage>,
    left_alone: Option<String>,
) -> Derivation {
    let evidence = ingredients.evidence;
    let is_dynamic = !matches!(linkage, Some(Linkage::Static | Linkage::StaticPie));
    let mut entries = head(ingredients);
    let hooks = wrapping::hooks(ingredients);
    let is_wrapped_by_hook = !hooks.is_empty();
    let wrapping = Wrapping::of(ingredients, Vec::new());
    let is_wrapped = !wrapping.is_empty();

    let mut native = Vec::new();
    if is_dynamic {
        native.push(Item::from(ingredients.known("autoPatchelfHook")));
    }
    if is_wrapped && !is_wrapped_by_hook {
        native.push(Item::from(ingredients.known("makeWrapper")));
    }
    native.extend(hooks);
    native.extend(ingredients.parts.items(Slot::Native, evidence));
    entries.extend(ingredients.list("nativeBuildInputs", native));

    if is_dynamic {
        let mut linked = ingredients.parts.items(Slot::Linked, evidence);
        linked.extend(wrapping::wayland(ingredients));
        entries.extend(ingredients.list("buildInputs", linked));
        let opened = ingredients.parts.items(Slot::Opened, evidence);
        entries.extend(
            ingredients
                .list("runtimeDependencies", opened)
                .map(|entry| {
                    entry.below(evidence.remark("opened at run time, so not in DT_NEEDED"))
                }),
        );
        let by_libraries = ingredients.parts.items(Slot::OpenedByLibrary, evidence);
        if !by_libraries.is_empty() {
            let path = Expression::call(
                ingredients.known("lib.makeLibraryPath"),
                Expression::List(by_libraries),
            );
            let list = vec![Item {
                value: path.parenthesised(),
                comment: None,
            }];
            entries.extend(ingredients.list("appendRunpaths", list).map(|entry| {
                entry.below(evidence.remark("opened at run time by a library that came with it"))
            }));
        }
        let ignored: Vec<NixText> = facts
            .unloaded
            .iter()
            .filter(|soname| NixText::can_spell(soname))
            .map(|soname| NixText::string(soname))
            .collect();
        if !ignored.is_empty() {
            entries.push(
                Entry::binding("autoPatchelfIgnoreMissingDeps", Expression::list(ignored))
                    .below(evidence.remark("needed only by files that the run never loaded")),
            );
        }
    }
    entries.push(nothing_to_build());
    if !is_dynamic {
        let reason = left_alone.unwrap_or_else(|| {
            match linkage {
                Some(Linkage::StaticPie) => {
                    "a static program that relocates itself: there is nothing to patch, and patching breaks it"
                }
                _ => "a static program: there is nothing to patch",
            }
            .to_owned()
        });
        entries.push(Entry::Together(vec![
            flag("dontStrip", true).below(evidence.remark(&reason)),
            flag("dontPatchELF", true),
        ]));
    }
    let (steps, installed) = steps(ingredients);
    entries.push(install::phase("installPhase", steps));
    if is_wrapped {
        entries.push(if is_wrapped_by_hook {
            let array = hook_array(ingredients);
            Entry::binding("preFixup", Expression::Lines(wrapping.added_to(array)))
        } else {
            // The wrapper is told the name it was called by, as Electron and busybox ask for it.
            let first = Line::shell("wrapProgram ")
                .then(installed)
                .word(file_in_bin(ingredients))
                .then(" \\");
            let mut lines = vec![first];
            lines.extend(wrapping.lines(Line::shell("  --inherit-argv0"), "  ", " \\"));
            Entry::binding("postFixup", Expression::Lines(lines))
        });
    }
    if is_wrapped_by_hook && both_toolkits(ingredients) {
        entries.push(
            flag("dontWrapGApps", true)
                .below(evidence.remark("the wrapper of Qt takes its arguments")),
        );
    }
    entries.push(META.entry(ingredients));
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known("stdenv.mkDerivation"),
        entries,
    }
}

fn both_toolkits(ingredients: &Ingredients<'_>) -> bool {
    let toolkits = wrapping::toolkits(ingredients);
    let has = |some: &[Toolkit]| toolkits.iter().any(|(toolkit, _)| some.contains(toolkit));
    has(&[Toolkit::Qt5, Toolkit::Qt6]) && has(&[Toolkit::Gtk3, Toolkit::Gtk4, Toolkit::Glib])
}

/// The array that the hook's wrapper takes its arguments from.
fn hook_array(ingredients: &Ingredients<'_>) -> &'static str {
    let toolkits = wrapping::toolkits(ingredients);
    let is_qt = toolkits
        .iter()
        .any(|(toolkit, _)| matches!(toolkit, Toolkit::Qt5 | Toolkit::Qt6));
    match (is_qt, both_toolkits(ingredients)) {
        (true, true) => "qtWrapperArgs+=(\"''${gappsWrapperArgs[@]}\"",
        (true, false) => "qtWrapperArgs+=(",
        (false, _) => "gappsWrapperArgs+=(",
    }
}

/// The file's own name, by which it is found in `bin/`.
fn file_in_bin<'a>(ingredients: &'a Ingredients<'_>) -> &'a [u8] {
    let program = ingredients.identity.program.as_deref();
    program.unwrap_or(ingredients.identity.pname.as_bytes())
}

/// What puts the program in place, and the directory in which its wrapper is to be made.
fn steps(ingredients: &Ingredients<'_>) -> (Vec<Line>, &'static str) {
    let subject = &ingredients.evidence.environment.subject;
    let file = file_in_bin(ingredients);
    let path = subject.file.as_ref().map_or(file, |path| path.as_bytes());
    let is_alone = !subject.whole && subject.files.len() <= 1;
    if is_alone {
        return (vec![install::program(path, "$out/bin")], "$out/bin/");
    }
    if path.strip_prefix(b"bin/") == Some(file) {
        let steps = vec![Line::shell("mkdir -p $out"), Line::shell("cp -r . $out")];
        return (steps, "$out/bin/");
    }
    // Its own files are where it looks for them: beside it.
    let steps = vec![
        Line::shell("mkdir -p $out/bin $out/opt"),
        Line::shell("cp -r . $out/opt/").word(ingredients.identity.pname.as_bytes()),
        Line::shell("ln -s $out/opt/")
            .word(ingredients.identity.pname.as_bytes())
            .then("/")
            .word(path)
            .then(" $out/bin/")
            .word(file),
    ];
    (steps, "$out/bin/")
}

/// The program as it is, in a file system as other distributions have it.
fn unpatched(ingredients: &Ingredients<'_>, reason: String) -> Derivation {
    let evidence = ingredients.evidence;
    let mut inner = head(ingredients);
    inner.push(nothing_to_build());
    inner.push(install::phase("installPhase", steps(ingredients).0));
    inner.push(flag("dontFixup", true).below(evidence.remark(&reason)));
    inner.push(META.entry(ingredients));
    let build = Expression::call(
        ingredients.known("stdenv.mkDerivation"),
        Expression::Set {
            entries: inner,
            spaced: true,
        },
    );
    let mut targets = vec![Item::from(NixText::constant("unpatched"))];
    for slot in [
        Slot::Linked,
        Slot::Opened,
        Slot::OpenedByLibrary,
        Slot::Command,
        Slot::Data,
    ] {
        for item in ingredients.parts.items(slot, evidence) {
            if !targets.iter().any(|it| same(it, &item)) {
                targets.push(item);
            }
        }
    }
    let mut entries = vec![
        Entry::inherit("unpatched", &["pname", "version", "meta"]),
        Entry::binding(
            "targetPkgs",
            Expression::Lambda(NixText::constant("_"), Box::new(Expression::List(targets))),
        ),
        Entry::binding(
            "runScript",
            NixText::string(file_in_bin(ingredients)).into(),
        ),
    ];
    let program = file_in_bin(ingredients);
    if program != ingredients.identity.pname.as_bytes() {
        entries.push(Entry::binding(
            "executableName",
            NixText::string(program).into(),
        ));
    }
    if let Some(profile) = profile(ingredients) {
        entries.push(profile);
    }
    Derivation {
        bindings: vec![Entry::binding("unpatched", build).below(evidence.remark(
            "Not patched, so it runs in a file system as it expects; nix-ld runs it too.",
        ))],
        builder: ingredients.known("buildFHSEnv"),
        entries,
    }
}

fn same(a: &Item, b: &Item) -> bool {
    a.value.source(0) == b.value.source(0)
}

/// What is exported in the made file system.
fn profile(ingredients: &Ingredients<'_>) -> Option<Entry> {
    let variables = crate::emit::variables::variables(ingredients.evidence);
    if variables.is_empty() {
        return None;
    }
    let lines = variables.into_iter().map(|(name, variable)| {
        let line = Line::shell("export ").word(name.as_bytes()).then("=");
        match variable.value {
            crate::emit::variables::Value::Text(bytes) => line.word(&bytes),
            crate::emit::variables::Value::Place(package, path) => line.value(package).then(path),
        }
    });
    Some(Entry::binding(
        "profile",
        Expression::Lines(lines.collect()),
    ))
}

/// An AppImage: a file system behind an ELF image, which nixpkgs unpacks.
fn app_image(ingredients: &Ingredients<'_>) -> Derivation {
    let evidence = ingredients.evidence;
    let mut entries = vec![ingredients.identity.entry(evidence.comments)];
    let subject = &evidence.environment.subject;
    let source = source::entry(ingredients);
    // `src` is the file itself.
    let file = subject
        .file
        .as_ref()
        .filter(|file| NixText::can_spell(file));
    entries.push(match file {
        Some(file) if !subject.whole => {
            let is_beside = subject.root == *ingredients.evidence.directory;
            let path = if is_beside {
                [b"./", file.as_bytes()].concat()
            } else {
                evidence
                    .home
                    .path(&[subject.root.as_bytes(), b"/", file.as_bytes()].concat())
            };
            Entry::binding("src", NixText::path(&path).into())
        }
        _ => source,
    });
    let mut packages = Vec::new();
    for slot in [
        Slot::Linked,
        Slot::Opened,
        Slot::OpenedByLibrary,
        Slot::Command,
    ] {
        for item in ingredients.parts.items(slot, evidence) {
            if !packages.iter().any(|it| same(it, &item)) {
                packages.push(item);
            }
        }
    }
    if !packages.is_empty() {
        entries.push(Entry::binding(
            "extraPkgs",
            Expression::Lambda(NixText::constant("_"), Box::new(Expression::List(packages))),
        ));
    }
    entries.push(META.entry(ingredients));
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known("appimageTools.wrapType2"),
        entries,
    }
}
