//! Files that appear whole or not at all.
//!
//! The text goes to a temporary file beside its destination, is synced, and takes the destination's
//! name in one step: a crash, a full disk or Ctrl-C leaves what was there before.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What to do about a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail with [`io::ErrorKind::AlreadyExists`].
    Refuse,
    /// Take its place.
    Replace,
}

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Only its owner (mode 0600): traces, which hold private paths.
    Owner,
    /// Whoever the umask allows (mode 0666 less the umask).
    Umask,
}

/// A file on its way; dropped without [`commit`](Self::commit), it leaves nothing behind.
#[derive(Debug)]
pub struct AtomicFile(Way);

#[derive(Debug)]
enum Way {
    /// To be renamed.
    Renamed {
        file: NamedTempFile,
        destination: PathBuf,
        existing: Existing,
        audience: Audience,
    },
    /// A device or pipe, which cannot be replaced: written as it is.
    Special(File),
}

impl AtomicFile {
    /// Begins a file that will be `destination`.
    ///
    /// # Errors
    /// When the destination is a file and is to be kept, is a directory, or its directory cannot be
    /// written to: all that can be known is known here, before any work is done.
    pub fn create(destination: &Path, existing: Existing, audience: Audience) -> io::Result<Self> {
        if destination.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if let Ok(there) = destination.metadata()
            && !there.is_file()
        {
            return Ok(Self(Way::Special(
                OpenOptions::new().write(true).open(destination)?,
            )));
        }
        if existing == Existing::Refuse && destination.symlink_metadata().is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let destination = final_name(destination);
        let file = tempfile::Builder::new().prefix(".nixtrace-").make_in(
            directory_of(&destination),
            |path| {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(match audience {
                        Audience::Owner => 0o600,
                        Audience::Umask => 0o666,
                    })
                    .open(path)
            },
        )?;
        let (opened, path) = file.into_parts();
        Ok(Self(Way::Renamed {
            file: NamedTempFile::from_parts(opened, path),
            destination,
            existing,
            audience,
        }))
    }

    /// Whether it is a device or pipe, which is written as it is.
    pub fn is_special(&self) -> bool {
        matches!(self.0, Way::Special(_))
    }

    /// Syncs what was written and gives it its name.
    ///
    /// # Errors
    /// When the disk is full or the destination came into being meanwhile.
    pub fn commit(self) -> io::Result<File> {
        let (file, destination, existing, audience) = match self.0 {
            Way::Special(file) => return Ok(file),
            Way::Renamed {
                file,
                destination,
                existing,
                audience,
            } => (file, destination, existing, audience),
        };
        if audience == Audience::Umask
            && let Ok(old) = destination.metadata()
        {
            file.as_file().set_permissions(old.permissions())?;
        }
        file.as_file().sync_all()?;
        let file = match existing {
            Existing::Refuse => file.persist_noclobber(&destination),
            Existing::Replace => file.persist(&destination),
        }
        .map_err(|failed| failed.error)?;
        if let Ok(directory) = File::open(directory_of(&destination)) {
            // The name is in place; a directory that cannot be synced (some network file systems)
            // is no reason to call the write a failure.
            let _ = directory.sync_all();
        }
        Ok(file)
    }
}

/// The name that is to be replaced: what a symbolic link leads to, so that the link stays. In a
/// directory where anybody can plant a link (`/tmp`), the link itself is replaced.
fn final_name(destination: &Path) -> PathBuf {
    const STICKY: u32 = 0o1000;
    let is_shared = directory_of(destination)
        .metadata()
        .is_ok_and(|it| it.permissions().mode() & STICKY != 0);
    match destination.canonicalize() {
        Ok(target) if destination.is_symlink() && !is_shared => target,
        _ => destination.to_owned(),
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Renamed { file, .. } => file.write(bytes),
            Way::Special(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Renamed { file, .. } => file.flush(),
            Way::Special(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_dropped_file_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let destination = directory.path().join("shell.nix");
        let mut file = AtomicFile::create(&destination, Existing::Refuse, Audience::Umask).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_existing_file_is_kept_unless_it_is_to_be_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let destination = directory.path().join("shell.nix");
        fs::write(&destination, "mine").unwrap();
        let refused = AtomicFile::create(&destination, Existing::Refuse, Audience::Umask);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut file =
            AtomicFile::create(&destination, Existing::Replace, Audience::Umask).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&destination).unwrap(), b"mine");
        file.commit().unwrap();
        assert_eq!(fs::read(&destination).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let destination = directory.path().join("shell.nix");
        let file = AtomicFile::create(&destination, Existing::Refuse, Audience::Umask).unwrap();
        fs::write(&destination, "mine").unwrap();
        assert_eq!(
            file.commit().unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&destination).unwrap(), b"mine");
    }

    #[test]
    fn replacing_keeps_a_link_and_the_mode_of_the_file_behind_it() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (
            directory.path().join("real.nix"),
            directory.path().join("shell.nix"),
        );
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.nix", &link).unwrap();
        let mut new = AtomicFile::create(&link, Existing::Replace, Audience::Umask).unwrap();
        new.write_all(b"new").unwrap();
        new.commit().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn in_a_shared_directory_a_planted_link_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let (file, link) = (
            directory.path().join("victim"),
            directory.path().join("shell.nix"),
        );
        fs::write(&file, "kept").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let new = AtomicFile::create(&link, Existing::Replace, Audience::Umask).unwrap();
        new.commit().unwrap();
        assert!(!link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn a_trace_is_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let destination = directory.path().join("app.jsonl");
        let file = AtomicFile::create(&destination, Existing::Refuse, Audience::Owner).unwrap();
        let mode = file
            .commit()
            .unwrap()
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
