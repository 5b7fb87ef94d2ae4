//! All sources together: one question in, one resolution out.
//!
//! Sources are asked in the order pins, store, the user's index, the embedded index, the host's
//! packages, rules of thumb; a later one only where the earlier ones leave doubt.

use super::distro::package;
use super::distro::translate::{HostSource, output_of};
use super::host_only::{DRIVER, host_only};
use super::index::{AttributeFacts, FormatError};
use super::modules::{Owner, owner_of};
use super::pins::{Pinned, Pins};
use super::rank::{Counted, Feature, THRESHOLD, plain_of_variant, rank};
use super::spelling::{Relation, spellings};
use super::store::StorePath;
use super::versions::VersionRules;
use super::{
    AttrPath, Basis, Candidate, Descriptions, Facts, FileForm, Kind, Lexicon, Output, Query,
    Resolution, Scored, Source, SourceKind, Verdict, cross, heuristic, kde,
};
use crate::trace::Bytes;
use bstr::ByteSlice;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// From here on the index's answer needs no second opinion.
const SURE: f64 = 0.9;

/// Answers queries from all sources that it was given.
#[derive(Default)]
pub struct Resolver {
    pins: Vec<Pins>,
    preferred: Vec<AttrPath>,
    indexes: Indexes,
    host: Option<HostSource>,
    descriptions: Option<Descriptions>,
    known: Mutex<HashMap<Query, Arc<Resolution>>>,
}

impl Resolver {
    /// A resolver that knows nothing yet but the rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a person's decisions; those added first go first.
    pub fn with_pins(mut self, pins: Pins) -> Self {
        self.preferred.extend(pins.preferred());
        self.pins.push(pins);
        self
    }

