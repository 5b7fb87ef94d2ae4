//! Sources that were built: the phases that the run went through, as stdenv or the builder of a
//! language goes through them.

use super::identity::file_name;
use super::install;
use super::meta::Meta;
use super::wrapping::Wrapping;
use super::{Derivation, Ingredients, Slot, flag, source, strictness};
use crate::emit::nix::{Comment, Entry, Expression, Item, Line, NixText};
use crate::emit::variables::{self, Value};
use crate::graph::Phase;
use crate::graph::manifest::Manifest;
use crate::graph::phase::{Step, Tool};
use crate::graph::subject::Product;
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::BTreeSet;

/// What is known of a project.
pub(super) struct Project<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) steps: &'a [Step],
    pub(super) products: &'a [Product],
}

/// What builds a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builder {
    Rust,
    Go,
    Npm,
    Python,
    Stdenv,
}

impl Project<'_> {
    fn used(&self, tool: Tool) -> bool {
        self.steps.iter().any(|step| step.tool == tool)
    }

    fn reached(&self, phase: Phase) -> bool {
        self.steps.iter().any(|step| step.phase == phase)
    }

    /// A builder of a language where the run's own commands are that language's; one below `make`
    /// is only a part of the build.
    fn builder(&self) -> Builder {
        let has = |file: &str| self.manifest.files.contains(file);
        if self.used(Tool::Cargo) && has("Cargo.toml") {
            Builder::Rust
        } else if self.used(Tool::Go) && has("go.mod") {
            Builder::Go
        } else if self.used(Tool::Npm) && has("package.json") {
            Builder::Npm
        } else if self.used(Tool::Python) && (has("pyproject.toml") || has("setup.py")) {
            Builder::Python
        } else {
            Builder::Stdenv
        }
    }

    /// The arguments of the steps of a tool in a phase.
    fn arguments(&self, tool: Tool, phase: Phase) -> impl Iterator<Item = &Bytes> {
        self.steps
            .iter()
            .filter(move |step| step.tool == tool && step.phase == phase)
            .flat_map(|step| step.argv.iter().skip(1))
    }
}

