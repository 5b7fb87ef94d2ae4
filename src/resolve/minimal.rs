//! The minimal set: from the needs of a run to the packages that must be named.
//!
//! Every need is looked up. What several needs have in common becomes one package with all their
//! reasons; what something else brings is kept, marked with what brings it; what has no certain
//! package stays open, with its candidates. Nothing is dropped silently.

use super::candidate::{AttrPath, Output, Scored};
use super::forced::ForcedRole;
use super::origin::Origin;
use super::query::{Kind, Query};
use super::{Resolution, Verdict};
use crate::graph::{
    Asker, Language, MissingThing, Need, Phase, Role, RunKind, Thing, Usage, classify,
};
use crate::trace::Bytes;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An attribute that the run needs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Package {
    /// The attribute.
    pub attr: AttrPath,
    /// The output that holds what was used.
    pub output: Output,
    /// What it is needed as, above all.
    pub role: Role,
    /// All that it is needed as for itself, sorted; empty when only others bring it.
    pub uses: Vec<PackageUse>,
    /// Where it comes from, if a person has pinned it to something that is not the reader's nixpkgs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What it is for, if a person has decided that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedRole>,
    /// The version that was seen on this machine, as its project counts; none when nobody asked, or
    /// the machine does not tell.
    pub version: Option<String>,
    /// Why it need not be listed: `stdenv`, or the attribute that brings it; none when it is to be
    /// listed.
    pub implied: Option<String>,
    /// How sure this is, 0 to 1.
    pub score: f64,
    /// Why, for a person, most telling first.
    pub because: Vec<String>,
}

/// One thing that a package is needed as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageUse {
    /// As what.
    pub role: Role,
    /// The output that holds what was used.
    pub output: Output,
    /// What it is for, if a person has decided that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced: Option<ForcedRole>,
    /// By whom.
    pub by: Asker,
    /// The phases of a build in which it was used; empty when that is not known, or in none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// How the first such use showed, for a person.
    pub why: String,
    /// The file that shows it.
    pub path: Bytes,
}

/// Something used whose package is not certain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unresolved {
    /// The file.
    pub path: Bytes,
    /// How it was used and why there is no answer, one sentence for a person.
    pub why: String,
    /// What it may be, best first; can be empty.
    pub candidates: Vec<Scored>,
}

/// Something that a failed run looked for in vain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// What: a soname, command, header or module, as the program named it.
    pub name: Bytes,
    /// Who missed it and how that showed.
    pub why: String,
    /// What would provide it, best first.
    pub candidates: Vec<Scored>,
}

/// The outcome of [`choose`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Sorted by role and attribute.
    pub packages: Vec<Package>,
    /// Sorted by path.
    pub unresolved: Vec<Unresolved>,
    /// Sorted by name.
    pub missing: Vec<Missing>,
    /// The attribute that has each need, by the need's number; none where that stayed open.
    pub of_needs: Vec<Option<AttrPath>>,
    /// What was answered for each need, likewise.
    pub answers: Vec<Resolution>,
}

/// Commands that every `stdenv` has, compiler or not (nixpkgs manual, "Tools provided by
/// stdenv"), and the shell's own.
const STDENV: &[&str] = &[
    "bash",
    "bashInteractive",
    "bashNonInteractive",
    "bzip2",
    "coreutils",
    "coreutils-full",
    "diffutils",
    "file",
    "findutils",
    "gawk",
    "gnugrep",
    "gnumake",
    "gnused",
    "gnutar",
    "gzip",
    "patch",
    "gnupatch",
    "xz",
];

/// What a `stdenv` with a compiler has besides.
const STDENV_CC: &[&str] = &[
    "gcc",
    "binutils",
    "binutils-unwrapped",
    "patchelf",
    "stdenv.cc",
    "stdenv.cc.cc",
    "stdenv.cc.bintools",
    "gcc-unwrapped",
];

/// Whether a `stdenv` with a compiler has a package's commands.
pub(super) fn is_in_every_stdenv(attr: &str) -> bool {
    STDENV.contains(&attr) || STDENV_CC.contains(&attr)
}

