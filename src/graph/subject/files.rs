//! Which files below a directory a run used: those that were there before it began.

use super::super::classify::Origin;
use super::super::command::Part;
use super::super::evidence::Evidence;
use super::super::host::Host;
use super::super::phase::Tool;
use super::super::program::Run;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::collections::BTreeSet;

/// The files below a directory that the run used, relative to it.
#[derive(Default)]
pub(super) struct UsedFiles {
    /// Read, mapped or executed, and not made by the run.
    pub(super) read: BTreeSet<Bytes>,
    /// Written, made or moved there by the run.
    written: BTreeSet<Bytes>,
    /// Looked at with success by who decides by what is there (`make`, a `configure`), and not made by
    /// the run. Directories are among them.
    examined: BTreeSet<Bytes>,
    /// Whether what a build makes was there before and was found to be up to date.
    up_to_date: bool,
}

/// The files below a directory that the run used.
pub(super) fn used_files(run: &Run, root: &Bytes) -> UsedFiles {
    let mut used = UsedFiles::default();
    let mut all: BTreeSet<Bytes> = BTreeSet::new();
    let mut examined: BTreeSet<Bytes> = BTreeSet::new();
    for program in &run.programs {
        let decides = matches!(program.part, Part::Driver | Part::Interpreter(_));
        all.extend([program.file(), program.shown()].into_iter().cloned());
        for (path, usage) in &program.uses {
            let places = || {
                [Some(path), usage.real.as_ref()]
                    .into_iter()
                    .flatten()
                    .filter_map(direct)
            };
            if usage.own_output || usage.seen.has(Evidence::Written) {
                used.written
                    .extend(places().filter_map(|it| below(&it, root)));
            }
            let is_used = usage.seen.has(Evidence::Read) || usage.seen.has(Evidence::Mapped);
            if is_used && !usage.seen.has(Evidence::Listed) {
                all.extend(places());
            } else if decides && usage.seen.strongest() == Some(Evidence::Examined) {
                examined.extend(places());
            }
        }
    }
    let own = |paths: BTreeSet<Bytes>, written: &BTreeSet<Bytes>| -> BTreeSet<Bytes> {
        paths
            .into_iter()
            .filter(|path| {
                let origin = run.territory.origin(path.as_ref());
                matches!(origin, Origin::Own | Origin::Scratch)
            })
            .filter_map(|path| below(&direct(&path)?, root))
            .filter(|inner| !written.contains(inner) && !is_left_behind(inner.as_ref()))
            .collect()
    };
    used.read = own(all, &used.written);
    used.examined = own(examined, &used.written);
    used
}

/// Files of the user's outside of a directory that compilers and linkers read and the run did not make.
/// What a tool of a language keeps for all projects (`~/go/pkg`) is the business of its builder.
pub(super) fn compiled_outside(run: &Run, root: &Bytes) -> BTreeSet<Bytes> {
    let of_language = [Tool::Cargo, Tool::Go, Tool::Npm, Tool::Python];
    if run
        .steps
        .iter()
        .any(|step| of_language.contains(&step.tool))
    {
        return BTreeSet::new();
    }
    let uses = || run.programs.iter().flat_map(|program| &program.uses);
    let made: BTreeSet<&Bytes> = uses()
        .filter(|(_, usage)| usage.own_output || usage.seen.has(Evidence::Written))
        .map(|(path, usage)| usage.file(path))
        .collect();
    run.programs
        .iter()
        .filter(|program| program.part == Part::Toolchain && !program.probing)
        .flat_map(|program| program.used(Evidence::Read))
        .map(|(path, usage)| usage.file(path))
        .filter(|path| {
            let origin = run.territory.origin(path.as_ref());
            matches!(origin, Origin::Own | Origin::Scratch)
                && !made.contains(path)
                && below(path, root).is_none()
                && direct(path).is_some()
                && !is_left_behind(path.as_ref())
        })
        .cloned()
        .collect()
}

/// The path, unless it goes back up (`build/../main.c`): what it leads to is told beside it.
fn direct(path: &Bytes) -> Option<Bytes> {
    let path = path.trim_end_with(|end| end == '/');
    let goes_up = path.split_str("/").any(|part| part == b"..");
    (!goes_up).then(|| path.into())
}

impl UsedFiles {
    /// Counts files that a build only looked at as used. It does not build without them: `make` has no
    /// rule for a file that is gone, and a `configure` gives up when its helpers are.
    pub(super) fn with_examined(mut self, root: &Bytes, host: &dyn Host) -> Self {
        for path in std::mem::take(&mut self.examined) {
            let file = join(root, &path);
            if host.image(file.as_ref()).is_some() {
                self.up_to_date = true;
            } else if host.text(file.as_ref(), 0).is_some() {
                self.read.insert(path);
            }
        }
        self
    }

    /// The files, with a directory in which nothing was written in place of what is in it.
    pub(super) fn folded(&self) -> BTreeSet<Bytes> {
        let first = |path: &Bytes| -> Bytes {
            match path.find_byte(b'/') {
                Some(slash) => path[..=slash].into(),
                None => path.clone(),
            }
        };
        let touched: BTreeSet<Bytes> = self.written.iter().map(first).collect();
        self.read
            .iter()
            .map(|path| {
                let top = first(path);
                if touched.contains(&top) {
                    path.clone()
                } else {
                    top
                }
            })
            .collect()
    }

    /// Whether the run used what an earlier build had made: then it had no need to read the sources
    /// of that, and what it read is not all.
    pub(super) fn has_older_products(&self) -> bool {
        const MADE: &[&[u8]] = &[b".o", b".lo", b".a", b".la", b".obj", b".rlib", b".rmeta"];
        self.up_to_date
            || self
                .read
                .iter()
                .any(|path| MADE.iter().any(|ending| path.ends_with(ending)))
    }
}

/// Whether a file is what tools leave beside sources: no part of them.
pub(super) fn is_left_behind(path: &BStr) -> bool {
    path.ends_with(b".pyc")
        || path.split_str("/").any(|part| {
            (part.starts_with(b".") && part.len() > 1)
                || part == b"__pycache__"
                || part == b"node_modules"
        })
}

/// Files that the caller named or gave open: his, not the program's.
pub(super) fn arguments(run: &Run) -> BTreeSet<Bytes> {
    let cwd = &run.header.cwd;
    let named = run.header.argv.iter().skip(1).map(|word| {
        if word.starts_with(b"/") {
            word.clone()
        } else {
            join(cwd, &word.strip_prefix(b"./").unwrap_or(word).into())
        }
    });
    let open = run.header.inherited.iter().map(|it| it.path.clone());
    named.chain(open).collect()
}

pub(super) fn join(directory: &Bytes, name: &Bytes) -> Bytes {
    [directory.as_bytes(), b"/", name.as_bytes()]
        .concat()
        .into()
}

/// The path relative to the directory, if it lies below it.
pub(super) fn below(path: &Bytes, directory: &Bytes) -> Option<Bytes> {
    let inner = path
        .strip_prefix(directory.as_bytes())?
        .strip_prefix(b"/")?;
    (!inner.is_empty()).then(|| inner.into())
}
