//! The table that follows a run on standard error.

use super::printable;
use crate::emit::Environment;
use crate::resolve::Package;
use crate::trace::GapKind;
use std::fmt::Write;

/// Lines that tell a person what the run needs, why, and what stayed open; `width` columns wide at
/// most, where words allow it.
pub fn summary(environment: &Environment, width: usize) -> String {
    let mut text = String::new();
    packages(&mut text, environment, width);
    list(
        &mut text,
        "unresolved: no package is certain",
        environment.unresolved.iter().map(|open| {
            let candidates: Vec<&str> = open
                .candidates
                .iter()
                .map(|it| it.attr.as_str())
                .take(3)
                .collect();
            let candidates = match candidates.is_empty() {
                true => String::new(),
                false => format!("; perhaps {}", candidates.join(", ")),
            };
            (
                printable(open.path.as_bytes()),
                format!("{}{candidates}", printable(open.why.as_bytes())),
            )
        }),
        width,
    );
    list(
        &mut text,
        "missing: looked for in vain",
        environment.missing.iter().map(|missing| {
            let provided = match missing.candidates.first() {
                Some(best) => format!("; {} has it", best.attr),
                None => String::new(),
            };
            (
                printable(missing.name.as_bytes()),
                format!("{}{provided}", printable(missing.why.as_bytes())),
            )
        }),
        width,
    );
    let gaps = environment.gaps.iter();
    gaps_table(
        &mut text,
        gaps.map(|gap| (gap.kind, gap.detail.as_str(), gap.count)),
        width,
    );
    text
}

/// Lines that tell a person what could not be seen, each thing with how often; nothing when that is
/// nothing.
pub fn not_seen<'a>(gaps: impl Iterator<Item = (GapKind, &'a str, u64)>) -> String {
    let mut text = String::new();
    gaps_table(&mut text, gaps, usize::MAX);
    text
}

fn gaps_table<'a>(
    text: &mut String,
    gaps: impl Iterator<Item = (GapKind, &'a str, u64)>,
    width: usize,
) {
    let rows = gaps.map(|(kind, detail, count)| {
        let times = match count {
            1 => String::new(),
            count => format!(" ({count} times)"),
        };
        let kind = serde_json::to_value(kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str());
        (
            kind.unwrap_or("gap").to_owned(),
            format!("{}{times}", printable(detail.as_bytes())),
        )
    });
    list(text, "not seen", rows, width);
}

fn packages(text: &mut String, environment: &Environment, width: usize) {
    let (listed, implied): (Vec<&Package>, Vec<&Package>) = environment
        .packages
        .iter()
        .partition(|package| package.implied.is_none());
    if listed.is_empty() {
        let why = if implied.is_empty() {
            "it used nothing that a package has"
        } else {
            "all that it used comes with stdenv"
        };
        let _ = writeln!(text, "no packages needed: {why}");
    }
    let rows = listed.iter().map(|package| {
        let why = package.because.first().map_or("", String::as_str);
        let from = package.origin.as_ref();
        let from = from.map_or_else(String::new, |origin| format!(" (from {origin})"));
        let why = format!("{why}{from}");
        (package.attr.to_string(), printable(why.as_bytes()))
    });
    table(text, rows, width);
    if !listed.is_empty() && !implied.is_empty() {
        let by_stdenv = implied
            .iter()
            .filter(|package| package.implied.as_deref() == Some("stdenv"))
            .count();
        let by_others = implied.len() - by_stdenv;
        let parts: Vec<String> = [(by_stdenv, "by stdenv"), (by_others, "by those above")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, whose)| format!("{count} {whose}"))
            .collect();
        let _ = writeln!(text, "  implied: {}", parts.join(", "));
    }
}

fn list(
    text: &mut String,
    title: &str,
    rows: impl Iterator<Item = (String, String)>,
    width: usize,
) {
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "{title}");
        table(text, rows.into_iter(), width);
    }
}

/// The widest first column; longer names push their row's second column to the right.
const NAME_WIDTH: usize = 28;

fn table(text: &mut String, rows: impl Iterator<Item = (String, String)>, width: usize) {
    let rows: Vec<(String, String)> = rows.collect();
    let longest = rows.iter().map(|(name, _)| name.chars().count()).max();
    let column = longest.unwrap_or(0).min(NAME_WIDTH);
    for (name, why) in rows {
        let line = format!("  {name:column$}  {why}");
        let _ = writeln!(text, "{}", shortened(line.trim_end(), width));
    }
}

/// A line of at most `width` characters, an ellipsis at its end where something is left out.
fn shortened(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::{Role, RunKind, Unresolved};
    use crate::resolve::{AttrPath, Output};

    fn package(attr: &str, implied: Option<&str>, why: &str) -> Package {
        Package {
            attr: AttrPath::new(attr).unwrap(),
            output: Output::default(),
            role: Role::Command,
            uses: Vec::new(),
            origin: None,
            forced: None,
            version: None,
            implied: implied.map(str::to_owned),
            score: 1.0,
            because: vec![why.to_owned()],
        }
    }

    fn environment() -> Environment {
        Environment {
            packages: vec![
                package("jq", None, "the command"),
                package("glibc", Some("stdenv"), "libc.so.6"),
                package("oniguruma", Some("jq"), "libonig.so.5"),
            ],
            ..Environment::new(RunKind::Binary, vec!["jq".into()])
        }
    }

    #[test]
    fn packages_are_listed_with_their_reason() {
        insta::assert_snapshot!(summary(&environment(), 80), @r"
          jq  the command
          implied: 1 by stdenv, 1 by those above
        ");
    }

    #[test]
    fn what_stayed_open_is_never_left_out() {
        let mut environment = environment();
        environment.packages.clear();
        environment.unresolved.push(Unresolved {
            path: "/usr/lib/libacme\n.so.1".into(),
            why: "libacme.so.1, needed by ./app; no package is known to have it".to_owned(),
            candidates: Vec::new(),
        });
        insta::assert_snapshot!(summary(&environment, 60), @r"
        no packages needed: it used nothing that a package has
        unresolved: no package is certain
          /usr/lib/libacme\u{a}.so.1  libacme.so.1, needed by ./app…
        ");
    }
}
