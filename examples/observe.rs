//! Observes a command and writes each record as a line of JSON.
//!
//! `cargo run --example observe -- [--exact] [--engine seccomp|syscall] FILE COMMAND ARGS…`

use nixtrace::tracer::{Command, EngineChoice, Error, Options, observe};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    let mut options = Options::default();
    while let Some(option) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"--")) {
        if option == "--exact" {
            options.exact = true;
        } else if option == "--engine" {
            options.engine = match words.next() {
                Some(engine) if engine == "seccomp" => EngineChoice::Seccomp,
                Some(engine) if engine == "syscall" => EngineChoice::Syscall,
                _ => return usage(),
            };
        } else {
            return usage();
        }
    }
    let (Some(file), Some(program)) = (words.next(), words.next()) else {
        return usage();
    };
    let mut file = match File::create(&file) {
        Ok(file) => BufWriter::new(file),
        Err(error) => {
            eprintln!("observe: cannot write {}: {error}", file.display());
            return ExitCode::from(125);
        }
    };
    let command = Command {
        program,
        args: words.collect(),
    };
    let observed = observe(&command, &options, |record| {
        serde_json::to_writer(&mut file, &record)?;
        file.write_all(b"\n")
    });
    match observed {
        Ok(observation) => ExitCode::from(observation.status.shell_code()),
        Err(error) => {
            eprintln!("observe: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(match error {
                Error::NotFound { .. } => 127,
                Error::NotExecutable { .. } | Error::NoInterpreter { .. } => 126,
                _ => 125,
            })
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: observe [--exact] [--engine seccomp|syscall] FILE COMMAND ARGS…");
    ExitCode::from(125)
}
