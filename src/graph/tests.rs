//! What runs need, told as scenes: what processes did, and what must be read off it.

use super::*;
use crate::elf::{Class, Endianness, FileType, Image};
use crate::trace::{
    Access, Errno, Executed, ExitStatus, Exited, Header, Micros, Operation, Outcome, ProcessId,
    Record, Started,
};
use bstr::ByteSlice;
use std::collections::BTreeMap;
use std::sync::Arc;

mod builds;
mod chronicles;
mod critical;
mod failures;
mod launchers;
mod limits;
mod links;
mod modules;
mod reading;
mod resources;
mod subjects;

const LIB: &str = "/usr/lib/x86_64-linux-gnu";

/// A run that is played by hand, and the files it is about.
struct Scene {
    builder: Builder,
    files: Files,
}

#[derive(Default)]
struct Files {
    images: BTreeMap<String, Arc<Image>>,
    texts: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
}

impl Host for Files {
    fn image(&self, path: &BStr) -> Option<Arc<Image>> {
        self.images.get(&path.to_string()).cloned()
    }
    fn text(&self, path: &BStr, _: usize) -> Option<Vec<u8>> {
        Some(self.texts.get(&path.to_string())?.clone().into_bytes())
    }
    fn entries(&self, directory: &BStr) -> Vec<Bytes> {
        let prefix = format!("{directory}/");
        let names: BTreeSet<&str> = self
            .texts
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix)?.split('/').next())
            .collect();
        names.into_iter().map(Bytes::from).collect()
    }
    fn real(&self, path: &BStr) -> Option<Bytes> {
        Some(self.links.get(&path.to_string())?.as_str().into())
    }
    fn mentions(&self, path: &BStr, text: &[u8]) -> bool {
        self.texts
            .get(&path.to_string())
            .is_some_and(|content| content.as_bytes().contains_str(text))
    }
}

