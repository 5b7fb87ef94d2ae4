//! What a project says of itself: name, version, and what a builder of nixpkgs has to know.
//!
//! Read from the files in which each build system keeps them, line by line: enough for what people
//! write, and what is not understood is simply not known.

use super::host::Host;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use serde::Serialize;
use std::collections::BTreeSet;

/// What is known of a project from its own files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it does, in a sentence.
    pub description: Option<String>,
    /// Its home page.
    pub homepage: Option<String>,
    /// Its licence, as an expression of SPDX identifiers.
    pub license: Option<String>,
    /// Files that builders ask for and that are there: `Cargo.lock`, `package-lock.json`, `vendor`.
    pub files: BTreeSet<String>,
    /// Variables that its Makefile sets and a command line can override: `PREFIX`, `CC`.
    pub variables: BTreeSet<String>,
    /// Targets of its Makefile among `install` and `check`.
    pub targets: BTreeSet<String>,
    /// The requirements of its Python build, as `pyproject.toml` names them; of a Go module, the
    /// modules that it requires.
    pub requires: Vec<String>,
    /// What a Python project requires when it is used.
    pub dependencies: Vec<String>,
}

/// The distribution that a requirement of Python asks for, as PEP 503 normalises it:
/// `Flit_Core >=3.2,<4` is `flit-core`.
pub fn distribution(requirement: &str) -> Option<String> {
    let end = requirement
        .find(|character: char| !(character.is_ascii_alphanumeric() || "._-".contains(character)))
        .unwrap_or(requirement.len());
    let name = requirement[..end]
        .to_ascii_lowercase()
        .replace(['_', '.'], "-");
    (!name.is_empty()).then_some(name)
}

/// So much of a manifest is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The files that are looked for.
const FILES: &[&str] = &[
    "CMakeLists.txt",
    "Cargo.lock",
    "Cargo.toml",
    "GNUmakefile",
    "Makefile",
    "configure",
    "configure.ac",
    "go.mod",
    "go.sum",
    "meson.build",
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "setup.py",
    "vendor",
];

