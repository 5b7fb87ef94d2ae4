//! `src`: the files that came with a program, as paths beside the file that is written.

use super::Ingredients;
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::graph::Subject;
use crate::trace::Bytes;
use bstr::ByteSlice;

/// How a directory is spelt from where the file is.
struct Root {
    /// The path: `./.`, `./acme`, `../..`, `/opt/acme`.
    path: Vec<u8>,
    /// Whether it lies beside the file, so that both can move together.
    is_beside: bool,
}

impl Root {
    /// A file below it, spelt likewise.
    fn join(&self, file: &[u8]) -> Vec<u8> {
        let base = self.path.as_slice();
        [base.strip_suffix(b"/.").unwrap_or(base), b"/", file].concat()
    }
}

/// A file of the project that a builder asks for, as a path from the file that is written.
pub(super) fn file(ingredients: &Ingredients<'_>, name: &'static str) -> NixText {
    let root = root(ingredients, &ingredients.evidence.environment.subject);
    let path = root.join(name.as_bytes());
    if NixText::can_spell(&path) {
        NixText::path(&path)
    } else {
        NixText::path(name.as_bytes())
    }
}

/// `src = …;`, from what the run used of the subject's own files.
pub(super) fn entry(ingredients: &Ingredients<'_>) -> Entry {
    let subject = &ingredients.evidence.environment.subject;
    let root = root(ingredients, subject);
    if !NixText::can_spell(&root.path) {
        return unspeakable(ingredients);
    }
    let path = NixText::path(&root.path);
    let entry = if subject.whole {
        Entry::binding("src", path.into())
    } else {
        match file_set(ingredients, subject, &root, path) {
            Some(entry) => entry,
            None => return unspeakable(ingredients),
        }
    };
    let entry = entry.below(outside(ingredients, subject));
    if root.is_beside {
        entry
    } else {
        entry.below(Comment::new(
            "TODO nixtrace: only this machine has it there; others need a fetchurl of the release",
        ))
    }
}

/// `lib.fileset.toSource { … }` with the files that were used.
fn file_set(
    ingredients: &Ingredients<'_>,
    subject: &Subject,
    root: &Root,
    path: NixText,
) -> Option<Entry> {
    if subject.files.is_empty() || subject.more_files || subject.partial {
        let cleaned = Expression::call(ingredients.known("lib.cleanSource"), path.into());
        let todo =
            "TODO nixtrace: the run may not have read all sources; trace a build from scratch";
        let todo = subject.partial.then(|| Comment::new(todo)).flatten();
        return Some(Entry::binding("src", cleaned).below(todo));
    }
    let mut files = Vec::new();
    for file in &subject.files {
        if !NixText::can_spell(file) {
            return None;
        }
        let file = NixText::path(&root.join(file.as_bytes()));
        // Two spellings can be one file.
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let set = match files.as_slice() {
        [only] if !only.as_str().starts_with('(') => Expression::from(only.clone()),
        _ => Expression::call(
            ingredients.known("lib.fileset.unions"),
            Expression::list(files),
        ),
    };
    let arguments = Expression::Set {
        entries: vec![
            Entry::binding("root", path.into()),
            Entry::binding("fileset", set),
        ],
        spaced: false,
    };
    let source = Expression::call(ingredients.known("lib.fileset.toSource"), arguments);
    Some(Entry::binding("src", source))
}

/// What was compiled and no `src` beside the file can have.
fn outside(ingredients: &Ingredients<'_>, subject: &Subject) -> Option<Comment> {
    let (first, others) = subject.outside.split_first()?;
    let first = Bytes::from(ingredients.evidence.home.path(first));
    let others = match others.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Comment::new(&format!(
        "TODO nixtrace: src lacks what was compiled from elsewhere: {first}{others}"
    ))
}

/// A source whose name Nix has no way to spell: the directory of the file stands for it.
fn unspeakable(ingredients: &Ingredients<'_>) -> Entry {
    let cleaned = Expression::call(
        ingredients.known("lib.cleanSource"),
        NixText::constant("./.").into(),
    );
    Entry::binding("src", cleaned).below(Comment::new(
        "TODO nixtrace: a name of the source is not UTF-8 and cannot be written in Nix",
    ))
}

fn root(ingredients: &Ingredients<'_>, subject: &Subject) -> Root {
    let directory = ingredients.evidence.directory.as_bytes();
    let root = subject.root.as_bytes();
    if root.is_empty() || root == directory {
        return Root {
            path: b"./.".to_vec(),
            is_beside: true,
        };
    }
    if let Some(inner) = root
        .strip_prefix(directory)
        .and_then(|rest| rest.strip_prefix(b"/"))
    {
        return Root {
            path: [b"./", inner].concat(),
            is_beside: true,
        };
    }
    if let Some(outer) = directory
        .strip_prefix(root)
        .and_then(|rest| rest.strip_prefix(b"/"))
    {
        let ups = outer.split_str("/").count();
        return Root {
            path: vec!["..".as_bytes(); ups].join(&b'/'),
            is_beside: true,
        };
    }
    Root {
        path: ingredients.evidence.home.path(root),
        is_beside: false,
    }
}
