//! The command line: one file per verb, from flags to calls on the floors below to words for a
//! person.
//!
//! Each verb is a module with `Args` (what was typed) and `run(Args) -> Result<u8, Failure>`, the
//! exit status.

mod completions;
mod doctor;
mod elf;
mod emit;
pub mod exit;
mod explaining;
mod expression;
mod failure;
mod files;
mod import;
mod index;
mod merge;
mod nixpkgs;
mod output;
mod pager;
mod progress;
mod reading;
mod record;
mod report;
mod resolve;
mod resolving;
mod run;
mod show;
mod tracing;
mod why;

pub use exit::Exit;
pub use failure::Failure;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// See what a program really uses, and write the Nix expression that provides it
///
/// Runs the command under a tracer, follows every process it starts, tells what it used from what
/// it only looked for, finds the packages of nixpkgs that have it, and writes shell.nix; for a program
/// of your own or a build also package.nix.
#[derive(Debug, Parser)]
#[command(
    name = "nixtrace",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(after_help = run::EXAMPLES)]
    Run(run::Args),
    Record(record::Args),
    Emit(emit::Args),
    Show(show::Args),
    Why(why::Args),
    Merge(merge::Args),
    Import(import::Args),
    Report(report::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(completions::ManArgs),
    Elf(elf::Args),
    Resolve(resolve::Args),
    Index(index::Args),
}

const EXAMPLES: &str = "\
Examples:
  nixtrace -- ./app --version         write ./shell.nix for a program
  nixtrace -f json -- make            print what a build used, for programs
  nixtrace -f flake,image -- ./app    write flake.nix, image.nix and what they call
  nixtrace record -o app.jsonl -- ./app
  nixtrace emit app.jsonl -o shell.nix
  nixtrace show app.jsonl             what it used, by class, and what was not seen
  nixtrace why app.jsonl openssl      the chains from the command to it
  nixtrace report app.jsonl           a page to look at, report.html
  nixtrace doctor ./app               what it lacks here, and the line that adds it
  nixtrace elf ./app                  what it is linked to; nothing is run
  nixtrace resolve libssl.so.3 git    which package has it, and why

Exit status: the command's own, 128+n if signal n killed it; 124 if --strict was
given and something could not be seen, 125 if nixtrace failed, 126 if the
command cannot be executed, 127 if it was not found.";

/// Runs what the process's arguments ask for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    let result = match cli.verb {
        None => run::run(cli.run),
        Some(Verb::Run(args)) => run::run(args),
        Some(Verb::Record(args)) => record::run(args),
        Some(Verb::Emit(args)) => emit::run(args),
        Some(Verb::Show(args)) => show::run(args),
        Some(Verb::Why(args)) => why::run(args),
        Some(Verb::Merge(args)) => merge::run(args),
        Some(Verb::Import(args)) => import::run(args),
        Some(Verb::Report(args)) => report::run(args),
        Some(Verb::Doctor(args)) => doctor::run(args),
        Some(Verb::Completions(args)) => completions::run(args),
        Some(Verb::Man(args)) => completions::man(args),
        Some(Verb::Elf(args)) => elf::run(args),
        Some(Verb::Resolve(args)) => resolve::run(args),
        Some(Verb::Index(args)) => index::run(args),
    };
    match result {
        Ok(status) => status.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit().into()
        }
    }
}

/// The whole command line, for what is generated from it.
fn command() -> clap::Command {
    Cli::command()
}

/// Tells a person what is wrong with the command line (or prints the help that was asked for).
fn refused(error: &clap::Error) -> ExitCode {
    // Where even standard error is closed there is nobody to tell.
    let _ = error.print();
    let first = std::env::args_os().nth(1);
    let is_command = first.is_some_and(|word| !word.as_encoded_bytes().starts_with(b"-"));
    if error.kind() == ErrorKind::UnknownArgument && is_command {
        eprintln!("\nhint: a command comes after `--`: nixtrace -- COMMAND");
    }
    if error.use_stderr() {
        Exit::Usage.into()
    } else {
        Exit::Success.into()
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    /// The verbs that do something, with their names.
    fn verbs(of: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let mut found = Vec::new();
        for verb in of.get_subcommands().filter(|it| it.get_name() != "help") {
            let name = format!("{name} {}", verb.get_name());
            match verb.has_subcommands() {
                true => found.extend(verbs(verb, &name)),
                false => found.push((name, verb.clone())),
            }
        }
        found
    }

    /// The calls of nixtrace in the examples of a help text, without what explains them.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_default();
        let lines = examples.lines().map_while(|line| line.strip_prefix("  "));
        let commands = lines.flat_map(|line| {
            let (command, _) = line.split_once("  ").unwrap_or((line, ""));
            command.split([';', '|', '<', '>', '&'])
        });
        let words = commands.map(|it| it.split_whitespace().map(str::to_owned).collect());
        words
            .filter(|words: &Vec<String>| words.first().is_some_and(|it| it == "nixtrace"))
            .collect()
    }

    #[test]
    fn every_verb_has_examples_and_each_is_a_command_line_that_is_understood() {
        let whole = command();
        let mut all = verbs(&whole, "nixtrace");
        all.push(("nixtrace".to_owned(), whole.clone()));
        for (name, verb) in all {
            let help = verb
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let examples = examples(&help);
            assert!(!examples.is_empty(), "{name} has no examples");
            let is_own = |words: &Vec<String>| words.join(" ").starts_with(&name);
            assert!(examples.iter().any(is_own), "{name}: {examples:?}");
            for words in examples {
                let understood = whole.clone().try_get_matches_from(&words);
                assert!(understood.is_ok(), "{words:?}: {}", understood.unwrap_err());
            }
        }
    }
}
