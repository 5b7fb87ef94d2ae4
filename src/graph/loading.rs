//! Which shared libraries a program's own objects ask for, by `DT_NEEDED` or by dlopen(3).
//!
//! The trace says what was mapped; the images say who names whom. What no chain of `DT_NEEDED`
//! from the executable reaches was opened by hand. Who did that is not in any system call: the
//! object whose bytes hold the library's name is taken for it, an own object before a system one.
//! Where the executable itself cannot be read any more, it is not said which of the two it was.

use super::classify::{Origin, file_name, is_public_library_directory, parent};
use super::evidence::Evidence;
use super::host::Host;
use super::program::{Program, Run};
use crate::elf::{Form, Image};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use petgraph::graphmap::DiGraphMap;
use petgraph::visit::Dfs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A library that a program loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loaded {
    /// The name it was asked for by: an entry of `DT_NEEDED`, or its soname.
    pub soname: Bytes,
    /// The file.
    pub path: Bytes,
    /// Who asked.
    pub asked: Asked,
}

/// Who asked for a library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// This object of the program's own, by `DT_NEEDED`.
    NeededByOwn(Bytes),
    /// An object of the program's own opened it: the one that holds its name, if one does.
    OpenedByOwn(Option<Bytes>),
    /// The program itself, whose file is gone (a test of `configure`) or may not be read, so that
    /// nothing tells whether it names the library in `DT_NEEDED` or opened it.
    Untold,
    /// Only a library or program of the system: an object that needs it, if that is why.
    System(Option<Bytes>),
}

struct Object {
    path: Bytes,
    origin: Origin,
    image: Arc<Image>,
}

/// The objects of one program, by all the names they can be asked for.
#[derive(Default)]
struct Objects {
    list: Vec<Object>,
    by_name: BTreeMap<Bytes, usize>,
}

impl Objects {
    /// Adds a file under the path it was asked by; false when it is no ELF image.
    fn add(&mut self, asked: &Bytes, file: &Bytes, origin: Origin, host: &dyn Host) -> bool {
        let Some(image) = host.image(file.as_ref()) else {
            return false;
        };
        let number = self.list.len();
        let soname = image
            .soname
            .as_ref()
            .map(|name| Bytes::from(name.as_slice()));
        let names = [
            file_name(asked.as_ref()).into(),
            file_name(file.as_ref()).into(),
            asked.clone(),
        ];
        for name in soname.into_iter().chain(names) {
            self.by_name.entry(name).or_insert(number);
        }
        self.list.push(Object {
            path: file.clone(),
            origin,
            image,
        });
        true
    }
}

/// What the program loaded, with who asked for each; the program's own objects are left out.
///
/// Sorted by path. A program that is no dynamic ELF image, or whose file is gone, loaded what its
/// libraries show.
pub fn loaded(run: &Run, program: &Program, host: &dyn Host) -> Vec<Loaded> {
    let mut objects = Objects::default();
    let has_executable = objects.add(&program.executable, program.file(), program.origin, host);
    for (asked, usage) in program.used(Evidence::Mapped) {
        let file = usage.file(asked);
        objects.add(asked, file, run.territory.origin(file.as_ref()), host);
    }
    let Objects {
        list: objects,
        by_name,
    } = objects;

    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    for number in 0..objects.len() {
        graph.add_node(number);
    }
    let mut needed_by_own: BTreeMap<usize, (Bytes, Bytes)> = BTreeMap::new();
    for (number, object) in objects.iter().enumerate() {
        for needed in &object.image.needed {
            let needed = Bytes::from(needed.as_slice());
            let found = by_name
                .get(&needed)
                .or_else(|| by_name.get(file_name(needed.as_ref()).as_bytes()));
            let Some(&target) = found else { continue };
            if target == number {
                continue;
            }
            graph.add_edge(number, target, ());
            if is_own(object.origin) {
                needed_by_own
                    .entry(target)
                    .or_insert_with(|| (needed.clone(), object.path.clone()));
            }
        }
    }

    // What is there from the start.
    let started = match has_executable {
        true => reached_from(0, &graph),
        false => (0..objects.len()).collect(),
    };
    let opened = opened_by_hand(&graph, has_executable);
    let mut found = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        // A program that is mapped is what runs, under whatever name the loader found it.
        let is_program = (has_executable && number == 0)
            || matches!(
                object.image.form(),
                Form::Program | Form::StaticProgram | Form::StaticPie
            );
        if is_own(object.origin) || is_program {
            continue;
        }
        let soname: Bytes = match &object.image.soname {
            Some(soname) => soname.as_slice().into(),
            None => file_name(object.path.as_ref()).into(),
        };
        let (soname, asked) = if let Some((name, by)) = needed_by_own.get(&number) {
            (name.clone(), Asked::NeededByOwn(by.clone()))
        } else if opened.contains(&number) {
            let asked = match opener(run, program, &objects, number, &soname, host) {
                Asked::OpenedByOwn(None) if !has_executable => Asked::Untold,
                asked => asked,
            };
            (soname, asked)
        } else if !started.contains(&number)
            && let asked @ Asked::OpenedByOwn(Some(_)) =
                opener(run, program, &objects, number, &soname, host)
        {
            // Another library that was opened needs it as well, but which of the two came first is not
            // told, and the program does not find it where only that one looks.
            (soname, asked)
        } else {
            let by = graph
                .neighbors_directed(number, petgraph::Direction::Incoming)
                .min();
            (soname, Asked::System(by.map(|by| objects[by].path.clone())))
        };
        found.push(Loaded {
            soname,
            path: object.path.clone(),
            asked,
        });
    }
    found.sort();
    found.dedup_by(|a, b| a.path == b.path);
    found
}

