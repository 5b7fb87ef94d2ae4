//! What `run` and `record` have in common: the flags for the tracer, its failures in words, and the
//! exit status in the end.

use super::{Exit, Failure};
use crate::report;
use crate::trace::{GapKind, Record, Sink};
use crate::tracer::{self, Allowances, Background, Command, EngineChoice, Observation, Options};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;

/// How to watch the command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tracing")]
pub(super) struct TracingArgs {
    /// Read every outcome back from the kernel, and leave no call out: slower, and exact even where
    /// the command's own threads race for a name
    #[arg(long)]
    exact: bool,

    /// How to learn of the command's system calls
    #[arg(long, value_enum, default_value_t)]
    engine: EngineChoice,

    /// Exit with 124 if anything could not be seen, whatever the command's own status; what it was
    /// is listed
    #[arg(long)]
    strict: bool,

    /// Let the command set up io_uring, through which it can open files unseen [default: it is told
    /// that the kernel has none, and falls back]
    #[arg(long)]
    allow_io_uring: bool,

    /// Let the command make children that are not traced (CLONE_UNTRACED); implies `--engine
    /// syscall` [default: they are traced all the same]
    #[arg(long)]
    allow_untraced: bool,

    /// What to do with processes that the command leaves behind when it ends
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    background: Background,
}

impl TracingArgs {
    fn options(&self) -> Result<Options, Failure> {
        let engine = match (self.engine, self.allow_untraced) {
            (EngineChoice::Auto, true) => EngineChoice::Syscall,
            (engine, true) if engine != EngineChoice::Syscall => {
                return Err(Failure::new(
                    "--allow-untraced works with no engine but `syscall`: a filter makes the calls \
                     of children without a tracer fail",
                )
                .exit_with(Exit::Usage));
            }
            (engine, _) => engine,
        };
        Ok(Options {
            exact: self.exact,
            engine,
            allowances: Allowances {
                io_uring: self.allow_io_uring,
                untraced: self.allow_untraced,
            },
            background: self.background,
        })
    }
}

/// A sink that notes what could not be seen.
struct Noting<S> {
    sink: S,
    gaps: BTreeMap<(GapKind, String), u64>,
}

impl<S: Sink> Sink for Noting<S> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        if let Record::Gap(gap) = record {
            *self.gaps.entry((gap.kind, gap.detail.clone())).or_default() += gap.count;
        }
        self.sink.record(record)
    }

    fn idle(&mut self) -> io::Result<()> {
        self.sink.idle()
    }
}

/// A command that was observed to its end.
pub(super) struct Traced {
    /// How it went.
    pub(super) observation: Observation,
    gaps: BTreeMap<(GapKind, String), u64>,
    is_strict: bool,
}

impl Traced {
    /// What could not be seen, for a person; empty when that is nothing.
    pub(super) fn not_seen(&self) -> String {
        let gaps = self.gaps.iter();
        report::not_seen(gaps.map(|((kind, detail), count)| (*kind, detail.as_str(), *count)))
    }

    /// The exit status: the command's, unless something could not be seen and that is not to pass.
    ///
    /// Whoever asks for that is told; what it was is in the report before this.
    pub(super) fn exit_status(&self) -> u8 {
        if !self.is_strict || self.gaps.is_empty() {
            return self.observation.status.shell_code();
        }
        let failure = Failure::new("not everything could be seen, and --strict was given")
            .exit_with(Exit::NotSeen);
        eprintln!("{failure}");
        Exit::NotSeen as u8
    }

    /// Whether what could not be seen is told even to those who want to hear of errors only.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }
}

/// Runs the command under the tracer to its end.
///
/// # Errors
/// When it could not be started or watched; the exit statuses are those of env(1).
pub(super) fn observe(
    words: &[OsString],
    args: &TracingArgs,
    sink: impl Sink + Send,
) -> Result<Traced, Failure> {
    let Some((program, rest)) = words.split_first() else {
        return Err(Failure::new("no command is given").exit_with(Exit::Usage));
    };
    let command = Command {
        program: program.clone(),
        args: rest.to_vec(),
    };
    let mut noting = Noting {
        sink,
        gaps: BTreeMap::new(),
    };
    let observation =
        tracer::observe(&command, &args.options()?, &mut noting).map_err(|error| {
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
        })?;
    Ok(Traced {
        observation,
        gaps: noting.gaps,
        is_strict: args.strict,
    })
}