/// The derivation of a project.
pub(super) fn derivation(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Derivation {
    let builder = project.builder();
    let (function, brought): (&'static str, &[&str]) = match builder {
        Builder::Rust => (
            "rustPlatform.buildRustPackage",
            &["cargo", "rustc", "rustup"],
        ),
        Builder::Go => ("buildGoModule", &["go"]),
        Builder::Npm => ("buildNpmPackage", &["nodejs", "nodejs-slim"]),
        Builder::Python => ("python3Packages.buildPythonApplication", &["python3"]),
        Builder::Stdenv => ("stdenv.mkDerivation", &[]),
    };
    let evidence = ingredients.evidence;
    let mut entries = vec![ingredients.identity.entry(evidence.comments)];
    entries.push(match builder {
        Builder::Python => flag("pyproject", true),
        _ => strictness(),
    });
    entries.push(source::entry(ingredients).below(network(ingredients)));
    match builder {
        Builder::Rust => entries.extend(cargo(ingredients, project)),
        Builder::Go => entries.extend(go(ingredients, project)),
        Builder::Npm => entries.extend(npm(ingredients, project)),
        Builder::Python => entries.extend(python(ingredients, project)),
        Builder::Stdenv => {}
    }
    let wrapping =
        Wrapping::of_packages(ingredients, ingredients.parts.items(Slot::Opened, evidence));
    entries.extend(inputs(ingredients, project, brought, !wrapping.is_empty()));
    entries.extend(environment(ingredients));
    if builder == Builder::Stdenv {
        entries.extend(phases(ingredients, project));
    } else if project.reached(Phase::Check) && builder == Builder::Npm {
        entries.push(flag("doCheck", true));
    }
    if !wrapping.is_empty() {
        entries.push(wrapped(wrapping));
    }
    entries.push(
        Meta {
            unfree: false,
            native: false,
        }
        .entry(ingredients),
    );
    Derivation {
        bindings: Vec::new(),
        builder: ingredients.known(function),
        entries,
    }
}

/// Variables that were set for the build. What leads to data is the shell's business: a build gets
/// at none of it.
fn environment(ingredients: &Ingredients<'_>) -> Option<Entry> {
    let variables = variables::variables(ingredients.evidence);
    let entries: Vec<Entry> = variables
        .into_iter()
        .filter(|(_, variable)| matches!(variable.value, Value::Text(_)))
        .map(|(name, variable)| {
            Entry::named(NixText::attribute(&name), variable.value.text().into())
                .noted(variable.comment)
        })
        .collect();
    (!entries.is_empty()).then(|| {
        let set = Expression::Set {
            entries,
            spaced: false,
        };
        Entry::binding("env", set)
    })
}

/// What a build shows of its result's run time is nothing, so this is only for what a person has said
/// to be needed then.
fn wrapped(wrapping: Wrapping) -> Entry {
    let mut lines = vec![Line::shell("for program in $out/bin/*; do")];
    let first = Line::shell("  wrapProgram $program");
    lines.extend(wrapping.lines(first, "    ", " \\"));
    lines.push(Line::shell("done"));
    Entry::binding("postFixup", Expression::Lines(lines))
}

/// The lists of inputs, split by when they were used.
fn inputs(
    ingredients: &Ingredients<'_>,
    project: &Project<'_>,
    brought: &[&str],
    is_wrapped: bool,
) -> Vec<Entry> {
    let evidence = ingredients.evidence;
    let parts = &ingredients.parts;
    let mut brought = brought.to_vec();
    let mut native = Vec::new();
    if project.used(Tool::Autoreconf) {
        // The hook brings the tools that it runs.
        brought.extend(["autoconf", "automake", "libtool", "gettext", "m4", "perl"]);
        native.push(Item::from(ingredients.known("autoreconfHook")));
    }
    if is_wrapped {
        native.push(Item::from(ingredients.known("makeWrapper")));
    }
    let mut interpreters = parts.interpreters(evidence);
    if project.builder() == Builder::Python {
        interpreters.clear();
    }
    interpreters.retain(|attr, _| !brought.contains(&attr.as_str()));
    let mut but = brought.clone();
    but.extend(interpreters.keys().map(String::as_str));
    native.extend(parts.items_but(Slot::Native, &but, evidence));
    native.extend(interpreters.into_values());
    let mut entries = Vec::new();
    entries.extend(ingredients.list("nativeBuildInputs", native));
    entries.extend(ingredients.list("buildInputs", parts.items(Slot::Linked, evidence)));
    entries.extend(ingredients.list(
        "nativeCheckInputs",
        parts.items_but(Slot::Check, &brought, evidence),
    ));
    entries
}

/// What stdenv's phases need to be told.
fn phases(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let flags = [
        (
            "configureFlags",
            Flags::configure(project.arguments(Tool::Configure, Phase::Configure)),
        ),
        (
            "cmakeFlags",
            Flags::definitions(
                project.arguments(Tool::Cmake, Phase::Configure),
                &[
                    "CMAKE_INSTALL_PREFIX",
                    "CMAKE_EXPORT_COMPILE_COMMANDS",
                    "CMAKE_BUILD_TYPE",
                ],
            ),
        ),
        (
            "mesonFlags",
            Flags::definitions(
                project.arguments(Tool::Meson, Phase::Configure),
                &["prefix", "buildtype"],
            ),
        ),
    ];
    for (name, flags) in flags {
        entries.extend(flags.entry(ingredients, name));
    }
    let installs = installs(project);
    let mut make = Flags::assignments(
        [Phase::Build, Phase::Check, Phase::Install]
            .into_iter()
            .flat_map(|phase| project.arguments(Tool::Make, phase)),
    );
    let is_configured = project.used(Tool::Configure) || project.used(Tool::Cmake);
    if let Installs::Make(variable) = installs
        && !is_configured
    {
        let prefix = match variable {
            "prefix" => "\"prefix=${placeholder \"out\"}\"",
            _ => "\"PREFIX=${placeholder \"out\"}\"",
        };
        make.made.push(NixText::constant(prefix));
    }
    entries.extend(make.entry(ingredients, "makeFlags"));
    let jobs = |word: &Bytes| word.starts_with(b"-j");
    if project.used(Tool::Make) && project.steps.iter().any(|step| step.argv.iter().any(jobs)) {
        entries.push(flag("enableParallelBuilding", true));
    }
    if project.used(Tool::Compiler) && !project.used(Tool::Make) && !is_configured {
        entries.extend(compiled_by_hand(ingredients, project));
    }
    if project.reached(Phase::Check) {
        entries.push(flag("doCheck", true));
    }
    if installs == Installs::ByHand {
        entries.extend(installed_by_hand(ingredients, project));
    }
    entries
}

/// How results get where they belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installs {
    /// The build system has a target for it and learns the prefix from stdenv.
    Itself,
    /// A Makefile has a target for it and takes the prefix from this variable.
    Make(&'static str),
    /// Nothing does.
    ByHand,
}

fn installs(project: &Project<'_>) -> Installs {
    let configured = [Tool::Configure, Tool::Cmake, Tool::Meson];
    if configured.into_iter().any(|tool| project.used(tool)) {
        return Installs::Itself;
    }
    let manifest = project.manifest;
    let variable = ["PREFIX", "prefix"]
        .into_iter()
        .find(|name| manifest.variables.contains(*name));
    if let Some(variable) = variable
        && project.used(Tool::Make)
        && manifest.targets.contains("install")
    {
        return Installs::Make(variable);
    }
    Installs::ByHand
}

fn installed_by_hand(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Option<Entry> {
    let inside = project
        .products
        .iter()
        .filter(|product| !product.path.starts_with(b"/"));
    let steps: Vec<Line> = inside
        .map(|product| {
            let directory = if product.library {
                "$out/lib"
            } else {
                "$out/bin"
            };
            install::program(&product.path, directory)
        })
        .collect();
    if steps.is_empty() {
        let todo =
            Comment::new("TODO nixtrace: nothing that the run made was seen to be installed")?;
        return Some(Entry::Comments(vec![(0, todo)]));
    }
    let installed = project.reached(Phase::Install);
    let remark = installed
        .then(|| {
            ingredients.evidence.remark(
                "it was installed by rules that take no prefix; these are the programs and libraries that it made",
            )
        })
        .flatten();
    Some(install::phase("installPhase", steps).below(remark))
}

/// The compiler's command lines as they were, with the compiler that stdenv has.
fn compiled_by_hand(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Option<Entry> {
    let root = ingredients.evidence.environment.subject.root.as_bytes();
    let lines: Vec<Line> = project
        .steps
        .iter()
        .filter(|step| step.tool == Tool::Compiler)
        .filter_map(|step| {
            let (name, arguments) = step.argv.split_first()?;
            let name = crate::graph::command::stem(file_name(name).as_bstr());
            let compiler = match name.as_bytes() {
                b"g++" | b"c++" | b"clang++" => "$CXX",
                b"ar" => "$AR",
                b"ranlib" => "$RANLIB",
                b"strip" => "$STRIP",
                b"ld" => "$LD",
                _ => "$CC",
            };
            let mut line = Line::shell(compiler);
            for argument in arguments {
                // An absolute path into the project is one of this machine.
                let bare = argument
                    .strip_prefix(root)
                    .and_then(|rest| rest.strip_prefix(b"/"))
                    .unwrap_or(argument);
                line = line.then(" ").word(bare);
            }
            Some(line)
        })
        .collect();
    (!lines.is_empty()).then(|| install::phase("buildPhase", lines))
}

/// Flags as they were given, without those that stdenv gives itself.
#[derive(Default)]
struct Flags {
    told: BTreeSet<Bytes>,
    /// Those that Nix computes.
    made: Vec<NixText>,
}

impl Flags {
    /// Options of `configure`. Directories are stdenv's to set.
    fn configure<'a>(words: impl Iterator<Item = &'a Bytes>) -> Self {
        const DIRECTORIES: &[&str] = &[
            "--prefix",
            "--exec-prefix",
            "--bindir",
            "--sbindir",
            "--libdir",
            "--includedir",
            "--datadir",
            "--datarootdir",
            "--mandir",
            "--infodir",
            "--sysconfdir",
            "--localstatedir",
            "--build",
            "--host",
            "--disable-dependency-tracking",
            "--cache-file",
            "--srcdir",
            "--silent",
            "--quiet",
            "-q",
            "-C",
        ];
        let is_ours = |word: &Bytes| {
            let name = word.split_str("=").next().unwrap_or(word);
            DIRECTORIES.iter().any(|known| name == known.as_bytes())
        };
        let told = words.filter(|word| word.starts_with(b"-") && !is_ours(word));
        Self {
            told: told.cloned().collect(),
            made: Vec::new(),
        }
    }

    /// Definitions of CMake and Meson: `-DNAME=VALUE`, in one word or two.
    fn definitions<'a>(words: impl Iterator<Item = &'a Bytes>, ours: &[&str]) -> Self {
        let words: Vec<&Bytes> = words.collect();
        let mut told = BTreeSet::new();
        for (at, word) in words.iter().enumerate() {
            let definition = match word.strip_prefix(b"-D") {
                Some([]) => words.get(at + 1).map(|next| next.as_bytes()),
                inner => inner,
            };
            let Some(definition) = definition else {
                continue;
            };
            let name = definition
                .split(|byte| b":=".contains(byte))
                .next()
                .unwrap_or_default();
            if !ours.iter().any(|known| name == known.as_bytes()) {
                told.insert([b"-D", definition].concat().into());
            }
        }
        Self {
            told,
            made: Vec::new(),
        }
    }

    /// Assignments on the command line of make; where results go is stdenv's to say.
    fn assignments<'a>(words: impl Iterator<Item = &'a Bytes>) -> Self {
        const OURS: &[&str] = &["PREFIX", "prefix", "DESTDIR"];
        let told = words.filter(|word| {
            word.split_once_str("=").is_some_and(|(name, _)| {
                let is_name = name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                is_name && !name.is_empty() && !OURS.iter().any(|known| name == known.as_bytes())
            })
        });
        Self {
            told: told.cloned().collect(),
            made: Vec::new(),
        }
    }

    /// `name = [ … ];`. What names this machine's places, or was hidden, is left to a person.
    fn entry(self, ingredients: &Ingredients<'_>, name: &'static str) -> Option<Entry> {
        let home = ingredients.evidence.home;
        let root = &ingredients.evidence.environment.subject.root;
        let is_general = |word: &Bytes| {
            NixText::can_spell(word)
                && !word.contains_str("…")
                && home.shown(word).as_bytes() == word.as_bytes()
                && (root.len() < 2 || !word.contains_str(root.as_bytes()))
        };
        let (general, local): (Vec<Bytes>, Vec<Bytes>) =
            self.told.into_iter().partition(is_general);
        let todo: Vec<Comment> = local
            .iter()
            .filter_map(|word| {
                let word = home.shown(word);
                Comment::new(&format!(
                    "TODO nixtrace: {word} was given, which is for this machine"
                ))
            })
            .collect();
        let values = general
            .iter()
            .map(|word| NixText::string(word))
            .chain(self.made);
        let values: Vec<NixText> = values.collect();
        match values.is_empty() {
            true if todo.is_empty() => None,
            true => Some(Entry::Comments(
                todo.into_iter().map(|it| (0, it)).collect(),
            )),
            false => {
                let entry = Entry::binding(name, Expression::list(values));
                Some(
                    todo.into_iter()
                        .fold(entry, |entry, it| entry.below(Some(it))),
                )
            }
        }
    }
}

