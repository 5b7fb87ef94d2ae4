//! Why a run needs a thing: the chains from the command to it, in words and as JSON.

use super::endpoint::{action, outcome, place};
use super::table::{cut_end, cut_start, wrapped};
use super::tree::what;
use super::words::{counted, duration};
use super::{answer, printable};
use crate::graph::Evidence;
use crate::graph::chronicle::Chronicle;
use crate::graph::resources::{Chain, Edge, Relation, Resource, ResourceId, Resources};
use crate::resolve::Resolution;
use crate::trace::Bytes;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// The chains to one resource, as lines of at most `width` columns.
pub fn why(
    chronicle: &Chronicle,
    resources: &Resources,
    target: ResourceId,
    note: Option<&str>,
    most: usize,
    width: usize,
) -> String {
    let chains = resources.chains(target, usize::MAX);
    let shown = &chains[..chains.len().min(most)];
    let mut text = String::new();
    let note = note.map(|note| format!(", {note}")).unwrap_or_default();
    let resource = resources.resource(target);
    let title = name(chronicle, resource);
    let title = cut(resource, &title, width.saturating_sub(note.width()));
    let _ = writeln!(text, "{}", cut_end(&format!("{title}{note}"), width));
    for chain in shown {
        text.push('\n');
        for (number, (id, edge)) in chain.links.iter().enumerate() {
            let resource = resources.resource(*id);
            let link = link(chronicle, resource, edge.as_ref());
            let mark = if number == 0 { "  " } else { "  → " };
            text.push_str(&line(mark, resource, &link, width));
        }
    }
    let more = chains.len() - shown.len();
    if more > 0 {
        let more = counted(more as u64, "more chain", "more chains");
        let _ = writeln!(text, "\n  {more}; all with --all");
    }
    text
}

/// What was asked about a thing and answered, as lines of at most `width` columns. `explain` shows every
/// candidate, and what each score comes from.
pub fn answers(resolutions: &[&Resolution], explain: bool, most: usize, width: usize) -> String {
    const INDENT: usize = 2;
    let shown = &resolutions[..resolutions.len().min(most)];
    let mut text = String::new();
    for resolution in shown {
        text.push('\n');
        for line in answer::words(resolution.query.name.as_bytes(), resolution, explain) {
            let first = " ".repeat(INDENT + line.indent);
            text.push_str(&wrapped(&first, &line.text, width));
        }
    }
    let more = resolutions.len() - shown.len();
    if more > 0 {
        let more = counted(more as u64, "more name", "more names");
        let _ = writeln!(text, "\n  {more}; all with --all");
    }
    text
}

/// The links of a chain in words: what each is, and how it was come by.
pub(crate) fn words(
    chronicle: &Chronicle,
    resources: &Resources,
    chain: &Chain,
) -> Vec<(String, String)> {
    let links = chain.links.iter();
    links
        .map(|(id, edge)| {
            let link = link(chronicle, resources.resource(*id), edge.as_ref());
            (format!("{}{}", link.verb, link.name), link.how)
        })
        .collect()
}

/// A line of a chain, or two where one is too narrow: how a thing was come by is never cut, a name that
/// is too long is.
fn line(mark: &str, resource: &Resource, link: &Link, width: usize) -> String {
    const LEAST: usize = 20;
    const INDENT: &str = "      ";
    let start = format!("{mark}{}", link.verb);
    let all = width.saturating_sub(start.width());
    let beside = all.saturating_sub(link.how.width() + 2);
    if link.how.is_empty() {
        return format!("{start}{}\n", cut(resource, &link.name, all));
    }
    if link.name.width() <= beside || beside >= LEAST {
        let name = cut(resource, &link.name, beside);
        return format!("{start}{name}  {}\n", link.how);
    }
    let name = cut(resource, &link.name, all);
    format!("{start}{name}\n{}", wrapped(INDENT, &link.how, width))
}

/// A name that fits: the end of a path tells more than its beginning.
fn cut(resource: &Resource, name: &str, width: usize) -> String {
    match resource {
        Resource::Process(_)
        | Resource::Endpoint(..)
        | Resource::Variable(..)
        | Resource::Provider(_) => cut_end(name, width),
        Resource::Executable(_)
        | Resource::Library(_)
        | Resource::File(_)
        | Resource::Missing(_) => cut_start(name, width),
    }
}

/// A link of a chain in words.
struct Link {
    /// What was done with the thing, with a blank after it; empty where that is no act.
    verb: &'static str,
    /// What it is.
    name: String,
    /// How it was come by.
    how: String,
}

