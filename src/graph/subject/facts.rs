//! What matters of a program that Nix did not build, and of the tree that it came in.

use super::files::{below, is_left_behind, join};
use super::{DesktopEntry, Linkage, ProgramFacts};
use crate::elf::{Form, Image};
use crate::graph::classify::{file_name, is_library_name, parent};
use crate::graph::evidence::Evidence;
use crate::graph::host::Host;
use crate::graph::program::{Program, Run};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// No more files of a tree are looked at.
const TREE_FILES: usize = 2000;

/// So much of a desktop entry is read, in bytes.
const DESKTOP_LIMIT: usize = 1 << 16;

/// The facts of the program.
pub(super) fn program_facts(
    run: &Run,
    main: &Program,
    root: &Bytes,
    whole: bool,
    host: &dyn Host,
) -> ProgramFacts {
    let file = main.file();
    let Some(image) = host.image(file.as_ref()) else {
        return ProgramFacts {
            sections: true,
            ..ProgramFacts::default()
        };
    };
    let reads_itself = main
        .uses
        .iter()
        .any(|(path, usage)| usage.seen.has(Evidence::Read) && usage.file(path) == file);
    let tree = whole.then(|| tree(root, host)).flatten();
    let tree = tree.unwrap_or_default();
    ProgramFacts {
        linkage: linkage(&image),
        i386: image.target().name() == Some("i386"),
        appended: image.appended(),
        sections: image.section_headers,
        reads_itself,
        unloaded: needed_by_unloaded(run, &tree, host),
        opened: opened(run, root, host),
        desktop_entries: desktop_entries(root, &tree, host),
    }
}

/// The files of a directory and of those in it; none when there are too many to look at.
fn tree(root: &Bytes, host: &dyn Host) -> Option<Vec<Bytes>> {
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    let mut seen = 0;
    while let Some(directory) = directories.pop() {
        for name in host.entries(directory.as_ref()) {
            seen += 1;
            if seen > TREE_FILES {
                return None;
            }
            let path = join(&directory, &name);
            // What has entries is a directory.
            if host.image(path.as_ref()).is_none() && !is_left_behind(name.as_ref()) {
                directories.push(path.clone());
            }
            files.push(path);
        }
    }
    Some(files)
}

fn linkage(image: &Image) -> Option<Linkage> {
    match image.form() {
        Form::Program | Form::Library => Some(Linkage::Dynamic),
        Form::StaticProgram => Some(Linkage::Static),
        Form::StaticPie => Some(Linkage::StaticPie),
        Form::NotLoadable => None,
    }
}

/// What only objects of the tree need that the run never loaded: autoPatchelf will ask for it, and
/// nothing says that it is wanted.
fn needed_by_unloaded(run: &Run, tree: &[Bytes], host: &dyn Host) -> Vec<Bytes> {
    let mut objects: BTreeMap<&Bytes, Arc<Image>> = BTreeMap::new();
    let mut names: BTreeSet<Bytes> = BTreeSet::new();
    for path in tree {
        if let Some(image) = host.image(path.as_ref()) {
            names.insert(file_name(path.as_ref()).into());
            names.extend(image.soname.as_ref().map(|it| Bytes::from(it.as_slice())));
            objects.insert(path, image);
        }
    }
    let mut loaded: BTreeSet<&Bytes> = BTreeSet::new();
    for program in &run.programs {
        loaded.insert(program.file());
        for (path, usage) in &program.uses {
            if usage.seen.has(Evidence::Mapped) {
                loaded.insert(usage.file(path));
                names.insert(file_name(path.as_ref()).into());
            }
        }
    }
    let unloaded: BTreeSet<Bytes> = objects
        .iter()
        .filter(|(path, _)| !loaded.contains(*path))
        .flat_map(|(_, image)| &image.needed)
        .map(|needed| Bytes::from(needed.as_slice()))
        .filter(|needed| !names.contains(needed) && !is_of_libc(needed.as_ref()))
        .collect();
    unloaded.into_iter().collect()
}