/// The C library and the kernel's headers: part of every program that is built with Nix.
const LIBC: &[&str] = &["glibc", "linuxHeaders"];

/// How many reasons a package keeps; a build can read hundreds of headers of one.
const REASONS: usize = 8;

/// Chooses packages for all needs of a run, asking `resolve` for each.
///
/// The order of the needs does not matter.
pub fn choose(usage: &Usage, mut resolve: impl FnMut(&Query) -> Resolution) -> Choice {
    let answers: Vec<Resolution> = usage
        .needs
        .iter()
        .map(|need| first_answer(&queries(&need.thing, Some(&need.path)), &mut resolve))
        .collect();

    let mut packages: BTreeMap<Identity, Package> = BTreeMap::new();
    let mut open: BTreeMap<Bytes, (Unresolved, usize)> = BTreeMap::new();
    // What was asked for itself gives the most telling reasons, so it comes first. Data that a
    // package brings which is there anyway is no need of its own, so data comes last.
    let mut order: Vec<usize> = (0..usage.needs.len()).collect();
    order.sort_by_key(|&number| {
        let need = &usage.needs[number];
        (need.role == Role::Data, need.brought_by.is_some())
    });
    for number in order {
        let need = &usage.needs[number];
        let Some(brought) = brought(usage, &answers, number) else {
            // What brings it has no name, so it cannot be said to be implied by anything; it is
            // still nothing that the run asked for itself.
            continue;
        };
        match &answers[number].best {
            Some(best) => {
                let implied = match &brought {
                    Brought::With(first) => by_stdenv(usage, &usage.needs[*first], best),
                    Brought::By(by) => by_stdenv(usage, need, best).or(Some(by_package(by))),
                };
                let asked = matches!(brought, Brought::With(first) if first == number);
                add(&mut packages, need, best, implied, asked);
            }
            None if need.brought_by.is_some() || answers[number].verdict != Verdict::Open => {}
            None => leave_open(&mut open, need, &answers[number]),
        }
    }
    let of_needs = answers
        .iter()
        .map(|answer| {
            let best = answer.best.as_ref()?;
            let package = packages.get(&identity(best));
            Some(package.map_or(&best.attr, |package| &package.attr).clone())
        })
        .collect();
    let mut packages: Vec<Package> = packages.into_values().collect();
    packages.sort_by(|a, b| (a.role, &a.attr, &a.origin).cmp(&(b.role, &b.attr, &b.origin)));
    Choice {
        packages,
        unresolved: open
            .into_values()
            .map(|(unresolved, more)| with_count(unresolved, more))
            .collect(),
        missing: missing(usage, &mut resolve),
        of_needs,
        answers,
    }
}

/// What has a thing that is known by its name alone.
pub fn provider(thing: &Thing, mut resolve: impl FnMut(&Query) -> Resolution) -> Resolution {
    first_answer(&queries(thing, None), &mut resolve)
}

/// The questions to ask for a thing, the sharpest first.
fn queries(thing: &Thing, path: Option<&Bytes>) -> Vec<Query> {
    let query = |kind, name: &Bytes| {
        let query = Query::new(kind, name.clone());
        match path {
            Some(path) => query.at(path.clone()),
            None => query,
        }
    };
    match thing {
        Thing::Command(name) => vec![query(Kind::Command, name)],
        Thing::Library(name) if name.ends_with(b".so") => {
            vec![query(Kind::Soname, name), query(Kind::LinkName, name)]
        }
        Thing::Library(name) => vec![query(Kind::Soname, name)],
        Thing::Header(name) => vec![query(Kind::Header, name)],
        Thing::PkgConfig(name) => vec![query(Kind::PkgConfig, name)],
        Thing::Data(name) => vec![query(Kind::Data, name)],
        Thing::Module {
            language: Language::Python,
            name,
            distribution,
        } => distribution
            .iter()
            .chain([name])
            .map(|name| query(Kind::Python, name))
            .collect(),
        Thing::Module {
            language: Language::Perl,
            name,
            ..
        } => vec![query(Kind::Perl, name)],
        Thing::Module {
            language: Language::Ruby,
            name,
            ..
        } => vec![query(Kind::Gem, name)],
        Thing::Module {
            language: Language::Node,
            name,
            ..
        } => vec![query(Kind::Node, name)],
        Thing::Module { name, .. } => vec![query(Kind::Path, path.unwrap_or(name))],
    }
}

