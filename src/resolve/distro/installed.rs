//! A package database that is read as a whole: rpm's, pacman's and apk's.
//!
//! A format is a function from a root directory to [`Installed`]; what is asked of it is the same
//! for all of them, and answered here. dpkg's database is read in two parts, see [`super::dpkg`].

use super::owners::Owners;
use super::{HostPackage, HostPackages, Manager, Ownership, owner_of, vendor};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// All of Fedora is some 70,000 packages.
const PACKAGE_LIMIT: usize = 200_000;

/// The packages of a system, with their files.
#[derive(Debug)]
pub(super) struct Installed {
    packages: Vec<HostPackage>,
    files: Vec<Files>,
    numbers: HashMap<String, usize>,
    owners: Owners,
    /// How many bytes the paths take.
    held: usize,
}

/// A workstation's half a million paths take some twenty megabytes.
const HELD_LIMIT: usize = 512 << 20;

impl Installed {
    pub(super) fn new() -> Self {
        Self {
            packages: Vec::new(),
            files: Vec::new(),
            numbers: HashMap::new(),
            owners: Owners::new(),
            held: 0,
        }
    }

    /// Adds a package. Of several with one name (rpm keeps old kernels) the first is what the name
    /// stands for. One without a name is no package.
    pub(super) fn add(&mut self, package: HostPackage, files: Files) {
        if package.name.is_empty() || self.packages.len() == PACKAGE_LIMIT {
            return;
        }
        self.held += files.0.len();
        if self.held > HELD_LIMIT {
            return;
        }
        let number = self.packages.len();
        self.numbers.entry(package.name.clone()).or_insert(number);
        self.packages.push(package);
        let packages = &self.packages;
        let same = |a: u32, b: u32| packages[a as usize].name == packages[b as usize].name;
        let owners = &mut self.owners;
        let _ = files.each(&mut |path| {
            // PACKAGE_LIMIT is far below u32::MAX.
            owners.insert(owners.hash(path), number as u32, same);
            ControlFlow::Continue(())
        });
        self.files.push(files);
    }
}

/// The paths of a package: directories, each with the names in it. Databases have them in that
/// order, so a directory is written once.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<u8>);

/// The paths of the largest packages (kernel sources, TeX) take a few megabytes.
const FILES_LIMIT: usize = 64 << 20;

/// What follows is a directory with its slash, or the name of a file in the last directory; both
/// end with a NUL, which no path has.
const DIRECTORY: u8 = b'D';
const NAME: u8 = b'F';

impl Files {
    /// Goes to a directory, which need not be a path of the package itself.
    pub(super) fn directory(&mut self, path: &[u8]) {
        if self.0.len() > FILES_LIMIT {
            return;
        }
        self.0.push(DIRECTORY);
        self.0.push(b'/');
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        self.0.extend(path.iter().filter(|byte| **byte != 0));
        if !path.is_empty() {
            self.0.push(b'/');
        }
        self.0.push(0);
    }

    /// Adds a file or directory in the directory that was last gone to.
    pub(super) fn name(&mut self, name: &[u8]) {
        if self.0.len() > FILES_LIMIT {
            return;
        }
        self.0.push(NAME);
        self.0.extend(name.iter().filter(|byte| **byte != 0));
        self.0.push(0);
    }

    /// Hands over the paths until it is told to stop.
    fn each(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut path = Vec::from(b"/");
        let mut directory = path.len();
        for record in self.0.split_inclusive(|byte| *byte == 0) {
            match record {
                [DIRECTORY, directory_path @ .., 0] => {
                    path.clear();
                    path.extend_from_slice(directory_path);
                    directory = path.len();
                }
                [NAME, name @ .., 0] => {
                    path.truncate(directory);
                    path.extend_from_slice(name);
                    visit(&path)?;
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// The package database of a system, read when it is first asked.
pub(super) struct WholeDatabase {
    manager: Manager,
    root: PathBuf,
    vendor: String,
    read: fn(&Path) -> Installed,
    installed: OnceLock<Installed>,
}

impl WholeDatabase {
    /// A database below a root directory that `read` reads.
    pub(super) fn new(manager: Manager, root: &Path, read: fn(&Path) -> Installed) -> Self {
        Self {
            manager,
            root: root.to_owned(),
            vendor: vendor(root),
            read,
            installed: OnceLock::new(),
        }
    }

    fn installed(&self) -> &Installed {
        self.installed.get_or_init(|| (self.read)(&self.root))
    }
}

impl HostPackages for WholeDatabase {
    fn manager(&self) -> Manager {
        self.manager
    }

    fn vendor(&self) -> &str {
        &self.vendor
    }

    fn owner(&self, path: &[u8]) -> Option<Ownership> {
        let installed = self.installed();
        owner_of(&self.root, path, |path| {
            let number = installed.owners.of(path)?;
            installed.packages.get(number).cloned()
        })
    }

    fn package(&self, name: &str) -> Option<HostPackage> {
        let installed = self.installed();
        let number = installed.numbers.get(name)?;
        installed.packages.get(*number).cloned()
    }

    fn built_from(&self, source: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .installed()
            .packages
            .iter()
            .filter(|package| package.source == source)
            .map(|package| package.name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn files(&self, package: &str, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let installed = self.installed();
        if let Some(number) = installed.numbers.get(package) {
            let _ = installed.files[*number].each(visit);
        }
    }
}