/// Reads what the files in a directory say.
pub fn manifest(directory: &BStr, host: &dyn Host) -> Manifest {
    let entries: BTreeSet<Bytes> = host.entries(directory).into_iter().collect();
    let mut manifest = Manifest {
        files: FILES
            .iter()
            .filter(|name| entries.contains(name.as_bytes()))
            .map(|&name| name.to_owned())
            .collect(),
        ..Manifest::default()
    };
    let text = |name: &str| -> Option<String> {
        let path: Bytes = [directory.as_bytes(), b"/", name.as_bytes()]
            .concat()
            .into();
        let text = host.text(path.as_ref(), LIMIT)?;
        Some(text.to_str_lossy().into_owned())
    };
    let mut told: (Option<String>, Option<String>) = (None, None);
    let mut tell = |name: Option<String>, version: Option<String>| {
        told.0 = told.0.take().or(name.filter(|name| is_plain(name)));
        told.1 = told.1.take().or(version.filter(|version| {
            is_plain(version) && version.starts_with(|first: char| first.is_ascii_digit())
        }));
    };
    let mut about = About::default();
    if let Some(text) = text("Cargo.toml") {
        let key = |key| toml_string(&text, "package", key);
        tell(key("name"), key("version"));
        about.tell(
            key("description"),
            key("homepage").or_else(|| key("repository")),
            key("license"),
        );
    }
    if let Some(text) = text("pyproject.toml") {
        let key = |key| toml_string(&text, "project", key);
        tell(key("name"), key("version"));
        let urls = |key| toml_string(&text, "project.urls", key);
        // `{ text = "MIT" }` is a string behind the same key; `{ file = … }` is no identifier.
        about.tell(
            key("description"),
            urls("Homepage").or_else(|| urls("homepage")),
            key("license"),
        );
        manifest.requires = toml_list(&text, "build-system", "requires");
        manifest.dependencies = toml_list(&text, "project", "dependencies");
    }
    if let Some(text) = text("package.json")
        && let Ok(json) = serde_json::from_str::<serde_json::Value>(&text)
    {
        let key = |key: &str| Some(json.get(key)?.as_str()?.to_owned());
        // `@scope/name` is called by its name.
        let name = key("name").map(|name| name.rsplit('/').next().unwrap_or(&name).to_owned());
        tell(name, key("version"));
        about.tell(key("description"), key("homepage"), key("license"));
    }
    if let Some(text) = text("go.mod") {
        let module = text
            .lines()
            .find_map(|line| line.strip_prefix("module "))
            .and_then(|module| module.trim().rsplit('/').next().map(str::to_owned));
        tell(module, None);
        manifest.requires = go_requirements(&text);
    }
    if let Some(text) = text("meson.build") {
        let arguments = call(&text, "project");
        let version = arguments.as_deref().and_then(|arguments| {
            let rest = &arguments[arguments.find("version")?..];
            quoted(&rest[rest.find(':')?..])
        });
        tell(arguments.as_deref().and_then(quoted), version);
        let license = arguments.as_deref().and_then(|arguments| {
            let rest = &arguments[arguments.find("license")?..];
            quoted(&rest[rest.find(':')?..])
        });
        about.tell(None, None, license);
    }
    if let Some(text) = text("CMakeLists.txt")
        && let Some(arguments) = call(&text, "project")
    {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let version = words.iter().position(|word| *word == "VERSION");
        let version = version.and_then(|at| words.get(at + 1));
        tell(
            words.first().map(|name| (*name).to_owned()),
            version.map(|version| (*version).to_owned()),
        );
    }
    if let Some(text) = text("configure.ac")
        && let Some(arguments) = call(&text, "AC_INIT")
    {
        let mut parts = arguments
            .split(',')
            .map(|part| part.trim().trim_matches(['[', ']']).to_owned());
        tell(parts.next(), parts.next());
    }
    (manifest.name, manifest.version) = told;
    manifest.description = about.description;
    manifest.homepage = about.homepage;
    manifest.license = about.license;
    for makefile in ["GNUmakefile", "Makefile"] {
        if let Some(text) = text(makefile) {
            read_makefile(&text, &mut manifest);
        }
    }
    manifest
}

/// What manifests say of a project for people; what the first of them says stays.
#[derive(Default)]
struct About {
    description: Option<String>,
    homepage: Option<String>,
    license: Option<String>,
}

impl About {
    fn tell(
        &mut self,
        description: Option<String>,
        homepage: Option<String>,
        license: Option<String>,
    ) {
        let is_url =
            |page: &String| page.starts_with("https://") && !page.contains(char::is_whitespace);
        self.description = self.description.take().or(description);
        self.homepage = self.homepage.take().or(homepage.filter(is_url));
        self.license = self.license.take().or(license);
    }
}

/// Whether the text is a name or version as packages have: nothing that is computed.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 80
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

/// The string `key = "…"` in the table of a TOML file.
fn toml_string(text: &str, table: &str, key: &str) -> Option<String> {
    toml_lines(text, table).find_map(|line| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
        quoted(rest)
    })
}

/// The strings in `key = [ … ]` of the table.
fn toml_list(text: &str, table: &str, key: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut inside = false;
    for line in toml_lines(text, table) {
        let rest = match line.strip_prefix(key).map(str::trim_start) {
            Some(rest) if rest.starts_with('=') => {
                inside = true;
                rest
            }
            _ if inside => line,
            _ => continue,
        };
        let mut pieces = rest.split('"').skip(1);
        while let (Some(string), rest) = (pieces.next(), pieces.next()) {
            strings.push(string.to_owned());
            if rest.is_none() {
                break;
            }
        }
        if rest.trim_end().ends_with(']') {
            break;
        }
    }
    strings
}

fn toml_lines<'a>(text: &'a str, table: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{table}]");
    text.lines()
        .map(str::trim)
        .skip_while(move |line| *line != header)
        .skip(1)
        // A list begins with `key = [`, a table with a bracket.
        .take_while(|line| !line.starts_with('['))
}

