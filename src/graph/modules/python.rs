//! Python: which distribution a file is of, what requires what, what runs before any script.

use super::{Module, TEXT_LIMIT, bringers, module_of};

use crate::graph::command::{Language, Part};
use crate::graph::evidence::Evidence;
use crate::graph::host::Host;
use crate::graph::include::python_imports;
use crate::graph::program::Program;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::collections::{BTreeMap, BTreeSet};

/// Splits a path into the directory of installed Python modules and the rest.
pub(super) fn site(path: &BStr) -> Option<(&BStr, &BStr)> {
    ["/site-packages/", "/dist-packages/"]
        .iter()
        .find_map(|mark| {
            let at = path.find(mark)?;
            let end = at + mark.len();
            Some((path[..end - 1].as_bstr(), path[end..].as_bstr()))
        })
}

/// Names that start-up files load by themselves, whatever the script asks for: the shim that
/// setuptools installs, Debian's crash reporter, `.pth` processing.
const PYTHON_START_UP: &[&[u8]] = &[
    b"_distutils_hack",
    b"sitecustomize",
    b"usercustomize",
    b"apport_python_hook",
    b"__pycache__",
    b"_virtualenv",
];

/// What an interpreter's installation runs before any script.
///
/// Python runs the lines of `.pth` files that begin with `import` (module site). What they name, and
/// what the modules that only they load name, is the installation's doing and not the script's.
#[derive(Debug, Default)]
pub struct StartUp {
    code: Vec<Vec<u8>>,
    texts: Vec<Vec<u8>>,
}

impl StartUp {
    /// Reads the start-up code that the program ran.
    pub fn of(program: &Program, host: &dyn Host) -> Self {
        if program.part != Part::Interpreter(Language::Python) {
            return Self::default();
        }
        let code: Vec<Vec<u8>> = program
            .used(Evidence::Read)
            .into_iter()
            .filter(|(path, _)| path.ends_with(b".pth") && site(path.as_ref()).is_some())
            .filter_map(|(path, _)| host.text(path.as_ref(), TEXT_LIMIT))
            .map(|text| {
                let lines = text.lines_with_terminator();
                lines
                    .filter(|line| line.starts_with(b"import ") || line.starts_with(b"import\t"))
                    .collect::<Vec<_>>()
                    .concat()
            })
            .collect();
        let mut start_up = Self {
            texts: code.clone(),
            code,
        };
        let script = script_text(program, host);
        let sources: BTreeSet<Bytes> = program
            .used(Evidence::Read)
            .into_iter()
            .filter(|(path, _)| {
                module_of(program, path.as_ref())
                    .is_some_and(|name| start_up.loads(&name, program, &script))
            })
            .filter_map(|(path, _)| python_source(path))
            .take(SOURCES)
            .collect();
        let texts = sources
            .iter()
            .filter_map(|it| host.text(it.as_ref(), TEXT_LIMIT));
        start_up.texts.extend(texts);
        start_up
    }

    /// Whether only the start-up code asks for the module.
    fn loads(&self, name: &Bytes, program: &Program, script: &[u8]) -> bool {
        let is_named = |text: &[u8]| has_word(text, name.as_bytes());
        let is_asked_for = is_named(script) || program.argv.iter().any(|word| is_named(word));
        !is_asked_for && self.code.iter().any(|code| is_named(code))
    }

    /// Whether the start-up code names the file.
    pub fn names(&self, path: &Bytes) -> bool {
        self.texts
            .iter()
            .any(|text| text.contains_str(path.as_bytes()))
    }
}

fn script_text(program: &Program, host: &dyn Host) -> Vec<u8> {
    let script = program.script.as_ref();
    script
        .and_then(|script| host.text(script.as_ref(), TEXT_LIMIT))
        .unwrap_or_default()
}

/// Whether a text has the name as a word of its own.
fn has_word(text: &[u8], name: &[u8]) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_');
    text.find_iter(name).any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        !is_part(before) && !is_part(text.get(at + name.len()))
    })
}

/// The import name that a file below a site directory belongs to.
pub(super) fn python_module(rest: &BStr) -> Option<Bytes> {
    let mut parts = rest.split_str("/");
    let first = parts.next()?.as_bstr();
    let name = match parts.next() {
        // `__pycache__/six.cpython-311.pyc` is the module six.
        Some(inner) if first == "__pycache__" => inner,
        Some(_) => {
            let is_metadata = [".dist-info", ".egg-info", ".libs", ".data"]
                .iter()
                .any(|end| first.ends_with(end.as_bytes()));
            return (!is_metadata && !PYTHON_START_UP.contains(&first.as_bytes()))
                .then(|| first.into());
        }
        None => first,
    };
    let is_module = name.ends_with(b".py") || name.ends_with(b".pyc") || name.ends_with(b".so");
    let stem = name.split_str(".").next()?;
    (is_module && !PYTHON_START_UP.contains(&stem)).then(|| stem.into())
}