/// The hash of what a build fetches: not known, and said so.
fn fetched(ingredients: &Ingredients<'_>, name: &'static str) -> Entry {
    Entry::binding(name, ingredients.known("lib.fakeHash").into()).noted(Comment::new(
        "TODO nixtrace: a build prints the one to write here",
    ))
}

fn cargo(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    if project.manifest.files.contains("Cargo.lock") {
        let lock = beside(ingredients, "Cargo.lock");
        vec![Entry::binding("cargoLock.lockFile", lock.into())]
    } else {
        vec![fetched(ingredients, "cargoHash")]
    }
}

/// A file of the project, as a path from the file that is written.
fn beside(ingredients: &Ingredients<'_>, name: &'static str) -> NixText {
    let root = &ingredients.evidence.environment.subject.root;
    let inner = root
        .strip_prefix(ingredients.evidence.directory.as_bytes())
        .filter(|inner| NixText::can_spell(inner));
    match inner {
        Some(inner) => NixText::path(&[b".", inner, b"/", name.as_bytes()].concat()),
        None => NixText::path(name.as_bytes()),
    }
}

fn go(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let manifest = project.manifest;
    let hash = if manifest.requires.is_empty() || manifest.files.contains("vendor") {
        let why = if manifest.files.contains("vendor") {
            "it brings its modules in vendor/"
        } else {
            "go.mod requires no modules"
        };
        Entry::binding("vendorHash", NixText::constant("null").into())
            .noted(ingredients.evidence.remark(why))
    } else {
        fetched(ingredients, "vendorHash")
    };
    vec![hash]
}

