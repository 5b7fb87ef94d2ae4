//! The main job, seen from outside: the built program is run on real commands and judged by what
//! it writes. Nothing in here knows how it works inside.
//!
//! - `real_inputs`: which attributes each program needs, exactly.
//! - `building`: the same for builds.
//! - `formats`: which files are written, and where.
//! - `version_managers`: pythons that live in the home directory.
//! - `transparency`: the command does not notice that it is watched.
//! - `bad_input`: what goes wrong is said, and leaves nothing behind.
//! - `interruption`: signals, kills, full disks in the middle of a run.
//! - `languages`: packages of builds by cmake, meson, autotools, cargo, go and pip.
//! - `recording`: the trace file.
//! - `doctor`: what is missing, and the line to add.
//! - `explaining`: why a run has a thing.
//! - `importing`: traces that other programs have taken.
//! - `merging`: several runs, one result.
//! - `names`: addresses, and what DNS servers were asked for.
//! - `odd_traces`: traces of which little can be made.
//! - `picturing`: the page in a real browser, and pictures.
//! - `showing`: what a trace holds, as tables and as a tree.
//! - `looking_up`: the verbs that run no command.

#![allow(
    clippy::unwrap_used,
    reason = "what surprises a test fails it, in its helpers too"
)]

mod bad_input;
mod building;
mod doctor;
mod explaining;
mod formats;
mod importing;
mod interruption;
mod languages;
mod looking_up;
mod memory;
mod merging;
mod names;
mod odd_traces;
mod picturing;
mod real_inputs;
mod recording;
mod showing;
mod support;
mod transparency;
mod version_managers;
