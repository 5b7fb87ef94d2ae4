//! glibc's search (ld.so(8); `_dl_map_object` in elf/dl-load.c).
//!
//! For a name without a slash, in this order: the `DT_RPATH` of the object in need, of what loaded
//! it, and so on up to the program (none of them when the object in need has a `DT_RUNPATH`);
//! `LD_LIBRARY_PATH`; the `DT_RUNPATH` of the object in need; the cache; the default directories.
//! In each directory, subdirectories for the processor (`glibc-hwcaps/…`) come first. The legacy
//! ones of glibc before 2.37 (`tls`, `haswell`) are not searched here.

use super::token::{self, Tokens};
use super::{
    Attempt, BuiltIn, Conditions, Found, Missing, Object, ObjectId, Reason, Rule, Search, join,
    parent,
};
use crate::elf::ldcache::LdCache;
use crate::elf::{FileSystem, Image, Target};
use bstr::{BStr, BString, ByteSlice};

/// The loader of glibc.
pub struct Glibc<'f> {
    files: &'f dyn FileSystem,
    conditions: &'f Conditions,
    target: Target,
    built_in: BuiltIn,
    cache: Option<LdCache>,
    library_path: Vec<BString>,
    hwcaps: &'f [&'static str],
}

impl<'f> Glibc<'f> {
    /// The loader at the path `loader`, for objects of `target`; `program` is the absolute, real
    /// path of the program, which `$ORIGIN` in `LD_LIBRARY_PATH` refers to.
    ///
    /// A cache that is absent or broken is no cache: so says the loader too.
    pub fn new(
        files: &'f dyn FileSystem,
        conditions: &'f Conditions,
        target: Target,
        loader: &BStr,
        program: &BStr,
    ) -> Self {
        let built_in = BuiltIn::of(files, loader, target);
        let cache = files
            .read(built_in.cache.as_bstr())
            .ok()
            .and_then(|content| LdCache::parse(content).ok());
        let mut glibc = Self {
            files,
            conditions,
            target,
            built_in,
            cache,
            library_path: Vec::new(),
            // The levels are those of 64-bit code; i386 has no such directories.
            hwcaps: match target.name() {
                Some("x86_64" | "x32") => &conditions.hwcaps,
                _ => &[],
            },
        };
        let list = conditions.library_path.as_ref();
        if let Some(list) = list.filter(|list| !list.is_empty() && !conditions.secure) {
            let elements = list.split(|byte| matches!(byte, b':' | b';'));
            glibc.library_path = glibc.expanded(elements, parent(program).into());
        }
        glibc
    }

    /// What the loader was built with.
    pub fn built_in(&self) -> &BuiltIn {
        &self.built_in
    }

    fn tokens<'t>(&'t self, origin: &'t BStr) -> Tokens<'t> {
        Tokens {
            origin: Some(origin),
            lib: Some(&self.built_in.lib),
            platform: self.target.platform().map(str::as_bytes),
        }
    }

    /// Elements of a list, each once, with their tokens replaced (`fillin_rpath`).
    fn expanded<'e>(
        &self,
        elements: impl Iterator<Item = &'e [u8]>,
        origin: &BStr,
    ) -> Vec<BString> {
        let mut directories: Vec<BString> = Vec::new();
        for element in elements {
            let directory = if element.is_empty() {
                BString::default()
            } else {
                match token::expand(element, self.tokens(origin)) {
                    Some(directory) if !directory.is_empty() => {
                        if self.distrusts(element, &directory) {
                            continue;
                        }
                        with_slash(directory)
                    }
                    _ => continue,
                }
            };
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
        directories
    }

    /// A program with more rights than its caller takes no directory that the caller could have
    /// chosen by a link to it: `$ORIGIN` must lead to one of the loader's own.
    fn distrusts(&self, element: &[u8], directory: &BString) -> bool {
        let by_origin = element.contains_str("$ORIGIN") || element.contains_str("${ORIGIN}");
        self.conditions.secure
            && by_origin
            && !self
                .built_in
                .directories
                .contains(&with_slash(directory.clone()))
    }

    fn in_directories<'d>(
        &self,
        attempt: &mut Attempt<'_>,
        directories: impl IntoIterator<Item = &'d BString>,
        name: &BStr,
        rule: &Rule,
    ) -> Option<Result<Found, Missing>> {
        directories.into_iter().find_map(|directory| {
            self.hwcaps
                .iter()
                .map(|hwcap| {
                    let subdirectory = join(directory, b"glibc-hwcaps/");
                    join(&join(&subdirectory, hwcap.as_bytes()), name)
                })
                .chain([join(directory, name)])
                .find_map(|path| attempt.open(path, rule))
        })
    }

    fn in_cache(
        &self,
        attempt: &mut Attempt<'_>,
        needy: &Object,
        name: &BStr,
    ) -> Option<Result<Found, Missing>> {
        let cache = self.cache.as_ref()?;
        let hwcaps: Vec<&BStr> = self.hwcaps.iter().map(|name| (*name).into()).collect();
        let path = cache.find(name, self.target.cache_flags()?, &hwcaps)?;
        // DF_1_NODEFLIB keeps entries of the default directories out, but no others.
        let in_default = self
            .built_in
            .directories
            .iter()
            .any(|directory| path.starts_with(directory));
        if needy.image.no_default_directories && in_default {
            return None;
        }
        attempt.open(path.to_owned(), &Rule::Cache)
    }
}

