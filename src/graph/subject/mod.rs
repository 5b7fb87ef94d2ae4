//! What a run was of, as a thing that could become a package: a program, a script, a project.
//!
//! Formats that write a package take from here what they cannot know from needs: which files came
//! with it, what kind of program it is, what began the phases of its build.

use super::RunKind;
use super::analysis::is_foreign;
mod facts;
mod files;
mod root;

pub use self::facts::desktop_entries;
use self::facts::program_facts;
use self::files::{arguments, below, compiled_outside, join, used_files};
use self::root::source_root;
use super::classify::{Origin, file_name, is_below_path, is_library_name, parent};
use super::command::{Language, Part};
use super::host::Host;
use super::manifest::{Manifest, manifest};
use super::phase::{Phase, Step};
use super::program::{Program, Run};
use crate::elf::Form;
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a run was of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Subject {
    /// What it is called: the name of its file without an ending, or of its directory.
    pub name: Bytes,
    /// Its version, where its directory or its own files tell it.
    pub version: Option<String>,
    /// What it is.
    pub form: SubjectForm,
    /// The directory that it came in, absolute.
    pub root: Bytes,
    /// Whether all of that directory came with it: it holds nothing else.
    pub whole: bool,
    /// Where it lies below `root`; none for a project, and for a command that has a package.
    pub file: Option<Bytes>,
    /// Its own files that the run used and did not write, below `root`, sorted. One that ends in a
    /// slash is a directory with all that is in it.
    pub files: Vec<Bytes>,
    /// Whether it has more files than are told here.
    pub more_files: bool,
    /// Whether a build read less than a whole one would: because an earlier one had made the rest,
    /// or because it ended when it had configured, or failed.
    pub partial: bool,
    /// Files of the user's that a build compiled or linked and that lie outside of `root`, absolute, sorted.
    pub outside: Vec<Bytes>,
}

impl Subject {
    /// Whether it is a program of 32 bits for x86, whose libraries are not those of a machine of 64.
    pub fn is_i386(&self) -> bool {
        matches!(&self.form, SubjectForm::Program(facts) if facts.i386)
    }

    /// Adds what another run shows of the same thing; a subject that is something else adds nothing.
    pub fn absorb(&mut self, other: Self) {
        if (&self.root, &self.file) != (&other.root, &other.file) {
            return;
        }
        let mut built: BTreeSet<Bytes> = BTreeSet::new();
        match (&mut self.form, other.form) {
            (
                SubjectForm::Project {
                    steps, products, ..
                },
                SubjectForm::Project {
                    steps: more_steps,
                    products: more_products,
                    ..
                },
            ) => {
                for step in more_steps {
                    if !steps.contains(&step) {
                        steps.push(step);
                    }
                }
                products.extend(more_products);
                products.sort();
                products.dedup_by(|more, kept| {
                    let is_same = more.path == kept.path;
                    kept.helper |= is_same && more.helper;
                    is_same
                });
                built.extend(products.iter().map(|it| it.path.clone()));
            }
            (SubjectForm::Program(facts), SubjectForm::Program(more)) => {
                facts.reads_itself |= more.reads_itself;
            }
            (SubjectForm::Script { .. }, SubjectForm::Script { .. })
            | (SubjectForm::Installed, SubjectForm::Installed) => {}
            _ => return,
        }
        // What one run built another only used.
        let files: BTreeSet<Bytes> = std::mem::take(&mut self.files)
            .into_iter()
            .chain(other.files)
            .filter(|file| !built.contains(file))
            .collect();
        self.more_files |= other.more_files || files.len() > FILES;
        // What one of the runs read afresh is told all the same.
        self.partial &= other.partial;
        self.files = files.into_iter().take(FILES).collect();
        self.outside.extend(other.outside);
        self.outside.sort();
        self.outside.dedup();
        self.outside.truncate(FILES);
        self.whole |= other.whole;
    }
}

/// The forms of a subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum SubjectForm {
    /// A command that has a package of its own, with its arguments.
    #[default]
    Installed,
    /// A program of the user's that was built before.
    Program(ProgramFacts),
    /// A script of the user's.
    Script {
        /// The name of the interpreter: `python3`.
        interpreter: Bytes,
        /// Whether that is a shell.
        shell: bool,
    },
    /// Sources that were built.
    Project {
        /// What its own files say.
        manifest: Manifest,
        /// What began the phases.
        steps: Vec<Step>,
        /// Programs and libraries that were linked, below the root where they lie there.
        products: Vec<Product>,
    },
}

