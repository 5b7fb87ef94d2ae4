//! The closure for a program that reads it: one JSON object on one line.

use super::Answer;
use crate::elf::closure::{Flavour, Interpreter, Outcome};
use crate::elf::search::{Missing, Reason, Rule};
use crate::elf::{DlopenNote, Form};
use crate::trace::Bytes;
use serde::Serialize;

#[derive(Serialize)]
struct Line<'c> {
    file: &'c Bytes,
    form: &'static str,
    machine: String,
    libc: Option<&'static str>,
    interpreter: Option<Program<'c>>,
    appended_bytes: u64,
    section_headers: bool,
    /// In load order.
    objects: Vec<Object<'c>>,
    /// In the order in which the loader meets them.
    needs: Vec<NeedOf<'c>>,
    dlopen_notes: Vec<Note<'c>>,
}

#[derive(Serialize)]
struct Program<'c> {
    path: &'c Bytes,
    exists: bool,
}

#[derive(Serialize)]
struct Object<'c> {
    path: &'c Bytes,
    soname: Option<Bytes>,
    rule: &'static str,
    /// The object whose list of directories it was found by.
    rule_of: Option<&'c Bytes>,
    reason: &'static str,
    /// The object whose need loaded it first.
    loaded_by: Option<&'c Bytes>,
}

#[derive(Serialize)]
struct NeedOf<'c> {
    from: &'c Bytes,
    name: &'c Bytes,
    reason: &'static str,
    outcome: &'static str,
    path: Option<&'c Bytes>,
    /// Whether `from` would find it without another object's help.
    by_own_rules: bool,
}

#[derive(Serialize)]
struct Note<'c> {
    from: &'c Bytes,
    #[serde(flatten)]
    note: &'c DlopenNote,
}

/// The line, with its line feed.
pub(super) fn line(answer: &Answer) -> String {
    let closure = &answer.closure;
    let main = closure.main();
    let line = Line {
        file: &main.path,
        form: form(main.image.form()),
        machine: main.image.target().to_string(),
        libc: main.image.dynamic.then(|| match Flavour::of(&main.image) {
            Flavour::Glibc => "glibc",
            Flavour::Musl => "musl",
        }),
        interpreter: match &closure.interpreter {
            Interpreter::None => None,
            Interpreter::Loaded(id) => Some(Program {
                path: &closure.object(*id).path,
                exists: true,
            }),
            Interpreter::Missing(path) => Some(Program {
                path,
                exists: false,
            }),
        },
        appended_bytes: main.image.appended(),
        section_headers: main.image.section_headers,
        objects: closure
            .objects
            .iter()
            .map(|object| Object {
                path: &object.path,
                soname: object
                    .image
                    .soname
                    .as_ref()
                    .map(|soname| soname.as_slice().into()),
                rule: rule(&object.rule),
                rule_of: match object.rule {
                    Rule::Rpath { of } | Rule::Runpath { of } => Some(&closure.object(of).path),
                    _ => None,
                },
                reason: reason(object.reason),
                loaded_by: object.loader.map(|id| &closure.object(id).path),
            })
            .collect(),
        needs: closure
            .needs
            .iter()
            .enumerate()
            .map(|(place, need)| NeedOf {
                from: &closure.object(need.from).path,
                name: &need.name,
                reason: reason(need.reason),
                outcome: outcome(&need.outcome),
                path: need.outcome.object().map(|id| &closure.object(id).path),
                by_own_rules: need.outcome.object().is_some() && !answer.lucky.contains(&place),
            })
            .collect(),
        dlopen_notes: closure
            .objects
            .iter()
            .flat_map(|object| {
                let notes = object.image.dlopen_notes.iter();
                notes.map(|note| Note {
                    from: &object.path,
                    note,
                })
            })
            .collect(),
    };
    let mut line =
        serde_json::to_string(&line).expect("a line has no maps but those with strings as keys");
    line.push('\n');
    line
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Program => "program",
        Form::StaticProgram => "static-program",
        Form::StaticPie => "static-pie",
        Form::Library => "library",
        Form::NotLoadable => "not-loadable",
    }
}

fn rule(rule: &Rule) -> &'static str {
    match rule {
        Rule::Main => "main",
        Rule::Interpreter => "interpreter",
        Rule::Path => "path",
        Rule::Rpath { .. } => "rpath",
        Rule::LibraryPath => "library-path",
        Rule::Runpath { .. } => "runpath",
        Rule::Cache => "cache",
        Rule::DefaultDirectory => "default-directory",
    }
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Main => "main",
        Reason::Interpreter => "interpreter",
        Reason::Needed => "needed",
        Reason::Preload => "preload",
        Reason::PreloadFile => "preload-file",
        Reason::Audit => "audit",
        Reason::Filter => "filter",
        Reason::Auxiliary => "auxiliary",
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Loaded(_) => "loaded",
        Outcome::AlreadyLoaded(_) => "already-loaded",
        Outcome::Missing(Missing::NotFound { .. }) => "not-found",
        Outcome::Missing(Missing::Unusable { .. }) => "unusable",
    }
}
