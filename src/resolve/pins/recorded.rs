//! Answers that were written down, so that the next run has the same: whatever index it asks, on
//! whatever system.
//!
//! The file is one of pins, made by the program: exact names with their kinds, sorted. Pins that a
//! person wrote go before it.

use super::Pins;
use super::pattern::Pattern;
use super::pin::Pin;
use crate::resolve::{Kind, Query, Scored};
use serde::Serialize;
use std::collections::BTreeMap;

/// What the file is called, beside `nixtrace.yaml`.
pub const FILE: &str = "nixtrace.recorded.yaml";

const HEAD: &str = "\
# Answers of earlier runs, written by nixtrace --record-pins so that later ones have the same. What
# you decide yourself goes into nixtrace.yaml, which is asked before this file.
";

#[derive(Serialize)]
struct Recorded {
    pins: BTreeMap<String, Pin>,
}

/// The text of the file: what it had before, and the answers of a run. An answer whose name a file
/// of pins cannot have (it is no text, or would be a pattern) is left out.
///
/// # Errors
/// When it cannot be written as YAML, which no text makes happen.
pub fn text<'a>(
    before: &Pins,
    answers: impl IntoIterator<Item = (&'a Query, &'a Scored)>,
) -> Result<String, serde_yaml::Error> {
    let mut pins: BTreeMap<String, Pin> = before
        .entries()
        .map(|(name, pin)| (name.to_owned(), pin.clone()))
        .collect();
    for (query, best) in answers {
        if let Some(name) = name(query) {
            pins.entry(name)
                .or_insert_with(|| Pin::to(best.attr.clone(), Some(best.output.clone())));
        }
    }
    Ok(HEAD.to_owned() + &serde_yaml::to_string(&Recorded { pins })?)
}

/// The name under which a file of pins has exactly what a query is about.
fn name(query: &Query) -> Option<String> {
    let name = std::str::from_utf8(query.name.as_bytes()).ok()?;
    let text = match query.kind {
        Kind::Path => name.to_owned(),
        kind => format!("{kind}:{name}"),
    };
    let pattern = Pattern::new(text).ok()?;
    (pattern.is_exact() && pattern.matches(query)).then_some(pattern.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{AttrPath, Output};
    use clap::ValueEnum;
    use proptest::prelude::*;
    use std::path::Path;

    fn scored(attr: &str, output: &str) -> Scored {
        Scored {
            attr: AttrPath::new(attr).unwrap(),
            output: Output(output.to_owned()),
            score: 0.9,
            because: Vec::new(),
            origin: None,
            forced: None,
            features: Vec::new(),
        }
    }

    fn read(text: &str) -> Pins {
        Pins::parse(text.as_bytes(), Path::new(FILE)).unwrap()
    }

    #[test]
    fn what_is_recorded_is_pinned_from_then_on() {
        let header = Query::new(Kind::Header, "openssl/ssl.h");
        let module = Query::new(Kind::Perl, "JSON::XS");
        let path = Query::new(Kind::Path, "/opt/x: y").at("/opt/x: y");
        let dev = scored("openssl", "dev");
        let json = scored("perlPackages.JSONXS", "out");
        let text = text(
            &read("pins: { libz.so.1: zlib }"),
            [(&header, &dev), (&module, &json), (&path, &dev)],
        )
        .unwrap();
        insta::assert_snapshot!(text, @r"
        # Answers of earlier runs, written by nixtrace --record-pins so that later ones have the same. What
        # you decide yourself goes into nixtrace.yaml, which is asked before this file.
        pins:
          '/opt/x: y':
            attr: openssl
            output: dev
          header:openssl/ssl.h:
            attr: openssl
            output: dev
          libz.so.1:
            attr: zlib
          perl:JSON::XS:
            attr: perlPackages.JSONXS
            output: out
        ");
        let pins = read(&text);
        for query in [header, module, path, Query::new(Kind::Soname, "libz.so.1")] {
            assert!(pins.pinned(&query).is_some(), "{query:?}");
        }
    }

    #[test]
    fn what_a_person_added_to_the_file_stays_in_it() {
        let text = text(
            &read(
                "pins:\n  acme: { attr: acme, source: ./acme.nix }\n  git: { role: native }\n  x: { attr: y, source: { flake: 'git+https://x?rev=0123456789abcdef0123456789abcdef01234567' } }\n",
            ),
            [],
        )
        .unwrap();
        insta::assert_snapshot!(text.split_once("pins:").unwrap().1, @r"
        acme:
          attr: acme
          source: ./acme.nix
        git:
          role: native
        x:
          attr: y
          source:
            flake: git+https://x?rev=0123456789abcdef0123456789abcdef01234567
        ");
    }

    #[test]
    fn a_name_that_a_pin_cannot_have_is_left_out() {
        let best = scored("foo", "out");
        for query in [
            Query::new(Kind::Command, "a*"),
            Query::new(Kind::Command, &b"\xff"[..]),
            Query::new(Kind::Command, ""),
        ] {
            let text = text(&Pins::default(), [(&query, &best)]).unwrap();
            assert_eq!(read(&text).entries().count(), 0, "{query:?}");
        }
    }

    proptest! {
        #[test]
        fn every_answer_is_read_back_or_left_out(
            kind in prop::sample::select(Kind::value_variants()),
            name in prop_oneof![any::<String>(), "[-a-z0-9:._/ '\"#&*]{0,12}"],
        ) {
            let query = Query::new(kind, name.as_str());
            let best = scored("foo", "lib");
            let text = text(&Pins::default(), [(&query, &best)]).unwrap();
            let pins = read(&text);
            if pins.entries().count() == 1 {
                prop_assert_eq!(pins.pinned(&query).unwrap().candidate.attr, best.attr);
            }
        }
    }
}
