//! Which files a log of strace is in, and where its command was started.

use super::{Args, given_directory, known, open, options, shown, this_directory};
use crate::disk::Links;
use crate::trace::import::{ImportError, Imported, strace};
use crate::trace::{Bytes, WholeWriter};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So much of a log is looked at to learn where the command was started.
const HEAD: u64 = 1 << 20;

/// Imports one log, or the files of `strace -ff`.
pub(super) fn import(args: &Args, writer: &mut WholeWriter) -> Result<Imported, ImportError> {
    let mut system = Links::default();
    let files = match args.files.as_slice() {
        [file] => match files_of_threads(file) {
            files if files.is_empty() => None,
            files => Some(files),
        },
        files => Some(by_thread(files)?),
    };
    let Some(files) = files else {
        let file = &args.files[0];
        let mut text = open(file)?;
        let mut head = Vec::new();
        let read = text.by_ref().take(HEAD).read_to_end(&mut head);
        read.map_err(|source| ImportError::Read {
            file: shown(file),
            source,
        })?;
        let known = known(args, directory(args, &head));
        let text = Cursor::new(head).chain(text);
        let options = options(args, &known);
        return strace::read(&shown(file), text, options, &mut system, writer);
    };
    let mut head = Vec::new();
    if let Some(first) = files.values().next() {
        // That it cannot be read is told when it is read whole.
        let _ = File::open(first).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    }
    let known = known(args, directory(args, &head));
    strace::read_each(files, options(args, &known), &mut system, writer)
}

/// Where the command was started: as a person says, as the beginning of the log tells, else here.
fn directory(args: &Args, head: &[u8]) -> Option<Bytes> {
    given_directory(args)
        .or_else(|| strace::start_directory(head))
        .or_else(|| this_directory(args))
}

/// The files `NAME.PID` that `strace -ff -o NAME` has written; none where NAME is a file itself.
fn files_of_threads(name: &Path) -> BTreeMap<u32, PathBuf> {
    let directory = match name.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (Some(stem), false, Ok(entries)) = (name.file_name(), name.exists(), directory.read_dir())
    else {
        return BTreeMap::new();
    };
    let of_thread = |file: &OsStr| {
        let rest = file.as_bytes().strip_prefix(stem.as_bytes())?;
        std::str::from_utf8(rest.strip_prefix(b".")?)
            .ok()?
            .parse()
            .ok()
    };
    entries
        .flatten()
        .filter_map(|entry| Some((of_thread(&entry.file_name())?, entry.path())))
        .collect()
}

/// Files by the thread number at the end of their names.
fn by_thread(files: &[PathBuf]) -> Result<BTreeMap<u32, PathBuf>, ImportError> {
    files
        .iter()
        .map(|file| {
            let number = file.extension().and_then(OsStr::to_str);
            match number.and_then(|number| number.parse().ok()) {
                Some(number) => Ok((number, file.clone())),
                None => Err(ImportError::Other {
                    file: shown(file),
                    kind: "file of `strace -ff`",
                    why: "its name does not end in a process number".to_owned(),
                }),
            }
        })
        .collect()
}
