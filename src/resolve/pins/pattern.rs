//! What a pin is about: a name, a path, or a pattern of either.

use crate::resolve::{Kind, Query};
use globset::{GlobBuilder, GlobMatcher};

/// What a pin or an ignored entry is about, as written.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// `libfoo.so.1`, `/usr/bin/x`, `python:numpy`.
    Exact(Query),
    /// `/opt/acme/**`: of the file's path.
    Paths(GlobMatcher),
    /// `libfoo*.so.*`, `python:numpy*`: of the name, in a kind if one is named.
    Names(Option<Kind>, GlobMatcher),
}

impl Pattern {
    pub(super) fn new(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty name matches nothing".to_owned());
        }
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) if !name.starts_with(':') => {
                match <Kind as clap::ValueEnum>::from_str(kind, false) {
                    Ok(kind) => (Some(kind), name),
                    Err(_) => (None, text.as_str()),
                }
            }
            _ => (None, text.as_str()),
        };
        if name.is_empty() {
            return Err(format!("`{text}` has a kind and no name"));
        }
        let form = if !name.contains(['*', '?']) {
            Form::Exact(match kind {
                Some(kind) => Query::parse_as(kind, name.as_bytes()),
                None => Query::parse(name.as_bytes()),
            })
        } else {
            let glob = GlobBuilder::new(name)
                .literal_separator(true)
                .build()
                .map_err(|error| error.to_string())?
                .compile_matcher();
            if name.starts_with('/') {
                Form::Paths(glob)
            } else {
                Form::Names(kind, glob)
            }
        };
        Ok(Self { text, form })
    }

    /// Whether a query is about it.
    pub(super) fn matches(&self, query: &Query) -> bool {
        match &self.form {
            Form::Exact(exact) if exact.kind == Kind::Path => {
                query.path.as_ref() == Some(&exact.name)
                    || query.kind == Kind::Path && query.name == exact.name
            }
            Form::Exact(exact) => exact.kind == query.kind && exact.name == query.name,
            Form::Paths(glob) => {
                let path = query
                    .path
                    .as_ref()
                    .or((query.kind == Kind::Path).then_some(&query.name));
                path.is_some_and(|path| glob.is_match(path.as_path()))
            }
            Form::Names(kind, glob) => {
                kind.is_none_or(|kind| kind == query.kind) && glob.is_match(query.name.as_path())
            }
        }
    }

    /// Whether it is one name or path, and not a pattern.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.form, Form::Exact(_))
    }
}