    /// The queries that had an answer so far which no pin gave, with it; sorted.
    pub fn answers(&self) -> Vec<(Query, Scored)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers: Vec<(Query, Scored)> = known
            .values()
            .filter_map(|resolution| Some((resolution.query.clone(), resolution.best.clone()?)))
            .filter(|(_, best)| {
                let pinned = |it: &Counted| it.feature == Feature::Pinned;
                !best.features.iter().any(pinned)
            })
            .collect();
        answers.sort_by(|(a, _), (b, _)| a.cmp(b));
        answers
    }

    /// Adds an index; those added first are asked first.
    pub fn with_index(mut self, index: impl Lexicon + Send + Sync + 'static) -> Self {
        self.indexes.0.push(Box::new(index));
        self
    }

    /// Adds the host's packages.
    pub fn with_host(mut self, host: HostSource) -> Self {
        self.host = Some(host);
        self
    }

    /// Adds what packages on a system say of themselves.
    pub fn with_descriptions(mut self, descriptions: Descriptions) -> Self {
        self.descriptions = Some(descriptions);
        self
    }

    /// The host's package database, if there is one.
    pub(super) fn host(&self) -> Option<&HostSource> {
        self.host.as_ref()
    }

    /// What is wrong with an index, as far as questions have met it: answers after that are without
    /// it.
    pub fn damage(&self) -> Option<FormatError> {
        self.indexes.damage()
    }

    /// What a query comes to. The same question is answered once and remembered.
    pub fn resolve(&self, query: &Query) -> Arc<Resolution> {
        // A panic elsewhere leaves the map as it was: whole entries.
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(query) {
            return Arc::clone(known);
        }
        let resolution = Arc::new(self.answer(query));
        lock().insert(query.clone(), Arc::clone(&resolution));
        resolution
    }

    fn answer(&self, query: &Query) -> Resolution {
        let sharp = match query.kind {
            Kind::Path => Cow::Owned(Query::for_path(query.name.as_bytes())),
            Kind::Data => sharper_than_data(query),
            _ => Cow::Borrowed(query),
        };
        let mut resolution = self.decided(query, &sharp);
        if let Some(best) = &mut resolution.best {
            let role = |pins: &Pins| pins.role(query).or_else(|| pins.role(&sharp));
            best.forced = self.pins.iter().find_map(role);
        }
        resolution
    }

    /// The answer before anybody has said what it is for.
    fn decided(&self, query: &Query, sharp: &Query) -> Resolution {
        let resolution = |verdict, best, candidates| Resolution {
            query: query.clone(),
            verdict,
            best,
            candidates,
        };
        for pins in &self.pins {
            if let Some(pattern) = pins.ignored(query).or_else(|| pins.ignored(sharp)) {
                return resolution(Verdict::Ignored(pattern.to_owned()), None, Vec::new());
            }
            if let Some(pin) = pins.pinned(query).or_else(|| pins.pinned(sharp)) {
                let Pinned { candidate, origin } = self.with_output(pin, sharp.kind);
                let mut scored = rank(sharp, &[candidate], &[]);
                for scored in &mut scored {
                    scored.origin.clone_from(&origin);
                }
                return resolution(Verdict::Package, scored.first().cloned(), scored);
            }
        }
        if let Some(why) = host_only(sharp) {
            return resolution(Verdict::Host(why), None, Vec::new());
        }
        let (mut candidates, of_the_host) = self.ranked(sharp);
        if sharp.kind == Kind::Command
            && let Some(first) = candidates.first_mut()
            && sharp
                .path
                .as_ref()
                .is_some_and(|path| !path.ends_with(sharp.name.as_bytes()))
        {
            // `lib/python3.11/ssl.py` was asked for as the interpreter that it comes with.
            first
                .because
                .insert(0, format!("it belongs to {} itself", sharp.name));
        }
        if of_the_host {
            return resolution(Verdict::Host(DRIVER), None, candidates);
        }
        let best = candidates
            .first()
            .filter(|first| first.score >= THRESHOLD)
            .cloned();
        let verdict = if best.is_some() {
            Verdict::Package
        } else {
            Verdict::Open
        };
        resolution(verdict, best, candidates)
    }

    /// The candidates in their order, and whether the first is one that an index knows to be the
    /// host's.
    fn ranked(&self, query: &Query) -> (Vec<Scored>, bool) {
        let (query, mut candidates) = self.listed(query);
        // Something that a package of another distribution has is a question of its own; that is
        // never a package of that kind again.
        candidates.extend(package::candidates(
            &query,
            self.host.as_ref(),
            &self.indexes,
            &|question| self.resolve(question).best.clone(),
        ));
        candidates.extend(VersionRules.candidates(&query));
        candidates.extend(cross::candidates(&query));
        candidates.extend(self.stored(&query, &candidates));
        let mut scored = rank(&query, &candidates, &self.preferred);
        let best = |scored: &[Scored]| scored.first().map_or(0.0, |first| first.score);
        if best(&scored) < SURE {
            let mut more = Vec::new();
            if let Some(host) = &self.host {
                more = host.candidates(&query, &self.indexes);
            }
            if let Some(descriptions) = &self.descriptions {
                more.extend(descriptions.candidates(&query));
            }
            if !more.is_empty() {
                candidates.extend(more);
                scored = rank(&query, &candidates, &self.preferred);
            }
        }
        if best(&scored) < THRESHOLD {
            let mut more = heuristic::candidates(&query, &self.indexes);
            more.extend(self.without_variant(&candidates));
            if !more.is_empty() {
                candidates.extend(more);
                scored = rank(&query, &candidates, &self.preferred);
            }
        }
        let of_the_host = scored.first().is_some_and(|first| {
            candidates
                .iter()
                .any(|candidate| candidate.facts.of_the_host && candidate.attr == first.attr)
        });
        (scored, of_the_host)
    }

    /// What the indexes have, for the query itself or for the nearest spelling that they know; and
    /// that spelling, where it means the same.
    fn listed<'a>(&self, query: &'a Query) -> (Cow<'a, Query>, Vec<Candidate>) {
        let mut candidates = self.indexes.candidates(query);
        // Links to another package's file do not say whose it is; a shorter spelling may.
        if candidates.iter().any(|candidate| {
            candidate.form != FileForm::ReExport && candidate.facts.below.is_none()
        }) {
            // What is only guessed is worth less than what a listing has under another version.
            let guessed = candidates
                .iter()
                .all(|candidate| matches!(candidate.basis, Basis::Guess(_)));
            if guessed {
                candidates.extend(self.indexes.siblings(query));
            }
            return (Cow::Borrowed(query), candidates);
        }
        for spelling in spellings(query) {
            let mut candidates = self.indexes.candidates(&spelling.query);
            if candidates.is_empty() {
                continue;
            }
            let name = &spelling.query.name;
            match spelling.relation {
                Relation::Same => return (Cow::Owned(spelling.query), candidates),
                Relation::InPlace => {
                    let directory = query
                        .name
                        .rsplit_once_str("/")
                        .map(|(directory, _)| directory);
                    candidates.retain(|candidate| Some(candidate.place.as_bytes()) == directory);
                    if candidates.is_empty() {
                        continue;
                    }
                }
                Relation::AnyVersion => {
                    for candidate in &mut candidates {
                        candidate.facts.sibling = Some(name.clone());
                    }
                }
                Relation::Whole => {
                    for candidate in &mut candidates {
                        candidate.facts.below = Some(name.clone());
                    }
                }
            }
            return (Cow::Borrowed(query), candidates);
        }
        // The directory above, or another version, is better than nothing.
        candidates.extend(self.indexes.siblings(query));
        (Cow::Borrowed(query), candidates)
    }

    /// The packages of which others are variants by name: what `foo-gtk4` has, `foo` has, though no
    /// listing may have it.
    fn without_variant(&self, candidates: &[Candidate]) -> Vec<Candidate> {
        candidates
            .iter()
            .filter(|candidate| candidate.basis == Basis::Listed)
            .filter_map(|variant| {
                let known = self
                    .indexes
                    .attribute(&AttrPath::new(plain_of_variant(variant.attr.as_str())?).ok()?)?;
                Some(Candidate {
                    note: Some(format!("{}, a variant of it, has it", variant.attr)),
                    attr: known.attr,
                    basis: Basis::ListedUnderOtherName,
                    popularity: known.popularity,
                    facts: Facts {
                        pname: known.pname,
                        unfree: known.unfree,
                        is_main_program: false,
                        ..variant.facts.clone()
                    },
                    ..variant.clone()
                })
            })
            .collect()
    }

    /// For a file in the Nix store: the attributes of the package whose name the store path has.
    fn stored(&self, query: &Query, listed: &[Candidate]) -> Vec<Candidate> {
        let Some((store_path, _)) = query
            .path
            .as_ref()
            .and_then(|path| StorePath::of(path.as_bytes()))
        else {
            return Vec::new();
        };
        let parts = store_path.parts();
        let mut attrs = self.indexes.named(parts.pname);
        attrs.extend(
            attributes_of_name(parts.pname)
                .into_iter()
                .filter_map(|attr| self.indexes.attribute(&attr).map(|known| known.attr)),
        );
        // An index may know the package under an attribute whose derivation is called otherwise.
        attrs.extend(
            listed
                .iter()
                .filter(|candidate| candidate.facts.pname.as_deref() == Some(parts.pname))
                .map(|candidate| candidate.attr.clone()),
        );
        attrs.sort_unstable();
        attrs.dedup();
        attrs
            .into_iter()
            .map(|attr| Candidate {
                popularity: self
                    .indexes
                    .attribute(&attr)
                    .map(|known| known.popularity)
                    .unwrap_or_default(),
                attr,
                output: Some(Output(parts.output.to_owned())),
                source: SourceKind::Store,
                basis: Basis::NameOnly,
                form: FileForm::Regular,
                place: Bytes::default(),
                note: Some(format!("the store path is that of {}", store_path.name())),
                facts: Facts {
                    pname: Some(parts.pname.to_owned()),
                    ..Facts::default()
                },
            })
            .collect()
    }

    /// A pin without an output takes the usual one for the kind; of what is not nixpkgs' own nothing
    /// is known.
    fn with_output(&self, mut pin: Pinned, kind: Kind) -> Pinned {
        let Pinned { candidate, origin } = &mut pin;
        if candidate.output.is_none() && origin.is_none() {
            let known = self.indexes.attribute(&candidate.attr);
            candidate.output = output_of(kind, known.as_ref().map(|known| &known.outputs[..]));
        }
        pin
    }
}