/// So many sources of one module are looked through for imports.
const SOURCES: usize = 400;

/// The source of a Python file: of `__pycache__/x.cpython-311.pyc` it is `x.py`.
pub(super) fn python_source(path: &Bytes) -> Option<Bytes> {
    if path.ends_with(b".py") {
        return Some(path.clone());
    }
    let at = path.find("__pycache__/")?;
    let stem = path[at + "__pycache__/".len()..].split_str(".").next()?;
    Some([&path[..at], stem, b".py"].concat().into())
}

/// The modules that sources import.
fn imports<'a>(sources: impl Iterator<Item = &'a Bytes>, host: &dyn Host) -> BTreeSet<Bytes> {
    let mut found = BTreeSet::new();
    for source in sources.take(SOURCES) {
        if let Some(text) = host.text(source.as_ref(), TEXT_LIMIT) {
            found.extend(python_imports(&text).into_iter().map(Bytes::from));
        }
    }
    found
}

/// What the metadata of one Python distribution says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Distribution {
    name: Bytes,
    requires: BTreeSet<Bytes>,
}

/// The distributions that a program's scripts used.
pub(super) fn python(program: &Program, host: &dyn Host) -> Vec<Module> {
    let mut used: BTreeMap<Bytes, (Bytes, Bytes)> = BTreeMap::new();
    let mut sources: BTreeMap<Bytes, BTreeSet<Bytes>> = BTreeMap::new();
    for evidence in [Evidence::Read, Evidence::Mapped] {
        for (path, usage) in program.used(evidence) {
            for path in [path, usage.file(path)] {
                if let Some((directory, rest)) = site(path.as_ref())
                    && let Some(name) = python_module(rest)
                {
                    sources
                        .entry(name.clone())
                        .or_default()
                        .extend(python_source(path));
                    let of_module = sources.entry(name.clone()).or_default();
                    of_module.extend(python_source(path));
                    used.entry(name)
                        .or_insert_with(|| (directory.into(), path.clone()));
                }
            }
        }
    }
    let start_up = StartUp::of(program, host);
    let script = script_text(program, host);
    used.retain(|name, _| !start_up.loads(name, program, &script));
    let directories: BTreeSet<&Bytes> = used.values().map(|(directory, _)| directory).collect();
    let metadata: BTreeMap<Bytes, BTreeMap<Bytes, Distribution>> = directories
        .into_iter()
        .map(|directory| {
            let names: BTreeSet<&Bytes> = used.keys().collect();
            (directory.clone(), distributions(directory, &names, host))
        })
        .collect();

    let found: Vec<_> = used
        .iter()
        .map(|(name, (directory, path))| {
            let distribution = metadata.get(directory).and_then(|of| of.get(name));
            (name, path, distribution)
        })
        .collect();
    // Debian strips requirements from metadata; what the sources import is there always.
    let imports: Vec<BTreeSet<Bytes>> = found
        .iter()
        .map(|(name, ..)| imports(sources.get(*name).into_iter().flatten(), host))
        .collect();
    let requires = |number: usize| -> Vec<usize> {
        (0..found.len())
            .filter(|&other| {
                let (name, _, its) = &found[other];
                let its_name = normal(its.map_or(*name, |it| &it.name).as_ref());
                imports[number].contains(*name)
                    || found[number]
                        .2
                        .is_some_and(|it| it.requires.contains(&its_name))
            })
            .collect()
    };
    let bringers = bringers(found.len(), requires);
    let mut modules: Vec<Module> = Vec::new();
    for (number, (name, path, distribution)) in found.iter().enumerate() {
        modules.push(Module {
            language: Language::Python,
            name: (*name).clone(),
            distribution: distribution.map(|it| it.name.clone()),
            path: (*path).clone(),
            brought_by: bringers[number].map(|by| found[by].0.clone()),
        });
    }
    // Several modules of one distribution are one need.
    let mut seen = BTreeSet::new();
    modules.retain(|module| match &module.distribution {
        Some(distribution) => seen.insert(distribution.clone()),
        None => true,
    });
    modules
}