fn image(soname: Option<&str>, needed: &[&str]) -> Arc<Image> {
    Arc::new(Image {
        class: Class::Elf64,
        endianness: Endianness::Little,
        os_abi: 0,
        machine: 62,
        file_type: FileType::SharedObject,
        entry: soname.is_none(),
        interpreter: None,
        soname: soname.map(Into::into),
        needed: needed.iter().map(|&name| name.into()).collect(),
        rpath: None,
        runpath: None,
        filters: Vec::new(),
        auxiliaries: Vec::new(),
        audit: Vec::new(),
        no_default_directories: false,
        pie: false,
        dynamic: true,
        version_needs: Vec::new(),
        dlopen_notes: Vec::new(),
        section_headers: true,
        elf_size: 0,
        file_size: 0,
        exports: Default::default(),
    })
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self {
            builder: Builder::new(Header::for_tests()),
            files: Files::default(),
        };
        scene.start(0, None);
        scene
    }

    fn start(&mut self, process: u32, parent: Option<u32>) {
        self.builder.add(&Record::Started(Started {
            process: ProcessId(process),
            pid: 100 + process as i32,
            parent: parent.map(ProcessId),
            at: Micros(0),
        }));
    }

    fn exec(&mut self, process: u32, argv: &str) -> &mut Self {
        self.exec_script(process, argv, &[])
    }

    /// Executes the first word; `interpreters` are those of its `#!` chain.
    fn exec_script(&mut self, process: u32, argv: &str, interpreters: &[&str]) -> &mut Self {
        let words: Vec<Bytes> = argv.split(' ').map(Bytes::from).collect();
        self.builder.add(&Record::Executed(Executed {
            process: ProcessId(process),
            at: Micros(0),
            path: Some(words[0].clone()),
            real: None,
            root: None,
            argv: Some(words),
            cwd: Some("/home/ada/project".into()),
            interpreters: interpreters.iter().map(|&it| it.into()).collect(),
            loader: None,
            env: BTreeMap::new(),
        }));
        self
    }

    fn access(
        &mut self,
        process: u32,
        operation: Operation,
        path: &str,
        outcome: Outcome,
    ) -> &mut Self {
        self.builder.add(&Record::Accessed(Access {
            process: ProcessId(process),
            at: Micros(0),
            operation,
            path: path.into(),
            real: None,
            root: None,
            target: None,
            outcome,
            count: 1,
        }));
        self
    }

    fn read(&mut self, process: u32, path: &str) -> &mut Self {
        self.access(process, Operation::Read, path, Outcome::Success)
    }

    fn examine(&mut self, process: u32, path: &str) -> &mut Self {
        self.access(process, Operation::Stat, path, Outcome::Success)
    }

    fn write(&mut self, process: u32, path: &str) -> &mut Self {
        self.access(process, Operation::Write, path, Outcome::Success)
    }

    fn map(&mut self, process: u32, path: &str) -> &mut Self {
        self.access(process, Operation::Map, path, Outcome::Success)
    }

    fn miss(&mut self, process: u32, operation: Operation, path: &str) -> &mut Self {
        self.access(process, operation, path, Outcome::Failure(Errno::ENOENT))
    }

    fn exit(&mut self, process: u32, code: i32) -> &mut Self {
        self.builder.add(&Record::Exited(Exited {
            process: ProcessId(process),
            at: Micros(0),
            status: ExitStatus::Code(code),
        }));
        self
    }

    fn elf(&mut self, path: &str, soname: Option<&str>, needed: &[&str]) -> &mut Self {
        self.files
            .images
            .insert(path.to_owned(), image(soname, needed));
        self
    }

    /// A system library with its soname as its file name.
    fn library(&mut self, soname: &str, needed: &[&str]) -> &mut Self {
        self.elf(&format!("{LIB}/{soname}"), Some(soname), needed)
    }

    fn text(&mut self, path: &str, text: &str) -> &mut Self {
        self.files.texts.insert(path.to_owned(), text.to_owned());
        self
    }

    fn usage(self) -> Usage {
        analyse(&self.builder.finish(), &self.files)
    }

    /// What is needed and brought by nothing else: `role name`, in order.
    fn needs(self) -> Vec<String> {
        needed(&self.usage())
    }
}

