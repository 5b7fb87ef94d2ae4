//! Everything that is loaded with a program, in load order, and what needed what.
//!
//! Loaders go breadth first: the program, what is preloaded, what these need in order, and so on.
//! A name that a loaded object answers to is not searched for again; a file that is loaded already
//! is not loaded again. Cycles end there.

use super::files::FileId;
use super::search::{
    Conditions, Found, Glibc, Missing, Musl, Object, ObjectId, Reason, Rule, Search,
};
use super::{FileSystem, Form, Image};
use crate::trace::Bytes;
use bstr::{BStr, BString, ByteSlice};
use std::collections::HashSet;
use std::sync::Arc;

/// What is loaded with a program or a library.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The loaded objects in load order; the program is the first.
    pub objects: Vec<Object>,
    /// The needs in the order in which the loader meets them.
    pub needs: Vec<Need>,
    /// The program's interpreter.
    pub interpreter: Interpreter,
}

/// A program's interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interpreter {
    /// It names none: a static program, or a library.
    None,
    /// It is one of the objects.
    Loaded(ObjectId),
    /// It is not there: the kernel refuses to run the program, with ENOENT.
    Missing(Bytes),
}

/// One object's need for another.
#[derive(Clone, Debug)]
pub struct Need {
    /// The object in need.
    pub from: ObjectId,
    /// What it asks for.
    pub name: Bytes,
    /// How it asks.
    pub reason: Reason,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a need.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The object was loaded for it.
    Loaded(ObjectId),
    /// The object was there already.
    AlreadyLoaded(ObjectId),
    /// There is nothing for it.
    Missing(Missing),
}

impl Outcome {
    /// The object that answers the need.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Loaded(id) | Self::AlreadyLoaded(id) => Some(*id),
            Self::Missing(_) => None,
        }
    }
}

/// Which C library's loader a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flavour {
    /// glibc's, and what is like it.
    Glibc,
    /// musl's.
    Musl,
}

impl Flavour {
    /// Told from the interpreter's name; in a library, from the C library that it needs.
    pub fn of(image: &Image) -> Self {
        let is_musl = match &image.interpreter {
            Some(interpreter) => interpreter.contains_str("/ld-musl-"),
            // musl's libc has no version in its name; distributions add `musl` to it.
            None => image
                .needed
                .iter()
                .any(|name| name == "libc.so" || (name.starts_with_str("libc.musl-"))),
        };
        if is_musl { Self::Musl } else { Self::Glibc }
    }
}

/// The closure of the program or library whose image is at `path`.
///
/// What is missing is part of the answer. The conditions' working directory must be absolute.
pub fn closure(
    files: &dyn FileSystem,
    conditions: &Conditions,
    path: &BStr,
    file: FileId,
    image: Arc<Image>,
) -> Closure {
    with_search(files, conditions, path, &image, |search, real_path| {
        Walk::new(files, conditions, search).run(path, real_path, file, Arc::clone(&image))
    })
}

impl Closure {
    /// The program or library itself.
    pub fn main(&self) -> &Object {
        &self.objects[0]
    }

    /// The object with this number; its own numbers are always valid.
    pub fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id.0]
    }

    /// The needs of one object.
    pub fn needs_of(&self, id: ObjectId) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(move |need| need.from == id)
    }

    /// The needs that nothing answers, but for those that may stay unanswered.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| {
            matches!(need.outcome, Outcome::Missing(_)) && need.reason != Reason::Auxiliary
        })
    }

    /// What dlopen(3) of `name` would come to, called from the code of `from`.
    pub fn dlopen(
        &self,
        files: &dyn FileSystem,
        conditions: &Conditions,
        from: ObjectId,
        name: &BStr,
    ) -> Result<Opening, Missing> {
        let main = self.main();
        with_search(
            files,
            conditions,
            main.path.as_ref(),
            &main.image,
            |search, _| self.look_up(search, from, name),
        )
    }

    /// The needs that are met only because another object had loaded the library before: on its
    /// own, the object in need would not find it.
    pub fn lucky<'c>(&'c self, files: &dyn FileSystem, conditions: &Conditions) -> Vec<&'c Need> {
        let main = self.main();
        with_search(
            files,
            conditions,
            main.path.as_ref(),
            &main.image,
            |search, _| {
                let mut tried: HashSet<(ObjectId, &BStr)> = HashSet::new();
                self.needs
                    .iter()
                    .filter(|need| match need.outcome {
                        Outcome::AlreadyLoaded(id) => {
                            self.object(id).reason != Reason::Interpreter
                                && tried.insert((need.from, need.name.as_bstr()))
                                && search
                                    .find(&self.objects, need.from, need.name.as_bstr())
                                    .is_err()
                        }
                        _ => false,
                    })
                    .collect()
            },
        )
    }

    fn look_up(
        &self,
        search: &dyn Search,
        from: ObjectId,
        name: &BStr,
    ) -> Result<Opening, Missing> {
        if let Some(id) = search.loaded(&self.objects, name) {
            return Ok(Opening::AlreadyLoaded(id));
        }
        let found = search.find(&self.objects, from, name)?;
        Ok(
            match self
                .objects
                .iter()
                .position(|object| object.file == found.file)
            {
                Some(place) => Opening::AlreadyLoaded(ObjectId(place)),
                None => Opening::New(found),
            },
        )
    }
}

