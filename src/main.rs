//! The `nixtrace` command.

use clap::{Parser, Subcommand};
use nixtrace::cli::{Exit, index};
use std::process::ExitCode;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make an index, or tell what it holds
    Index(index::Args),
}

fn main() -> ExitCode {
    let Verb::Index(args) = Cli::parse().verb;
    match index::run(args) {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("{failure}");
            Exit::Failure.into()
        }
    }
}