fn needed(usage: &Usage) -> Vec<String> {
    let mut lines: Vec<String> = usage
        .needs
        .iter()
        .filter(|need| need.brought_by.is_none())
        .map(|need| {
            let name = match &need.thing {
                Thing::Command(name)
                | Thing::Library(name)
                | Thing::Header(name)
                | Thing::PkgConfig(name)
                | Thing::Data(name)
                | Thing::Module { name, .. } => name,
            };
            format!("{:?} {name}", need.role)
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn a_system_command_is_needed_and_brings_its_libraries() {
    let mut scene = Scene::new();
    scene
        .elf("/usr/bin/jq", None, &["libjq.so.1", "libc.so.6"])
        .library("libjq.so.1", &["libonig.so.5"])
        .library("libonig.so.5", &[])
        .library("libc.so.6", &[])
        .exec(0, "/usr/bin/jq .")
        .map(0, &format!("{LIB}/libjq.so.1"))
        .map(0, &format!("{LIB}/libonig.so.5"))
        .map(0, &format!("{LIB}/libc.so.6"))
        .exit(0, 0);
    let usage = scene.usage();
    assert_eq!(needed(&usage), ["Command jq"]);
    assert_eq!(usage.kind, RunKind::Binary);
    let bringer = |soname: &str| {
        let thing = Thing::Library(soname.into());
        let need = usage.needs.iter().find(|need| need.thing == thing);
        need.and_then(|need| need.brought_by)
            .map(|by| usage.needs[by].thing.clone())
    };
    assert_eq!(bringer("libjq.so.1"), Some(Thing::Command("jq".into())));
    assert_eq!(
        bringer("libonig.so.5"),
        Some(Thing::Library("libjq.so.1".into()))
    );
}

#[test]
fn only_what_the_programs_own_objects_name_is_needed() {
    let mut scene = Scene::new();
    let app = "/home/ada/project/app";
    scene
        .elf(app, None, &["libcurl.so.4", "libown.so"])
        .elf("/home/ada/project/libown.so", None, &["libz.so.1"])
        .library("libcurl.so.4", &["libnghttp2.so.14", "libz.so.1"])
        .library("libnghttp2.so.14", &[])
        .library("libz.so.1", &[])
        .exec(0, app)
        .map(0, "/home/ada/project/libown.so");
    for library in ["libcurl.so.4", "libnghttp2.so.14", "libz.so.1"] {
        scene.map(0, &format!("{LIB}/{library}"));
    }
    assert_eq!(scene.needs(), ["Library libcurl.so.4", "Library libz.so.1"]);
}

#[test]
fn a_library_opened_by_hand_is_told_from_one_that_a_system_library_opened() {
    let mut scene = Scene::new();
    let app = "/home/ada/project/app";
    scene
        .elf(app, None, &["libc.so.6"])
        .text(app, "…libsqlite3.so.0…")
        .library("libc.so.6", &[])
        .text(&format!("{LIB}/libc.so.6"), "libgcc_s.so.1")
        .library("libsqlite3.so.0", &["libm.so.6"])
        .library("libm.so.6", &[])
        .library("libgcc_s.so.1", &[])
        .elf(&format!("{LIB}/gconv/CP1252.so"), None, &[])
        .exec(0, app);
    for file in [
        "libc.so.6",
        "libsqlite3.so.0",
        "libm.so.6",
        "libgcc_s.so.1",
        "gconv/CP1252.so",
    ] {
        scene.map(0, &format!("{LIB}/{file}"));
    }
    assert_eq!(
        scene.needs(),
        ["Dlopen libsqlite3.so.0", "Library libc.so.6"]
    );
}

#[test]
fn a_library_of_a_program_that_is_gone_is_needed_and_not_said_to_be_opened_at_run_time() {
    let mut scene = Scene::new();
    scene
        .library("libsqlite3.so.0", &["libm.so.6"])
        .library("libm.so.6", &[])
        .exec(0, "/home/ada/project/gone")
        .map(0, &format!("{LIB}/libsqlite3.so.0"))
        .map(0, &format!("{LIB}/libm.so.6"));
    let usage = scene.usage();
    assert_eq!(needed(&usage), ["Library libsqlite3.so.0"]);
    let need = usage.needs.iter().find(|need| need.brought_by.is_none());
    assert_eq!(need.unwrap().why, "libsqlite3.so.0, loaded by ./gone");
}

#[test]
fn the_commands_of_a_script_are_needed_and_failed_tries_are_not() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/sync.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene
        .miss(1, Operation::Execute, "/usr/local/bin/curl")
        .exec(1, "/usr/bin/curl -s")
        .exit(1, 0)
        .exit(0, 0);
    let usage = scene.usage();
    assert_eq!(needed(&usage), ["Command curl", "Interpreter sh"]);
    assert_eq!(usage.kind, RunKind::Script);
    assert_eq!(usage.needs[1].why, "run by ./sync.sh");
}

#[test]
fn what_an_installed_script_calls_its_package_brings() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/usr/bin/ldd app", &["/bin/bash"])
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/sed s/x/y/");
    assert_eq!(scene.needs(), ["Command ldd"]);
}

#[test]
fn a_helper_in_a_private_directory_belongs_to_its_command() {
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/git fetch").start(1, Some(0));
    scene
        .exec(1, "/usr/lib/git-core/git-remote-https origin")
        .start(2, Some(0));
    scene.exec(2, "/usr/bin/ssh host");
    assert_eq!(scene.needs(), ["Command git", "Command ssh"]);
}

#[test]
fn the_cache_of_the_loader_is_no_need_of_a_script() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/run.py", &["/usr/bin/python3"])
        .start(1, Some(0));
    scene.exec(1, "/sbin/ldconfig -p").exit(1, 0).exit(0, 0);
    assert_eq!(scene.needs(), ["Interpreter python3"]);
}

