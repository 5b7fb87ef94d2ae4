//! Building fixtures, and asking both loaders.

use bstr::ByteSlice;
use nixtrace::elf::closure::{Closure, Interpreter, Outcome};
use nixtrace::elf::search::{Conditions, ObjectId, Rule};
use nixtrace::elf::{Disk, Loader, closure};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether the tools are there. Where tests must not be skipped (`CI` is set), a missing tool is
/// a failure.
pub(crate) fn have(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = |tool: &str| std::env::split_paths(&path).any(|dir| dir.join(tool).exists());
    tools.iter().all(|tool| is_there(tool, in_path(tool)))
}

/// The same for a file.
pub(crate) fn have_file(path: &str) -> bool {
    is_there(path, Path::new(path).exists())
}

fn is_there(what: &str, is_there: bool) -> bool {
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "{what} is missing"
    );
    if !is_there {
        eprintln!("skipped: {what} is missing");
    }
    is_there
}

/// Whether we are root, whom the system lets do what some cases need.
pub(crate) fn is_root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can prepare this");
    }
    is_root
}

/// A temporary directory to build in.
pub(crate) struct Workshop {
    directory: tempfile::TempDir,
    compiler: &'static str,
}

impl Workshop {
    /// With glibc's compiler; none where there is none.
    pub(crate) fn new() -> Option<Self> {
        Self::with("cc")
    }

    pub(crate) fn with(compiler: &'static str) -> Option<Self> {
        have(&[compiler]).then(|| Self {
            directory: tempfile::tempdir().unwrap(),
            compiler,
        })
    }

    /// The directory, links resolved, as `$ORIGIN` would have it.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Compiles `code` to `output`; `@` in flags stands for the directory.
    pub(crate) fn compile(&self, output: &str, code: &str, flags: &[&str]) -> PathBuf {
        let output = self.at(output);
        std::fs::create_dir_all(output.parent().unwrap()).unwrap();
        let source = output.with_extension("source.c");
        std::fs::write(&source, code).unwrap();
        let here = self.path();
        let result = Command::new(self.compiler)
            .current_dir(&here)
            // A linker path of the environment must not leak into fixtures.
            .env_remove("LD_RUN_PATH")
            .arg("-o")
            .arg(&output)
            .arg(&source)
            .args(
                flags
                    .iter()
                    .map(|flag| flag.replace('@', here.to_str().unwrap())),
            )
            .output()
            .unwrap();
        assert!(result.status.success(), "{}", result.stderr.as_bstr());
        output
    }

    /// A library `lib<stem>.so` in `directory`, which defines `int <stem>(void)` and calls the
    /// functions of the libraries in `calls`, wherever these are at link time.
    pub(crate) fn library(
        &self,
        directory: &str,
        stem: &str,
        calls: &[&str],
        flags: &[&str],
    ) -> PathBuf {
        let soname = format!("-Wl,-soname,lib{stem}.so");
        let mut all = vec!["-shared", "-fPIC", "-Wl,--no-as-needed", soname.as_str()];
        all.extend(flags);
        self.compile(
            &format!("{directory}/lib{stem}.so"),
            &code(stem, calls),
            &all,
        )
    }

    /// Gives a program another content.
    pub(crate) fn rewrite(&self, program: &Path, content: Vec<u8>) {
        let written = self.at("rewritten");
        std::fs::write(&written, content).unwrap();
        copy_program(&written, program);
    }

    /// A program that calls the functions of the libraries in `calls`.
    pub(crate) fn program(&self, name: &str, calls: &[&str], flags: &[&str]) -> PathBuf {
        let mut all = vec!["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined"];
        all.extend(flags);
        self.compile(name, &code("main", calls), &all)
    }
}

/// Copies a file that is to be executed.
///
/// Not by this process: a child that another test starts meanwhile would have the copy open to write,
/// and what is open to write cannot be executed.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}

fn code(function: &str, calls: &[&str]) -> String {
    let mut code = String::new();
    for call in calls {
        code.push_str(&format!("int {call}(void);\n"));
    }
    let sum: String = calls.iter().map(|call| format!(" + {call}()")).collect();
    code.push_str(&format!("int {function}(void) {{ return 0{sum}; }}\n"));
    code
}

/// What a loader loads for a program, in order: paths, and names that it did not find.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Loaded {
    pub(crate) paths: Vec<String>,
    pub(crate) missing: HashSet<String>,
}