fn first_answer(queries: &[Query], resolve: &mut impl FnMut(&Query) -> Resolution) -> Resolution {
    let mut first: Option<Resolution> = None;
    for query in queries {
        let resolution = resolve(query);
        if resolution.best.is_some() {
            return resolution;
        }
        // With no certain answer, the sharpest question that had candidates is worth showing.
        if first
            .as_ref()
            .is_none_or(|first| first.candidates.is_empty())
        {
            first = Some(resolution);
        }
    }
    first.expect("every thing has at least one query")
}

/// What tells two packages apart: the attribute, or the set that a member is called with, and the
/// origin.
type Identity = (String, Option<Origin>);

/// A file that is called is the same package whatever a pin names it.
fn identity(best: &Scored) -> Identity {
    let attr = match &best.origin {
        Some(Origin::File(_) | Origin::Tarball(_)) => {
            best.attr.set_member().map_or("", |(set, _)| set)
        }
        Some(Origin::Nixpkgs(_) | Origin::Flake(_)) | None => best.attr.as_str(),
    };
    (attr.to_owned(), best.origin.clone())
}

/// Who brings what a need asks for.
enum Brought {
    /// The package that has it is asked for by this need, which may be the same.
    With(usize),
    /// This other package.
    By(AttrPath),
}

/// Follows what brings a need to the next package that is another one; none when that has no name.
fn brought(usage: &Usage, answers: &[Resolution], number: usize) -> Option<Brought> {
    let attr = |number: usize| answers[number].best.as_ref().map(|best| &best.attr);
    let own = attr(number);
    if answers[number].best.as_ref().is_some_and(is_decided) {
        return Some(Brought::With(number));
    }
    let mut at = number;
    // No chain is longer than there are needs; a longer one goes in a circle.
    for _ in 0..usage.needs.len() {
        let Some(by) = usage.needs[at].brought_by else {
            let is_own = at == number || attr(at) == own;
            return is_own.then_some(Brought::With(at));
        };
        if let Some(other) = attr(by)
            && Some(other) != own
        {
            return Some(Brought::By(other.clone()));
        }
        at = by;
    }
    None
}

/// Whether a person has said that it is a package of its own, or what it is for: then it is listed,
/// whatever else would bring it.
fn is_decided(best: &Scored) -> bool {
    best.origin.is_some() || best.forced.is_some()
}

/// What brings a package, as it is told: what comes with a part of stdenv comes with stdenv.
fn by_package(by: &AttrPath) -> String {
    if STDENV.contains(&by.as_str()) || STDENV_CC.contains(&by.as_str()) {
        "stdenv".to_owned()
    } else {
        by.to_string()
    }
}

/// `stdenv`, if that has what the need asks for.
fn by_stdenv(usage: &Usage, need: &Need, best: &Scored) -> Option<String> {
    if is_decided(best) {
        return None;
    }
    let is_one_of = |names: &[&str]| names.contains(&best.attr.as_str());
    let has_it = match need.role {
        Role::Command | Role::Interpreter => {
            is_one_of(STDENV) || is_one_of(STDENV_CC) || is_one_of(LIBC)
        }
        Role::Library | Role::Dlopen | Role::Header | Role::PkgConfig => {
            is_one_of(LIBC)
                || comes_with_libc(&need.thing)
                || (usage.kind == RunKind::Build && is_one_of(STDENV_CC))
        }
        Role::Module | Role::Data => is_one_of(LIBC),
    };
    has_it.then(|| "stdenv".to_owned())
}

/// nixpkgs' glibc carries the compiler's unwinder, which its own thread cancellation opens.
fn comes_with_libc(thing: &Thing) -> bool {
    matches!(thing, Thing::Library(soname) if soname.as_bytes() == b"libgcc_s.so.1")
}

