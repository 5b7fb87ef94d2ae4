//! What `run` and `record` have in common: the flags for the tracer, and its failures in words.

use super::{Exit, Failure};
use crate::trace::ExitStatus;
use crate::trace::Sink;
use crate::tracer::{self, Command, EngineChoice, Observation, Options};
use std::ffi::OsString;

/// How to watch the command.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct TracingArgs {
    /// Read every outcome back from the kernel: slower, and exact even where the command's own
    /// threads race for a name
    #[arg(long, help_heading = "Tracing")]
    exact: bool,

    /// How to learn of the command's system calls
    #[arg(long, value_enum, default_value_t, help_heading = "Tracing")]
    engine: EngineChoice,
}

/// Runs the command under the tracer to its end.
///
/// # Errors
/// When it could not be started or watched; the exit statuses are those of env(1).
pub(super) fn observe(
    words: &[OsString],
    args: &TracingArgs,
    sink: impl Sink + Send,
) -> Result<Observation, Failure> {
    let Some((program, rest)) = words.split_first() else {
        return Err(Failure::new("no command is given").exit_with(Exit::Usage));
    };
    let command = Command {
        program: program.clone(),
        args: rest.to_vec(),
    };
    let options = Options {
        exact: args.exact,
        engine: args.engine,
    };
    tracer::observe(&command, &options, sink).map_err(|error| {
        let exit = match &error {
            tracer::Error::NotFound { .. } => Exit::NotFound,
            tracer::Error::NoInterpreter { .. } | tracer::Error::NotExecutable { .. } => {
                Exit::NotExecutable
            }
            _ => Exit::Failure,
        };
        let hint = error.hint();
        let failure = Failure::of(&error).exit_with(exit);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// The exit status that mirrors the command's.
pub(super) fn mirrored(status: ExitStatus) -> u8 {
    status.shell_code()
}