/// How a program is started.
#[derive(Default, Clone)]
pub(crate) struct Start {
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) library_path: Option<String>,
    pub(crate) preload: Option<String>,
}

impl Start {
    pub(crate) fn library_path(path: impl AsRef<Path>) -> Self {
        Self {
            library_path: Some(path.as_ref().to_str().unwrap().to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn cwd(path: impl Into<PathBuf>) -> Self {
        Self {
            cwd: Some(path.into()),
            ..Self::default()
        }
    }

    pub(crate) fn conditions(&self) -> Conditions {
        let cwd = self.cwd.clone().unwrap_or_else(|| PathBuf::from("/"));
        let mut conditions = Conditions::new(cwd);
        conditions.library_path = self.library_path.as_deref().map(Into::into);
        conditions.preload = self.preload.as_deref().map(Into::into);
        conditions
    }

    /// A command that runs in these conditions.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.cwd.as_deref().unwrap_or(Path::new("/")));
        if let Some(path) = &self.library_path {
            command.env("LD_LIBRARY_PATH", path);
        }
        if let Some(preload) = &self.preload {
            command.env("LD_PRELOAD", preload);
        }
        command
    }
}

/// What the real loader says: the program is started in trace mode, and does not run.
pub(crate) fn real(program: &Path, start: &Start) -> Loaded {
    let output = start
        .command(program)
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .output()
        .unwrap();
    listed(&output.stdout)
}

/// Reads the list that glibc's loader prints.
pub(crate) fn listed(output: &[u8]) -> Loaded {
    let mut loaded = Loaded::default();
    for line in output.to_str_lossy().lines() {
        let line = line.trim();
        if line.starts_with("linux-vdso.so.1") || line.starts_with("linux-gate.so.1") {
            continue;
        }
        if let Some((name, _)) = line.split_once(" => not found") {
            loaded.missing.insert(name.to_owned());
            continue;
        }
        let target = line.split_once(" => ").map_or(line, |(_, path)| path);
        if let Some((path, _)) = target.rsplit_once(" (0x") {
            loaded.paths.push(path.to_owned());
        }
    }
    loaded
}

/// Our closure of the program.
pub(crate) fn ours(program: &Path, start: &Start) -> Closure {
    let disk = Disk::new();
    let path = nixtrace::trace::Bytes::from(program);
    let (file, image) = disk.read_image(path.as_ref()).unwrap();
    closure(&disk, &start.conditions(), path.as_ref(), file, image)
}

/// Asks our loader of the program.
pub(crate) fn with_loader<T>(
    program: &Path,
    start: &Start,
    ask: impl FnOnce(&Loader<'_>) -> T,
) -> T {
    let disk = Disk::new();
    let conditions = start.conditions();
    let path = nixtrace::trace::Bytes::from(program);
    let (file, image) = disk.read_image(path.as_ref()).unwrap();
    ask(&Loader::of(&disk, &conditions, path.as_ref(), file, image))
}

/// Our closure in the words of the real loader, which does not list itself when nothing needs it.
pub(crate) fn as_listed(closure: &Closure) -> Loaded {
    let is_listed = |id| {
        let mut needs = closure.needs.iter();
        !matches!(closure.interpreter, Interpreter::Loaded(loader) if loader == id)
            || needs.any(|need| need.outcome.object() == Some(id))
    };
    Loaded {
        paths: (1..closure.objects.len())
            .filter(|place| is_listed(ObjectId(*place)))
            .map(|place| closure.object(ObjectId(place)))
            .map(|object| object.path.to_string())
            .collect(),
        missing: closure
            .missing()
            .map(|need| need.name.to_string())
            .collect(),
    }
}

/// Checks that both loaders say the same, and returns our closure.
pub(crate) fn agree(program: &Path, start: &Start) -> Closure {
    let closure = ours(program, start);
    assert_eq!(as_listed(&closure), real(program, start), "ours is left");
    closure
}

/// The rule by which the object whose path ends so was found.
pub(crate) fn rule_of(closure: &Closure, path_end: &str) -> Rule {
    let object = closure
        .objects
        .iter()
        .find(|object| object.path.ends_with(path_end.as_bytes()));
    object
        .unwrap_or_else(|| panic!("no {path_end} in {closure:#?}"))
        .rule
        .clone()
}

/// Whether a need of this name is unanswered.
pub(crate) fn is_missing(closure: &Closure, name: &str) -> bool {
    closure
        .needs
        .iter()
        .any(|need| need.name == name.into() && matches!(need.outcome, Outcome::Missing(_)))
}
