//! The rules on file systems that are maps: systems that this machine is not.

use super::{BuiltIn, Conditions, Reason, Rule};
use crate::elf::files::{FileId, FileSystem, Opened};
use crate::elf::{Class, Closure, Endianness, Error, FileType, Image, NotElf, Target, closure};
use bstr::{BStr, BString, ByteSlice};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Absolute paths and what is there. Nothing is a link.
#[derive(Default)]
struct Map(BTreeMap<BString, Content>);

enum Content {
    Image(Arc<Image>),
    Other(Vec<u8>),
}

impl Map {
    fn with(mut self, path: &str, content: Content) -> Self {
        self.0.insert(path.into(), content);
        self
    }

    fn image(self, path: &str, image: Image) -> Self {
        self.with(path, Content::Image(Arc::new(image)))
    }

    fn text(self, path: &str, text: &[u8]) -> Self {
        self.with(path, Content::Other(text.to_vec()))
    }

    fn closure(&self, path: &str, conditions: &Conditions) -> Closure {
        let Opened::Image(file, image) = self.open(path.into()) else {
            panic!("{path} is not an image");
        };
        closure(self, conditions, path.into(), file, image)
    }
}

impl FileSystem for Map {
    fn open(&self, path: &BStr) -> Opened {
        let place = self.0.keys().position(|known| known == path);
        match (place, self.0.get(path)) {
            (Some(place), Some(Content::Image(image))) => {
                Opened::Image(FileId(0, place as u64), Arc::clone(image))
            }
            (Some(_), Some(Content::Other(_))) => {
                let path = Path::new("other");
                Opened::Unusable(Arc::new(Error::not_elf(path, NotElf::Unknown)))
            }
            _ => Opened::Absent,
        }
    }

    fn real_path(&self, path: &BStr) -> Option<BString> {
        self.0.contains_key(path).then(|| path.to_owned())
    }

