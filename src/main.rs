//! The `nixtrace` command.

use clap::{Parser, Subcommand};
use nixtrace::cli::{Exit, index, resolve};
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
    /// Say which attributes provide a library, command, header, module or file
    Resolve(resolve::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Index(args) => index::run(args),
        Verb::Resolve(args) => resolve::run(args),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            eprintln!("{failure}");
            Exit::Failure.into()
        }
    }
}
