//! glibc, rule by rule.

use crate::support::{
    Start, Workshop, agree, as_listed, have_file, is_missing, is_root, ours, real, rule_of,
    with_loader,
};
use bstr::ByteSlice;
use nixtrace::elf::closure::{Interpreter, Need, Opening, Outcome};
use nixtrace::elf::search::{ObjectId, Reason, Rule};
use nixtrace::elf::{Disk, Form, Image, Priority};
use std::os::unix::fs::{PermissionsExt, symlink};

const MAIN: ObjectId = ObjectId::MAIN;
const RPATH: &str = "-Wl,--disable-new-dtags";
const RUNPATH: &str = "-Wl,--enable-new-dtags";

/// The same library in two directories, and a program with a list that names `a`.
fn in_a_and_b(workshop: &Workshop, tag: &str) -> std::path::PathBuf {
    workshop.library("a", "foo", &[], &[]);
    workshop.library("b", "foo", &[], &[]);
    workshop.program("app", &["foo"], &["-La", "-lfoo", tag, "-Wl,-rpath,@/a"])
}

#[test]
fn rpath_is_searched_before_ld_library_path() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = in_a_and_b(&workshop, RPATH);
    let closure = agree(&app, &Start::library_path(workshop.at("b")));
    assert_eq!(rule_of(&closure, "/a/libfoo.so"), Rule::Rpath { of: MAIN });
}

#[test]
fn runpath_is_searched_after_ld_library_path() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = in_a_and_b(&workshop, RUNPATH);
    let closure = agree(&app, &Start::library_path(workshop.at("b")));
    assert_eq!(rule_of(&closure, "/b/libfoo.so"), Rule::LibraryPath);
    let closure = agree(&app, &Start::default());
    assert_eq!(
        rule_of(&closure, "/a/libfoo.so"),
        Rule::Runpath { of: MAIN }
    );
}

/// A program that needs libmid, which needs libfoo; both are in `a`, the list is the program's.
fn app_mid_foo(workshop: &Workshop, tag: &str, flags_of_mid: &[&str]) -> std::path::PathBuf {
    workshop.library("a", "foo", &[], &[]);
    let mut flags = vec!["-La", "-lfoo"];
    flags.extend(flags_of_mid);
    workshop.library("a", "mid", &["foo"], &flags);
    workshop.program("app", &["mid"], &["-La", "-lmid", tag, "-Wl,-rpath,@/a"])
}

#[test]
fn rpath_of_the_program_reaches_what_its_libraries_need() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let closure = agree(&app_mid_foo(&workshop, RPATH, &[]), &Start::default());
    assert_eq!(rule_of(&closure, "/a/libfoo.so"), Rule::Rpath { of: MAIN });
}

#[test]
fn runpath_of_the_program_does_not_reach_what_its_libraries_need() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let closure = agree(&app_mid_foo(&workshop, RUNPATH, &[]), &Start::default());
    assert!(is_missing(&closure, "libfoo.so"));
}

#[test]
fn rpath_of_the_program_does_not_reach_a_library_with_a_runpath_of_its_own() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let own = [RUNPATH, "-Wl,-rpath,/nonexistent"];
    let closure = agree(&app_mid_foo(&workshop, RPATH, &own), &Start::default());
    assert!(is_missing(&closure, "libfoo.so"));
}

#[test]
fn a_need_met_only_because_another_object_had_loaded_it_is_told() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    workshop.library("a", "mid", &["foo"], &["-La", "-lfoo"]);
    let flags = ["-La", "-lfoo", "-lmid", RUNPATH, "-Wl,-rpath,@/a"];
    let app = workshop.program("app", &["mid", "foo"], &flags);
    let start = Start::default();
    let closure = agree(&app, &start);
    let lucky = with_loader(&app, &start, |loader| loader.lucky(&closure));
    let lucky: Vec<&Need> = lucky.iter().map(|place| &closure.needs[*place]).collect();
    let names: Vec<String> = lucky.iter().map(|need| need.name.to_string()).collect();
    assert_eq!(names, ["libfoo.so"]);
    assert!(closure.object(lucky[0].from).path.ends_with(b"/libmid.so"));
}