#[test]
fn what_an_installed_tool_asks_the_host_is_no_need() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/usr/bin/meson setup b", &["/usr/bin/python3"])
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/dpkg-architecture")
        .start(2, Some(0));
    scene.exec(2, "/usr/bin/ninja --version");
    assert_eq!(scene.needs(), ["Command meson", "Command ninja"]);
}

/// A build of `app.c` with zlib, whose sources name one header that includes others.
fn build() -> Scene {
    let mut scene = Scene::new();
    let app = "/home/ada/project/app";
    scene.exec(0, "/usr/bin/make").start(1, Some(0));
    scene
        .exec(1, "/usr/bin/pkg-config --libs zlib")
        .read(1, &format!("{LIB}/pkgconfig/zlib.pc"))
        .start(2, Some(0));
    scene
        .exec(2, "/usr/bin/gcc -o app app.c -lz")
        .start(3, Some(2));
    scene
        .exec(3, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 app.c")
        .read(3, "/home/ada/project/app.c")
        .read(3, "/usr/include/zlib.h")
        .read(3, "/usr/include/zconf.h")
        .read(3, "/usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h")
        .text("/home/ada/project/app.c", "#include <zlib.h>\n")
        .start(4, Some(2));
    scene
        .exec(4, "/usr/bin/ld -o app -lz -lc")
        .read(4, &format!("{LIB}/libz.so"))
        .elf(&format!("{LIB}/libz.so"), Some("libz.so.1"), &[])
        .write(4, app)
        .elf(app, None, &["libz.so.1", "libc.so.6"]);
    scene
}

#[test]
fn a_build_needs_what_its_own_texts_name() {
    let usage = build().usage();
    assert_eq!(usage.kind, RunKind::Build);
    assert_eq!(
        needed(&usage),
        [
            "Command gcc",
            "Command ld",
            "Command make",
            "Command pkg-config",
            "Header zlib.h",
            "Library libc.so.6",
            "Library libz.so.1",
            "PkgConfig zlib",
        ]
    );
}

#[test]
fn nothing_that_configure_tries_is_needed() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/configure", &["/bin/sh"])
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/perl -v").start(2, Some(0));
    scene
        .exec(2, "/usr/bin/gcc -o conftest conftest.c -lssl")
        .start(3, Some(2));
    scene
        .exec(3, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 conftest.c")
        .read(3, "/usr/include/openssl/ssl.h");
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Build);
    assert_eq!(needed(&usage), ["Interpreter sh"]);
}

#[test]
fn what_a_failed_program_looked_for_in_vain_is_missing() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .miss(0, Operation::Execute, "/usr/bin/jq")
        .miss(0, Operation::Execute, "/bin/jq")
        .exit(0, 127);
    let usage = scene.usage();
    let things: BTreeSet<_> = usage.missing.iter().map(|it| it.thing.clone()).collect();
    assert_eq!(things, BTreeSet::from([Thing::Command("jq".into())]));
}

#[test]
fn a_time_zone_and_certificates_are_data_and_host_configuration_is_not() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/home/ada/project/app")
        .read(0, "/usr/share/zoneinfo/Europe/Berlin")
        .read(0, "/etc/ssl/certs/ca-certificates.crt")
        .read(0, "/etc/nsswitch.conf")
        .read(0, "/etc/localtime")
        .read(0, "/usr/share/icons/x.png");
    assert_eq!(
        scene.needs(),
        ["Data etc/ssl/certs/ca-bundle.crt", "Data share/zoneinfo"]
    );
}

#[test]
fn text_given_to_an_interpreter_is_no_script() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/bash -euo pipefail -c CODE")
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/perl -ne CODE").start(2, Some(0));
    scene.exec(2, "/usr/bin/perl -pe OTHER").start(3, Some(0));
    scene.exec(3, "/usr/bin/jq .");
    let usage = scene.usage();
    assert_eq!(
        needed(&usage),
        ["Command jq", "Interpreter bash", "Interpreter perl"]
    );
    let whys: Vec<&str> = usage.needs.iter().map(|need| need.why.as_str()).collect();
    assert_eq!(
        whys,
        ["the command", "run by bash", "run by bash"],
        "both runs of perl are the same program"
    );
}

