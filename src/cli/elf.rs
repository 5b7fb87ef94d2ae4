//! `nixtrace elf FILE…`: what the loader would load for a program or library, without running it.

mod json;
mod tree;

use super::{Exit, Failure};
use crate::elf::closure::{Closure, Interpreter};
use crate::elf::search::Conditions;
use crate::elf::{Disk, Error, Form, Loader, NotElf};
use crate::report::printable;
use crate::trace::Bytes;
use bstr::ByteSlice;
use nix::unistd::{getgid, getuid};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Show what the dynamic loader would load for a program or library, and where it finds each file
///
/// Nothing is run: the files are read, and the rules of ld.so(8), or musl's, are followed. Each
/// library is shown with the rule by which it was found; what is missing is said.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Programs or shared libraries
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Print one JSON object per file, one a line
    #[arg(long)]
    json: bool,

    /// Take DIR for the root directory, also for each FILE (which may begin with DIR)
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Search these directories as LD_LIBRARY_PATH [default: that variable, unless --root is given]
    #[arg(long, value_name = "DIRS")]
    library_path: Option<OsString>,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace elf ./app
  nixtrace elf --json ./app /usr/lib/libz.so.1";

/// Runs the verb. The exit status is 125 when a file could not be read as an ELF image; the other
/// files are shown all the same. A library that is missing is an answer, not a failure.
///
/// # Errors
/// When there is nothing to begin with, such as a root that is no directory, or when stdout cannot
/// be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let disk = match &args.root {
        Some(root) => Disk::with_root(root).map_err(|error| {
            Failure::new(format!("cannot use `{}` as the root", shown(root))).because(&error)
        })?,
        None => Disk::new(),
    };
    let conditions = conditions(&args)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Success;
    let mut is_first = true;
    for path in &args.files {
        match look(&disk, &conditions, path, args.root.as_deref()) {
            Ok(answer) => {
                let text = if args.json {
                    json::line(&answer)
                } else {
                    let gap = if is_first { "" } else { "\n" };
                    format!("{gap}{}", tree::text(&answer))
                };
                is_first = false;
                if !written(out.write_all(text.as_bytes()))? {
                    return Ok(exit as u8);
                }
            }
            Err(failure) => {
                exit = Exit::Failure;
                // On a terminal both streams are one: what was said before comes first.
                written(out.flush())?;
                eprintln!("{failure}");
            }
        }
    }
    written(out.flush())?;
    Ok(exit as u8)
}

/// Whether the reader still reads; `head` and `less` may have seen enough.
fn written(result: io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new("cannot write to stdout").because(&error)),
    }
}

/// The variables of this process count as they would for a program that is started from here; for
/// another system's programs they mean nothing.
fn conditions(args: &Args) -> Result<Conditions, Failure> {
    let given = args.library_path.clone().map(Bytes::from);
    if args.root.is_some() {
        let mut conditions = Conditions::new("/");
        conditions.library_path = given;
        return Ok(conditions);
    }
    conditions_here(given)
}

/// The conditions for a program that is started from here.
pub(super) fn conditions_here(given: Option<Bytes>) -> Result<Conditions, Failure> {
    let cwd = std::env::current_dir()
        .map_err(|error| Failure::new("cannot tell the working directory").because(&error))?;
    let variable = |name| std::env::var_os(name).map(Bytes::from);
    let mut conditions = Conditions::new(cwd);
    conditions.library_path = given.or_else(|| variable("LD_LIBRARY_PATH"));
    conditions.preload = variable("LD_PRELOAD");
    conditions.audit = variable("LD_AUDIT");
    Ok(conditions)
}

/// What there is to say of one file.
pub(super) struct Answer {
    pub(super) closure: Closure,
    /// The places of needs that are met by luck; see [`Loader::lucky`].
    lucky: BTreeSet<usize>,
    /// Whether the loader would trust no variable.
    is_privileged: bool,
}

pub(super) fn look(
    disk: &Disk,
    conditions: &Conditions,
    path: &Path,
    root: Option<&Path>,
) -> Result<Answer, Failure> {
    let below = root.and_then(|root| path.strip_prefix(root).ok());
    let inside = match below {
        Some(below) => Path::new("/").join(below),
        None => path.to_owned(),
    };
    let name = Bytes::from(inside.as_path());
    let absolute = Bytes::from(conditions.cwd.as_path().join(&inside));
    let (file, image) = disk
        .read_image(absolute.as_ref())
        .map_err(|error| unreadable(path, &error))?;
    if image.form() == Form::NotLoadable {
        return Err(Failure::new(format!(
            "`{}` is an ELF file that no loader loads: an object file, a kernel module or a core dump",
            shown(path)
        ))
        .hint("give a program or a shared library"));
    }
    let target = image.target();
    let mut conditions = conditions.clone();
    conditions.secure = root.is_none() && is_privileged(absolute.as_path());
    let loader = Loader::of(disk, &conditions, name.as_ref(), file, image);
    let closure = loader.closure();
    // An emulator's user has the other machine's loader and libraries installed.
    let is_at_home = target.is_native() || matches!(closure.interpreter, Interpreter::Loaded(_));
    if root.is_none() && !is_at_home {
        return Err(Failure::new(format!(
            "`{}` is for another machine ({target}), whose libraries are not here",
            shown(path)
        ))
        .hint("give the root directory of a system for that machine with --root DIR"));
    }
    let lucky = loader.lucky(&closure);
    Ok(Answer {
        lucky,
        closure,
        is_privileged: conditions.secure,
    })
}

/// Whether the kernel would start it with other rights than ours (execve(2)). File capabilities
/// are not looked at.
fn is_privileged(path: &Path) -> bool {
    const SET_GID: u32 = 0o2010;
    std::fs::metadata(path).is_ok_and(|metadata| {
        let mode = metadata.mode();
        let other_user = mode & libc::S_ISUID != 0 && metadata.uid() != getuid().as_raw();
        // Without the execute bit it once meant mandatory locking.
        let other_group = mode & SET_GID == SET_GID && metadata.gid() != getgid().as_raw();
        other_user || other_group
    })
}

fn unreadable(path: &Path, error: &Error) -> Failure {
    let shown = shown(path);
    match error {
        Error::Read { source, .. } => {
            Failure::new(format!("cannot read `{shown}`")).because(source)
        }
        Error::NotElf {
            what: NotElf::Script { interpreter },
            ..
        } => {
            let program = interpreter.fields().next().unwrap_or_default();
            Failure::new(format!(
                "`{shown}` is a script and not an ELF file; its interpreter is `{}`",
                printable(interpreter)
            ))
            .hint(format!("try `nixtrace elf {}`", printable(program)))
        }
        Error::NotElf { what, .. } => Failure::new(format!("`{shown}` is not an ELF file: {what}")),
        Error::Malformed { source, .. } => Failure::new(format!("`{shown}` is a damaged ELF file"))
            .because(source)
            .hint("if it was copied or downloaded, compare its size with the original's"),
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_bytes())
}