#[test]
fn a_library_with_a_runpath_does_not_cut_the_rpath_chain_above_it() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    // app (RPATH a) -> libtop (RUNPATH: a) -> libmid (none) -> libfoo.
    workshop.library("a", "foo", &[], &[]);
    workshop.library("a", "mid", &["foo"], &["-La", "-lfoo"]);
    workshop.library(
        "a",
        "top",
        &["mid"],
        &["-La", "-lmid", RUNPATH, "-Wl,-rpath,@/a"],
    );
    let app = workshop.program("app", &["top"], &["-La", "-ltop", RPATH, "-Wl,-rpath,@/a"]);
    let closure = agree(&app, &Start::default());
    assert_eq!(rule_of(&closure, "/a/libfoo.so"), Rule::Rpath { of: MAIN });
}

#[test]
fn origin_of_a_program_is_its_real_directory() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("real/lib", "foo", &[], &[]);
    let flags = ["-Lreal/lib", "-lfoo", "-Wl,-rpath,$ORIGIN/lib"];
    let app = workshop.program("real/app", &["foo"], &flags);
    let link = workshop.at("link");
    symlink(&app, &link).unwrap();
    let closure = agree(&link, &Start::default());
    assert_eq!(
        rule_of(&closure, "/real/lib/libfoo.so"),
        Rule::Runpath { of: MAIN }
    );
}

#[test]
fn origin_of_a_library_is_the_directory_of_the_link_to_it() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("real/dep", "foo", &[], &[]);
    let flags = ["-Lreal/dep", "-lfoo", "-Wl,-rpath,$ORIGIN/dep"];
    let mid = workshop.library("real", "mid", &["foo"], &flags);
    std::fs::create_dir(workshop.at("links")).unwrap();
    symlink(&mid, workshop.at("links/libmid.so")).unwrap();
    let flags = ["-Lreal", "-lmid", RUNPATH, "-Wl,-rpath,@/links"];
    let app = workshop.program("app", &["mid"], &flags);
    let closure = agree(&app, &Start::default());
    assert!(
        is_missing(&closure, "libfoo.so"),
        "links/dep does not exist"
    );

    symlink(workshop.at("real/dep"), workshop.at("links/dep")).unwrap();
    agree(&app, &Start::default());
}

#[test]
fn lib_and_platform_stand_for_what_the_loader_was_built_with() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let triplet = format!("x/lib/{}-linux-gnu", std::env::consts::ARCH);
    workshop.library(&triplet, "foo", &[], &[]);
    workshop.library(&format!("y/{}", std::env::consts::ARCH), "bar", &[], &[]);
    let lists = "-Wl,-rpath,${ORIGIN}/x/$LIB:$ORIGIN/y/${PLATFORM}";
    let (x, y) = (
        format!("-L{triplet}"),
        format!("-Ly/{}", std::env::consts::ARCH),
    );
    let flags = [x.as_str(), y.as_str(), "-lfoo", "-lbar", lists];
    let app = workshop.program("app", &["foo", "bar"], &flags);
    agree(&app, &Start::default());
}

#[test]
fn a_needed_name_with_a_slash_is_relative_to_the_working_directory() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.compile("x.so", "int x(void) { return 0; }", &["-shared", "-fPIC"]);
    let app = workshop.program("app", &["x"], &["./x.so"]);
    let closure = agree(&app, &Start::cwd(workshop.path()));
    assert_eq!(rule_of(&closure, "x.so"), Rule::Path);
    let elsewhere = agree(&app, &Start::default());
    assert!(is_missing(&elsewhere, "./x.so"));
}

#[test]
fn nodefaultlib_leaves_even_the_c_library_unfound() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &["-Wl,-z,nodefaultlib"]);
    let closure = agree(&app, &Start::default());
    assert!(is_missing(&closure, "libc.so.6"));
}

