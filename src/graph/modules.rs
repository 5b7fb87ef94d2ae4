//! Modules of interpreters: which distributions a script used, and which of them bring others.
//!
//! A module's file says where it lies; the distribution it belongs to is read from the metadata
//! beside it (Python) or from its name (Perl). A distribution that another used one requires is
//! brought by that one, and only the outermost are asked for.

use super::classify::{Origin, parent};
use super::command::{Language, Part};
use super::evidence::Evidence;
use super::host::Host;
use super::include::{perl_uses, python_imports};
use super::program::{Program, Run};
use crate::trace::{Bytes, Header};
use bstr::{BStr, ByteSlice};
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// A module that scripts used, with the file that shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Module {
    /// Of which language.
    pub language: Language,
    /// The name that a script imports.
    pub name: Bytes,
    /// The name of the distribution, where metadata beside the module tells it.
    pub distribution: Option<Bytes>,
    /// The file.
    pub path: Bytes,
    /// The name of another used module that requires this one.
    pub brought_by: Option<Bytes>,
}

/// The largest text of metadata or source that is looked at, in bytes.
const TEXT_LIMIT: usize = 1 << 20;

/// The modules that the program's scripts used and that the interpreter itself does not have,
/// sorted by name.
pub fn modules(run: &Run, program: &Program, host: &dyn Host) -> Vec<Module> {
    match program.part {
        Part::Interpreter(Language::Python) => python(program, host),
        Part::Interpreter(Language::Perl) => perl(run, program, host),
        Part::Interpreter(language @ (Language::Ruby | Language::Node)) => {
            bundled(run, program, language)
        }
        _ => Vec::new(),
    }
}

/// Whether the path belongs to the interpreter's own library or to a module of it, so that it is
/// not data of the script's.
pub fn is_module_file(program: &Program, path: &BStr) -> bool {
    let Part::Interpreter(language) = program.part else {
        return false;
    };
    let holds = |parts: &[&str]| parts.iter().any(|part| path.contains_str(part));
    match language {
        Language::Python => holds(&["/site-packages/", "/dist-packages/", "/lib/python"]),
        Language::Perl => holds(&["/perl/", "/perl5/", "/perl-base/"]),
        Language::Ruby => holds(&["/ruby/", "/gems/"]),
        Language::Node => holds(&["/node_modules/", "/nodejs/"]),
        Language::Shell | Language::Other => false,
    }
}

/// The module that a file of an interpreter belongs to.
pub fn module_of(program: &Program, path: &BStr) -> Option<Bytes> {
    match program.part {
        Part::Interpreter(Language::Python) => python_module(site(path)?.1),
        _ => None,
    }
}