/// What dlopen(3) would come to.
#[derive(Clone, Debug)]
pub enum Opening {
    /// The object is loaded already; nothing is opened.
    AlreadyLoaded(ObjectId),
    /// This file would be loaded.
    New(Found),
}

/// Calls `work` with the loader that the main object would have, and the main object's real path.
fn with_search<T>(
    files: &dyn FileSystem,
    conditions: &Conditions,
    path: &BStr,
    image: &Image,
    work: impl FnOnce(&dyn Search, &BStr) -> T,
) -> T {
    let target = image.target();
    let absolute = conditions.absolute(path);
    let real_path = files.real_path(absolute.as_bstr()).unwrap_or(absolute);
    match Flavour::of(image) {
        Flavour::Musl => {
            let usual;
            let loader = match &image.interpreter {
                Some(interpreter) => interpreter.as_bstr(),
                None => {
                    let architecture = target.name().unwrap_or("unknown");
                    usual = format!("/lib/ld-musl-{architecture}.so.1");
                    usual.as_str().into()
                }
            };
            let search = Musl::new(files, conditions, target, loader);
            work(&search, real_path.as_bstr())
        }
        Flavour::Glibc => {
            let usual = target.glibc_loader().unwrap_or_default();
            let loader = match &image.interpreter {
                Some(interpreter) => interpreter.as_bstr(),
                None => usual.into(),
            };
            let search = Glibc::new(files, conditions, target, loader, real_path.as_bstr());
            work(&search, real_path.as_bstr())
        }
    }
}

/// The walk from need to need.
struct Walk<'w> {
    files: &'w dyn FileSystem,
    conditions: &'w Conditions,
    search: &'w dyn Search,
    objects: Vec<Object>,
    needs: Vec<Need>,
    /// The interpreter is there from the start, but takes its place in the order when something
    /// needs it, or the last one.
    interpreter: Option<Object>,
}

impl<'w> Walk<'w> {
    fn new(files: &'w dyn FileSystem, conditions: &'w Conditions, search: &'w dyn Search) -> Self {
        Self {
            files,
            conditions,
            search,
            objects: Vec::new(),
            needs: Vec::new(),
            interpreter: None,
        }
    }

    fn run(mut self, path: &BStr, real_path: &BStr, file: FileId, image: Arc<Image>) -> Closure {
        let origin = self.search.origin(real_path);
        self.objects.push(Object {
            path: path.into(),
            file,
            directories: self.search.directories(&image, origin.as_bstr()),
            origin,
            rule: Rule::Main,
            reason: Reason::Main,
            loader: None,
            passed_over: Vec::new(),
            names: Vec::new(),
            image: Arc::clone(&image),
        });
        let missing = match &image.interpreter {
            Some(name) => self.open_interpreter(name.as_bstr()).err(),
            None => None,
        };
        // Without a dynamic section there is nothing to load, and a static program is loaded by
        // the kernel alone.
        if image.dynamic && !matches!(image.form(), Form::StaticPie | Form::NotLoadable) {
            self.preload();
            self.walk_from(0);
        }
        if let Some(interpreter) = self.interpreter.take() {
            self.objects.push(interpreter);
        }
        let before = self.objects.len();
        self.audit(&image);
        self.walk_from(before);
        let loaded = self
            .objects
            .iter()
            .position(|object| object.reason == Reason::Interpreter);
        Closure {
            interpreter: match (loaded, missing) {
                (Some(place), _) => Interpreter::Loaded(ObjectId(place)),
                (None, Some(path)) => Interpreter::Missing(path),
                (None, None) => Interpreter::None,
            },
            objects: self.objects,
            needs: self.needs,
        }
    }