fn link(chronicle: &Chronicle, resource: &Resource, edge: Option<&Edge>) -> Link {
    let name = name(chronicle, resource);
    let Some(edge) = edge else {
        let how = "the command".to_owned();
        return Link {
            verb: "",
            name,
            how,
        };
    };
    let times = edge.tally.as_ref().map(|tally| {
        let failed = if chronicle.is_error_path(tally) {
            ", only in processes that failed"
        } else {
            ""
        };
        format!(
            "{}×, first at {}{failed}",
            tally.count,
            duration(tally.first)
        )
    });
    let how = match (&edge.relation, times) {
        (Relation::Started, _) => match resource {
            Resource::Process(number) => format!("process {}", chronicle.processes[*number].pid),
            _ => String::new(),
        },
        (Relation::Missed(failure), Some(times)) => format!("{}, {times}", outcome(*failure)),
        (Relation::Contacted(_, failure), Some(times)) if !outcome(*failure).is_empty() => {
            format!("{}, {times}", outcome(*failure))
        }
        (Relation::ProvidedBy(why) | Relation::Needs(why), _) => {
            printable(why.join("; ").as_bytes())
        }
        (_, times) => times.unwrap_or_default(),
    };
    let verb = match &edge.relation {
        Relation::Started | Relation::ProvidedBy(_) | Relation::Needs(_) => "",
        Relation::Ran => "runs ",
        Relation::Used(evidence) => verb(*evidence),
        Relation::Missed(_) => "looks for ",
        Relation::Contacted(what, _) => match action(*what) {
            "connect" => "connects to ",
            "bind" => "binds ",
            "listen" => "listens on ",
            _ => "sends to ",
        },
        Relation::Had => "has ",
    };
    Link { verb, name, how }
}

fn verb(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Executed => "runs ",
        Evidence::Mapped => "loads ",
        Evidence::Read => "reads ",
        Evidence::Written => "writes ",
        Evidence::Listed => "lists ",
        Evidence::Examined => "looks at ",
        Evidence::Probed => "looks for ",
    }
}

/// What a person calls a resource.
pub(crate) fn name(chronicle: &Chronicle, resource: &Resource) -> String {
    let file = |path: &Bytes| printable(chronicle.run.shown(path).as_bytes());
    match resource {
        Resource::Process(number) => what(&chronicle.processes[*number]),
        Resource::Executable(id) => {
            let program = &chronicle.run.programs[id.0];
            match &program.script {
                Some(script) => format!("{} with {}", file(script), file(&program.executable)),
                None => file(&program.executable),
            }
        }
        Resource::Library(path) | Resource::File(path) | Resource::Missing(path) => file(path),
        Resource::Endpoint(endpoint, asked) => {
            let asked = asked.as_ref();
            place(endpoint, asked, &chronicle.names_at(endpoint, asked))
        }
        Resource::Variable(name, value) => {
            let value = printable(value.as_bytes());
            format!("{}={value}", printable(name.as_bytes()))
        }
        Resource::Provider(name) => printable(name.as_bytes()),
    }
}

/// The kind of a resource, in a word.
pub(crate) fn kind(resource: &Resource) -> &'static str {
    match resource {
        Resource::Process(_) => "process",
        Resource::Executable(_) => "executable",
        Resource::Library(_) => "library",
        Resource::File(_) => "file",
        Resource::Missing(_) => "missing",
        Resource::Endpoint(..) => "endpoint",
        Resource::Variable(..) => "variable",
        Resource::Provider(_) => "package",
    }
}

/// The same as JSON: one object for one resource.
pub fn json(
    chronicle: &Chronicle,
    resources: &Resources,
    target: ResourceId,
    note: Option<&str>,
    most: usize,
    resolutions: &[&Resolution],
) -> serde_json::Value {
    let chains: Vec<serde_json::Value> = resources
        .chains(target, most)
        .iter()
        .map(|chain| chain_json(chronicle, resources, chain))
        .collect();
    let answers: Vec<answer::Answer<'_>> = resolutions
        .iter()
        .map(|it| answer::json(it.query.name.as_bytes(), it))
        .collect();
    let resource = resources.resource(target);
    serde_json::json!({
        "kind": kind(resource),
        "name": name(chronicle, resource),
        "implied": note,
        "chains": chains,
        "answers": answers,
    })
}

fn chain_json(chronicle: &Chronicle, resources: &Resources, chain: &Chain) -> serde_json::Value {
    let links = chain.links.iter().map(|(id, edge)| {
        let resource = resources.resource(*id);
        let how = link(chronicle, resource, edge.as_ref()).how;
        let pid = match resource {
            Resource::Process(number) => Some(chronicle.processes[*number].pid),
            _ => None,
        };
        let tally = edge.as_ref().and_then(|edge| edge.tally.as_ref());
        serde_json::json!({
            "kind": kind(resource),
            "name": name(chronicle, resource),
            "pid": pid,
            "how": how,
            "count": tally.map(|tally| tally.count),
            "first": tally.map(|tally| tally.first),
            "last": tally.map(|tally| tally.last),
        })
    });
    links.collect()
}
