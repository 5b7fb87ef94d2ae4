//! The closure as a tree for a person: each object once with what it needs, repeats marked.

use super::Answer;
use crate::elf::closure::{Closure, Interpreter, Outcome};
use crate::elf::search::{Missing, ObjectId, Reason, Rule};
use crate::elf::{Error, Form, Image, Priority};
use crate::report::printable;
use crate::trace::Bytes;
use std::fmt::Write as _;

/// The tree and, below it, what else a person should know of the file.
pub(super) fn text(answer: &Answer) -> String {
    let closure = &answer.closure;
    let mut text = headline(closure);
    text.push('\n');
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); closure.objects.len()];
    for (place, need) in closure.needs.iter().enumerate() {
        children[need.from.0].push(place);
    }
    let mut is_expanded = vec![false; closure.objects.len()];
    is_expanded[ObjectId::MAIN.0] = true;

    // What is left to print, the next one last. Needs nest as deep as the files say, so this does
    // not recurse.
    let mut stack = Vec::new();
    let push = |stack: &mut Vec<_>, id: ObjectId, indent: &str| {
        let last = children[id.0].len().saturating_sub(1);
        for (child, place) in children[id.0].iter().enumerate().rev() {
            stack.push((*place, indent.to_owned(), child == last));
        }
    };
    push(&mut stack, ObjectId::MAIN, "");
    while let Some((place, indent, is_last)) = stack.pop() {
        let need = &closure.needs[place];
        let (branch, below) = if is_last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        text.push_str(&indent);
        text.push_str(branch);
        text.push_str(&name(&need.name));
        match &need.outcome {
            Outcome::Missing(missing) => {
                let _ = writeln!(text, " => {}", missing_words(missing, need.reason));
            }
            Outcome::Loaded(id) | Outcome::AlreadyLoaded(id) => {
                let object = closure.object(*id);
                let is_first = !std::mem::replace(&mut is_expanded[id.0], true);
                let mut words = Vec::new();
                if need.name != object.path {
                    let _ = write!(text, " => {}", name(&object.path));
                }
                words.extend(reason_words(need.reason).map(str::to_owned));
                words.push(if is_first {
                    rule_words(closure, &object.rule)
                } else {
                    "see above".to_owned()
                });
                if answer.lucky.contains(&place) {
                    words.push("not found by its own rules".to_owned());
                }
                let _ = writeln!(text, "  ({})", words.join(", "));
                if is_first {
                    push(&mut stack, *id, &format!("{indent}{below}"));
                }
            }
        }
    }
    for remark in remarks(answer) {
        let _ = writeln!(text, "{remark}");
    }
    text
}

fn headline(closure: &Closure) -> String {
    let main = closure.main();
    let form = match main.image.form() {
        Form::StaticProgram => "static program",
        Form::StaticPie => "static program that relocates itself (static-pie)",
        Form::Program => "program",
        Form::Library => "shared library",
        Form::NotLoadable => "not loadable",
    };
    let interpreter = match &closure.interpreter {
        Interpreter::Loaded(id) => format!(", interpreter {}", name(&closure.object(*id).path)),
        Interpreter::Missing(path) => format!(", interpreter {} => NOT FOUND", name(path)),
        Interpreter::None => String::new(),
    };
    format!(
        "{}  ({form}, {}{interpreter})",
        name(&main.path),
        main.image.target()
    )
}

fn missing_words(missing: &Missing, reason: Reason) -> String {
    let mut words = match missing {
        Missing::NotFound { passed_over } if passed_over.is_empty() => "NOT FOUND".to_owned(),
        Missing::NotFound { passed_over } => {
            let others: Vec<String> = passed_over
                .iter()
                .map(|other| format!("{} is for {}", name(&other.path), other.target))
                .collect();
            format!("NOT FOUND  ({})", others.join(", "))
        }
        Missing::Unusable { path, source } => {
            let what = match source.as_ref() {
                Error::Read { source, .. } => source.to_string(),
                Error::NotElf { what, .. } => what.to_string(),
                Error::Malformed { source, .. } => source.to_string(),
            };
            format!("UNUSABLE {}  ({})", name(path), printable(what.as_bytes()))
        }
    };
    if let Some(reason) = reason_words(reason) {
        let _ = write!(words, "  ({reason})");
    }
    words
}

fn rule_words(closure: &Closure, rule: &Rule) -> String {
    let of = |id: &ObjectId| name(&closure.object(*id).path);
    match rule {
        Rule::Main => "the program".to_owned(),
        Rule::Interpreter => "interpreter".to_owned(),
        Rule::Path => "path as given".to_owned(),
        // musl treats both lists alike; the word is that of the one that is there.
        Rule::Rpath { of: id } if closure.object(*id).image.runpath.is_none() => {
            format!("RPATH of {}", of(id))
        }
        Rule::Rpath { of: id } | Rule::Runpath { of: id } => format!("RUNPATH of {}", of(id)),
        Rule::LibraryPath => "LD_LIBRARY_PATH".to_owned(),
        Rule::Cache => "ld.so.cache".to_owned(),
        Rule::DefaultDirectory => "default directory".to_owned(),
    }
}

fn reason_words(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::Main | Reason::Interpreter | Reason::Needed => None,
        Reason::Preload => Some("LD_PRELOAD"),
        Reason::PreloadFile => Some("/etc/ld.so.preload"),
        Reason::Audit => Some("auditor"),
        Reason::Filter => Some("filter"),
        Reason::Auxiliary => Some("auxiliary filter, may be missing"),
    }
}

fn remarks(answer: &Answer) -> Vec<String> {
    let closure = &answer.closure;
    let image: &Image = &closure.main().image;
    let mut remarks = Vec::new();
    if matches!(image.form(), Form::StaticProgram | Form::StaticPie) {
        remarks.push("static: the kernel starts it without a loader or libraries".to_owned());
    }
    if let Interpreter::Missing(path) = &closure.interpreter {
        remarks.push(format!(
            "the interpreter {} does not exist: the program cannot be started here (\"No such file or directory\")",
            name(path)
        ));
    }
    for place in &answer.lucky {
        let need = &closure.needs[*place];
        remarks.push(format!(
            "{} would not find {} by itself: it is there only because another object had loaded it",
            name(&closure.object(need.from).path),
            name(&need.name)
        ));
    }
    match image.appended() {
        0 => {}
        count => remarks.push(format!(
            "{count} bytes follow the end of the ELF file, perhaps data that the program finds there: neither strip nor patch it"
        )),
    }
    if !image.section_headers {
        remarks.push("there are no section headers: patchelf refuses such a file".to_owned());
    }
    if image.no_default_directories {
        remarks.push(
            "linked with -z nodefaultlib: the system's directories are not searched for it"
                .to_owned(),
        );
    }
    for object in &closure.objects {
        for note in &object.image.dlopen_notes {
            let priority = match note.priority {
                Priority::Required => "required",
                Priority::Recommended => "recommended",
                Priority::Suggested => "suggested",
            };
            let feature = match &note.feature {
                Some(feature) => format!(" for {}", printable(feature.as_bytes())),
                None => String::new(),
            };
            remarks.push(format!(
                "{} may dlopen {}{feature} ({priority})",
                name(&object.path),
                printable(note.soname.join(" or ").as_bytes()),
            ));
        }
    }
    remarks
}

fn name(bytes: &Bytes) -> String {
    printable(bytes.as_bytes())
}
