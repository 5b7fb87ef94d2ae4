//! What a build took from the system: headers that its sources name, libraries that it linked,
//! pkg-config modules that it asked for.
//!
//! A compiler reads every header that a named one includes, and a linker looks into every library
//! that a named one needs. Those come with the named ones' packages, so only what the project's own
//! texts and command lines name is told here.

use super::classify::{Origin, file_name, is_library_name};
use super::command::{self, Part};
use super::evidence::Evidence;
use super::host::Host;
use super::include::included;
use super::program::{Program, Run};
use crate::trace::{Access, Bytes, Operation, ProcessId};
use bstr::{BStr, ByteSlice};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a build took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Headers by their path below `include/`, with the file.
    pub headers: BTreeMap<Bytes, Bytes>,
    /// pkg-config modules, with the `.pc` file.
    pub modules: BTreeMap<Bytes, Bytes>,
    /// Libraries by soname (or linker name where there is none).
    pub libraries: BTreeMap<Bytes, Link>,
    /// Whether a pkg-config that only probed found a module.
    pub probed_modules: bool,
    /// Whether a CMake that only probed found a package's own configuration.
    pub probed_packages: bool,
}

/// A library that the build linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The file that the linker read, or the output that needs it.
    pub path: Bytes,
    /// The result that has it in its `DT_NEEDED`, if one was found.
    pub output: Option<Bytes>,
}

/// The largest source that is looked through, in bytes.
const SOURCE_LIMIT: usize = 4 << 20;

/// Results are looked at later, so many at most.
const PRODUCTS: usize = 20_000;

/// The files that linkers wrote, followed as they are moved and copied to where they belong.
///
/// A build also puts files in place that it did not make (an installed program, a library to ship):
/// what those need says nothing about what was linked.
#[derive(Debug, Default)]
pub struct Products {
    files: BTreeSet<Bytes>,
    /// The processes whose last read file is a product: what such a one writes next is a copy.
    copying: HashSet<ProcessId>,
}

impl Products {
    /// Takes an access that succeeded; `path` and `target` are those of the access without
    /// components that mean nothing.
    pub fn add(&mut self, access: &Access, path: &Bytes, target: Option<&Bytes>, by: &Program) {
        match access.operation {
            Operation::Read => {
                if self.files.contains(path) {
                    self.copying.insert(access.process);
                } else {
                    self.copying.remove(&access.process);
                }
            }
            Operation::Write | Operation::ReadWrite => {
                let is_linked = !by.probing && writes_programs(by.name());
                if is_linked || self.copying.contains(&access.process) {
                    self.insert(path.clone());
                } else if by.part != Part::Toolchain {
                    // What was linked there is replaced by something else.
                    self.files.remove(path);
                }
            }
            Operation::Rename => {
                let was_product = self.files.remove(path);
                if let Some(target) = target {
                    if was_product {
                        self.insert(target.clone());
                    } else {
                        self.files.remove(target);
                    }
                }
            }
            Operation::Link => {
                if let Some(target) = target
                    && self.files.contains(path)
                {
                    self.insert(target.clone());
                }
            }
            Operation::Remove => {
                self.files.remove(path);
            }
            _ => {}
        }
    }

    /// A process ended.
    pub fn exited(&mut self, process: ProcessId) {
        self.copying.remove(&process);
    }

    /// The files that were there at the end.
    pub fn into_files(self) -> BTreeSet<Bytes> {
        self.files
    }

    fn insert(&mut self, path: Bytes) {
        if self.files.len() < PRODUCTS {
            self.files.insert(path);
        }
    }
}

/// Whether a program of this name writes programs and libraries: a linker, or a compiler that is
/// its own.
fn writes_programs(name: &BStr) -> bool {
    const OWN_LINKER: &[&str] = &["link", "tcc", "zig"];
    command::is_linker(name) || OWN_LINKER.iter().any(|own| command::stem(name) == *own)
}

/// Whether a program of this name turns sources into objects or objects into programs, unlike a
/// driver, which only starts those that do.
fn translates(name: &BStr) -> bool {
    // `as`, and what `go build` runs.
    const OTHERS: &[&str] = &["as", "compile", "asm", "cgo"];
    command::is_compiler(name)
        || command::is_compiler_proper(name)
        || writes_programs(name)
        || OTHERS.iter().any(|other| command::stem(name) == *other)
}

