//! `nixtrace completions` and `nixtrace man`: what is generated from the command line's definition.

use super::output::Destination;
use super::{Exit, Failure, command};
use crate::atomic::Existing;
use clap_complete::Shell;
use std::io;
use std::path::{Path, PathBuf};

/// Print the completions for a shell, or write them where it finds them
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,

    /// Write them into this directory, under the name that the shell looks for, replacing what is there
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const COMPLETION_EXAMPLES: &str = "\
Examples:
  nixtrace completions bash -o ~/.local/share/bash-completion/completions
  nixtrace completions fish -o ~/.config/fish/completions
  nixtrace completions zsh -o ~/.zfunc      with ~/.zfunc in $fpath";

/// Print the manual page, or write those of all verbs
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(super) struct ManArgs {
    /// Write nixtrace.1 and a page for each verb into this directory, replacing what is there
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const MAN_EXAMPLES: &str = "\
Examples:
  nixtrace man | man -l -
  nixtrace man -o ~/.local/share/man/man1";

/// Prints the completions, or writes them.
///
/// # Errors
/// When they cannot be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "nixtrace", &mut script);
    let Some(directory) = &args.output else {
        return print(&script);
    };
    create(directory)?;
    let name = match args.shell {
        Shell::Zsh => "_nixtrace",
        Shell::Fish => "nixtrace.fish",
        Shell::Elvish => "nixtrace.elv",
        Shell::PowerShell => "nixtrace.ps1",
        // What bash-completion looks for; and shells that are not known yet.
        _ => "nixtrace",
    };
    write(&directory.join(name), script)?;
    Ok(Exit::Success as u8)
}

/// Prints the page of `nixtrace`, or writes all pages.
///
/// # Errors
/// When one cannot be written.
pub(super) fn man(args: ManArgs) -> Result<u8, Failure> {
    let mut whole = command();
    whole.build();
    let Some(directory) = &args.output else {
        return print(&page(whole)?);
    };
    create(directory)?;
    let mut left = vec![whole];
    while let Some(next) = left.pop() {
        let verbs = next.get_subcommands().filter(|verb| !verb.is_hide_set());
        left.extend(verbs.cloned());
        write_page(directory, next)?;
    }
    Ok(Exit::Success as u8)
}

fn create(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::new(format!("cannot create {}", directory.display())).because(&error)
    })
}

/// Writes what was generated, which is ours to replace.
fn write(file: &Path, text: Vec<u8>) -> Result<(), Failure> {
    let text = String::from_utf8(text)
        .map_err(|error| Failure::new("what was generated is not UTF-8").because(&error))?;
    Destination::File(file.to_owned())
        .prepare(Existing::Replace)?
        .write(&text)
}

/// Writes the page of a verb; `nixtrace index build` is `nixtrace-index-build.1`.
fn write_page(directory: &Path, verb: clap::Command) -> Result<(), Failure> {
    let name = verb
        .get_display_name()
        .unwrap_or(verb.get_name())
        .to_owned();
    // The pages of `help` tell nothing that it does not print itself.
    if name.split('-').any(|word| word == "help") {
        return Ok(());
    }
    write(&directory.join(format!("{name}.1")), page(verb)?)
}

fn page(verb: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(verb)
        .render(&mut page)
        .map_err(|error| Failure::new("cannot make the page").because(&error))?;
    Ok(page)
}

fn print(text: &[u8]) -> Result<u8, Failure> {
    match io::Write::write_all(&mut io::stdout().lock(), text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new("cannot write to standard output").because(&error))
        }
        _ => Ok(Exit::Success as u8),
    }
}
