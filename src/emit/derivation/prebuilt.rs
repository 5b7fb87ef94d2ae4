//! A program that somebody else built, made to run with what nixpkgs has.
//!
//! What an experienced packager does is a table from evidence to knob. Where patching would break
//! the program (bytes behind the ELF image, no section headers, a program that reads its own file)
//! it is left as it is, and runs where a file system of the usual form is made for it.

use super::identity::file_name;
use super::install;
use super::meta::Meta;
use super::wrapping::{self, Wrapping};
use super::{
    Derivation, Ingredients, Slot, desktop, flag, nothing_to_build, shipment, source, strictness,
};
use crate::emit::Shipment;
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
        (Some(Linkage::Dynamic) | None, Some(reason)) => unpatched(ingredients, facts, reason),
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
    let mut entries = vec![ingredients.identity.entry(), strictness()];
    match shipment_of(ingredients) {
        Some(shipment) => entries.extend(shipment::source(ingredients, shipment)),
        None => entries.push(source::entry(ingredients)),
    }
    entries
}

fn shipment_of<'a>(ingredients: &'a Ingredients<'_>) -> Option<&'a Shipment> {
    ingredients.evidence.environment.shipment.as_ref()
}

/// What a program that is not patched finds where others have it.
const RUN_WITH: [Slot; 5] = [
    Slot::Interpreter,
    Slot::Linked,
    Slot::Opened,
    Slot::OpenedByLibrary,
    Slot::Command,
];

const META: Meta<'_> = Meta {
    unfree: true,
    native: true,
    manifest: None,
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
    let interpreters = ingredients.parts.items_of(&[Slot::Interpreter], evidence);
    let wrapping = Wrapping::of(ingredients, interpreters, Vec::new());
    let is_wrapped = !wrapping.is_empty();

    let shipment = shipment_of(ingredients);
    let mut native: Vec<Item> = shipment
        .map(|shipment| shipment::tool(ingredients, shipment))
        .into_iter()
        .collect();
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
        entries.extend(run_paths(ingredients, facts));
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
    entries.push(installation(ingredients, facts));
    if is_wrapped {
        entries.push(if is_wrapped_by_hook {
            let array = hook_array(ingredients);
            Entry::binding("preFixup", Expression::Lines(wrapping.added_to(array)))
        } else {
            // The wrapper is told the name it was called by, as Electron and busybox ask for it.
            let first = Line::shell("wrapProgram $out/bin/")
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

/// What is opened at run time and not found by `runtimeDependencies`, which are for the program alone:
/// packages that its own libraries open, and libraries of its own, for which auto-patchelf leaves no
/// run path.
fn run_paths(ingredients: &Ingredients<'_>, facts: &ProgramFacts) -> Option<Entry> {
    let evidence = ingredients.evidence;
    let mut list = Vec::new();
    let by_libraries = ingredients.parts.items(Slot::OpenedByLibrary, evidence);
    let has_packages = !by_libraries.is_empty();
    if has_packages {
        let path = Expression::call(
            ingredients.known("lib.makeLibraryPath"),
            Expression::List(by_libraries),
        );
        list.push(Item {
            value: path.parenthesised(),
            comment: None,
        });
    }
    let tree = tree_in_output(ingredients);
    let own = facts.opened.iter().filter(|it| NixText::can_spell(it));
    list.extend(own.map(|directory| Item {
        value: NixText::in_output(&[tree.as_slice(), directory.as_bytes()].concat()).into(),
        comment: evidence.remark("libraries of its own that it opens"),
    }));
    let remark = has_packages
        .then(|| evidence.remark("opened at run time by a library that came with it"))
        .flatten();
    let entry = ingredients.list("appendRunpaths", list)?;
    Some(entry.below(remark))
}

/// Where the program's root lies in the output, with a slash at its end if it is not the output.
fn tree_in_output(ingredients: &Ingredients<'_>) -> Vec<u8> {
    let subject = &ingredients.evidence.environment.subject;
    let file = file_in_bin(ingredients);
    if shipment_of(ingredients).is_some() {
        let root = subject.root.strip_prefix(b"/").unwrap_or(&subject.root);
        [root, b"/"].concat()
    } else if subject
        .file
        .as_ref()
        .and_then(|path| path.strip_prefix(b"bin/"))
        == Some(file)
    {
        Vec::new()
    } else {
        [b"opt/", ingredients.identity.pname.as_bytes(), b"/"].concat()
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

/// `installPhase`
fn installation(ingredients: &Ingredients<'_>, facts: &ProgramFacts) -> Entry {
    let shipment = shipment_of(ingredients);
    let entries = shipment.map_or(&facts.desktop_entries, |it| &it.desktop_entries);
    let todo = desktop::unknown(entries, file_in_bin(ingredients));
    install::phase("installPhase", steps(ingredients, facts)).below(todo)
}

/// What puts the program in place.
fn steps(ingredients: &Ingredients<'_>, facts: &ProgramFacts) -> Vec<Line> {
    let subject = &ingredients.evidence.environment.subject;
    let file = file_in_bin(ingredients);
    if let Some(shipment) = shipment_of(ingredients) {
        return shipment::steps(ingredients, shipment, file);
    }
    let path = subject.file.as_ref().map_or(file, |path| path.as_bytes());
    let is_alone = !subject.whole && subject.files.len() <= 1;
    if is_alone {
        return vec![install::program(path, "$out/bin")];
    }
    let tree = tree_in_output(ingredients);
    let mut steps = if tree.is_empty() {
        vec![Line::shell("mkdir -p $out"), Line::shell("cp -r . $out")]
    } else {
        // Its own files are where it looks for them: beside it.
        let pname = ingredients.identity.pname.as_bytes();
        vec![
            Line::shell("mkdir -p $out/bin $out/opt"),
            Line::shell("cp -r . $out/opt/").word(pname),
            Line::shell("ln -s $out/opt/")
                .word(pname)
                .then("/")
                .word(path)
                .then(" $out/bin/")
                .word(file),
        ]
    };
    for entry in &facts.desktop_entries {
        let is_there = tree.is_empty() && entry.path.starts_with(b"share/applications/");
        steps.extend(if is_there {
            desktop::rewriting(entry, file, &tree)
        } else {
            desktop::steps(entry, &entry.path, file, &tree)
        });
    }
    steps
}

/// The program as it is, in a file system as other distributions have it.
fn unpatched(ingredients: &Ingredients<'_>, facts: &ProgramFacts, reason: String) -> Derivation {
    let evidence = ingredients.evidence;
    let mut inner = head(ingredients);
    let tool = shipment_of(ingredients).map(|shipment| shipment::tool(ingredients, shipment));
    inner.extend(ingredients.list("nativeBuildInputs", tool.into_iter().collect()));
    inner.push(nothing_to_build());
    inner.push(installation(ingredients, facts));
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
    let slots = [RUN_WITH.as_slice(), &[Slot::Data]].concat();
    targets.extend(ingredients.parts.items_of(&slots, evidence));
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

/// What is exported in the made file system.
fn profile(ingredients: &Ingredients<'_>) -> Option<Entry> {
    let variables = crate::emit::variables::of_package(ingredients.evidence);
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
    let mut entries = vec![ingredients.identity.entry()];
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
    let packages = ingredients.parts.items_of(&RUN_WITH, evidence);
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
