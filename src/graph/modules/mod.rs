//! Modules of interpreters: which distributions a script used, and which of them bring others.
//!
//! A module's file says where it lies; the distribution it belongs to is read from the metadata
//! beside it (Python) or from its name (Perl). A distribution that another used one requires is
//! brought by that one, and only the outermost are asked for.

mod perl;
mod python;
mod unfound;

pub(super) use perl::perl_module;
pub use python::StartUp;
pub use unfound::unfound;

use super::classify::{Origin, parent};
use super::command::{Language, Part};
use super::evidence::Evidence;
use super::host::Host;
use super::program::{Program, Run};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use perl::perl;
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;
use python::{python, python_module, site};
use std::collections::BTreeMap;

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