fn add(
    packages: &mut BTreeMap<Identity, Package>,
    need: &Need,
    best: &Scored,
    implied: Option<String>,
    asked: bool,
) {
    let package = packages.entry(identity(best)).or_insert_with(|| Package {
        attr: best.attr.clone(),
        output: best.output.clone(),
        role: need.role,
        uses: Vec::new(),
        origin: best.origin.clone(),
        forced: best.forced,
        version: None,
        implied: implied.clone(),
        score: best.score,
        because: Vec::new(),
    });
    if best.attr < package.attr {
        package.attr = best.attr.clone();
    }
    if asked {
        let phases = need.phases.iter().collect::<Option<Vec<Phase>>>();
        let used = PackageUse {
            role: need.role,
            output: best.output.clone(),
            forced: best.forced,
            by: need.asker,
            phases: phases.unwrap_or_default(),
            why: need.why.clone(),
            path: need.path.clone(),
        };
        let key = |it: &PackageUse| {
            let output = it.output.clone();
            (it.role, output, it.forced, it.by, it.phases.clone())
        };
        if let Err(place) = package.uses.binary_search_by_key(&key(&used), key) {
            package.uses.insert(place, used);
        }
    }
    let is_stronger = implied.is_none()
        && package.implied.is_some()
        && (need.role != Role::Data || is_decided(best));
    let is_equal = implied.is_none() == package.implied.is_none();
    // What a person has decided goes before what the run shows.
    let weight = |forced: Option<ForcedRole>, role| (forced.is_none(), forced, role);
    let weighs_more = weight(best.forced, need.role) < weight(package.forced, package.role);
    if is_stronger || (is_equal && weighs_more) {
        package.role = need.role;
        package.forced = best.forced;
        package.output = best.output.clone();
    }
    if is_stronger {
        package.implied = None;
        package.because.insert(0, need.why.clone());
    } else if package.because.len() < REASONS && !package.because.contains(&need.why) {
        package.because.push(need.why.clone());
    }
    package.score = package.score.max(best.score);
    for reason in &best.because {
        if package.because.len() < REASONS && !package.because.contains(reason) {
            package.because.push(reason.clone());
        }
    }
}

/// Keeps a need without an answer. Headers and data of one directory are told once.
fn leave_open(open: &mut BTreeMap<Bytes, (Unresolved, usize)>, need: &Need, answer: &Resolution) {
    let key = match need.role {
        Role::Header | Role::Data => {
            classify::parent(need.path.as_ref()).map_or_else(|| need.path.clone(), Bytes::from)
        }
        _ => need.path.clone(),
    };
    let reason = match answer.candidates.len() {
        0 => "no package is known to have it",
        1 => "the one candidate is not certain",
        _ => "several packages may have it",
    };
    open.entry(key)
        .and_modify(|(_, more)| *more += 1)
        .or_insert_with(|| {
            (
                Unresolved {
                    path: need.path.clone(),
                    why: format!("{}; {reason}", need.why),
                    candidates: answer.candidates.iter().take(5).cloned().collect(),
                },
                0,
            )
        });
}

fn with_count(mut unresolved: Unresolved, more: usize) -> Unresolved {
    match more {
        0 => {}
        1 => unresolved.why.push_str(" (and one more of its directory)"),
        _ => {
            let more = format!(" (and {more} more of its directory)");
            unresolved.why.push_str(&more);
        }
    }
    unresolved
}

fn missing(usage: &Usage, resolve: &mut impl FnMut(&Query) -> Resolution) -> Vec<Missing> {
    let mut found: BTreeMap<&Thing, BTreeSet<&str>> = BTreeMap::new();
    for MissingThing { thing, by } in &usage.missing {
        found.entry(thing).or_default().insert(by);
    }
    found
        .into_iter()
        .map(|(thing, by)| {
            let answer = first_answer(&queries(thing, None), resolve);
            let by: Vec<&str> = by.into_iter().take(3).collect();
            Missing {
                name: answer.query.name.clone(),
                why: format!(
                    "{} not found by {}",
                    answer.query.kind.in_words(),
                    by.join(", ")
                ),
                candidates: answer.candidates.into_iter().take(5).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