fn npm(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut entries = vec![fetched(ingredients, "npmDepsHash")];
    let has_build = project
        .steps
        .iter()
        .any(|step| step.tool == Tool::Npm && step.phase == Phase::Build);
    if !has_build {
        entries.push(
            flag("dontNpmBuild", true).below(ingredients.evidence.remark("no script built it")),
        );
    }
    entries
}

fn python(ingredients: &Ingredients<'_>, project: &Project<'_>) -> Vec<Entry> {
    let mut requires: BTreeSet<String> = project
        .manifest
        .requires
        .iter()
        .filter_map(|requirement| python_attribute(requirement))
        .collect();
    if requires.is_empty() {
        // PEP 518: what a project without the table is built with.
        requires.insert("setuptools".to_owned());
    }
    let system = requires
        .iter()
        .map(|name| ingredients.evidence.scope.parts(["python3Packages", name]));
    let mut entries = vec![Entry::binding("build-system", Expression::list(system))];
    let modules = ingredients.parts.modules(ingredients.evidence);
    let modules = modules
        .into_iter()
        .filter(|item| {
            let name = item.value.source(0);
            !requires
                .iter()
                .any(|require| name.as_str() == format!("python3Packages.{require}"))
        })
        .collect();
    entries.extend(ingredients.list("dependencies", modules));
    entries
}