/// A file below `share/` or `lib/` may be part of a thing with a name of its own: a Lua module, an
/// archive, a schema.
fn sharper_than_data(query: &Query) -> Cow<'_, Query> {
    let parts: Vec<&[u8]> = query.name.split_str("/").collect();
    match owner_of(&parts) {
        Some(Owner::Module { kind, name, .. }) => Cow::Owned(Query {
            kind,
            name: Bytes::from(&*name),
            path: query.path.clone(),
        }),
        _ => Cow::Borrowed(query),
    }
}

/// The attributes that a derivation's name suggests by nixpkgs' own custom: `python3.11-numpy` is
/// `python3Packages.numpy`, `perl5.38.2-JSON-XS` is `perlPackages.JSONXS`, `ripgrep` is `ripgrep`.
fn attributes_of_name(pname: &str) -> Vec<AttrPath> {
    let text = match pname.split_once('-') {
        Some((interpreter, module)) if interpreter.starts_with("python3") => {
            format!("python3Packages.{module}")
        }
        Some((interpreter, module)) if interpreter.starts_with("perl5") => {
            format!("perlPackages.{}", module.replace('-', ""))
        }
        _ => pname.to_owned(),
    };
    AttrPath::new(text).into_iter().collect()
}

/// Several indexes as one.
#[derive(Default)]
struct Indexes(Vec<Box<dyn Lexicon + Send + Sync>>);

