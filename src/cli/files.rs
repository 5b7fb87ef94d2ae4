//! The files of the formats that a person asked for: where each goes, and what becomes of it.

use super::output::{Destination, Prepared, Written};
use super::{Exit, Failure};
use crate::atomic::Existing;
use crate::emit::{Environment, File, Format};
use crate::trace::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the files go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Each under its own name in this directory.
    Directory(PathBuf),
    /// Only the file of the one format, here.
    File(Destination),
}

/// The files that are to be written.
pub(super) struct Files {
    /// What was asked for; none when the run decides.
    asked: Option<BTreeSet<Format>>,
    place: Place,
    existing: Existing,
    check: bool,
    /// Those that were found to be writable before anything ran.
    prepared: BTreeMap<File, Prepared>,
}

/// What is to be done, once the run is known.
pub(super) struct Work {
    /// The formats that are written beside each other.
    pub(super) formats: BTreeSet<Format>,
    /// Their files.
    pub(super) files: Vec<File>,
    /// Files that are left as they are, because they exist and nobody asked for them by name.
    pub(super) kept: Vec<File>,
}

impl Files {
    /// Turns what was typed into a plan, and finds out what can be refused before anything runs.
    ///
    /// # Errors
    /// When a file is not to be written, or several are to be one.
    pub(super) fn plan(
        formats: &[Format],
        output: Option<&Path>,
        existing: Existing,
        check: bool,
    ) -> Result<Self, Failure> {
        let asked = (!formats.is_empty()).then(|| formats.iter().copied().collect());
        let place = match output {
            None => Place::Directory(PathBuf::new()),
            Some(path) if path != Path::new("-") && is_directory(path) => {
                Place::Directory(path.to_owned())
            }
            Some(path) => Place::File(Destination::named(path)),
        };
        let mut files = Self {
            asked,
            place,
            existing,
            check,
            prepared: BTreeMap::new(),
        };
        if let (Place::File(_), Some(asked)) = (&files.place, &files.asked)
            && asked.len() > 1
        {
            return Err(
                Failure::new("several formats cannot be written to one file")
                    .hint("give --output a directory, with a slash at its end")
                    .exit_with(Exit::Usage),
            );
        }
        if !check {
            // Nothing is known of the run yet; what depends on it is found out afterwards.
            let nothing = Environment::new(crate::emit::RunKind::Script, Vec::new());
            for file in files.work(&nothing).files {
                let prepared = files.destination(file).prepare(existing)?;
                files.prepared.insert(file, prepared);
            }
        }
        Ok(files)
    }

    /// The directory that files are written to; none when the only one goes elsewhere.
    pub(super) fn directory(&self) -> Option<Bytes> {
        let directory = match &self.place {
            Place::Directory(directory) => directory.clone(),
            Place::File(Destination::File(file)) => file.parent()?.to_owned(),
            Place::File(Destination::Stdout) => return None,
        };
        let directory = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => &directory,
        };
        Some(directory.canonicalize().ok()?.into())
    }

    /// A file that says where a relative path is relative to.
    pub(super) fn any_destination(&self) -> Destination {
        match &self.place {
            Place::Directory(directory) => Destination::File(directory.join("shell.nix")),
            Place::File(destination) => destination.clone(),
        }
    }

    /// What is to be written for a run.
    fn work(&self, environment: &Environment) -> Work {
        let formats: BTreeSet<Format> = match (&self.asked, &self.place) {
            (Some(asked), Place::File(_)) => asked.clone(),
            (Some(asked), Place::Directory(_)) => asked
                .iter()
                .flat_map(|format| format.with_companions(environment))
                .collect(),
            (None, Place::File(_)) => BTreeSet::from([Format::Shell]),
            (None, Place::Directory(_)) => Format::for_run(environment),
        };
        let files = formats.iter().flat_map(|format| {
            let files = format.files();
            match self.place {
                Place::File(_) => &files[..1],
                Place::Directory(_) => files,
            }
        });
        Work {
            files: files.copied().collect(),
            formats,
            kept: Vec::new(),
        }
    }

    /// The same, less the formats of which a file exists that nobody asked to replace.
    ///
    /// # Errors
    /// When a file cannot be written for another reason.
    pub(super) fn settle(&mut self, environment: &Environment) -> Result<Work, Failure> {
        let mut work = self.work(environment);
        if self.check {
            return Ok(work);
        }
        let mut kept = BTreeSet::new();
        for format in work.formats.clone() {
            for &file in format.files() {
                if !work.files.contains(&file) || self.prepared.contains_key(&file) {
                    continue;
                }
                let destination = self.destination(file);
                if self.existing == Existing::Refuse && destination.exists() {
                    work.kept.push(file);
                    kept.insert(format);
                } else {
                    let prepared = destination.prepare(self.existing)?;
                    self.prepared.insert(file, prepared);
                }
            }
        }
        work.formats.retain(|format| !kept.contains(format));
        work.files
            .retain(|file| !kept.iter().any(|format| format.files().contains(file)));
        Ok(work)
    }

    fn destination(&self, file: File) -> Destination {
        match (&self.place, file.name()) {
            (Place::File(destination), _) => destination.clone(),
            (Place::Directory(_), None) => Destination::Stdout,
            (Place::Directory(directory), Some(name)) => Destination::File(directory.join(name)),
        }
    }

    /// Writes a file, or compares it; its path, unless it went to standard output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(
        &mut self,
        file: File,
        text: &str,
    ) -> Result<(Written, Option<PathBuf>), Failure> {
        let destination = self.destination(file);
        let written = match self.prepared.remove(&file) {
            Some(prepared) => {
                prepared.write(text)?;
                Written::Yes
            }
            None => destination.compare(text),
        };
        Ok(match destination {
            Destination::File(path) => (written, Some(path)),
            Destination::Stdout => (written, None),
        })
    }
}

/// Whether a person means a directory: one that is only there can be a slip of the hand.
fn is_directory(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().ends_with(b"/")
}