/// The attribute of a requirement: `Flit_Core >=3.2,<4` is `flit-core` (PEP 503).
fn python_attribute(requirement: &str) -> Option<String> {
    let end = requirement
        .find(|character: char| !(character.is_ascii_alphanumeric() || "._-".contains(character)))
        .unwrap_or(requirement.len());
    let name = requirement[..end]
        .to_ascii_lowercase()
        .replace(['_', '.'], "-");
    (!name.is_empty()).then_some(name)
}

/// A build that talks to the network does not work in Nix's sandbox.
fn network(ingredients: &Ingredients<'_>) -> Option<Comment> {
    let used = &ingredients.evidence.environment.network;
    let fetched = used.iter().any(|contact| {
        contact.succeeded
            && matches!(&contact.endpoint, crate::trace::Endpoint::Inet { address, port, .. }
                if !address.is_loopback() && !address.is_unspecified() && *port != 53)
    });
    fetched
        .then(|| {
            Comment::new(
                "TODO nixtrace: the build used the network, which Nix allows only where a hash is known before",
            )
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(flags: &Flags) -> Vec<String> {
        flags.told.iter().map(ToString::to_string).collect()
    }

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(Bytes::from).collect()
    }

    #[test]
    fn flags_that_stdenv_gives_itself_are_left_out() {
        let line = words("--prefix=/usr --enable-x --with-y=z CFLAGS=-O2 --build=x86_64");
        assert_eq!(
            told(&Flags::configure(line.iter())),
            ["--enable-x", "--with-y=z"]
        );
        let line = words("-S . -B b -DCMAKE_INSTALL_PREFIX=/x -DA:BOOL=ON -D B=1 -GNinja");
        let flags = Flags::definitions(line.iter(), &["CMAKE_INSTALL_PREFIX"]);
        assert_eq!(told(&flags), ["-DA:BOOL=ON", "-DB=1"]);
        let line = words("-j4 all PREFIX=/x V=1 install");
        assert_eq!(told(&Flags::assignments(line.iter())), ["V=1"]);
    }

    #[test]
    fn a_requirement_of_python_is_an_attribute() {
        let attribute = |text| python_attribute(text);
        assert_eq!(attribute("setuptools>=61").as_deref(), Some("setuptools"));
        assert_eq!(
            attribute("Flit_Core >=3.2,<4").as_deref(),
            Some("flit-core")
        );
        assert_eq!(attribute("=="), None);
    }
}
