//! A home directory of a test's own.

use super::Invocation;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The `PATH` of Debian's root: no version manager, nothing from the developer's home.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A user's home with a project in it, and a place outside of both for what nixtrace writes; all
/// of it goes away with the value.
///
/// Commands run with this `HOME`, in the project, and with an environment that holds little else:
/// what a program needs must not depend on who runs the tests.
pub(crate) struct Home {
    root: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("nixtrace-test-")
            .tempdir()
            .unwrap();
        for directory in ["home/ada/project", "outside"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        Self { root }
    }

    /// The home directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("home/ada")
    }

    /// The directory that commands run in.
    pub(crate) fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// A path that is neither in the home nor in the project.
    pub(crate) fn outside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join("outside").join(name)
    }

    /// Writes a file, its path relative to the home, and makes the directories on the way.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a file that can be executed.
    ///
    /// By a process of its own: a child that another test starts meanwhile would have the file open to
    /// write, and what is open to write cannot be executed.
    pub(crate) fn write_program(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let written = tempfile::NamedTempFile::new().unwrap();
        fs::write(written.path(), content).unwrap();
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.command(["cp"])
            .arg(written.path())
            .arg(&path)
            .succeeds();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Copies one of the repository's examples to be the project.
    pub(crate) fn take_example(&self, name: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        self.command(["cp", "-R"])
            .arg(source.join("."))
            .arg(self.project())
            .succeeds();
    }

    /// A command in this home, without nixtrace.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Invocation {
        Invocation::new(argv)
            .clear_env()
            .env("PATH", SYSTEM_PATH)
            .env("HOME", self.path())
            .env("USER", "ada")
            .env("LANG", "C.UTF-8")
            .current_dir(self.project())
    }
}
