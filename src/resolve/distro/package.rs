//! A distribution's package by its name: `libssl-dev` of Debian is `openssl`.
//!
//! Where the system that is asked has the package, its files and its home page speak ([`translate`]);
//! everywhere its name does, by the questions that it amounts to and by the attributes that are called
//! like it ([`naming`]).
//!
//! [`translate`]: super::translate

use super::translate::{HostSource, output_of};
use super::{Manager, naming};
use crate::resolve::{
    AttrPath, Basis, Candidate, Facts, FileForm, Kind, Lexicon, Query, Scored, SourceKind,
};
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::collections::BTreeMap;

/// An answer that is as good as certain counts as more agreements than one that is likely.
const SURE: f64 = 0.9;

/// Below this an answer may be no more than a likeness of names, which is counted anyway.
const LIKELY: f64 = 0.7;

/// What speaks for an attribute.
#[derive(Default)]
struct Signs {
    agreements: u8,
    notes: Vec<String>,
}

/// What may be the package that a query names, if it names one. `ask` answers other questions.
pub(in crate::resolve) fn candidates(
    query: &Query,
    host: Option<&HostSource>,
    index: &dyn Lexicon,
    ask: &dyn Fn(&Query) -> Option<Scored>,
) -> Vec<Candidate> {
    let (Some(manager), Ok(name)) = (Manager::of(query.kind), query.name.to_str()) else {
        return Vec::new();
    };
    let mut signs: BTreeMap<AttrPath, Signs> = BTreeMap::new();
    let mut add = |attr: &AttrPath, agreements: u8, note: String| {
        let signs = signs.entry(attr.clone()).or_default();
        signs.agreements = signs.agreements.saturating_add(agreements);
        signs.notes.push(note);
    };
    if let Some(installed) = host.and_then(|host| host.installed(manager, name, index)) {
        for translation in &*installed {
            let note = format!("installed here{}", translation.evidence("files"));
            add(&translation.attr, translation.agreements, note);
        }
    }
    let named = naming::attributes(manager, name)
        .into_iter()
        .find_map(|attr| index.attribute(&attr))
        .map(|known| (naming::worth(name, &known.attr), known.attr));
    let is_called_so = named.as_ref().is_some_and(|(worth, _)| *worth > 1);
    // The nearest question that has an answer counts; what others say of the same is no new sign.
    let answer = naming::questions(manager, name)
        .into_iter()
        // What is left of a name without its number says less than the whole name.
        .filter(|question| question.exact || !is_called_so)
        .find_map(|question| {
            let best = ask(&question.query).filter(|best| best.score >= LIKELY)?;
            Some((question, best))
        });
    let answered = answer
        .as_ref()
        .map(|(_, best)| (best.attr.clone(), best.output.clone()));
    if let Some((question, best)) = answer {
        let agreements = if question.exact && best.score >= SURE {
            3
        } else {
            1
        };
        let asked = &question.query;
        let note = format!("its {} {} is in {}", asked.kind, asked.name, best.attr);
        add(&best.attr, agreements, note);
    }
    if let Some((worth, attr)) = named {
        let note = format!("{attr} is called like it");
        add(&attr, worth, note);
    }
    signs
        .into_iter()
        .map(|(attr, signs)| {
            let known = index.attribute(&attr);
            Candidate {
                // Where the thing lies that the package is called for, if that is known.
                output: match &answered {
                    Some((answered, output)) if *answered == attr => Some(output.clone()),
                    _ => output_of(
                        naming::usual_kind(name),
                        known.as_ref().map(|known| &known.outputs[..]),
                    ),
                },
                source: SourceKind::Host,
                basis: Basis::Guess(signs.agreements.min(4)),
                form: FileForm::Regular,
                place: Bytes::default(),
                popularity: known.as_ref().map(|it| it.popularity).unwrap_or_default(),
                note: Some(signs.notes.join("; ")),
                facts: Facts {
                    unfree: known.is_some_and(|known| known.unfree),
                    ..Facts::default()
                },
                attr,
            }
        })
        .collect()
}

impl Manager {
    /// The package manager whose packages a kind of query names.
    pub fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Dpkg => Self::Dpkg,
            Kind::Rpm => Self::Rpm,
            Kind::Pacman => Self::Pacman,
            Kind::Apk => Self::Apk,
            _ => return None,
        })
    }
}
