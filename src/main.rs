//! The `nixtrace` command.

use clap::Parser;
use nixtrace::cli::elf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(version, about)]
enum Verb {
    Elf(elf::Args),
}

fn main() -> ExitCode {
    let Verb::Elf(args) = Verb::parse();
    match elf::run(args) {
        Ok(status) => status.into(),
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit().into()
        }
    }
}