/// Sets whose members nixpkgs has moved to the top level under their own names.
const DISSOLVED_SETS: [&str; 4] = ["gnome", "gnome2", "gnome3", "xorg"];

impl Indexes {
    /// Today's name for a member of a set that nixpkgs has dissolved.
    fn of_a_dissolved_set(&self, attr: &AttrPath) -> Option<AttrPath> {
        let (set, member) = attr.set_member()?;
        if !DISSOLVED_SETS.contains(&set) {
            return None;
        }
        // `gtk` was the name of no release.
        let today = AttrPath::new(if member == "gtk" { "gtk2" } else { member }).ok()?;
        self.attribute(&today).map(|facts| facts.attr)
    }
}

impl Source for Indexes {
    fn candidates(&self, query: &Query) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self
            .0
            .iter()
            .flat_map(|index| index.candidates(query))
            .collect();
        for candidate in &mut candidates {
            if let Some(today) = self.of_a_dissolved_set(&candidate.attr) {
                candidate.attr = today;
            } else {
                kde::program_with_qt_6(query, candidate);
            }
        }
        if candidates.is_empty()
            && let Some(before) = kde::before_6(query)
        {
            candidates = kde::after_5(self.candidates(&before), &before);
        }
        candidates
    }
}

impl Lexicon for Indexes {
    fn siblings(&self, query: &Query) -> Vec<Candidate> {
        self.0
            .iter()
            .flat_map(|index| index.siblings(query))
            .collect()
    }

    fn attribute(&self, attr: &AttrPath) -> Option<AttributeFacts> {
        self.0.iter().find_map(|index| index.attribute(attr))
    }

    fn named(&self, pname: &str) -> Vec<AttrPath> {
        self.0.iter().flat_map(|index| index.named(pname)).collect()
    }

    fn with_homepage(&self, url: &str) -> Vec<AttrPath> {
        self.0
            .iter()
            .flat_map(|index| index.with_homepage(url))
            .collect()
    }

    fn damage(&self) -> Option<FormatError> {
        self.0.iter().find_map(|index| index.damage())
    }
}
