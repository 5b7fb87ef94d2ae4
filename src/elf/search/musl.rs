//! musl's search (`load_library` in ldso/dynlink.c).
//!
//! `LD_LIBRARY_PATH` comes first; then the list of the object in need, of what loaded it, and so
//! on, be it `DT_RPATH` or `DT_RUNPATH`; then the directories that `/etc/ld-musl-<arch>.path` names,
//! or three that are built in. The C library, its parts of old and the loader are one file.

use super::token::{self, Tokens};
use super::{
    Attempt, Conditions, Found, Missing, Object, ObjectId, Reason, Rule, Search, join, parent,
};
use crate::elf::{FileSystem, Image, Target};
use bstr::{BStr, BString, ByteSlice};

/// Names that are the C library itself, whatever is on the disk.
const OWN: [&[u8]; 7] = [b"c", b"pthread", b"rt", b"m", b"dl", b"util", b"xnet"];

const DEFAULT: &str = "/lib:/usr/local/lib:/usr/lib";

/// The loader of musl.
pub struct Musl<'f> {
    files: &'f dyn FileSystem,
    conditions: &'f Conditions,
    target: Target,
    library_path: Vec<BString>,
    system: Vec<BString>,
}

impl<'f> Musl<'f> {
    /// The loader at the path `loader`, as `PT_INTERP` names it: `/lib/ld-musl-x86_64.so.1`.
    pub fn new(
        files: &'f dyn FileSystem,
        conditions: &'f Conditions,
        target: Target,
        loader: &BStr,
    ) -> Self {
        let library_path = match &conditions.library_path {
            Some(list) if !conditions.secure => elements(list),
            _ => Vec::new(),
        };
        // The path file is beside the directory that the loader is in: /lib, /etc.
        let prefix = parent(loader).rfind_byte(b'/').map_or(0, |slash| slash);
        let architecture = file_name(loader)
            .strip_prefix(b"ld-musl-")
            .and_then(|name| name.split_str(".so").next())
            .unwrap_or_default();
        let mut path_file = BString::from(&loader[..prefix]);
        path_file.extend_from_slice(b"/etc/ld-musl-");
        path_file.extend_from_slice(architecture);
        path_file.extend_from_slice(b".path");
        let system = match files.read(path_file.as_bstr()) {
            Ok(content) => elements(&content),
            Err(_) => elements(DEFAULT.as_bytes()),
        };
        Self {
            files,
            conditions,
            target,
            library_path,
            system,
        }
    }

    /// Whether the name is the C library's own.
    pub(crate) fn is_own(name: &BStr) -> bool {
        name.strip_prefix(b"lib").is_some_and(|rest| {
            OWN.iter().any(|own| {
                rest.strip_prefix(*own)
                    .is_some_and(|rest| rest.starts_with(b"."))
            })
        })
    }
}

impl Search for Musl<'_> {
    fn loaded(&self, objects: &[Object], name: &BStr) -> Option<ObjectId> {
        let by_name = || {
            let known = |object: &Object| object.names.iter().any(|known| known == name);
            objects.iter().position(known)
        };
        let interpreter = || {
            objects
                .iter()
                .position(|object| object.reason == Reason::Interpreter)
        };
        let place = if Self::is_own(name) {
            interpreter()
        } else {
            by_name()
        };
        place.map(ObjectId)
    }

    fn find(&self, objects: &[Object], from: ObjectId, name: &BStr) -> Result<Found, Missing> {
        let mut attempt = Attempt {
            files: self.files,
            conditions: self.conditions,
            target: self.target,
            passed_over: Vec::new(),
        };
        if name.contains(&b'/') {
            let found = attempt.open(name.to_owned(), &Rule::Path);
            return found.unwrap_or_else(|| Err(attempt.not_found()));
        }
        let chain = std::iter::successors(Some(from), |id| objects[id.0].loader);
        let own = chain.map(|of| (Rule::Rpath { of }, &objects[of.0].directories));
        let lists = [(Rule::LibraryPath, &self.library_path)]
            .into_iter()
            .chain(own)
            .chain([(Rule::DefaultDirectory, &self.system)]);
        for (rule, directories) in lists {
            for directory in directories {
                if let Some(found) = attempt.open(join(directory, name), &rule) {
                    return found;
                }
                // Unlike glibc, musl takes the first file that can be opened, and fails with it.
                if !attempt.passed_over.is_empty() {
                    return Err(attempt.not_found());
                }
            }
        }
        Err(attempt.not_found())
    }

    fn origin(&self, path: &BStr) -> BString {
        parent(path).into()
    }

    /// One token that musl does not know makes it ignore the whole list.
    fn directories(&self, image: &Image, origin: &BStr) -> Vec<BString> {
        let tokens = Tokens {
            origin: Some(origin),
            ..Tokens::default()
        };
        let list = image.runpath.as_deref().or(image.rpath.as_deref());
        let expanded: Option<Vec<BString>> = list
            .unwrap_or_default()
            .iter()
            .filter(|element| !element.is_empty())
            .map(|element| {
                let expanded = token::expand(element, tokens)?;
                let unknown = element.find_byte(b'$').is_some() && expanded.contains(&b'$');
                (!unknown).then_some(expanded)
            })
            .collect();
        expanded.unwrap_or_default()
    }

    fn preloads(&self) -> Vec<(BString, Reason)> {
        let list = self.conditions.preload.iter();
        list.filter(|_| !self.conditions.secure)
            .flat_map(|list| list.split(|byte| *byte == b':' || byte.is_ascii_whitespace()))
            .filter(|name| !name.is_empty())
            .map(|name| (name.into(), Reason::Preload))
            .collect()
    }

    /// Only what was searched for has a short name: that of its file.
    fn known_as(&self, name: &BStr, path: &BStr) -> Vec<BString> {
        if name.contains(&b'/') {
            Vec::new()
        } else {
            vec![file_name(path).into()]
        }
    }
}

/// The elements of a list of directories; empty ones count for nothing.
fn elements(list: &[u8]) -> Vec<BString> {
    list.split(|byte| matches!(byte, b':' | b'\n'))
        .filter(|element| !element.is_empty())
        .map(BString::from)
        .collect()
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