#[test]
fn an_empty_element_of_ld_library_path_is_the_working_directory() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo"]);
    for list in [":", "/nonexistent:", ";/nonexistent", "."] {
        let start = Start {
            cwd: Some(workshop.at("a")),
            ..Start::library_path(list)
        };
        let closure = agree(&app, &start);
        assert_eq!(rule_of(&closure, "libfoo.so"), Rule::LibraryPath, "{list}");
    }
    let empty = Start {
        cwd: Some(workshop.at("a")),
        ..Start::library_path("")
    };
    assert!(is_missing(&agree(&app, &empty), "libfoo.so"));
}

#[test]
fn a_static_program_that_relocates_itself_is_told_from_a_library() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let pie = workshop.program("pie", &[], &["-static-pie"]);
    let fixed = workshop.program("fixed", &[], &["-static"]);
    let library = workshop.library("a", "foo", &[], &[]);
    let dynamic = workshop.program("dynamic", &[], &[]);
    let form = |path: &std::path::Path| Image::read(path).unwrap().form();
    assert_eq!(form(&pie), Form::StaticPie);
    assert_eq!(form(&fixed), Form::StaticProgram);
    assert_eq!(form(&library), Form::Library);
    assert_eq!(form(&dynamic), Form::Program);
    for program in [pie, fixed] {
        let closure = ours(&program, &Start::default());
        assert_eq!(closure.objects.len(), 1);
        assert!(matches!(closure.interpreter, Interpreter::None));
    }
}

#[test]
fn a_subdirectory_for_the_processor_wins_over_its_directory() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    for level in ["x86-64-v2", "x86-64-v3", "x86-64-v4"] {
        workshop.library(&format!("a/glibc-hwcaps/{level}"), "foo", &[], &[]);
        let app = workshop.program("app", &["foo"], &["-La", "-lfoo", "-Wl,-rpath,@/a"]);
        agree(&app, &Start::default());
    }
}

#[test]
fn a_library_for_another_machine_is_passed_over() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    let mut foreign = std::fs::read(workshop.at("a/libfoo.so")).unwrap();
    // e_machine: AArch64.
    foreign[18] = 183;
    std::fs::create_dir(workshop.at("other")).unwrap();
    std::fs::write(workshop.at("other/libfoo.so"), foreign).unwrap();
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo", "-Wl,-rpath,@/other:@/a"]);
    let closure = agree(&app, &Start::default());
    let foo = closure
        .objects
        .iter()
        .find(|object| object.path.ends_with(b"/a/libfoo.so"));
    let passed_over = &foo.unwrap().passed_over;
    assert!(passed_over[0].path.ends_with(b"/other/libfoo.so"));
    assert_eq!(passed_over[0].target.name(), Some("aarch64"));
}

#[test]
fn a_32_bit_library_is_passed_over_by_a_64_bit_program() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    if !have_file("/lib32/libc.so.6") {
        return;
    }
    workshop.library("other", "foo", &[], &["-m32"]);
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo", "-Wl,-rpath,@/other:@/a"]);
    agree(&app, &Start::default());
    let app32 = workshop.program(
        "app32",
        &["foo"],
        &["-m32", "-Lother", "-lfoo", "-Wl,-rpath,@/a:@/other"],
    );
    agree(&app32, &Start::default());
}

#[test]
fn a_file_that_is_no_elf_file_ends_the_search() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    std::fs::create_dir(workshop.at("bad")).unwrap();
    std::fs::write(
        workshop.at("bad/libfoo.so"),
        "INPUT(libfoo.so.1) ".repeat(9),
    )
    .unwrap();
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo", "-Wl,-rpath,@/bad:@/a"]);
    let start = Start::default();
    let output = start.command(&app).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad/libfoo.so: invalid ELF header"));
    let closure = ours(&app, &start);
    assert!(is_missing(&closure, "libfoo.so"));
}

fn dlopened(workshop: &Workshop, tag: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    workshop.library("a", "foo", &[], &[]);
    let opener =
        "#include <dlfcn.h>\nint mid(void) { return dlopen(\"libfoo.so\", RTLD_NOW) != 0; }";
    let flags = ["-shared", "-fPIC", "-Wl,-soname,libmid.so"];
    workshop.compile("a/libmid.so", opener, &flags);
    let code = "#include <dlfcn.h>\nint mid(void); int main(int c, char **v) { return c > 1 ? mid() : dlopen(\"libfoo.so\", RTLD_NOW) != 0; }";
    let flags = ["-La", "-lmid", tag, "-Wl,-rpath,@/a"];
    (
        workshop.compile("app", code, &flags),
        workshop.at("a/libmid.so"),
    )
}