/// Whether the run compiled or linked something of the user's.
///
/// A compiler that was given nothing of the user's is only asked a question: Python's
/// `ctypes.util.find_library` runs gcc and ld so. Nor is a source in `/tmp` that the run itself
/// wrote the user's work, as long as nothing comes of it.
pub fn compiles(run: &Run, inputs: &Inputs) -> bool {
    has_linked_output(inputs)
        || run
            .programs
            .iter()
            .any(|program| takes_the_users(run, program))
}

/// Whether a compiler or linker read a source or object of the user's.
fn takes_the_users(run: &Run, program: &Program) -> bool {
    if program.probing || !translates(program.name()) {
        return false;
    }
    // What an installed tool compiles for itself in `/tmp` is its own business.
    let for_a_tool = program
        .governor
        .is_some_and(|governor| run.programs[governor.0].part != Part::Toolchain);
    program.uses.iter().any(|(path, usage)| {
        // A compiler of the user's own reads libraries of its own before anything else.
        if !usage.seen.has(Evidence::Read) || is_library_name(file_name(path.as_ref())) {
            return false;
        }
        match run.territory.origin(usage.file(path).as_ref()) {
            Origin::Own => true,
            Origin::Scratch => !usage.own_output && !for_a_tool,
            _ => false,
        }
    })
}

/// What the run's compilers, linkers and pkg-configs took.
pub fn inputs(run: &Run, host: &dyn Host) -> Inputs {
    let mut inputs = Inputs::default();
    let mut sources: BTreeSet<&Bytes> = BTreeSet::new();
    let mut headers: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    let mut linkable: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    let mut own = names(&run.outputs, host);
    for program in run.programs.iter() {
        let name = program.name();
        if command::is_pkg_config(name) {
            add_modules(program, &mut inputs);
        }
        if program.probing && command::is_cmake(name) {
            inputs.probed_packages |= finds_package(run, program);
        }
        if program.probing {
            continue;
        }
        if command::is_compiler_proper(name) {
            for (path, usage) in program.used(Evidence::Read) {
                match run.territory.origin(usage.file(path).as_ref()) {
                    Origin::Own | Origin::Scratch => {
                        sources.insert(path);
                    }
                    _ => {
                        if let Some(name) = header_name(path.as_ref()) {
                            headers.entry(name).or_insert_with(|| path.clone());
                        }
                    }
                }
            }
        }
        if command::is_linker(name) {
            add_libraries(run, program, host, &mut linkable, &mut inputs);
            own.extend(names(own_libraries(run, program), host));
        }
    }
    let mut named: HashSet<Bytes> = HashSet::new();
    for source in sources {
        if let Some(text) = host.text(source.as_ref(), SOURCE_LIMIT) {
            named.extend(included(&text).into_iter().map(Bytes::from));
        }
    }
    inputs.headers = headers
        .into_iter()
        .filter(|(header, _)| is_named(header.as_ref(), &named))
        .collect();
    for output in &run.outputs {
        let Some(image) = host.image(output.as_ref()) else {
            continue;
        };
        for needed in &image.needed {
            let soname = Bytes::from(needed.as_slice());
            if own.contains(&soname) {
                continue;
            }
            let path = linkable.get(&soname).unwrap_or(output).clone();
            let link = inputs
                .libraries
                .entry(soname)
                .or_insert(Link { path, output: None });
            link.output.get_or_insert_with(|| output.clone());
        }
    }
    if has_linked_output(&inputs) {
        // The results tell which of the shared libraries on the command lines were needed;
        // `pkg-config --libs` names more. What was linked statically leaves no trace in them.
        inputs
            .libraries
            .retain(|_, link| link.output.is_some() || link.path.ends_with(b".a"));
    }
    inputs
}

/// What `DT_NEEDED` may call these files: by their sonames and, where they have none, their names.
fn names<'a>(files: impl IntoIterator<Item = &'a Bytes>, host: &dyn Host) -> HashSet<Bytes> {
    files
        .into_iter()
        .map(|file| {
            let image = host.image(file.as_ref());
            let soname = image.and_then(|image| Some(image.soname.as_ref()?.as_slice().into()));
            soname.unwrap_or_else(|| file_name(file.as_ref()).into())
        })
        .collect()
}

/// The libraries of the user's own that a linker read.
fn own_libraries<'a>(run: &'a Run, linker: &'a Program) -> impl Iterator<Item = &'a Bytes> {
    linker
        .used(Evidence::Read)
        .into_iter()
        .map(|(path, usage)| usage.file(path))
        .filter(|file| {
            let origin = run.territory.origin(file.as_ref());
            matches!(origin, Origin::Own | Origin::Scratch)
                && is_library_name(file_name(file.as_ref()))
        })
}