/// The first string in quotes of either kind.
fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let rest = &text[start + 1..];
    Some(rest[..rest.find(quote)?].to_owned())
}

/// What stands between the parentheses of the first call of `function`.
fn call(text: &str, function: &str) -> Option<String> {
    let mut from = 0;
    while let Some(at) = text[from..].find(function) {
        let end = from + at + function.len();
        let rest = text[end..].trim_start();
        if let Some(arguments) = rest.strip_prefix('(') {
            return Some(arguments[..arguments.find(')')?].trim().to_owned());
        }
        from = end;
    }
    None
}

/// The modules that a go.mod requires.
fn go_requirements(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        let module = match line.strip_prefix("require") {
            Some(rest) if rest.trim() == "(" => {
                inside = true;
                continue;
            }
            Some(rest) if rest.starts_with(' ') => rest,
            _ if inside && line == ")" => {
                inside = false;
                continue;
            }
            _ if inside => line,
            _ => continue,
        };
        modules.extend(module.split_whitespace().next().map(str::to_owned));
    }
    modules
}

fn read_makefile(text: &str, manifest: &mut Manifest) {
    const VARIABLES: &[&str] = &[
        "PREFIX", "prefix", "DESTDIR", "CC", "CXX", "BINDIR", "bindir",
    ];
    const TARGETS: &[&str] = &["install", "check", "test"];
    for line in text.lines() {
        let name_end = line
            .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(name_end);
        let rest = rest.trim_start();
        let is_assigned = ["=", "?=", ":=", "::="]
            .iter()
            .any(|sign| rest.starts_with(sign));
        if is_assigned && VARIABLES.contains(&name) {
            manifest.variables.insert(name.to_owned());
        } else if !is_assigned && rest.starts_with(':') && TARGETS.contains(&name) {
            manifest.targets.insert(name.to_owned());
        }
        if line.contains("$(DESTDIR)") || line.contains("${DESTDIR}") {
            manifest.variables.insert("DESTDIR".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_makefile_tells_its_targets_and_what_can_be_overridden() {
        let mut manifest = Manifest::default();
        read_makefile(
            "PREFIX ?= /usr/local\nCC=gcc\nfoo := $(CC)\ninstall: all\n\tcp a $(DESTDIR)$(PREFIX)\n",
            &mut manifest,
        );
        let variables: Vec<&str> = manifest.variables.iter().map(String::as_str).collect();
        assert_eq!(variables, ["CC", "DESTDIR", "PREFIX"]);
        assert!(manifest.targets.contains("install"));
    }

    #[test]
    fn a_requirement_of_python_names_a_distribution() {
        let of = |text| distribution(text);
        assert_eq!(of("setuptools>=61").as_deref(), Some("setuptools"));
        assert_eq!(of("Flit_Core >=3.2,<4").as_deref(), Some("flit-core"));
        assert_eq!(
            of("requests[socks]; python_version > '3'").as_deref(),
            Some("requests")
        );
        assert_eq!(of("=="), None);
    }

    #[test]
    fn names_and_versions_are_read_from_every_kind_of_manifest() {
        let toml =
            "[package]\nname = \"acme\" # it\nversion = \"1.2.3\"\n[dependencies]\nname = \"no\"";
        assert_eq!(
            toml_string(toml, "package", "name").as_deref(),
            Some("acme")
        );
        assert_eq!(
            toml_string(toml, "package", "version").as_deref(),
            Some("1.2.3")
        );
        let toml = "[build-system]\nrequires = [\n  \"setuptools>=61\",\n  \"wheel\",\n]\n";
        assert_eq!(
            toml_list(toml, "build-system", "requires"),
            ["setuptools>=61", "wheel"]
        );
        assert_eq!(
            call(
                "cmake_minimum_required(VERSION 3)\nproject(acme VERSION 2.0 LANGUAGES C)",
                "project"
            )
            .as_deref(),
            Some("acme VERSION 2.0 LANGUAGES C")
        );
        assert_eq!(
            go_requirements("module a/b\nrequire (\n\tx/y v1.0.0\n)\nrequire z v2\n"),
            ["x/y", "z"]
        );
    }
}