/// The normal form of a distribution's name (PEP 503).
fn normal(name: &BStr) -> Bytes {
    let mut normal = Vec::with_capacity(name.len());
    for &byte in name.iter() {
        match byte {
            b'-' | b'_' | b'.' if normal.last() == Some(&b'-') => {}
            b'-' | b'_' | b'.' => normal.push(b'-'),
            _ => normal.push(byte.to_ascii_lowercase()),
        }
    }
    normal.into()
}

/// The distributions of a site directory that have one of the modules, by module.
fn distributions(
    directory: &Bytes,
    modules: &BTreeSet<&Bytes>,
    host: &dyn Host,
) -> BTreeMap<Bytes, Distribution> {
    let mut found = BTreeMap::new();
    for entry in host.entries(directory.as_ref()) {
        let Some(stem) = entry
            .strip_suffix(b".dist-info")
            .or_else(|| entry.strip_suffix(b".egg-info"))
        else {
            continue;
        };
        let at = |file: &str| -> Vec<u8> {
            let path = [
                directory.as_bytes(),
                b"/",
                entry.as_bytes(),
                file.as_bytes(),
            ]
            .concat();
            host.text(path.as_bstr(), TEXT_LIMIT).unwrap_or_default()
        };
        let named: Bytes = stem.split_str("-").next().unwrap_or(stem).into();
        let mut provides: BTreeSet<Bytes> = at("/top_level.txt")
            .lines()
            .map(|line| line.trim().into())
            .collect();
        if provides.is_empty() {
            provides = at("/RECORD")
                .lines()
                .filter_map(|line| line.split_str(",").next())
                .filter_map(|path| python_module(path.as_bstr()))
                .collect();
        }
        if provides.is_empty() {
            // An egg-info that is a file, or a directory without lists: the name must do.
            provides.extend([
                named.clone(),
                normal(named.as_ref()).replace("-", "_").into(),
            ]);
        }
        let Some(module) = provides.iter().find(|name| modules.contains(name)) else {
            continue;
        };
        let mut distribution = Distribution {
            name: named,
            ..Distribution::default()
        };
        let mut metadata = at("/METADATA");
        for other in ["/PKG-INFO", ""] {
            if metadata.is_empty() {
                metadata = at(other);
            }
        }
        for line in metadata.lines() {
            if line.is_empty() {
                break;
            }
            if let Some(name) = line.strip_prefix(b"Name: ") {
                distribution.name = name.trim().into();
            } else if let Some(required) = line.strip_prefix(b"Requires-Dist: ")
                && !required.contains_str("extra ==")
            {
                distribution
                    .requires
                    .insert(requirement(required.as_bstr()));
            }
        }
        // setuptools' own list: the sections after the first are extras.
        let listed = at("/requires.txt");
        let plain = listed.lines().take_while(|line| !line.starts_with(b"["));
        distribution.requires.extend(
            plain
                .filter(|line| !line.is_empty())
                .map(|line| requirement(line.as_bstr())),
        );
        let module = (*module).clone();
        found.insert(module, distribution);
    }
    found
}

/// The name in a requirement: `urllib3 (<1.27,>=1.21.1)` is urllib3.
fn requirement(text: &BStr) -> Bytes {
    let end = text.find_byteset(b" (<>=!~;[").unwrap_or(text.len());
    normal(text[..end].as_bstr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_files_name_their_module() {
        let module = |path: &str| {
            let (_, rest) = site(path.into()).unwrap();
            python_module(rest).map(|name| name.to_string())
        };
        assert_eq!(
            module("/usr/lib/python3/dist-packages/numpy/core/__init__.py").as_deref(),
            Some("numpy")
        );
        assert_eq!(
            module("/x/site-packages/__pycache__/six.cpython-311.pyc").as_deref(),
            Some("six")
        );
        assert_eq!(
            module("/x/site-packages/_cffi_backend.cpython-311-x86_64-linux-gnu.so").as_deref(),
            Some("_cffi_backend")
        );
        assert_eq!(module("/x/site-packages/distutils-precedence.pth"), None);
        assert_eq!(module("/x/site-packages/_distutils_hack/__init__.py"), None);
        assert_eq!(module("/x/site-packages/six-1.16.dist-info/METADATA"), None);
    }

    #[test]
    fn requirements_lose_their_versions() {
        assert_eq!(
            requirement("urllib3 (<1.27,>=1.21.1)".into()),
            "urllib3".into()
        );
        assert_eq!(
            requirement("Foo_Bar.baz[x]>=2; python_version".into()),
            "foo-bar-baz".into()
        );
    }
}