impl Search for Glibc<'_> {
    fn find(&self, objects: &[Object], from: ObjectId, name: &BStr) -> Result<Found, Missing> {
        let mut attempt = Attempt {
            files: self.files,
            conditions: self.conditions,
            target: self.target,
            passed_over: Vec::new(),
        };
        let needy = &objects[from.0];
        if name.contains(&b'/') {
            let found = token::expand(name, self.tokens(needy.origin.as_bstr()))
                .and_then(|path| attempt.open(path, &Rule::Path));
            return found.unwrap_or_else(|| Err(attempt.not_found()));
        }
        if needy.image.runpath.is_none() {
            // The program's list counts for whatever is loaded, by whomever.
            let mut next = Some(from);
            let chain = std::iter::from_fn(|| {
                let id = next?;
                next = objects[id.0]
                    .loader
                    .or((id != ObjectId::MAIN).then_some(ObjectId::MAIN));
                Some(id)
            });
            for of in chain {
                let object = &objects[of.0];
                if object.image.effective_rpath().is_some() {
                    let rule = Rule::Rpath { of };
                    let found = self.in_directories(&mut attempt, &object.directories, name, &rule);
                    if let Some(found) = found {
                        return found;
                    }
                }
            }
        }
        if let Some(found) =
            self.in_directories(&mut attempt, &self.library_path, name, &Rule::LibraryPath)
        {
            return found;
        }
        if needy.image.runpath.is_some() {
            let rule = Rule::Runpath { of: from };
            let found = self.in_directories(&mut attempt, &needy.directories, name, &rule);
            if let Some(found) = found {
                return found;
            }
        }
        if let Some(found) = self.in_cache(&mut attempt, needy, name) {
            return found;
        }
        if !needy.image.no_default_directories {
            let found = self.in_directories(
                &mut attempt,
                &self.built_in.directories,
                name,
                &Rule::DefaultDirectory,
            );
            if let Some(found) = found {
                return found;
            }
        }
        Err(attempt.not_found())
    }

    /// Links are not followed: the program's own path, which the kernel gives the loader with its
    /// links resolved, is the caller's to resolve.
    fn origin(&self, path: &BStr) -> BString {
        parent(&self.conditions.absolute(path)).into()
    }

    fn directories(&self, image: &Image, origin: &BStr) -> Vec<BString> {
        let list = image.runpath.as_deref().or(image.rpath.as_deref());
        match list {
            // An empty list is none, and not the working directory.
            None => Vec::new(),
            Some([element]) if element.is_empty() => Vec::new(),
            Some(elements) => {
                self.expanded(elements.iter().map(|element| element.as_slice()), origin)
            }
        }
    }

    fn preloads(&self) -> Vec<(BString, Reason)> {
        let variable = self.conditions.preload.iter().flat_map(|list| {
            list.split(|byte| matches!(byte, b':' | b' '))
                .map(|name| (name, Reason::Preload))
        });
        let file = self.files.read(self.built_in.preload.as_bstr());
        let file = file.unwrap_or_default();
        let listed = file.lines().flat_map(|line| {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            line.split(|byte| matches!(byte, b':' | b' ' | b'\t'))
                .map(|name| (name, Reason::PreloadFile))
        });
        variable
            // A caller with fewer rights may name no paths; what else it names must be in a
            // default directory and set-user-ID, which no library of a sane system is.
            .filter(|_| !self.conditions.secure)
            .chain(listed)
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, reason)| (name.into(), reason))
            .collect()
    }

    fn known_as(&self, name: &BStr, path: &BStr, image: &Image) -> Vec<BString> {
        let mut names = vec![name.to_owned(), path.to_owned()];
        names.extend(image.soname.clone());
        names
    }

    fn known_name<'n>(&self, name: &'n BStr) -> &'n BStr {
        name
    }
}

/// Slashes at the end become one.
fn with_slash(mut directory: BString) -> BString {
    while directory.len() > 1 && directory.ends_with(b"/") {
        directory.pop();
    }
    if !directory.ends_with(b"/") {
        directory.push(b'/');
    }
    directory
}

/// The subdirectories of `glibc-hwcaps` that this processor can use, the best first (psABI
/// "x86-64 micro-architecture levels").
#[cfg(target_arch = "x86_64")]
pub(super) fn hwcaps_of_this_processor() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    let v2 = has!("cmpxchg16b")
        && has!("popcnt")
        && has!("sse3")
        && has!("ssse3")
        && has!("sse4.1")
        && has!("sse4.2");
    let v3 = v2
        && has!("avx")
        && has!("avx2")
        && has!("bmi1")
        && has!("bmi2")
        && has!("f16c")
        && has!("fma")
        && has!("lzcnt")
        && has!("movbe");
    let v4 = v3
        && has!("avx512f")
        && has!("avx512bw")
        && has!("avx512cd")
        && has!("avx512dq")
        && has!("avx512vl");
    [(v4, "x86-64-v4"), (v3, "x86-64-v3"), (v2, "x86-64-v2")]
        .into_iter()
        .filter_map(|(has, level)| has.then_some(level))
        .collect()
}

/// The subdirectories of `glibc-hwcaps` of other architectures are not known here.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn hwcaps_of_this_processor() -> Vec<&'static str> {
    Vec::new()
}