#[test]
fn dlopen_follows_the_list_of_the_object_that_calls_it() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    for (tag, by_library) in [(RUNPATH, false), (RPATH, true)] {
        let (app, _) = dlopened(&workshop, tag);
        let start = Start::default();
        let finds = |arguments: &[&str]| {
            start.command(&app).args(arguments).status().unwrap().code() == Some(1)
        };
        assert!(finds(&[]));
        assert_eq!(finds(&["by the library"]), by_library);

        let closure = agree(&app, &start);
        let opens = |from| {
            with_loader(&app, &start, |loader| {
                loader.dlopen(&closure, from, "libfoo.so".into())
            })
        };
        assert!(matches!(opens(MAIN), Ok(Opening::New(_))));
        let mid = closure
            .objects
            .iter()
            .position(|object| object.path.ends_with(b"libmid.so"));
        assert_eq!(opens(ObjectId(mid.unwrap())).is_ok(), by_library);
    }
}

#[test]
fn dlopen_of_a_loaded_soname_opens_nothing() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &[]);
    let start = Start::default();
    let closure = agree(&app, &start);
    let opening = with_loader(&app, &start, |loader| {
        loader.dlopen(&closure, MAIN, "libc.so.6".into())
    });
    assert!(matches!(opening, Ok(Opening::AlreadyLoaded(_))));
}

#[test]
fn a_missing_interpreter_is_named() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &["-Wl,--dynamic-linker=/nonexistent/ld.so"]);
    let error = std::process::Command::new(&app).status().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let closure = ours(&app, &Start::default());
    assert!(
        matches!(&closure.interpreter, Interpreter::Missing(path) if *path == "/nonexistent/ld.so".into())
    );
    assert!(
        !is_missing(&closure, "libc.so.6"),
        "the usual places are searched all the same"
    );
}

#[test]
fn an_interpreter_that_is_no_elf_file_is_told_from_a_missing_one() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &["-Wl,--dynamic-linker=@/ld.so"]);
    std::fs::write(workshop.at("ld.so"), "not a loader ".repeat(9)).unwrap();
    assert!(std::process::Command::new(&app).status().is_err());
    let closure = ours(&app, &Start::default());
    assert!(matches!(closure.interpreter, Interpreter::Unusable { .. }));
}

#[test]
fn preloaded_objects_come_before_all_that_is_needed() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    workshop.library("a", "early", &[], &[]);
    let flags = ["-La", "-lfoo", "-Wl,-rpath,@/a"];
    let app = workshop.program("app", &["foo"], &flags);
    for list in [
        "@/a/libearly.so",
        "libearly.so",
        "libnothing.so libearly.so:libm.so.6",
    ] {
        let start = Start {
            preload: Some(list.replace('@', workshop.path().to_str().unwrap())),
            ..Start::default()
        };
        // What cannot be preloaded is ignored with a warning: no line in the loader's list.
        let (ours, real) = (as_listed(&ours(&app, &start)), real(&app, &start));
        assert_eq!(ours.paths, real.paths, "{list}");
    }
}

#[test]
fn objects_that_need_each_other_are_loaded_once() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "one", &[], &[]);
    workshop.library("a", "two", &["one"], &["-La", "-lone"]);
    workshop.library("a", "one", &["two"], &["-La", "-ltwo"]);
    let app = workshop.program(
        "app",
        &["one"],
        &["-La", "-lone", "-Wl,-rpath-link,a", RPATH, "-Wl,-rpath,@/a"],
    );
    let closure = agree(&app, &Start::default());
    assert!(
        closure
            .needs
            .iter()
            .any(|need| matches!(need.outcome, Outcome::AlreadyLoaded(_)))
    );
}

