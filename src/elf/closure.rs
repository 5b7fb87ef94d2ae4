//! Everything that is loaded with a program, in load order, and what needed what.
//!
//! Loaders go breadth first: the program, what is preloaded, what these need in order, and so on.
//! A name that a loaded object answers to is not searched for again; a file that is loaded already
//! is not loaded again. Cycles end there.

use super::files::{FileId, Opened};
use super::search::{
    Conditions, Found, Glibc, Missing, Musl, Object, ObjectId, Reason, Rule, Search,
};
use super::{FileSystem, Form, Image};
use crate::trace::Bytes;
use bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeSet;
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

/// The closure of the program or library whose image is at `path`, in one call.
///
/// What is missing is part of the answer.
pub fn closure(
    files: &dyn FileSystem,
    conditions: &Conditions,
    path: &BStr,
    file: FileId,
    image: Arc<Image>,
) -> Closure {
    Loader::of(files, conditions, path, &image).closure(path, file, image)
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
}

/// What dlopen(3) would come to.
#[derive(Clone, Debug)]
pub enum Opening {
    /// The object is loaded already; nothing is opened.
    AlreadyLoaded(ObjectId),
    /// This file would be loaded.
    New(Found),
}

/// The loader of one program or library, in the conditions that it is started in.
pub struct Loader<'l> {
    files: &'l dyn FileSystem,
    conditions: &'l Conditions,
    search: Box<dyn Search + 'l>,
    /// `PT_INTERP`; for a library, where the loader of such programs usually is.
    path: BString,
    /// The real path of the program.
    program: BString,
}

impl<'l> Loader<'l> {
    /// The loader for the program or library whose image is at `path`. The conditions' working
    /// directory must be absolute.
    pub fn of(
        files: &'l dyn FileSystem,
        conditions: &'l Conditions,
        path: &BStr,
        image: &Image,
    ) -> Self {
        let target = image.target();
        let flavour = Flavour::of(image);
        let absolute = conditions.absolute(path);
        let program = files.real_path(absolute.as_bstr()).unwrap_or(absolute);
        let path = match (&image.interpreter, flavour) {
            (Some(interpreter), _) => interpreter.clone(),
            (None, Flavour::Glibc) => target.glibc_loader().unwrap_or_default().into(),
            (None, Flavour::Musl) => format!("/lib/ld-musl-{target}.so.1").into(),
        };
        let loader = path.as_bstr();
        let search: Box<dyn Search + 'l> = match flavour {
            Flavour::Glibc => Box::new(Glibc::new(
                files,
                conditions,
                target,
                loader,
                program.as_bstr(),
            )),
            Flavour::Musl => Box::new(Musl::new(files, conditions, target, loader)),
        };
        Self {
            files,
            conditions,
            search,
            path,
            program,
        }
    }

    /// All that is loaded with it; `path`, `file` and `image` are the same program's.
    pub fn closure(&self, path: &BStr, file: FileId, image: Arc<Image>) -> Closure {
        let walk = Walk {
            loader: self,
            search: self.search.as_ref(),
            objects: Vec::new(),
            needs: Vec::new(),
            interpreter: None,
        };
        walk.run(path, file, image)
    }

    /// What dlopen(3) of `name` would come to, called from the code of the object `from` of this
    /// program's closure.
    ///
    /// # Errors
    /// When there is no such library, or none that can be loaded.
    pub fn dlopen(
        &self,
        closure: &Closure,
        from: ObjectId,
        name: &BStr,
    ) -> Result<Opening, Missing> {
        if let Some(id) = self.search.loaded(&closure.objects, name) {
            return Ok(Opening::AlreadyLoaded(id));
        }
        let found = self.search.find(&closure.objects, from, name)?;
        let same = |object: &Object| object.file == found.file;
        Ok(match closure.objects.iter().position(same) {
            Some(place) => Opening::AlreadyLoaded(ObjectId(place)),
            None => Opening::New(found),
        })
    }

    /// The places in `closure.needs` of those that are met only because another object had loaded
    /// the library before: by its own rules, the object in need would not find it.
    pub fn lucky(&self, closure: &Closure) -> BTreeSet<usize> {
        let is_lucky = |need: &Need| match need.outcome {
            // The interpreter is always there, so that is no luck.
            Outcome::AlreadyLoaded(id) => {
                let name = need.name.as_bstr();
                closure.object(id).reason != Reason::Interpreter
                    && self.search.find(&closure.objects, need.from, name).is_err()
            }
            Outcome::Loaded(_) | Outcome::Missing(_) => false,
        };
        let places = closure.needs.iter().enumerate();
        places
            .filter(|(_, need)| is_lucky(need))
            .map(|(place, _)| place)
            .collect()
    }
}

/// The walk from need to need.
struct Walk<'w> {
    loader: &'w Loader<'w>,
    search: &'w dyn Search,
    objects: Vec<Object>,
    needs: Vec<Need>,
    /// The interpreter is there from the start, but takes its place in the order when something
    /// needs it, or the last one.
    interpreter: Option<Object>,
}

impl Walk<'_> {
    fn run(mut self, path: &BStr, file: FileId, image: Arc<Image>) -> Closure {
        let origin = self.search.origin(self.loader.program.as_bstr());
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
        // Without a dynamic section there is nothing to load, and a static program is loaded by
        // the kernel alone.
        if image.dynamic && !matches!(image.form(), Form::StaticPie | Form::NotLoadable) {
            self.open_interpreter();
            for (name, reason) in self.search.preloads() {
                self.need(ObjectId::MAIN, name.as_bstr(), reason);
            }
            self.walk_from(0);
        }
        // Whatever program loads a library, it brings an interpreter; but which, is not known.
        match self.interpreter.take() {
            Some(interpreter) if image.interpreter.is_some() => self.objects.push(interpreter),
            _ => {}
        }
        let before = self.objects.len();
        self.audit(&image);
        self.walk_from(before);
        let interpreter = match &image.interpreter {
            None => Interpreter::None,
            Some(name) => {
                let is_it = |object: &Object| object.reason == Reason::Interpreter;
                match self.objects.iter().position(is_it) {
                    Some(place) => Interpreter::Loaded(ObjectId(place)),
                    None => Interpreter::Missing(name.as_bstr().into()),
                }
            }
        };
        Closure {
            objects: self.objects,
            needs: self.needs,
            interpreter,
        }
    }

    fn open_interpreter(&mut self) {
        let name = self.loader.path.as_bstr();
        let absolute = self.loader.conditions.absolute(name);
        let Opened::Image(file, image) = self.loader.files.open(absolute.as_bstr()) else {
            return;
        };
        // The loader may be what is looked at.
        if file == self.objects[0].file {
            return;
        }
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
    }

    /// Auditors live in a namespace of their own, with their own copies of what they need; the
    /// files are the same ones.
    fn audit(&mut self, image: &Image) {
        let variable = self.loader.conditions.audit.iter();
        let variable = variable
            .filter(|_| !self.loader.conditions.secure)
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
