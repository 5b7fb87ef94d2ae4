//! Everything that is loaded with a program, in load order, and what needed what.
//!
//! Loaders go breadth first: the program, what is preloaded, what these need in order, and so on.
//! A name that a loaded object answers to is not searched for again; a file that is loaded already
//! is not loaded again. Cycles end there.

use super::files::{FileId, Opened};
use super::search::{
    Conditions, Found, Glibc, Missing, Musl, Object, ObjectId, Reason, Rule, Search,
};
use super::{Error, FileSystem, Form, Image};
use crate::trace::Bytes;
use bstr::{BStr, BString, ByteSlice};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is loaded with a program or a library.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The loaded objects in the order in which they are opened; the program is the first, the
    /// interpreter stands where it is first needed. Symbols are looked up in this order too, but
    /// for what is filtered, which is asked before its filter.
    pub objects: Vec<Object>,
    /// The needs in the order in which the loader meets them.
    pub needs: Vec<Need>,
    /// The program's interpreter.
    pub interpreter: Interpreter,
    known: HashMap<BString, ObjectId>,
}

/// A program's interpreter.
#[derive(Clone, Debug)]
pub enum Interpreter {
    /// It names none: a static program, or a library.
    None,
    /// It is one of the objects.
    Loaded(ObjectId),
    /// It is not there: the kernel refuses to run the program, with ENOENT.
    Missing(Bytes),
    /// It is there, but is no sound ELF file: the kernel refuses to run the program.
    Unusable {
        /// Where it is.
        path: Bytes,
        /// What is wrong with it.
        source: Arc<Error>,
    },
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
    Loader::of(files, conditions, path, file, image).closure()
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