#[test]
fn objects_are_loaded_breadth_first() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "deep", &[], &[]);
    workshop.library("a", "left", &["deep"], &["-La", "-ldeep"]);
    workshop.library("a", "right", &[], &[]);
    let flags = [
        "-La",
        "-lleft",
        "-lright",
        "-Wl,-rpath-link,a",
        RPATH,
        "-Wl,-rpath,@/a",
    ];
    let app = workshop.program("app", &["left", "right"], &flags);
    let closure = agree(&app, &Start::default());
    assert!(
        as_listed(&closure).paths[..2]
            .iter()
            .all(|path| !path.contains("deep"))
    );
}

#[test]
fn rpath_is_ignored_in_an_object_that_has_a_runpath() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    workshop.library("b", "foo", &[], &[]);
    // No linker writes both, so an entry of another kind, with a string too, becomes DT_RPATH.
    let flags = ["-La", "-lfoo", RUNPATH, "-Wl,-rpath,@/a", "-Wl,--audit,@/b"];
    let app = workshop.program("app", &["foo"], &flags);
    let mut bytes = std::fs::read(&app).unwrap();
    let audit = 0x6fff_fefc_u64.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == audit).unwrap();
    bytes[at..at + 8].copy_from_slice(&15_u64.to_le_bytes());
    workshop.rewrite(&app, bytes);
    let image = Image::read(&app).unwrap();
    assert!(image.rpath.is_some() && image.runpath.is_some());
    let closure = agree(&app, &Start::default());
    assert_eq!(
        rule_of(&closure, "/a/libfoo.so"),
        Rule::Runpath { of: MAIN }
    );
}

#[test]
fn what_is_filtered_is_loaded_too_and_an_auxiliary_one_may_be_missing() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "real", &[], &[]);
    let list = ["-La", RPATH, "-Wl,-rpath,@/a"];
    for (option, target) in [
        ("--filter", "libreal.so"),
        ("--auxiliary", "libreal.so"),
        ("--auxiliary", "libnone.so"),
    ] {
        let filter = format!("-Wl,{option},{target}");
        workshop.library("a", "front", &[], &[filter.as_str()]);
        workshop.library("a", "last", &[], &[]);
        let mut flags = list.to_vec();
        flags.extend(["-lfront", "-llast"]);
        let app = workshop.program("app", &["front", "last"], &flags);
        let start = Start::default();
        let (mut ours, mut real) = (as_listed(&ours(&app, &start)), real(&app, &start));
        // The real list is that of the symbol look-up, where the filtered one stands in front.
        ours.paths.sort();
        real.paths.sort();
        assert_eq!(ours.paths, real.paths, "{option}");
        // In trace mode the loader lists all that is missing; it starts the program all the same.
        assert!(ours.missing.is_empty());
        assert!(start.command(&app).status().unwrap().success());
    }
}

#[test]
fn auditors_are_loaded_for_a_reason_of_their_own() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let code = "unsigned la_version(unsigned version) { return version; }";
    let auditor = workshop.compile("audit.so", code, &["-shared", "-fPIC"]);
    let app = workshop.program("app", &[], &["-Wl,--audit,@/audit.so"]);
    let closure = ours(&app, &Start::default());
    let auditor = nixtrace::trace::Bytes::from(auditor);
    let object = closure.objects.iter().find(|object| object.path == auditor);
    assert_eq!(object.unwrap().reason, Reason::Audit);
}