/// What matters of a program that Nix did not build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgramFacts {
    /// How it is loaded; none when the file is gone or is no ELF image.
    pub linkage: Option<Linkage>,
    /// Whether it is a program of 32 bits for x86.
    pub i386: bool,
    /// How many bytes follow the end of the ELF image.
    pub appended: u64,
    /// Whether it has a section header table, without which patchelf refuses it.
    pub sections: bool,
    /// Whether it opened its own file for reading.
    pub reads_itself: bool,
    /// Sonames that only objects which came with it and were never loaded need, and that neither
    /// the run nor the program itself has, sorted.
    pub unloaded: Vec<Bytes>,
    /// Directories of libraries that came with it and that it opened without a `DT_NEEDED`, below
    /// its root, sorted.
    pub opened: Vec<Bytes>,
    /// The desktop entries that came with it, sorted.
    pub desktop_entries: Vec<DesktopEntry>,
}

/// A file that tells a desktop of the program (Desktop Entry Specification).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DesktopEntry {
    /// Where it lies below the program's root.
    pub path: Bytes,
    /// The programs that it starts, as it spells them, each once.
    pub commands: Vec<Bytes>,
    /// An icon that it names by a path which only the machine has, with the file that came along.
    pub icon: Option<(Bytes, Bytes)>,
}

/// How a program is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// By its interpreter.
    Dynamic,
    /// By the kernel alone.
    Static,
    /// By the kernel alone, wherever it likes; patching breaks it (it looks like a library).
    StaticPie,
}

/// A file that a build linked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Product {
    /// Where it lay in the end.
    pub path: Bytes,
    /// Whether it is a shared library.
    pub library: bool,
    /// Whether the build itself ran it, as it runs what writes its sources.
    pub helper: bool,
}

/// No more files of a subject are named than these.
const FILES: usize = 60;

/// The locks without which a builder of nixpkgs does not build.
const LOCKS: &[&str] = &["Cargo.lock", "go.sum", "package-lock.json"];

/// What the run was of.
pub fn subject(run: &Run, kind: RunKind, host: &dyn Host) -> Subject {
    let Some(main) = run.command() else {
        return Subject::default();
    };
    match kind {
        RunKind::Build => project(run, host),
        RunKind::Script | RunKind::Binary => {
            let file = main.shown();
            let is_users = match &main.script {
                Some(script) => !is_foreign(run.territory.origin(script.as_ref())),
                None => !is_foreign(main.origin),
            };
            if is_users {
                own(run, main, file, host)
            } else {
                Subject {
                    name: stem(file_name(file.as_ref())),
                    root: run.header.cwd.clone(),
                    ..Subject::default()
                }
            }
        }
    }
}

/// A program or script of the user's.
fn own(run: &Run, main: &Program, file: &Bytes, host: &dyn Host) -> Subject {
    let directory = parent(file.as_ref()).unwrap_or_default();
    let root: Bytes = match parent(directory) {
        Some(above) if file_name(directory) == "bin" && above.len() > 1 => above.into(),
        _ => directory.into(),
    };
    let holds_more = is_below_path(run.header.cwd.as_ref(), root.as_ref())
        || run
            .header
            .home
            .as_ref()
            .is_some_and(|home| is_below_path(home.as_ref(), root.as_ref()))
        || run.territory.origin(root.as_ref()) == Origin::System
        || parent(root.as_ref()).is_none_or(|above| above == "/");
    let used = used_files(run, &root);
    let relative = below(file, &root);
    let whole = !holds_more && used.read.iter().any(|it| Some(it) != relative.as_ref());
    let given = arguments(run);
    let mut files: BTreeSet<Bytes> = used
        .read
        .iter()
        .filter(|it| !given.contains(&join(&root, it)))
        .cloned()
        .collect();
    files.extend(relative.clone());
    let version = version_in(file_name(root.as_ref()));
    let form = match &main.script {
        Some(_) => SubjectForm::Script {
            interpreter: main.name().into(),
            shell: main.part == Part::Interpreter(Language::Shell),
        },
        None => SubjectForm::Program(program_facts(run, main, &root, whole, host)),
    };
    let more_files = files.len() > FILES;
    Subject {
        name: stem(file_name(file.as_ref())),
        version,
        form,
        whole,
        file: relative,
        files: files.into_iter().take(FILES).collect(),
        more_files,
        partial: false,
        outside: Vec::new(),
        root,
    }
}

