//! The file system as a dynamic loader sees it.
//!
//! The search asks [`FileSystem`]; [`Disk`] answers from this machine or from a directory that is
//! laid out like the root of another one. A test hands in a map.

use super::{Error, Image};
use bstr::{BStr, BString, ByteSlice};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag};
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What the search for libraries needs to know of the disk. All paths are absolute.
pub trait FileSystem {
    /// Opens the file at `path`, following links, and reads its image.
    fn open(&self, path: &BStr) -> Opened;

    /// The path with all links followed; none when there is no such file.
    fn real_path(&self, path: &BStr) -> Option<BString>;

    /// The content of a configuration file or of a loader, at most [`MAX_READ`] bytes of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read(&self, path: &BStr) -> io::Result<Vec<u8>>;
}

/// The most that [`FileSystem::read`] reads: a cache of 100,000 libraries fits.
pub const MAX_READ: u64 = 32 << 20;

/// What came of opening a file.
#[derive(Clone, Debug)]
pub enum Opened {
    /// There is none, or it may not be read: the loader goes on to the next directory.
    Absent,
    /// An ELF file.
    Image(FileId, Arc<Image>),
    /// A file that can be opened and is no sound ELF file: the loader gives up.
    Unusable(Arc<Error>),
}

/// One file, whatever its names: device and inode (stat(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64, pub u64);

impl FileId {
    /// The file that stat(2) spoke of.
    pub fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

/// ELF images by absolute path.
pub trait Images {
    /// The image of the file at `path`; none when there is no such file or it is no ELF file.
    fn image(&self, path: &BStr) -> Option<Arc<Image>>;
}

impl<F: FileSystem + ?Sized> Images for F {
    fn image(&self, path: &BStr) -> Option<Arc<Image>> {
        match self.open(path) {
            Opened::Image(_, image) => Some(image),
            Opened::Absent | Opened::Unusable(_) => None,
        }
    }
}

/// The disk of this machine, or a directory that is another machine's root. Every answer is kept:
/// the same libraries are asked for again and again.
#[derive(Debug, Default)]
pub struct Disk {
    root: Option<Root>,
    opened: Mutex<Opens>,
}

#[derive(Debug, Default)]
struct Opens {
    by_path: HashMap<BString, Opened>,
    /// One file has many names, and is read once.
    by_id: HashMap<FileId, Opened>,
}

#[derive(Debug)]
struct Root {
    path: PathBuf,
    directory: OwnedFd,
}

impl Disk {
    /// This machine's disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The directory `root` as `/`: absolute paths and links are followed within it.
    ///
    /// # Errors
    /// When it is no directory that can be opened.
    pub fn with_root(root: &Path) -> Result<Self, Error> {
        let error = |source| Error::io(root, source);
        let path = root.canonicalize().map_err(error)?;
        let directory = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY | libc::O_PATH)
            .open(&path)
            .map_err(error)?;
        Ok(Self {
            root: Some(Root {
                path,
                directory: directory.into(),
            }),
            opened: Mutex::default(),
        })
    }

    /// Reads the image at an absolute path, with the reason when there is none.
    ///
    /// # Errors
    /// As [`Image::read`].
    pub fn read_image(&self, path: &BStr) -> Result<(FileId, Arc<Image>), Error> {
        let name = as_path(path);
        let error = |source| Error::io(name, source);
        let file = self.open_file(path).map_err(error)?;
        let (id, image) = Image::from_file(&file, name)?;
        Ok((id, Arc::new(image)))
    }

    fn open_file(&self, path: &BStr) -> io::Result<File> {
        match &self.root {
            None => open_without_waiting(as_path(path)),
            Some(root) => {
                let how = OpenHow::new()
                    .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
                    .resolve(ResolveFlag::RESOLVE_IN_ROOT);
                let file = nix::fcntl::openat2(&root.directory, as_path(path), how)?;
                Ok(File::from(file))
            }
        }
    }

    fn open_uncached(&self, path: &BStr, opens: &mut Opens) -> Opened {
        let name = as_path(path);
        let Ok(file) = self.open_file(path) else {
            return Opened::Absent;
        };
        let Ok(metadata) = file.metadata() else {
            return Opened::Absent;
        };
        let id = FileId::of(&metadata);
        if let Some(opened) = opens.by_id.get(&id) {
            return opened.clone();
        }
        let opened = match Image::from_file(&file, name) {
            Ok((id, image)) => Opened::Image(id, Arc::new(image)),
            Err(error) => Opened::Unusable(Arc::new(error)),
        };
        opens.by_id.insert(id, opened.clone());
        opened
    }
}

impl FileSystem for Disk {
    fn open(&self, path: &BStr) -> Opened {
        // Nothing that is done under the lock leaves it half done.
        let mut opens = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = opens.by_path.get(path) {
            return opened.clone();
        }
        let opened = self.open_uncached(path, &mut opens);
        opens.by_path.insert(path.to_owned(), opened.clone());
        opened
    }

    fn real_path(&self, path: &BStr) -> Option<BString> {
        match &self.root {
            None => {
                let real = as_path(path).canonicalize().ok()?;
                Some(real.into_os_string().as_bytes().into())
            }
            Some(root) => {
                // proc(5): the link of an open file is its path, resolved.
                let file = self.open_file(path).ok()?;
                let link = format!("/proc/self/fd/{}", file.as_raw_fd());
                let real = std::fs::read_link(link).ok()?;
                let below = real.strip_prefix(&root.path).ok()?;
                Some(Path::new("/").join(below).as_os_str().as_bytes().into())
            }
        }
    }

    fn read(&self, path: &BStr) -> io::Result<Vec<u8>> {
        let file = self.open_file(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(MAX_READ).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// Opens a file for reading. A named pipe must not make us wait for its writer, nor a terminal
/// become ours.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

fn as_path(path: &BStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()))
}
