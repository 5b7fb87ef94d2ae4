//! The package database of Fedora, openSUSE and their kin, read natively.
//!
//! rpm keeps one header a package (`header`), in a database whose form has changed twice: a Berkeley
//! DB hash up to RHEL 8 (`bdb`), then SQLite, and on SUSE a format of rpm's own, ndb (`ndb`). All
//! three give the same headers.

mod bdb;
mod header;
mod ndb;

use super::installed::{Installed, WholeDatabase};
use super::{HostPackages, Manager};
use crate::sqlite::{Database, SqliteError};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Where the database lies, the newer place first.
const DIRECTORIES: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];

/// What the file is called in each form, the newer one first: an upgraded system can have both.
const FORMS: [(&str, Form); 3] = [
    ("rpmdb.sqlite", sqlite),
    ("Packages.db", ndb::headers),
    ("Packages", bdb::headers),
];

/// Hands over the headers of a database as far as it can be read.
type Form = fn(&Path, &mut dyn FnMut(&[u8]) -> ControlFlow<()>);

/// A header is some kilobytes; that of a package with a hundred thousand files stays below this.
const LONGEST_HEADER: usize = 64 << 20;

/// How many records a database is believed to have.
const RECORD_LIMIT: usize = 400_000;

/// The database of the system whose root directory is given; none when rpm does not manage it.
pub fn open(root: &Path) -> Option<impl HostPackages + Send + Sync + use<>> {
    file(root).map(|_| WholeDatabase::new(Manager::Rpm, root, read))
}

fn file(root: &Path) -> Option<(PathBuf, Form)> {
    DIRECTORIES
        .iter()
        .flat_map(|directory| FORMS.map(|(name, form)| (root.join(directory).join(name), form)))
        .find(|(path, _)| path.is_file())
}

fn read(root: &Path) -> Installed {
    let mut installed = Installed::new();
    let mut read = 0;
    if let Some((path, headers)) = file(root) {
        headers(&path, &mut |bytes| {
            // Berkeley DB's first record is a counter and no header.
            if let Some((package, files)) = header::package(bytes) {
                installed.add(package, files);
            }
            read += 1;
            if read < RECORD_LIMIT {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    installed
}

/// rpm keeps its SQLite database in WAL mode and checkpoints it when it ends; what an rpm that runs
/// right now has not checkpointed is not seen.
fn sqlite(path: &Path, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
    /// Either way the packages that were read so far stand.
    enum Stop {
        Damaged,
        Enough,
    }
    impl From<SqliteError> for Stop {
        fn from(_: SqliteError) -> Self {
            Self::Damaged
        }
    }
    let Ok(database) = Database::open(path, "Packages") else {
        return;
    };
    let _ = database.each("SELECT blob FROM Packages ORDER BY hnum", |row| {
        match row.bytes(0).map(&mut *visit) {
            Some(ControlFlow::Break(())) => Err(Stop::Enough),
            _ => Ok(()),
        }
    });
}