fn is_own(origin: Origin) -> bool {
    matches!(origin, Origin::Own | Origin::Scratch)
}

fn reached_from(start: usize, graph: &DiGraphMap<usize, ()>) -> BTreeSet<usize> {
    let mut search = Dfs::new(graph, start);
    std::iter::from_fn(|| search.next(graph)).collect()
}

/// The objects that no `DT_NEEDED` explains: not reachable from the executable, and not needed by
/// another such object.
fn opened_by_hand(graph: &DiGraphMap<usize, ()>, has_executable: bool) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut search = Dfs::empty(graph);
    let mut reach_from = |start: usize, reached: &mut BTreeSet<usize>| {
        search.move_to(start);
        while let Some(node) = search.next(graph) {
            reached.insert(node);
        }
    };
    if has_executable {
        reach_from(0, &mut reached);
    }
    let rest: Vec<usize> = graph
        .nodes()
        .filter(|node| !reached.contains(node))
        .collect();
    let mut opened = BTreeSet::new();
    let is_root = |&node: &usize| {
        graph
            .neighbors_directed(node, petgraph::Direction::Incoming)
            .all(|by| reached.contains(&by))
    };
    let (roots, cyclic): (Vec<usize>, Vec<usize>) = rest.iter().partition(|node| is_root(node));
    for start in roots.into_iter().chain(cyclic) {
        if !reached.contains(&start) {
            opened.insert(start);
            reach_from(start, &mut reached);
        }
    }
    opened
}

/// Who opened a library that nobody needs.
fn opener(
    run: &Run,
    program: &Program,
    objects: &[Object],
    number: usize,
    soname: &Bytes,
    host: &dyn Host,
) -> Asked {
    let object = &objects[number];
    // Plug-ins are found in a library's own directory (gconv, GIO modules, OpenSSL providers, NSS):
    // the library that looks there asked for them.
    let is_public = parent(object.path.as_ref()).is_some_and(is_public_library_directory)
        || object.origin == Origin::Store;
    if !is_public || soname.starts_with(b"libnss_") {
        return Asked::System(None);
    }
    let text = unversioned(soname.as_ref());
    let own = objects
        .iter()
        .filter(|it| is_own(it.origin))
        .map(|it| &it.path);
    let scripts = program
        .script
        .iter()
        .filter(|script| is_own(run.territory.origin(script.as_ref())));
    if let Some(by) = own
        .chain(scripts)
        .find(|it| host.mentions(it.as_ref(), text))
    {
        return Asked::OpenedByOwn(Some(by.clone()));
    }
    let named_by_system = objects
        .iter()
        .enumerate()
        .filter(|(other, it)| *other != number && !is_own(it.origin))
        .find(|(_, it)| host.mentions(it.path.as_ref(), text));
    match named_by_system {
        Some((_, by)) => Asked::System(Some(by.path.clone())),
        None => Asked::OpenedByOwn(None),
    }
}

/// A soname up to and with `.so`: what a program that opens it must name.
fn unversioned(soname: &BStr) -> &[u8] {
    match soname.find(b".so") {
        Some(at) => &soname[..at + 3],
        None => soname.as_ref(),
    }
}