    fn read(&self, path: &BStr) -> io::Result<Vec<u8>> {
        match self.0.get(path) {
            Some(Content::Other(content)) => Ok(content.clone()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn library(soname: &str, needed: &[&str]) -> Image {
    Image {
        class: Class::Elf64,
        endianness: Endianness::Little,
        os_abi: 0,
        machine: 62,
        file_type: FileType::SharedObject,
        entry: false,
        interpreter: None,
        soname: Some(soname.into()),
        needed: needed.iter().map(|name| BString::from(*name)).collect(),
        rpath: None,
        runpath: None,
        filters: Vec::new(),
        auxiliaries: Vec::new(),
        audit: Vec::new(),
        no_default_directories: false,
        pie: false,
        dynamic: true,
        exports: true,
        version_needs: Vec::new(),
        dlopen_notes: Vec::new(),
        section_headers: true,
        elf_size: 1,
        file_size: 1,
    }
}

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

fn program(needed: &[&str]) -> Image {
    Image {
        interpreter: Some(LOADER.into()),
        soname: None,
        pie: true,
        ..library("", needed)
    }
}

fn list(elements: &[&str]) -> Option<Vec<BString>> {
    Some(elements.iter().map(|element| (*element).into()).collect())
}

fn conditions() -> Conditions {
    let mut conditions = Conditions::new("/");
    conditions.hwcaps = vec!["x86-64-v3", "x86-64-v2"];
    conditions
}

/// Paths and rules of all objects but the program.
fn found(closure: &Closure) -> Vec<(String, Rule)> {
    closure.objects[1..]
        .iter()
        .map(|object| (object.path.to_string(), object.rule.clone()))
        .collect()
}

fn paths(closure: &Closure) -> Vec<String> {
    found(closure).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn without_a_loader_to_ask_the_usual_directories_are_searched() {
    let files = Map::default()
        .image("/bin/app", program(&["libfoo.so.1", "libbar.so.1"]))
        .image("/usr/lib64/libfoo.so.1", library("libfoo.so.1", &[]))
        .image("/usr/lib/libbar.so.1", library("libbar.so.1", &[]));
    let closure = files.closure("/bin/app", &conditions());
    assert_eq!(
        found(&closure),
        [
            ("/usr/lib64/libfoo.so.1".to_owned(), Rule::DefaultDirectory),
            ("/usr/lib/libbar.so.1".to_owned(), Rule::DefaultDirectory)
        ]
    );
}

#[test]
fn a_loader_of_the_store_searches_its_own_directory_and_no_other() {
    let glibc = "/nix/store/aaa-glibc-2.40";
    let strings = format!("\0{glibc}/lib/\0\0{glibc}/etc/ld.so.cache\0/etc/ld-nix.so.preload\0");
    let loader = format!("{glibc}/lib/ld-linux-x86-64.so.2");
    let app = Image {
        interpreter: Some(loader.as_str().into()),
        ..program(&["libm.so.6", "libz.so.1"])
    };
    let files = Map::default()
        .text(&loader, strings.as_bytes())
        .image("/bin/app", app)
        .image(&format!("{glibc}/lib/libm.so.6"), library("libm.so.6", &[]))
        .image("/lib/libz.so.1", library("libz.so.1", &[]))
        .image("/usr/lib/libz.so.1", library("libz.so.1", &[]));
    let closure = files.closure("/bin/app", &conditions());
    assert_eq!(paths(&closure), [format!("{glibc}/lib/libm.so.6")]);
    let missing: Vec<String> = closure
        .missing()
        .map(|need| need.name.to_string())
        .collect();
    assert_eq!(missing, ["libz.so.1"]);

    let target = library("", &[]).target();
    let built_in = BuiltIn::of(&files, loader.as_str().into(), target);
    assert_eq!(built_in.preload, "/etc/ld-nix.so.preload");
    assert_eq!(built_in.lib, "lib");
}

#[test]
fn the_preload_file_may_have_comments_and_counts_for_privileged_programs_too() {
    let files = Map::default()
        .text(
            "/etc/ld.so.preload",
            b"# all programs\n/opt/a.so\t/opt/b.so # two\n",
        )
        .image("/bin/app", program(&[]))
        .image("/opt/a.so", library("a.so", &[]))
        .image("/opt/b.so", library("b.so", &[]))
        .image("/opt/c.so", library("c.so", &[]));
    let mut conditions = conditions();
    conditions.preload = Some("/opt/c.so".into());
    let closure = files.closure("/bin/app", &conditions);
    assert_eq!(paths(&closure), ["/opt/c.so", "/opt/a.so", "/opt/b.so"]);
    assert_eq!(closure.objects[1].reason, Reason::Preload);
    assert_eq!(closure.objects[2].reason, Reason::PreloadFile);

    conditions.secure = true;
    let closure = files.closure("/bin/app", &conditions);
    assert_eq!(paths(&closure), ["/opt/a.so", "/opt/b.so"]);
}

#[test]
fn a_privileged_program_s_origin_counts_only_where_it_leads_to_a_default_directory() {
    let mut app = program(&["libfoo.so.1", "libbar.so.1"]);
    app.runpath = list(&["$ORIGIN/../private", "$ORIGIN"]);
    let files = Map::default()
        .image("/usr/lib/app", app)
        .image("/usr/lib/libbar.so.1", library("libbar.so.1", &[]))
        .image(
            "/usr/lib/../private/libfoo.so.1",
            library("libfoo.so.1", &[]),
        );
    let mut conditions = conditions();
    assert_eq!(
        files.closure("/usr/lib/app", &conditions).missing().count(),
        0
    );
    conditions.secure = true;
    let closure = files.closure("/usr/lib/app", &conditions);
    assert_eq!(paths(&closure), ["/usr/lib/libbar.so.1"]);
}

#[test]
fn levels_of_64_bit_processors_mean_nothing_to_32_bit_programs() {
    let i386 = |image: Image| Image {
        class: Class::Elf32,
        machine: 3,
        ..image
    };
    let mut app = i386(program(&["libfoo.so.1"]));
    app.rpath = list(&["/opt"]);
    let files = Map::default()
        .image("/bin/app", app)
        .image(
            "/opt/glibc-hwcaps/x86-64-v2/libfoo.so.1",
            i386(library("libfoo.so.1", &[])),
        )
        .image("/opt/libfoo.so.1", i386(library("libfoo.so.1", &[])));
    assert_eq!(
        paths(&files.closure("/bin/app", &conditions())),
        ["/opt/libfoo.so.1"]
    );
}

#[test]
fn musl_takes_the_first_file_of_a_name_even_if_it_is_for_another_machine() {
    let mut app = program(&["libfoo.so.1", "libpthread.so.0"]);
    app.interpreter = Some("/lib/ld-musl-x86_64.so.1".into());
    app.runpath = list(&["/one", "/two"]);
    let foreign = Image {
        machine: 183,
        ..library("libfoo.so.1", &[])
    };
    let files = Map::default()
        .image("/bin/app", app)
        .image("/lib/ld-musl-x86_64.so.1", library("", &[]))
        .image("/one/libfoo.so.1", foreign)
        .image("/two/libfoo.so.1", library("libfoo.so.1", &[]));
    let closure = files.closure("/bin/app", &conditions());
    let missing: Vec<String> = closure
        .missing()
        .map(|need| need.name.to_string())
        .collect();
    assert_eq!(missing, ["libfoo.so.1"]);
    // libpthread is the C library itself, which is the loader.
    assert_eq!(paths(&closure), ["/lib/ld-musl-x86_64.so.1"]);
}

#[test]
fn a_musl_loader_elsewhere_has_its_path_file_beside_it() {
    let mut app = program(&["libfoo.so.1"]);
    app.interpreter = Some("/opt/musl/lib/ld-musl-x86_64.so.1".into());
    let files = Map::default()
        .image("/bin/app", app)
        .text(
            "/opt/musl/etc/ld-musl-x86_64.path",
            b"/opt/musl/lib\n/opt/more",
        )
        .image("/opt/more/libfoo.so.1", library("libfoo.so.1", &[]))
        .image("/lib/libfoo.so.1", library("libfoo.so.1", &[]));
    let closure = files.closure("/bin/app", &conditions());
    assert_eq!(
        found(&closure),
        [("/opt/more/libfoo.so.1".to_owned(), Rule::DefaultDirectory)]
    );
}

#[test]
fn a_library_that_names_the_loader_gets_the_one_that_programs_have() {
    let files = Map::default()
        .image(
            "/opt/libfoo.so.1",
            library("libfoo.so.1", &["ld-linux-x86-64.so.2"]),
        )
        .image(LOADER, library("ld-linux-x86-64.so.2", &[]))
        .image(
            "/usr/lib64/ld-linux-x86-64.so.2",
            library("ld-linux-x86-64.so.2", &[]),
        );
    let closure = files.closure("/opt/libfoo.so.1", &conditions());
    assert_eq!(found(&closure), [(LOADER.to_owned(), Rule::Interpreter)]);
    assert!(closure.needs[0].name.as_bstr() == "ld-linux-x86-64.so.2");
}

#[test]
fn targets_have_the_kernel_s_names() {
    let name = |machine, class, endianness| {
        let target = Target {
            class,
            endianness,
            machine,
        };
        target.to_string()
    };
    assert_eq!(name(62, Class::Elf64, Endianness::Little), "x86_64");
    assert_eq!(name(62, Class::Elf32, Endianness::Little), "x32");
    assert_eq!(name(21, Class::Elf64, Endianness::Big), "ppc64");
    assert_eq!(name(2, Class::Elf32, Endianness::Big), "machine 2");
}