    /// The needs that nothing answers and without which the program does not start. What was to
    /// be preloaded, to audit or to be an auxiliary filter may be missing.
    pub fn missing(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| {
            matches!(need.outcome, Outcome::Missing(_))
                && matches!(need.reason, Reason::Needed | Reason::Filter)
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
    interpreter: BString,
    /// The program as it was named, and with all links followed.
    path: BString,
    real_path: BString,
    file: FileId,
    image: Arc<Image>,
}

impl<'l> Loader<'l> {
    /// The loader for the program or library whose image is at `path`. The conditions' working
    /// directory must be absolute.
    pub fn of(
        files: &'l dyn FileSystem,
        conditions: &'l Conditions,
        path: &BStr,
        file: FileId,
        image: Arc<Image>,
    ) -> Self {
        let target = image.target();
        let flavour = Flavour::of(&image);
        let absolute = conditions.absolute(path);
        let real_path = files.real_path(absolute.as_bstr()).unwrap_or(absolute);
        let interpreter: BString = match (&image.interpreter, flavour) {
            (Some(interpreter), _) => interpreter.clone(),
            (None, Flavour::Glibc) => target.glibc_loader().unwrap_or_default().into(),
            (None, Flavour::Musl) => format!("/lib/ld-musl-{target}.so.1").into(),
        };
        let search: Box<dyn Search + 'l> = match flavour {
            Flavour::Glibc => Box::new(Glibc::new(
                files,
                conditions,
                target,
                interpreter.as_bstr(),
                real_path.as_bstr(),
            )),
            Flavour::Musl => Box::new(Musl::new(files, conditions, target, interpreter.as_bstr())),
        };
        Self {
            files,
            conditions,
            search,
            interpreter,
            path: path.to_owned(),
            real_path,
            file,
            image,
        }
    }

    /// All that is loaded with it.
    pub fn closure(&self) -> Closure {
        let walk = Walk {
            loader: self,
            objects: Vec::new(),
            needs: Vec::new(),
            interpreter: None,
            known: HashMap::new(),
        };
        walk.run()
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
        if let Some(id) = closure.known.get(self.search.known_name(name)) {
            return Ok(Opening::AlreadyLoaded(*id));
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
    objects: Vec<Object>,
    needs: Vec<Need>,
    /// The interpreter is there from the start, but takes its place in the order when something
    /// needs it, or the last one.
    interpreter: Option<(Object, Vec<BString>)>,
    /// The names that the objects answer to.
    known: HashMap<BString, ObjectId>,
}

impl Walk<'_> {
    fn run(mut self) -> Closure {
        let image = Arc::clone(&self.loader.image);
        let origin = self.loader.search.origin(self.loader.real_path.as_bstr());
        self.objects.push(Object {
            path: self.loader.path.as_bstr().into(),
            file: self.loader.file,
            directories: self.loader.search.directories(&image, origin.as_bstr()),
            origin,
            rule: Rule::Main,
            reason: Reason::Main,
            loader: None,
            passed_over: Vec::new(),
            image: Arc::clone(&image),
        });
        if let Some(soname) = &image.soname {
            self.known.insert(soname.clone(), ObjectId::MAIN);
        }
        let unusable = self.open_interpreter();
        // Without a dynamic section there is nothing to load, and a static program is loaded by
        // the kernel alone.
        let has_loader =
            image.dynamic && !matches!(image.form(), Form::StaticPie | Form::NotLoadable);
        if has_loader {
            for (name, reason) in self.loader.search.preloads() {
                self.need(ObjectId::MAIN, name.as_bstr(), reason);
            }
            self.walk_from(0);
        }
        // Whatever program loads a library, it brings an interpreter; but which, is not known.
        if image.interpreter.is_some() {
            self.place_interpreter();
        }
        if has_loader {
            let before = self.objects.len();
            self.audit(&image);
            self.walk_from(before);
        }
        let interpreter = match &image.interpreter {
            None => Interpreter::None,
            Some(name) => {
                let is_it = |object: &Object| object.reason == Reason::Interpreter;
                let path = name.as_bstr().into();
                match (self.objects.iter().position(is_it), unusable) {
                    (Some(place), _) => Interpreter::Loaded(ObjectId(place)),
                    (None, Some(source)) => Interpreter::Unusable { path, source },
                    (None, None) => Interpreter::Missing(path),
                }
            }
        };
        Closure {
            objects: self.objects,
            needs: self.needs,
            interpreter,
            known: self.known,
        }
    }

    /// Puts the interpreter in waiting, or says what is wrong with it.
    fn open_interpreter(&mut self) -> Option<Arc<Error>> {
        let name = self.loader.interpreter.as_bstr();
        let absolute = self.loader.conditions.absolute(name);
        let (file, image) = match self.loader.files.open(absolute.as_bstr()) {
            Opened::Image(file, image) => (file, image),
            Opened::Unusable(error) => return Some(error),
            Opened::Absent => return None,
        };
        // The loader may be what is looked at.
        if file == self.objects[0].file {
            return None;
        }
        let origin = self.loader.search.origin(name);
        let names = self.loader.search.known_as(name, name, &image);
        let object = Object {
            path: name.into(),
            file,
            directories: self.loader.search.directories(&image, origin.as_bstr()),
            origin,
            rule: Rule::Interpreter,
            reason: Reason::Interpreter,
            loader: None,
            passed_over: Vec::new(),
            image,
        };
        self.interpreter = Some((object, names));
        None
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
    fn walk_from(&mut self, place: usize) {
        let mut followed = vec![false; place];
        for place in place.. {
            if place >= self.objects.len() {
                break;
            }
            // What an object filters comes with it, before the objects that are next.
            let mut next = vec![ObjectId(place)];
            while let Some(id) = next.pop() {
                followed.resize(self.objects.len(), false);
                if !std::mem::replace(&mut followed[id.0], true) {
                    self.follow(id);
                    let filtered =
                        |need: &&Need| matches!(need.reason, Reason::Filter | Reason::Auxiliary);
                    let needs = self.needs.iter().rev().take_while(|need| need.from == id);
                    next.extend(
                        needs
                            .filter(filtered)
                            .filter_map(|need| need.outcome.object()),
                    );
                }
            }
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
        let known_name = self.loader.search.known_name(name);
        if let Some(id) = self.known.get(known_name) {
            return Outcome::AlreadyLoaded(*id);
        }
        let is_interpreter =
            |(_, names): &(Object, Vec<BString>)| names.iter().any(|known| known == known_name);
        if self.interpreter.as_ref().is_some_and(is_interpreter)
            && let Some(id) = self.place_interpreter()
        {
            return Outcome::AlreadyLoaded(id);
        }
        let found = match self.loader.search.find(&self.objects, from, name) {
            Ok(found) => found,
            Err(missing) => return Outcome::Missing(missing),
        };
        let is_found = |(object, _): &(Object, Vec<BString>)| object.file == found.file;
        if self.interpreter.as_ref().is_some_and(is_found) {
            self.place_interpreter();
        }
        let names = self
            .loader
            .search
            .known_as(name, found.path.as_bstr(), &found.image);
        let same = |object: &Object| object.file == found.file;
        let (id, outcome) = match self.objects.iter().position(same).map(ObjectId) {
            Some(id) => (id, Outcome::AlreadyLoaded(id)),
            None => {
                let id = self.push(from, found, reason);
                (id, Outcome::Loaded(id))
            }
        };
        self.know(names, id);
        outcome
    }

    /// Where two objects have a name, it stands for the one that was there first.
    fn know(&mut self, names: Vec<BString>, id: ObjectId) {
        for name in names {
            self.known.entry(name).or_insert(id);
        }
    }

    fn place_interpreter(&mut self) -> Option<ObjectId> {
        let (object, names) = self.interpreter.take()?;
        let id = ObjectId(self.objects.len());
        self.objects.push(object);
        self.know(names, id);
        Some(id)
    }

    fn push(&mut self, from: ObjectId, found: Found, reason: Reason) -> ObjectId {
        let id = ObjectId(self.objects.len());
        let origin = self.loader.search.origin(found.path.as_bstr());
        self.objects.push(Object {
            directories: self
                .loader
                .search
                .directories(&found.image, origin.as_bstr()),
            origin,
            path: found.path,
            file: found.file,
            image: found.image,
            rule: found.rule,
            reason,
            loader: Some(from),
            passed_over: found.passed_over,
        });
        id
    }
}
