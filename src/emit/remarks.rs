//! What a file says in comments besides the reasons of its packages: what it was made for, what
//! stayed open, what could not be seen.

use super::command_line::command_line;
use super::home::Home;
use super::nix::Comment;
use super::{Environment, Package, Role, RunKind};
use crate::resolve::Scored;
use crate::trace::Bytes;
use std::collections::BTreeSet;

/// Comment lines, each with the columns it is indented by.
pub(crate) type Lines = Vec<(usize, Comment)>;

/// No more candidates than these are named for one open question.
const CANDIDATES: usize = 5;

/// No more kinds of things that could not be seen than these are told.
const GAPS: usize = 5;

/// The lines above the expression.
pub(crate) fn header(environment: &Environment, home: &Home) -> Vec<Comment> {
    let mut lines = made_for(environment, home);
    if let Some(status) = environment.exit
        && status != 0
    {
        lines.push(format!(
            "{} exit status was {status}: it may need more than was seen here.",
            if environment.runs.is_empty() {
                "Its"
            } else {
                "One run's"
            }
        ));
    }
    for gap in environment.gaps.iter().take(GAPS) {
        let times = match gap.count {
            0 | 1 => String::new(),
            count => format!(" ({count} times)"),
        };
        lines.push(format!(
            "Not seen: {}{times}",
            home.shown(gap.detail.as_bytes())
        ));
    }
    if environment.gaps.len() > GAPS {
        let more = environment.gaps.len() - GAPS;
        lines.push(format!("Not seen: {more} more things, see `-f json`"));
    }
    lines.iter().filter_map(|line| Comment::new(line)).collect()
}

/// No more runs than these are named one by one.
const RUNS: usize = 8;

/// The command, or those of all runs with their names.
fn made_for(environment: &Environment, home: &Home) -> Vec<String> {
    let runs = &environment.runs;
    if runs.is_empty() {
        let command = command_line(&environment.command, home);
        return vec![format!("Written by nixtrace for: {command}")];
    }
    let mut lines = vec![format!("Written by nixtrace for {} runs:", runs.len())];
    lines.extend(runs.iter().take(RUNS).map(|run| {
        let command = command_line(&run.command, home);
        format!("- {}: {command}", run.name)
    }));
    if runs.len() > RUNS {
        lines.push(format!("- and {} more", runs.len() - RUNS));
    }
    lines
}

/// Why a file lists nothing.
pub(crate) fn nothing(environment: &Environment) -> Lines {
    let standard: Vec<&Package> = environment
        .packages
        .iter()
        .filter(|package| package.implied.as_deref() == Some("stdenv"))
        .collect();
    let why = if !standard.is_empty() {
        let commands: BTreeSet<&str> = standard
            .iter()
            .filter(|package| matches!(package.role, Role::Command | Role::Interpreter))
            .map(|package| package.attr.as_str())
            .collect();
        if commands.is_empty() {
            "All that was used comes with stdenv.".to_owned()
        } else {
            let names: Vec<&str> = commands.into_iter().collect();
            format!("All that was used is part of stdenv: {}.", names.join(", "))
        }
    } else {
        let what = match environment.kind {
            RunKind::Binary => "The program",
            RunKind::Build => "The build",
            RunKind::Script => "The script",
        };
        format!("{what} used nothing that a package would have to provide.")
    };
    Comment::new(&why).map(|why| (0, why)).into_iter().collect()
}

/// A block of lines for everything that a person has to decide.
pub(crate) fn to_do(environment: &Environment, home: &Home) -> Vec<Lines> {
    let unresolved = environment.unresolved.iter().map(|open| {
        block(
            "no certain package for",
            &open.path,
            &open.why,
            &open.candidates,
            home,
        )
    });
    let missing = environment
        .missing
        .iter()
        .map(|open| block("not found:", &open.name, &open.why, &open.candidates, home));
    unresolved.chain(missing).collect()
}

fn block(what: &str, name: &Bytes, why: &str, candidates: &[Scored], home: &Home) -> Lines {
    let mut lines = vec![
        (0, format!("TODO nixtrace: {what} {}", home.shown(name))),
        (2, home.shown(why.as_bytes())),
    ];
    if !candidates.is_empty() {
        let mut names: Vec<String> = candidates
            .iter()
            .take(CANDIDATES)
            .map(|candidate| format!("pkgs.{}", candidate.attr))
            .collect();
        if candidates.len() > CANDIDATES {
            names.push(format!("{} more", candidates.len() - CANDIDATES));
        }
        lines.push((2, format!("perhaps {}", names.join(", "))));
    }
    lines
        .into_iter()
        .filter_map(|(indent, line)| Some((indent, Comment::new(&line)?)))
        .collect()
}