#[test]
fn a_script_in_the_arguments_counts_once_the_interpreter_finds_it() {
    let script_of = |line: &str, read: &str| {
        let mut scene = Scene::new();
        scene.exec(0, line).read(0, read);
        scene.builder.finish().programs[0].shown().to_string()
    };
    assert_eq!(
        script_of("/usr/bin/java -cp x Main", "/home/ada/project/x/Main.class"),
        "/usr/bin/java"
    );
    assert_eq!(
        script_of("/usr/bin/python3 app", "/home/ada/project/app/__main__.py"),
        "/home/ada/project/app"
    );
    assert_eq!(
        script_of("/usr/bin/ruby -I lib x.rb", "/home/ada/project/x.rb"),
        "/home/ada/project/x.rb"
    );
}

/// Executes the first word as [`Scene::exec`] does, with more said about it.
fn exec_with(scene: &mut Scene, process: u32, argv: &str, change: impl FnOnce(&mut Executed)) {
    let words: Vec<Bytes> = argv.split(' ').map(Bytes::from).collect();
    let mut executed = Executed {
        process: ProcessId(process),
        at: Micros(0),
        path: Some(words[0].clone()),
        real: None,
        root: None,
        argv: Some(words),
        cwd: Some("/home/ada/project".into()),
        interpreters: Vec::new(),
        loader: None,
        env: BTreeMap::new(),
    };
    change(&mut executed);
    scene.builder.add(&Record::Executed(executed));
}

#[test]
fn a_preloaded_library_is_no_opened_one() {
    let mut scene = Scene::new();
    let malloc = format!("{LIB}/libjemalloc.so.2");
    let behind = format!("{LIB}/libjemalloc.so.2.3");
    scene
        .elf("/usr/bin/jq", None, &[])
        .elf(&behind, Some("libjemalloc.so.2"), &[]);
    exec_with(&mut scene, 0, "/usr/bin/jq .", |executed| {
        let preload = malloc.as_str().into();
        executed.env.insert("LD_PRELOAD".to_owned(), preload);
    });
    scene.builder.add(&Record::Accessed(Access {
        process: ProcessId(0),
        at: Micros(0),
        operation: Operation::Read,
        path: malloc.as_str().into(),
        real: Some(behind.as_str().into()),
        root: None,
        target: None,
        outcome: Outcome::Success,
        count: 1,
    }));
    scene.map(0, &behind);
    assert_eq!(scene.needs(), ["Command jq", "Library libjemalloc.so.2"]);
}

#[test]
fn what_the_machine_puts_into_every_program_is_no_need_of_one() {
    for file in ["/etc/ld.so.preload", "/etc/ld-nix.so.preload"] {
        let mut scene = Scene::new();
        let snoop = format!("{LIB}/libsnoopy.so");
        let other = format!("{LIB}/libother.so.1");
        scene
            .elf("/usr/bin/jq", None, &[])
            .elf(&snoop, Some("libsnoopy.so"), &[])
            .elf(&other, Some("libother.so.1"), &[])
            .text(file, &format!("# audit\n{snoop} # all\n"));
        scene.exec(0, "/usr/bin/jq .");
        scene.read(0, file);
        scene.map(0, &snoop).map(0, &other);
        let usage = scene.usage();
        let why = |soname: &str| {
            let is_it = |need: &&Need| need.thing == Thing::Library(soname.into());
            usage.needs.iter().find(is_it).unwrap()
        };
        assert!(why("libsnoopy.so").why.ends_with(&format!("by {file}")));
        assert!(why("libsnoopy.so").brought_by.is_some());
        assert!(!why("libother.so.1").why.contains("preload"));
    }
}