/// Splits a path into the directory of installed Python modules and the rest.
fn site(path: &BStr) -> Option<(&BStr, &BStr)> {
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
fn python_module(rest: &BStr) -> Option<Bytes> {
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
fn python_source(path: &Bytes) -> Option<Bytes> {
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

fn python(program: &Program, host: &dyn Host) -> Vec<Module> {
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

/// Where Perl modules that are not Perl's own are installed, by the distribution of the host: the
/// parts of a path before and after the module's name.
pub(super) fn perl_module(path: &BStr, is_debian_like: bool) -> Option<Bytes> {
    let inner = path.strip_suffix(b".pm")?;
    if inner.contains_str("/core_perl/") {
        return None;
    }
    let after = |mark: &str| -> Option<&[u8]> {
        let at = inner.find(mark)?;
        Some(&inner[at + mark.len()..])
    };
    let rest = if let Some(rest) = after("/vendor_perl/").or_else(|| after("/site_perl/")) {
        rest
    } else if is_debian_like && let Some(rest) = inner.strip_prefix(b"/usr/share/perl5/") {
        rest
    } else if is_debian_like && let Some(rest) = after("/perl5/") {
        rest
    } else if let Some(rest) = inner.strip_prefix(b"/usr/local/share/perl/") {
        rest
    } else if inner.starts_with(b"/usr/local/lib") {
        after("/perl/")?
    } else {
        return None;
    };
    // The version's and the architecture's directories come before the module.
    let parts: Vec<&[u8]> = rest
        .split_str("/")
        .skip_while(|part| {
            part.first().is_some_and(u8::is_ascii_digit) || part.contains_str("-linux")
        })
        .collect();
    (!parts.is_empty()).then(|| bstr::join("::", parts).into())
}

/// Whether the distribution is Debian or made from it. A trace that does not say is taken for one,
/// since Debian's places for modules are the most particular.
fn is_debian_like(header: &Header) -> bool {
    let mut names = ["ID", "ID_LIKE"]
        .iter()
        .filter_map(|name| header.os.get(*name))
        .flat_map(|names| names.split_whitespace())
        .peekable();
    names.peek().is_none() || names.any(|name| matches!(name, "debian" | "ubuntu"))
}

fn perl(run: &Run, program: &Program, host: &dyn Host) -> Vec<Module> {
    let is_debian_like = is_debian_like(&run.header);
    let mut used: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for (path, usage) in program.used(Evidence::Read) {
        let file = usage.file(path);
        if run.territory.origin(file.as_ref()) == Origin::Own {
            continue;
        }
        if let Some(name) = perl_module(path.as_ref(), is_debian_like) {
            used.insert(name, path.clone());
        }
    }
    let names: Vec<(&Bytes, &Bytes)> = used.iter().collect();
    let texts: Vec<Vec<u8>> = names
        .iter()
        .map(|(_, path)| host.text(path.as_ref(), TEXT_LIMIT).unwrap_or_default())
        .collect();
    let bringers = bringers(names.len(), |number| {
        let uses = perl_uses(&texts[number]);
        (0..names.len())
            .filter(|&other| uses.contains(names[other].0.as_bytes().as_bstr()))
            .collect()
    });
    names
        .iter()
        .enumerate()
        .map(|(number, (name, path))| Module {
            language: Language::Perl,
            name: (*name).clone(),
            distribution: None,
            path: (*path).clone(),
            brought_by: bringers[number]
                .filter(|_| !program.asked.contains(*name))
                .map(|by| names[by].0.clone()),
        })
        .collect()
}

/// Ruby gems and Node packages by the directory that carries their name; those that lie in the
/// project (`node_modules`, `vendor/bundle`) are its own.
fn bundled(run: &Run, program: &Program, language: Language) -> Vec<Module> {
    let mark = if language == Language::Ruby {
        "/gems/"
    } else {
        "/node_modules/"
    };
    let mut used: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for (path, usage) in program.used(Evidence::Read) {
        let origin = run.territory.origin(usage.file(path).as_ref());
        if matches!(origin, Origin::Own | Origin::Scratch) {
            continue;
        }
        let Some(at) = path.rfind(mark) else { continue };
        let mut parts = path[at + mark.len()..].split_str("/");
        let Some(first) = parts.next() else { continue };
        let name: Bytes = match language {
            // nokogiri-1.15.4 and nokogiri-1.15.4-x86_64-linux are nokogiri.
            Language::Ruby => {
                let end = first
                    .find_iter("-")
                    .find(|&dash| first.get(dash + 1).is_some_and(u8::is_ascii_digit));
                match end {
                    Some(end) => first[..end].into(),
                    None => continue,
                }
            }
            // A scoped package has two parts.
            _ if first.starts_with(b"@") => match parts.next() {
                Some(second) => [first, b"/", second].concat().into(),
                None => continue,
            },
            _ => first.into(),
        };
        used.entry(name).or_insert_with(|| path.clone());
    }
    used.into_iter()
        .filter(|(name, path)| {
            // npm carries its own modules; they are not the script's.
            !name.is_empty() && parent(path.as_ref()).is_some_and(|it| !it.contains_str("/npm/"))
        })
        .map(|(name, path)| Module {
            language,
            name,
            distribution: None,
            path,
            brought_by: None,
        })
        .collect()
}

/// For each of `count` things that require others: one that brings it, or none if it is outermost.
///
/// Things that require each other in a circle bring each other; the first of a circle that nothing
/// else brings stays outermost.
fn bringers(count: usize, requires: impl Fn(usize) -> Vec<usize>) -> Vec<Option<usize>> {
    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    for number in 0..count {
        graph.add_node(number);
    }
    for number in 0..count {
        for other in requires(number) {
            if other != number {
                graph.add_edge(number, other, ());
            }
        }
    }
    let mut bringers = vec![None; count];
    for mut circle in kosaraju_scc(&graph) {
        circle.sort_unstable();
        let from_outside = circle.iter().find_map(|&node| {
            graph
                .neighbors_directed(node, petgraph::Direction::Incoming)
                .filter(|by| !circle.contains(by))
                .min()
        });
        for &node in &circle {
            bringers[node] = match from_outside {
                Some(by) => Some(by),
                None if node == circle[0] => None,
                None => Some(circle[0]),
            };
        }
    }
    bringers
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
    fn perl_files_name_their_module_unless_it_is_perls_own() {
        let module = |path: &str| perl_module(path.into(), true).map(|name| name.to_string());
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm").as_deref(),
            Some("JSON::XS")
        );
        assert_eq!(
            module("/usr/share/perl5/Types/Serialiser.pm").as_deref(),
            Some("Types::Serialiser")
        );
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl5/5.36/common/sense.pm").as_deref(),
            Some("common::sense")
        );
        assert_eq!(module("/usr/share/perl/5.36.0/Exporter.pm"), None);
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl-base/strict.pm"),
            None
        );
        assert_eq!(module("/usr/lib/perl5/core_perl/Socket.pm"), None);
        let fedora = perl_module("/usr/share/perl5/vendor_perl/JSON.pm".into(), false);
        assert_eq!(fedora, Some("JSON".into()));
        assert_eq!(
            perl_module("/usr/share/perl5/Exporter.pm".into(), false),
            None
        );
    }

    #[test]
    fn debian_is_known_by_what_a_distribution_says_it_is_like() {
        let is_debian_like = |id: &str, like: &str| {
            let mut header = Header::for_tests();
            for (name, value) in [("ID", id), ("ID_LIKE", like)] {
                header.os.insert(name.to_owned(), value.to_owned());
            }
            super::is_debian_like(&header)
        };
        assert!(is_debian_like("debian", ""));
        assert!(is_debian_like("linuxmint", "ubuntu debian"));
        assert!(is_debian_like("", ""));
        assert!(!is_debian_like("opensuse-leap", "suse opensuse"));
        assert!(!is_debian_like("rocky", "rhel centos fedora"));
        assert!(!is_debian_like("manjaro", "arch"));
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

    #[test]
    fn what_another_one_requires_is_brought() {
        // 0 requires 1, 1 and 2 require each other; 3 stands alone.
        let edges: [&[usize]; 4] = [&[1], &[2], &[1], &[]];
        let found = bringers(4, |number| edges[number].to_vec());
        assert_eq!(found[0], None);
        assert!(found[1].is_some() && found[2].is_some());
        assert_eq!(found[3], None);
    }

    #[test]
    fn of_a_circle_the_first_is_outermost() {
        let edges: [&[usize]; 2] = [&[1], &[0]];
        assert_eq!(
            bringers(2, |number| edges[number].to_vec()),
            [None, Some(0)]
        );
    }
}