/// Libraries that autoPatchelf finds in the C library itself.
fn is_of_libc(soname: &BStr) -> bool {
    const LIBC: &[&str] = &[
        "libc",
        "libm",
        "libdl",
        "libpthread",
        "librt",
        "libutil",
        "libresolv",
    ];
    soname.starts_with(b"ld-linux")
        || LIBC.iter().any(|name| {
            soname
                .strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.starts_with(b".so"))
        })
}

/// Where the libraries lie that came with the program and that nobody among those loaded names.
/// auto-patchelf finds what is named, wherever it lies in the output, and takes the program's own
/// run path away, by which these were found.
fn opened(run: &Run, root: &Bytes, host: &dyn Host) -> Vec<Bytes> {
    let mut own: BTreeSet<&Bytes> = BTreeSet::new();
    let mut needed: BTreeSet<Bytes> = BTreeSet::new();
    for program in &run.programs {
        let mapped = program.used(Evidence::Mapped);
        let mapped = mapped.into_iter().map(|(path, usage)| usage.file(path));
        for file in mapped.chain([program.file()]) {
            if below(file, root).is_none() {
                continue;
            }
            let Some(image) = host.image(file.as_ref()) else {
                continue;
            };
            needed.extend(image.needed.iter().map(|it| Bytes::from(it.as_slice())));
            if image.form() == Form::Library || is_library_name(file_name(file.as_ref())) {
                own.insert(file);
            }
        }
    }
    let is_named = |file: &Bytes| {
        let image = host.image(file.as_ref());
        let soname = image.and_then(|image| Some(Bytes::from(image.soname.as_ref()?.as_slice())));
        needed.contains(&Bytes::from(file_name(file.as_ref())))
            || soname.is_some_and(|soname| needed.contains(&soname))
    };
    let directories: BTreeSet<Bytes> = own
        .into_iter()
        .filter(|file| !is_named(file))
        .filter_map(|file| below(&parent(file.as_ref())?.into(), root))
        .collect();
    directories.into_iter().collect()
}

/// The desktop entries among the files of a tree, as its root sees them.
pub fn desktop_entries(root: &Bytes, tree: &[Bytes], host: &dyn Host) -> Vec<DesktopEntry> {
    let mut found: Vec<DesktopEntry> = tree
        .iter()
        .filter(|path| path.ends_with(b".desktop"))
        .filter_map(|path| {
            let text = host.text(path.as_ref(), DESKTOP_LIMIT)?;
            let commands: BTreeSet<Bytes> = text.lines().filter_map(command).collect();
            let icon = text.lines().find_map(|line| line.strip_prefix(b"Icon="));
            let icon = icon.filter(|icon| icon.starts_with(b"/")).and_then(|icon| {
                let file = tree
                    .iter()
                    .find(|file| file_name(file.as_ref()) == file_name(icon.as_bstr()))?;
                Some((Bytes::from(icon), below(file, root)?))
            });
            Some(DesktopEntry {
                path: below(path, root)?,
                commands: commands.into_iter().collect(),
                icon,
            })
        })
        .collect();
    found.sort();
    found
}

/// The program of a line `Exec=…`, in its quotes if it has some.
fn command(line: &[u8]) -> Option<Bytes> {
    let value = line.strip_prefix(b"Exec=")?;
    let end = match value.strip_prefix(b"\"") {
        Some(rest) => rest.find_byte(b'"')? + 2,
        None => value.find_byteset(b" \t").unwrap_or(value.len()),
    };
    (end > 0).then(|| value[..end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_desktop_entry_is_its_first_word() {
        let of = |line: &str| command(line.as_bytes()).map(|it| it.to_string());
        assert_eq!(
            of("Exec=/opt/acme/acme %U").as_deref(),
            Some("/opt/acme/acme")
        );
        assert_eq!(
            of("Exec=\"/opt/a b/acme\" -x").as_deref(),
            Some("\"/opt/a b/acme\"")
        );
        assert_eq!(of("Exec=acme").as_deref(), Some("acme"));
        assert_eq!(of("Exec="), None);
        assert_eq!(of("TryExec=acme"), None);
    }
}