/// A project that was built.
fn project(run: &Run, host: &dyn Host) -> Subject {
    let root = source_root(run, host);
    let manifest = manifest(root.as_ref(), host);
    let used = used_files(run, &root).with_examined(&root, host);
    let mut files = used.folded();
    // The run may have made them, but who builds it needs the very same.
    files.extend(
        LOCKS
            .iter()
            .filter(|name| manifest.files.contains(**name))
            .map(|&name| Bytes::from(name)),
    );
    let helpers: BTreeSet<&Bytes> = run
        .programs
        .iter()
        .filter(|program| program.phases.iter().any(|it| it == Some(Phase::Build)))
        .map(Program::file)
        .collect();
    let products = run
        .outputs
        .iter()
        .filter_map(|path| {
            let image = host.image(path.as_ref())?;
            Some(Product {
                path: below(path, &root).unwrap_or_else(|| path.clone()),
                library: image.form() == Form::Library || is_library_name(file_name(path.as_ref())),
                helper: helpers.contains(path),
            })
        })
        .collect::<BTreeSet<_>>();
    // Where nothing was linked, all may have been up to date.
    let is_compiled = run
        .steps
        .iter()
        .any(|step| step.phase == Phase::Build && step.tool.compiles());
    // What only configured has read nothing of what it would compile.
    let is_only_configured =
        !run.steps.is_empty() && run.steps.iter().all(|step| step.phase == Phase::Configure);
    // What failed or was stopped has not come to the rest.
    let is_broken_off = run.status.is_some_and(|status| status.shell_code() != 0);
    let partial = used.has_older_products()
        || is_compiled && products.is_empty()
        || is_only_configured
        || is_broken_off;
    let directory = file_name(root.as_ref());
    let more_files = files.len() > FILES;
    Subject {
        name: match &manifest.name {
            Some(name) => name.as_str().into(),
            None => without_version(directory).into(),
        },
        version: manifest.version.clone().or_else(|| version_in(directory)),
        form: SubjectForm::Project {
            manifest,
            steps: run.steps.clone(),
            products: products.into_iter().collect(),
        },
        whole: false,
        file: None,
        files: files.into_iter().take(FILES).collect(),
        more_files,
        partial,
        outside: compiled_outside(run, &root)
            .into_iter()
            .take(FILES)
            .collect(),
        root,
    }
}

/// The name of a file without the ending of a script.
fn stem(name: &BStr) -> Bytes {
    const ENDINGS: &[&[u8]] = &[
        b".py",
        b".sh",
        b".pl",
        b".rb",
        b".js",
        b".AppImage",
        b".bin",
        b".run",
    ];
    let bare = ENDINGS.iter().find_map(|ending| name.strip_suffix(*ending));
    match bare {
        Some(bare) if !bare.is_empty() => bare.into(),
        _ => name.into(),
    }
}

/// The version that the name of a directory ends with: `acme-1.2.3`, `acme_1.2`, `acme-v1.2-linux`.
fn version_in(name: &BStr) -> Option<String> {
    let name = name.to_str().ok()?;
    name.split(['-', '_'])
        .skip(1)
        .map(|part| part.strip_prefix('v').unwrap_or(part))
        .find(|part| is_version(part))
        .map(str::to_owned)
}

fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.contains('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// The name of a directory up to its version.
fn without_version(name: &BStr) -> &BStr {
    let Some(version) = version_in(name) else {
        return name;
    };
    let at = name.find(version.as_bytes()).unwrap_or(name.len());
    let bare = name[..at].trim_end_with(|it| it == '-' || it == '_' || it == 'v');
    if bare.is_empty() {
        name
    } else {
        bare.as_bstr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_tells_name_and_version() {
        let both = |name: &str| {
            let name = BStr::new(name);
            (without_version(name).to_string(), version_in(name))
        };
        assert_eq!(
            both("acme-1.2.3"),
            ("acme".to_owned(), Some("1.2.3".to_owned()))
        );
        assert_eq!(
            both("acme-viewer_v2.0-linux-x86_64"),
            ("acme-viewer".to_owned(), Some("2.0".to_owned()))
        );
        assert_eq!(both("project"), ("project".to_owned(), None));
        assert_eq!(both("mp3-player-7"), ("mp3-player-7".to_owned(), None));
    }

    #[test]
    fn a_script_is_called_without_its_ending() {
        assert_eq!(stem("report.py".into()), "report".into());
        assert_eq!(stem(".py".into()), ".py".into());
        assert_eq!(stem("acme".into()), "acme".into());
    }
}
