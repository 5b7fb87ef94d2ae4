//! The nixpkgs that a person names on the command line.

use super::output::Destination;
use super::{Exit, Failure};
use crate::emit::Nixpkgs;
use crate::trace::Bytes;
use bstr::ByteSlice;
use std::ffi::OsStr;
use std::path::Path;

/// No list of pins is larger, in bytes.
const LIMIT: u64 = 16 << 20;

/// The nixpkgs that was named, a path to it as a file that is written there must say it.
///
/// # Errors
/// When it is no nixpkgs, or a list of pins has none.
pub(super) fn named(named: Option<&OsStr>, destination: &Destination) -> Result<Nixpkgs, Failure> {
    let Some(named) = named else {
        return Ok(Nixpkgs::SearchPath);
    };
    let path = Path::new(named);
    let file_name = path.file_name().and_then(OsStr::to_str);
    match file_name {
        Some("flake.lock") => {
            let text = read(path)?;
            Nixpkgs::from_flake_lock(&text).ok_or_else(|| without_nixpkgs(path))
        }
        Some("sources.json") => {
            let text = read(path)?;
            let directory = path.parent().unwrap_or(Path::new(""));
            // npins has a default.nix beside its list, niv a sources.nix.
            let import = match directory.join("sources.nix").exists() {
                true => directory.join("sources.nix"),
                false => directory.to_owned(),
            };
            let import = relative(&Bytes::from(import), destination)?;
            Nixpkgs::from_sources(&text, import).ok_or_else(|| without_nixpkgs(path))
        }
        Some("npins") if path.join("sources.json").exists() => {
            self::named(Some(path.join("sources.json").as_os_str()), destination)
        }
        _ => match Nixpkgs::from_words(named) {
            Nixpkgs::Path(path) => {
                if !path.contains_str("/") && path.as_bytes() != b"." && path.as_bytes() != b".." {
                    let named = Path::new(named).display();
                    return Err(Failure::new(format!("`{named}` is no nixpkgs"))
                        .hint("give a revision, a URL of a tarball, or a path with a slash (./nixpkgs)")
                        .exit_with(Exit::Usage));
                }
                Ok(Nixpkgs::Path(relative(&path, destination)?))
            }
            other => Ok(other),
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LIMIT).read_to_end(&mut text))
        .map_err(|error| Failure::new(format!("cannot read {}", path.display())).because(&error))?;
    Ok(text)
}

fn without_nixpkgs(path: &Path) -> Failure {
    Failure::new(format!("{} pins no nixpkgs", path.display()))
        .hint("an input or pin called `nixpkgs`, with a revision or a URL, is looked for")
        .exit_with(Exit::Usage)
}

/// A path in a Nix file is relative to the file.
fn relative(path: &Bytes, destination: &Destination) -> Result<Bytes, Failure> {
    match destination {
        Destination::File(file)
            if !path.starts_with(b"/") && file.parent().is_some_and(|it| it != Path::new("")) =>
        {
            let absolute = path.as_path().canonicalize().map_err(|error| {
                Failure::new(format!("cannot find nixpkgs at {path}")).because(&error)
            })?;
            Ok(absolute.into())
        }
        _ => Ok(path.clone()),
    }
}