    fn open_interpreter(&mut self, name: &BStr) -> Result<(), Bytes> {
        use super::files::Opened;
        let absolute = self.conditions.absolute(name);
        let Opened::Image(file, image) = self.files.open(absolute.as_bstr()) else {
            return Err(name.into());
        };
        let origin = self.search.origin(name);
        self.interpreter = Some(Object {
            path: name.into(),
            file,
            directories: self.search.directories(&image, origin.as_bstr()),
            origin,
            rule: Rule::Interpreter,
            reason: Reason::Interpreter,
            loader: None,
            passed_over: Vec::new(),
            names: vec![name.to_owned()],
            image,
        });
        Ok(())
    }

    fn preload(&mut self) {
        for (name, reason) in self.search.preloads() {
            self.need(ObjectId::MAIN, name.as_bstr(), reason);
        }
    }

    /// Auditors live in a namespace of their own, with their own copies of what they need; the
    /// files are the same ones.
    fn audit(&mut self, image: &Image) {
        let variable = self.conditions.audit.iter();
        let variable = variable
            .filter(|_| !self.conditions.secure)
            .flat_map(|list| list.split(|byte| *byte == b':').map(BString::from));
        for name in variable.chain(image.audit.iter().cloned()) {
            if !name.is_empty() {
                self.need(ObjectId::MAIN, name.as_bstr(), Reason::Audit);
            }
        }
    }

    /// Follows the needs of the object at this place and of all behind it.
    fn walk_from(&mut self, mut place: usize) {
        while place < self.objects.len() {
            self.follow(ObjectId(place));
            place += 1;
        }
    }

    fn follow(&mut self, from: ObjectId) {
        let image = Arc::clone(&self.objects[from.0].image);
        for name in &image.needed {
            self.need(from, name.as_bstr(), Reason::Needed);
        }
        for name in &image.filters {
            self.need(from, name.as_bstr(), Reason::Filter);
        }
        for name in &image.auxiliaries {
            self.need(from, name.as_bstr(), Reason::Auxiliary);
        }
    }

    fn need(&mut self, from: ObjectId, name: &BStr, reason: Reason) {
        let outcome = self.outcome(from, name, reason);
        self.needs.push(Need {
            from,
            name: name.into(),
            reason,
            outcome,
        });
    }

    fn outcome(&mut self, from: ObjectId, name: &BStr, reason: Reason) -> Outcome {
        if let Some(id) = self.search.loaded(&self.objects, name) {
            return Outcome::AlreadyLoaded(id);
        }
        if let Some(interpreter) = &self.interpreter
            && self
                .search
                .loaded(std::slice::from_ref(interpreter), name)
                .is_some()
        {
            return self.place_interpreter(None);
        }
        let found = match self.search.find(&self.objects, from, name) {
            Ok(found) => found,
            Err(missing) => return Outcome::Missing(missing),
        };
        let names = self.search.known_as(name, found.path.as_bstr());
        if let Some(interpreter) = &self.interpreter
            && interpreter.file == found.file
        {
            return self.place_interpreter(Some(names));
        }
        let same = |object: &Object| object.file == found.file;
        if let Some(place) = self.objects.iter().position(same) {
            self.objects[place].names.extend(names);
            return Outcome::AlreadyLoaded(ObjectId(place));
        }
        self.push(from, found, names, reason)
    }

    fn place_interpreter(&mut self, names: Option<Vec<BString>>) -> Outcome {
        let id = ObjectId(self.objects.len());
        if let Some(mut interpreter) = self.interpreter.take() {
            interpreter.names.extend(names.unwrap_or_default());
            self.objects.push(interpreter);
        }
        Outcome::AlreadyLoaded(id)
    }

    fn push(
        &mut self,
        from: ObjectId,
        found: Found,
        names: Vec<BString>,
        reason: Reason,
    ) -> Outcome {
        let id = ObjectId(self.objects.len());
        let origin = self.search.origin(found.path.as_bstr());
        self.objects.push(Object {
            directories: self.search.directories(&found.image, origin.as_bstr()),
            origin,
            path: found.path,
            file: found.file,
            image: found.image,
            rule: found.rule,
            reason,
            loader: Some(from),
            passed_over: found.passed_over,
            names,
        });
        Outcome::Loaded(id)
    }
}
