//! Modules that a Python script asks for and its interpreter has nowhere.
//!
//! Python lists the directories of its search path and looks only for names that are in them (importlib's
//! `FileFinder`), so no system call names a module that is not there. The script's own text does.

use super::python::python_source;
use super::{TEXT_LIMIT, site};
use crate::graph::arguments::{Given, given_to_python};
use crate::graph::classify::{Origin, file_name, parent};
use crate::graph::command::{Language, Part};
use crate::graph::evidence::Evidence;
use crate::graph::host::Host;
use crate::graph::include::python_demands;
use crate::graph::program::{Program, Run};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::collections::BTreeSet;

/// So many sources of a program's own are looked through.
const SOURCES: usize = 400;

/// Modules that some interpreter has within itself and not as a file: `sys.builtin_module_names` of
/// CPython and of Debian's, which links more of the standard library in. Those whose names begin with an
/// underscore are nobody's dependency.
const BUILT_IN: &[&str] = &[
    "array",
    "atexit",
    "binascii",
    "builtins",
    "cmath",
    "errno",
    "faulthandler",
    "fcntl",
    "gc",
    "grp",
    "itertools",
    "marshal",
    "math",
    "posix",
    "pwd",
    "pyexpat",
    "select",
    "spwd",
    "sys",
    "syslog",
    "termios",
    "time",
    "unicodedata",
    "xxsubtype",
    "zlib",
];

/// The modules that the program's own sources demand, or its command line names, and that are in no
/// directory that it searched.
pub fn unfound(run: &Run, program: &Program, host: &dyn Host) -> BTreeSet<Bytes> {
    if program.part != Part::Interpreter(Language::Python) {
        return BTreeSet::new();
    }
    let listed: BTreeSet<&BStr> = program
        .used(Evidence::Listed)
        .into_iter()
        .map(|(path, _)| path.as_ref())
        .collect();
    let is_site = |path: &&BStr| site([path.as_bytes(), b"/"].concat().as_bstr()).is_some();
    let has_archives = program.uses.keys().any(|path| {
        let endings: [&[u8]; 4] = [b".zip", b".egg", b".whl", b".pyz"];
        endings.iter().any(|ending| path.ends_with(ending))
    });
    // Without its directories nothing is known of what it has, and archives are not looked into.
    if has_archives || !listed.iter().any(is_site) {
        return BTreeSet::new();
    }
    // What the project has and was not set up to be found is no package's.
    let cwd = &run.header.cwd;
    let sources: Bytes = [cwd.as_bytes(), b"/src"].concat().into();
    let beside = program.script.as_ref().and_then(|it| parent(it.as_ref()));
    let had: BTreeSet<Bytes> = listed
        .into_iter()
        .chain(beside)
        .chain([cwd.as_ref(), sources.as_ref()])
        .flat_map(|directory| host.entries(directory))
        .filter_map(|entry| module_in(entry.as_ref()))
        .collect();
    let mut unfound = demanded(run, program, host);
    unfound.retain(|name| {
        !name.starts_with(b"_")
            && !BUILT_IN
                .iter()
                .any(|known| name.as_bytes() == known.as_bytes())
            && !had.contains(name)
            && !is_loaded(program, name)
    });
    unfound
}

/// The module that an entry of a directory can be: `six.py`, `_cffi.abi3.so`, and any directory.
fn module_in(entry: &BStr) -> Option<Bytes> {
    match entry.split_once_str(".") {
        Some((stem, ending)) => [&b"py"[..], b"pyc", b"so"]
            .iter()
            .any(|known| ending.rsplit_str(".").next() == Some(known))
            .then(|| stem.into()),
        None => Some(entry.into()),
    }
}

/// What the program's own texts import in any case, and what `-m` names.
fn demanded(run: &Run, program: &Program, host: &dyn Host) -> BTreeSet<Bytes> {
    let mut demanded = BTreeSet::new();
    let mut demands = |text: &[u8]| {
        demanded.extend(python_demands(text).into_iter().map(Bytes::from));
    };
    let mut sources: BTreeSet<Bytes> = program
        .used(Evidence::Read)
        .into_iter()
        .filter_map(|(path, usage)| python_source(usage.file(path)))
        .filter(|path| {
            let origin = run.territory.origin(path.as_ref());
            matches!(origin, Origin::Own | Origin::Scratch) && site(path.as_ref()).is_none()
        })
        .take(SOURCES)
        .collect();
    sources.extend(program.script.clone());
    for source in sources {
        if let Some(text) = host.text(source.as_ref(), TEXT_LIMIT)
            && !text.contains(&0)
        {
            demands(&text);
        }
    }
    match given_to_python(&program.argv) {
        Some(Given::Text(text)) => demands(text),
        Some(Given::Module(name)) => {
            let top = name.split_str(".").next().unwrap_or(name);
            demanded.insert(top.into());
        }
        None => {}
    }
    demanded
}

/// Whether a file that was used is of the module, wherever it lies: an editable installation's finder
/// knows more directories than the search path has. What setuptools brings of `distutils` lies below
/// `_distutils`.
fn is_loaded(program: &Program, name: &Bytes) -> bool {
    let is_its = |part: &[u8]| part.strip_prefix(b"_").unwrap_or(part) == name.as_bytes();
    program.uses.iter().any(|(path, usage)| {
        let is_used = usage.seen.has(Evidence::Read) || usage.seen.has(Evidence::Mapped);
        let stem = file_name(path.as_ref()).split_str(".").next();
        is_used
            && (stem.is_some_and(is_its)
                || parent(path.as_ref()).is_some_and(|it| it.split_str("/").any(is_its)))
    })
}