/// Whether one of the run's own results is a program or library.
pub fn has_linked_output(inputs: &Inputs) -> bool {
    inputs.libraries.values().any(|link| link.output.is_some())
}

fn add_modules(program: &Program, inputs: &mut Inputs) {
    for (path, _) in program.used(Evidence::Read) {
        let Some(module) = file_name(path.as_ref()).strip_suffix(b".pc") else {
            continue;
        };
        if program.probing {
            inputs.probed_modules = true;
        } else if program.asked.iter().any(|asked| asked.as_bytes() == module) {
            inputs
                .modules
                .entry(module.into())
                .or_insert_with(|| path.clone());
        }
    }
}

/// Whether CMake read what an installed package has to say of itself (`fmt-config.cmake`).
fn finds_package(run: &Run, cmake: &Program) -> bool {
    cmake.used(Evidence::Read).into_iter().any(|(path, usage)| {
        let name = file_name(path.as_ref());
        (name.ends_with(b"-config.cmake") || name.ends_with(b"Config.cmake"))
            && run
                .territory
                .origin(usage.file(path).as_ref())
                .has_package()
    })
}

fn add_libraries(
    run: &Run,
    program: &Program,
    host: &dyn Host,
    linkable: &mut BTreeMap<Bytes, Bytes>,
    inputs: &mut Inputs,
) {
    for (path, usage) in program.used(Evidence::Read) {
        let file = usage.file(path);
        if matches!(
            run.territory.origin(file.as_ref()),
            Origin::Own | Origin::Scratch | Origin::Virtual
        ) {
            continue;
        }
        let name = file_name(path.as_ref());
        let is_archive = name.ends_with(b".a");
        if !is_archive && !is_library_name(name) {
            continue;
        }
        let soname: Option<Bytes> = host
            .image(file.as_ref())
            .and_then(|image| image.soname.as_ref().map(|name| name.as_slice().into()));
        if let Some(soname) = &soname {
            linkable
                .entry(soname.clone())
                .or_insert_with(|| path.clone());
        }
        let stem = name
            .strip_prefix(b"lib")
            .and_then(|rest| rest.split_str(".").next());
        let is_asked = program
            .asked
            .iter()
            .any(|asked| Some(asked.as_bytes()) == stem || asked.as_bytes() == name.as_bytes());
        if is_asked {
            let library = match (soname, name.strip_suffix(b".a")) {
                (Some(soname), _) => soname,
                (None, Some(stem)) => [stem, b".so"].concat().into(),
                // A linker script, as the C library's is.
                (None, None) => name.into(),
            };
            inputs.libraries.entry(library).or_insert_with(|| Link {
                path: path.clone(),
                output: None,
            });
        }
    }
}

/// The path of a system header below its include directory; none for the compiler's own headers.
pub(super) fn header_name(path: &BStr) -> Option<Bytes> {
    let at = path.find("/include/")?;
    if path.contains_str("/lib/gcc") || path.contains_str("/include/c++/") {
        return None;
    }
    let inner = &path[at + "/include/".len()..];
    // Debian's multiarch directory stands for `include` itself.
    let inner = match inner.split_once_str("/") {
        Some((first, rest)) if first.contains_str("-linux-gnu") => rest,
        _ => inner,
    };
    Some(inner.into())
}

/// Whether a text includes the header, by its whole path or, with a `-I` into a directory below
/// `include/`, by the end of it.
fn is_named(header: &BStr, named: &HashSet<Bytes>) -> bool {
    let mut rest = header.as_bytes();
    loop {
        if named.contains(rest) {
            return true;
        }
        match rest.find_byte(b'/') {
            Some(slash) => rest = &rest[slash + 1..],
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_named_below_their_include_directory() {
        let name = |path: &str| header_name(path.into()).map(|name| name.to_string());
        assert_eq!(
            name("/usr/include/openssl/ssl.h").as_deref(),
            Some("openssl/ssl.h")
        );
        assert_eq!(
            name("/usr/include/x86_64-linux-gnu/curl/curl.h").as_deref(),
            Some("curl/curl.h")
        );
        assert_eq!(
            name("/usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h"),
            None
        );
        assert_eq!(name("/usr/include/c++/12/vector"), None);
    }

    #[test]
    fn a_header_is_named_by_the_end_of_its_path_too() {
        let named = HashSet::from(["SDL.h".into(), "zlib.h".into()]);
        assert!(is_named("SDL2/SDL.h".into(), &named));
        assert!(is_named("zlib.h".into(), &named));
        assert!(!is_named("SDL2/SDL_stdinc.h".into(), &named));
    }
}