#[test]
fn a_program_with_more_rights_than_its_caller_ignores_the_variables() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    // Only root can make a program set-user-ID for someone else.
    if !is_root() {
        return;
    }
    let mount = nix::sys::statvfs::statvfs(&workshop.path()).unwrap();
    if mount
        .flags()
        .contains(nix::sys::statvfs::FsFlags::ST_NOSUID)
    {
        eprintln!("skipped: where temporary files are, programs get no rights (nosuid)");
        return;
    }
    for directory in ["a", "b"] {
        let code = format!("int foo(void) {{ return {}; }}", u8::from(directory == "b"));
        let flags = ["-shared", "-fPIC", "-Wl,-soname,libfoo.so"];
        workshop.compile(&format!("{directory}/libfoo.so"), &code, &flags);
    }
    let flags = ["-La", "-lfoo", RUNPATH, "-Wl,-rpath,@/a"];
    let app = workshop.program("app", &["foo"], &flags);
    let nobody = nix::unistd::Uid::from_raw(65534);
    nix::unistd::chown(&app, Some(nobody), None).unwrap();
    let libraries = ["a", "b"].map(|directory| workshop.at(directory).join("libfoo.so"));
    let directories = [workshop.path(), workshop.at("a"), workshop.at("b")];
    for path in directories.into_iter().chain(libraries) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let start = Start::library_path(workshop.at("b"));
    for (mode, is_secure) in [(0o755, false), (0o4755, true)] {
        std::fs::set_permissions(&app, std::fs::Permissions::from_mode(mode)).unwrap();
        let status = start.command(&app).status().unwrap().code();
        assert_eq!(status, Some(i32::from(!is_secure)));

        let disk = Disk::new();
        let mut conditions = start.conditions();
        conditions.secure = is_secure;
        let path = nixtrace::trace::Bytes::from(app.as_path());
        let (file, image) = disk.read_image(path.as_ref()).unwrap();
        let closure = nixtrace::elf::closure(&disk, &conditions, path.as_ref(), file, image);
        let taken = if is_secure {
            "/a/libfoo.so"
        } else {
            "/b/libfoo.so"
        };
        rule_of(&closure, taken);
    }
}

#[test]
fn a_file_without_section_headers_is_read_by_its_program_headers() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.library("a", "foo", &[], &[]);
    let app = workshop.program("app", &["foo"], &["-La", "-lfoo", "-Wl,-rpath,@/a"]);
    let with = Image::read(&app).unwrap();
    let mut bytes = std::fs::read(&app).unwrap();
    // e_shoff, then e_shentsize, e_shnum and e_shstrndx (64 bits).
    bytes[0x28..0x30].fill(0);
    bytes[0x3a..0x40].fill(0);
    workshop.rewrite(&app, bytes);
    let without = Image::read(&app).unwrap();
    assert!(with.section_headers && !without.section_headers);
    assert_eq!(with.needed, without.needed);
    agree(&app, &Start::default());
}

#[test]
fn bytes_behind_the_end_of_the_elf_file_are_counted() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let app = workshop.program("app", &[], &[]);
    assert_eq!(Image::read(&app).unwrap().appended(), 0);
    let mut bytes = std::fs::read(&app).unwrap();
    bytes.extend_from_slice(b"PK and so on");
    std::fs::write(&app, bytes).unwrap();
    assert_eq!(Image::read(&app).unwrap().appended(), 12);
}

#[test]
fn a_thousand_needs_are_followed_in_order() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let model = workshop.library("a", "x0000", &[], &["-nostdlib"]);
    let bytes = std::fs::read(model).unwrap();
    let mut flags = vec!["-La".to_owned(), "-Wl,-rpath,@/a".to_owned()];
    for number in 0..1000 {
        let name = format!("x{number:04}");
        let renamed = bytes.replace("x0000", &name);
        std::fs::write(workshop.at(&format!("a/lib{name}.so")), renamed).unwrap();
        flags.push(format!("-l{name}"));
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let app = workshop.program("app", &[], &flags);
    assert_eq!(Image::read(&app).unwrap().needed.len(), 1001);
    agree(&app, &Start::default());
}

#[test]
fn a_note_of_what_may_be_opened_is_read() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let code = r#"
        const struct { unsigned name_size, size, type; char owner[4]; char content[64]; }
        note __attribute__((section(".note.dlopen"), aligned(4), used)) = {
            4, 64, 0x407c0c0a, "FDO",
            "[{\"feature\":\"f\",\"priority\":\"suggested\",\"soname\":[\"libx.so.1\"]}]"
        };
        int main(void) { return 0; }
    "#;
    let app = workshop.compile("app", code, &[]);
    let notes = Image::read(&app).unwrap().dlopen_notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].soname, ["libx.so.1"]);
    assert_eq!(notes[0].priority, Priority::Suggested);
}
