//! Scenes of what a run was of: a program with its own files, a script, a project and its phases.

use super::*;
use crate::graph::phase::Tool;
use crate::graph::subject::{Subject, SubjectForm};
use crate::graph::surroundings::Toolkit;
use crate::trace::{Contact, ContactAction, Endpoint};

const HERE: &str = "/home/ada/project";

fn names(files: &[Bytes]) -> Vec<String> {
    files.iter().map(ToString::to_string).collect()
}

#[test]
fn a_program_alone_in_a_project_takes_nothing_else_of_it() {
    let mut scene = Scene::new();
    let app = format!("{HERE}/app");
    scene
        .elf(&app, None, &["libz.so.1"])
        .library("libz.so.1", &[])
        .exec(0, &app)
        .map(0, &format!("{LIB}/libz.so.1"))
        .read(0, &format!("{HERE}/table.dat"))
        .write(0, &format!("{HERE}/result"))
        .exit(0, 0);
    let subject = scene.usage().subject;
    assert_eq!(subject.name, "app".into());
    assert!(!subject.whole);
    assert_eq!(subject.file, Some("app".into()));
    assert_eq!(names(&subject.files), ["app", "table.dat"]);
    assert!(matches!(subject.form, SubjectForm::Program(_)));
}

#[test]
fn a_program_in_a_directory_of_its_own_comes_with_all_of_it() {
    let mut scene = Scene::new();
    let root = format!("{HERE}/acme-viewer-1.2.3");
    scene
        .elf(&format!("{root}/bin/acme"), None, &["libacme.so"])
        .elf(&format!("{root}/lib/libacme.so"), Some("libacme.so"), &[])
        .text(&format!("{root}/bin/acme"), "")
        .text(&format!("{root}/lib/libacme.so"), "")
        .text(&format!("{root}/lib/libunused.so"), "")
        .elf(
            &format!("{root}/lib/libunused.so"),
            Some("libunused.so"),
            &["libcuda.so.1", "libacme.so", "libc.so.6"],
        )
        .exec(0, &format!("{root}/bin/acme"))
        .map(0, &format!("{root}/lib/libacme.so"))
        .exit(0, 0);
    let subject = scene.usage().subject;
    assert!(subject.whole);
    assert_eq!(subject.root, root.as_str().into());
    assert_eq!(subject.version.as_deref(), Some("1.2.3"));
    let SubjectForm::Program(facts) = subject.form else {
        panic!("no program");
    };
    assert_eq!(names(&facts.unloaded), ["libcuda.so.1"]);
}

#[test]
fn a_program_named_by_a_way_up_comes_with_what_lies_beside_it() {
    let mut scene = Scene::new();
    let asked = format!("{HERE}/../acme/bin/acme");
    let root = "/home/ada/acme";
    scene
        .elf(&format!("{root}/bin/acme"), None, &["libacme.so"])
        .elf(&format!("{root}/lib/libacme.so"), Some("libacme.so"), &[]);
    exec_with(&mut scene, 0, &asked, |executed| {
        executed.real = Some(format!("{root}/bin/acme").as_str().into());
    });
    scene.map(0, &format!("{root}/lib/libacme.so")).exit(0, 0);
    let subject = scene.usage().subject;
    assert_eq!(subject.root, root.into());
    assert_eq!(subject.file, Some("bin/acme".into()));
    assert_eq!(names(&subject.files), ["bin/acme", "lib/libacme.so"]);
}

#[test]
fn a_program_that_the_build_runs_is_a_helper_and_one_that_its_tests_run_is_none() {
    let mut scene = Scene::new();
    scene.exec(0, "/bin/sh -c all").start(1, Some(0));
    scene.exec(1, "/usr/bin/make").start(2, Some(1));
    scene
        .link(2, "gen.o", &format!("{HERE}/gen"))
        .exit(2, 0)
        .start(3, Some(1));
    scene
        .exec(3, &format!("{HERE}/gen"))
        .exit(3, 0)
        .start(4, Some(1));
    scene
        .link(4, "tool.o", &format!("{HERE}/tool"))
        .exit(4, 0)
        .exit(1, 0)
        .start(5, Some(0));
    scene.exec(5, "/usr/bin/make check").start(6, Some(5));
    scene
        .exec(6, &format!("{HERE}/tool"))
        .exit(6, 0)
        .exit(5, 0)
        .exit(0, 0);
    let SubjectForm::Project { products, .. } = scene.usage().subject.form else {
        panic!("no project");
    };
    let told: Vec<(String, bool)> = products
        .iter()
        .map(|product| (product.path.to_string(), product.helper))
        .collect();
    assert_eq!(told, [("gen".to_owned(), true), ("tool".to_owned(), false)]);
}

#[test]
fn a_run_that_only_configures_has_not_read_all_sources() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, &format!("{HERE}/configure"), &["/bin/sh"])
        .read(0, &format!("{HERE}/Makefile.in"))
        .exit(0, 0);
    assert!(scene.usage().subject.partial);
}

/// The root, and the files, of a build that runs `argv` in a directory `build` of the project.
fn built_below(argv: &str, scene: impl FnOnce(&mut Scene)) -> (String, Subject) {
    let mut told = Scene::new();
    told.builder = Builder::new(Header {
        cwd: format!("{HERE}/build").as_str().into(),
        ..Header::for_tests()
    });
    told.start(0, None);
    exec_with(&mut told, 0, argv, |executed| {
        executed.cwd = Some(format!("{HERE}/build").as_str().into());
    });
    scene(&mut told);
    told.exit(0, 0);
    let subject = told.usage().subject;
    (subject.root.to_string(), subject)
}

#[test]
fn a_build_that_is_begun_in_a_directory_of_its_own_is_of_the_sources_that_it_names() {
    let cmake = |scene: &mut Scene| {
        let lists = format!("{HERE}/CMakeLists.txt");
        scene
            .text(&lists, "project(acme VERSION 1.2)")
            .read(0, &lists);
    };
    for argv in [
        "/usr/bin/cmake ..",
        "/usr/bin/cmake -B. -S..",
        "/usr/bin/cmake -S /home/ada/project -B .",
        "/usr/bin/cmake -DX=1 ../",
    ] {
        let (root, subject) = built_below(argv, cmake);
        assert_eq!(root, HERE, "{argv}");
        assert_eq!(subject.name, "acme".into());
        assert_eq!(names(&subject.files), ["CMakeLists.txt"]);
    }
    // Nobody's home is a project.
    let compiled = |source: &'static str| {
        move |scene: &mut Scene| {
            scene.start(1, Some(0));
            scene.exec(1, "/usr/bin/cc1 -").read(1, source).exit(1, 0);
        }
    };
    let (root, _) = built_below("/usr/bin/gcc ../../b.c", compiled("/home/ada/b.c"));
    assert_eq!(root, format!("{HERE}/build"));
    let (root, subject) = built_below(
        "/usr/bin/gcc ../b.c -I../include",
        compiled("/home/ada/project/b.c"),
    );
    assert_eq!(root, HERE);
    assert_eq!(names(&subject.files), ["b.c"]);
}

#[test]
fn what_is_compiled_from_elsewhere_is_told() {
    let mut scene = Scene::new();
    let object = "/tmp/cc1.o";
    scene.exec(0, "/usr/bin/make").start(1, Some(0));
    scene
        .exec(1, "/usr/bin/cc1 main.c")
        .read(1, &format!("{HERE}/main.c"))
        .read(1, "/home/ada/common/common.h")
        .read(1, "/home/ada/.cache/x.h")
        .read(1, "/usr/include/stdio.h")
        .write(1, object)
        .exit(1, 0)
        .start(2, Some(0));
    scene
        .link(2, object, &format!("{HERE}/app"))
        .exit(2, 0)
        .exit(0, 0);
    let subject = scene.usage().subject;
    assert_eq!(names(&subject.outside), ["/home/ada/common/common.h"]);
}

#[test]
fn what_a_build_only_looks_for_is_a_source_of_it() {
    let mut scene = Scene::new();
    scene
        .text(&format!("{HERE}/install-sh"), "#!/bin/sh")
        .text(&format!("{HERE}/configure.ac"), "AC_INIT")
        .text(&format!("{HERE}/notes"), "seen by git alone")
        .exec(0, "/bin/sh -c all")
        .start(1, Some(0));
    scene
        .exec_script(1, &format!("{HERE}/configure"), &["/bin/sh"])
        .examine(1, &format!("{HERE}/install-sh"))
        .examine(1, HERE)
        .examine(1, &format!("{HERE}/sub"))
        .write(1, &format!("{HERE}/Makefile"))
        .exit(1, 0)
        .start(2, Some(0));
    scene
        .exec(2, "/usr/bin/make")
        .examine(2, &format!("{HERE}/configure.ac"))
        .examine(2, &format!("{HERE}/Makefile"))
        .start(3, Some(2));
    scene
        .exec(3, "/usr/bin/git status")
        .examine(3, &format!("{HERE}/notes"))
        .exit(3, 0)
        .start(4, Some(2));
    scene
        .link(4, "main.o", &format!("{HERE}/app"))
        .exit(4, 0)
        .exit(2, 0)
        .exit(0, 0);
    let subject = scene.usage().subject;
    assert!(!subject.partial);
    assert_eq!(
        names(&subject.files),
        ["configure", "configure.ac", "install-sh"]
    );
}

#[test]
fn a_run_that_found_a_program_up_to_date_has_not_read_all_sources() {
    let mut scene = Scene::new();
    scene
        .elf(&format!("{HERE}/older"), None, &[])
        .text(&format!("{HERE}/older"), "")
        .exec(0, "/usr/bin/make")
        .examine(0, &format!("{HERE}/older"))
        .start(1, Some(0));
    scene
        .link(1, "main.o", &format!("{HERE}/newer"))
        .exit(1, 0)
        .exit(0, 0);
    assert!(scene.usage().subject.partial);
}

#[test]
fn a_build_that_failed_has_not_read_all_sources() {
    for (code, partial) in [(0, false), (2, true)] {
        let mut scene = Scene::new();
        scene.exec(0, "/usr/bin/make").start(1, Some(0));
        scene
            .link(1, "/tmp/main.o", &format!("{HERE}/first"))
            .exit(1, 0)
            .exit(0, code);
        assert_eq!(scene.usage().subject.partial, partial, "{code}");
    }
}

#[test]
fn what_the_caller_names_is_no_part_of_the_program() {
    let mut scene = Scene::new();
    let app = format!("{HERE}/app");
    scene.builder = Builder::new(Header {
        argv: vec!["./app".into(), "letter.txt".into()],
        ..Header::for_tests()
    });
    scene.start(0, None);
    scene
        .elf(&app, None, &[])
        .exec(0, &format!("{app} letter.txt"))
        .read(0, &format!("{HERE}/letter.txt"))
        // What standard input was, in the header of tests.
        .read(0, "/home/ada/input")
        .exit(0, 0);
    assert_eq!(names(&scene.usage().subject.files), ["app"]);
}

#[test]
fn a_command_that_was_typed_by_its_name_in_this_directory_is_found_there() {
    let mut scene = Scene::new();
    scene
        .elf(&format!("{HERE}/app"), None, &[])
        .exec(0, "./app")
        .exit(0, 0);
    assert_eq!(scene.usage().subject.root, HERE.into());
}

#[test]
fn a_build_has_the_phases_that_its_outermost_commands_begin() {
    let mut scene = Scene::new();
    scene.exec_script(0, &format!("{HERE}/build.sh"), &["/bin/sh"]);
    for (process, line) in [
        (1, "/usr/bin/make -j2 CFLAGS=-O3"),
        (3, "/usr/bin/make check"),
    ] {
        scene.start(process, Some(0));
        scene.exec(process, line);
        scene.start(process + 1, Some(process));
        // make below make is no step of its own.
        scene.exec(process + 1, "/usr/bin/make install");
    }
    scene.start(5, Some(3));
    scene.exec(5, "/usr/bin/jq .");
    scene.start(6, Some(1));
    scene.exec(6, CC);
    scene
        .read(6, &format!("{HERE}/src/main.c"))
        .read(6, &format!("{HERE}/src/main.h"))
        .read(6, &format!("{HERE}/config.h"))
        .write(6, &format!("{HERE}/out/main.o"));
    scene.text(&format!("{HERE}/Makefile"), "PREFIX = /usr\ninstall:\n");
    let usage = scene.usage();
    let SubjectForm::Project {
        steps, manifest, ..
    } = &usage.subject.form
    else {
        panic!("no project: {:?}", usage.subject.form);
    };
    let phases: Vec<(Phase, Tool)> = steps.iter().map(|step| (step.phase, step.tool)).collect();
    assert_eq!(
        phases,
        [(Phase::Build, Tool::Make), (Phase::Check, Tool::Make)]
    );
    assert!(manifest.targets.contains("install"));
    // A directory in which nothing was written stands for its files.
    assert_eq!(
        names(&usage.subject.files),
        ["build.sh", "config.h", "src/"]
    );
    let jq = usage
        .needs
        .iter()
        .find(|need| need.thing == Thing::Command("jq".into()))
        .unwrap();
    assert_eq!(jq.phases.iter().collect::<Vec<_>>(), [Some(Phase::Check)]);
}

const CC: &str = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet src/main.c";

#[test]
fn who_asks_for_a_library_is_the_program_or_a_library_of_its_own() {
    let mut scene = Scene::new();
    let (app, own) = (format!("{HERE}/app"), format!("{HERE}/libown.so"));
    scene
        .elf(&app, None, &["libown.so", "libz.so.1"])
        .elf(&own, Some("libown.so"), &["libssl.so.3"])
        .library("libz.so.1", &[])
        .library("libssl.so.3", &[])
        .exec(0, &app)
        .map(0, &own)
        .map(0, &format!("{LIB}/libz.so.1"))
        .map(0, &format!("{LIB}/libssl.so.3"))
        .exit(0, 0);
    let usage = scene.usage();
    let asker = |soname: &str| {
        let thing = Thing::Library(soname.into());
        let need = usage.needs.iter().find(|need| need.thing == thing);
        need.unwrap().asker
    };
    assert_eq!(asker("libz.so.1"), Asker::Main);
    assert_eq!(asker("libssl.so.3"), Asker::OwnLibrary);
}

#[test]
fn a_library_that_the_program_opens_is_needed_though_another_that_it_opened_needs_it_too() {
    let mut scene = Scene::new();
    let app = format!("{HERE}/app");
    scene
        .elf(&app, None, &["libz.so.1"])
        .text(
            &app,
            "libX11.so.6 libSDL2-2.0.so.0 libz.so.1 libcrypto.so.3",
        )
        .library("libSDL2-2.0.so.0", &["libX11.so.6", "libxcb.so.1"])
        .library("libX11.so.6", &[])
        .library("libxcb.so.1", &[])
        .library("libz.so.1", &["libcrypto.so.3"])
        .library("libcrypto.so.3", &[])
        .exec(0, &app);
    for soname in [
        "libX11.so.6",
        "libSDL2-2.0.so.0",
        "libxcb.so.1",
        "libz.so.1",
        "libcrypto.so.3",
    ] {
        scene.map(0, &format!("{LIB}/{soname}"));
    }
    scene.exit(0, 0);
    let usage = scene.usage();
    let role = |soname: &str| {
        let thing = Thing::Library(soname.into());
        let need = usage.needs.iter().find(|need| need.thing == thing)?;
        Some((need.role, need.asker, need.brought_by))
    };
    assert_eq!(role("libX11.so.6"), role("libSDL2-2.0.so.0"));
    assert_ne!(role("libxcb.so.1"), role("libX11.so.6"));
    // It is there as soon as the program is.
    assert_ne!(role("libcrypto.so.3"), role("libX11.so.6"));
}

#[test]
fn a_toolkit_is_used_when_its_machinery_is() {
    let toolkits = |schemas: bool| {
        let mut scene = Scene::new();
        let app = format!("{HERE}/app");
        scene
            .elf(&app, None, &["libgtk-3.so.0"])
            .library("libgtk-3.so.0", &[])
            .exec(0, &app)
            .map(0, &format!("{LIB}/libgtk-3.so.0"));
        if schemas {
            scene.read(0, "/usr/share/glib-2.0/schemas/gschemas.compiled");
        }
        scene.exit(0, 0);
        let toolkits = scene.usage().surroundings.toolkits;
        toolkits.iter().map(|it| it.toolkit).collect::<Vec<_>>()
    };
    assert_eq!(toolkits(true), [Toolkit::Gtk3]);
    assert_eq!(toolkits(false), []);
}

#[test]
fn places_that_were_written_to_are_told_but_not_those_for_the_moment() {
    let mut scene = Scene::new();
    let app = format!("{HERE}/app");
    scene
        .elf(&app, None, &[])
        .exec(0, &app)
        .write(0, "/var/lib/app/db")
        .write(0, "/tmp/scratch")
        .write(0, "/dev/null");
    for (path, outcome) in [
        ("/run/app/socket", Outcome::Success),
        ("/run/other/socket", Outcome::Failure(Errno(libc::EACCES))),
    ] {
        scene.builder.add(&Record::Contacted(Contact {
            process: ProcessId(0),
            at: Micros(0),
            action: ContactAction::Bind,
            endpoint: Endpoint::Unix { path: path.into() },
            asked: None,
            outcome,
        }));
    }
    scene.exit(0, 0);
    let surroundings = scene.usage().surroundings;
    assert_eq!(names(&surroundings.writes), ["/run/app", "/var/lib/app"]);
    assert!(surroundings.scratch);
}

#[test]
fn the_configuration_of_a_program_is_called_like_it() {
    let mut scene = Scene::new();
    let app = format!("{HERE}/acmed");
    scene.elf(&app, None, &[]).exec(0, &app);
    for path in [
        "/etc/acme/rules/1.conf",
        "/etc/acmed.conf",
        "/etc/passwd",
        "/etc/acmed-other/x",
        "/srv/acmed/x",
    ] {
        scene.read(0, path);
    }
    scene.exit(0, 0);
    let configuration = scene.usage().surroundings.configuration;
    let told: Vec<Bytes> = configuration.into_iter().collect();
    assert_eq!(names(&told), ["/etc/acme/rules/1.conf", "/etc/acmed.conf"]);
}

#[test]
fn what_a_build_made_is_no_source_of_it_however_it_was_named() {
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/meson compile -C build");
    scene.start(1, Some(0));
    scene
        .exec(1, CC)
        // Asked for from the directory of the build.
        .read(1, &format!("{HERE}/build/../main.c"))
        .access(
            1,
            Operation::MakeDirectory,
            &format!("{HERE}/build/probe"),
            Outcome::Success,
        )
        .read(1, &format!("{HERE}/build/probe/"))
        // Written under another name.
        .to(
            1,
            Operation::Rename,
            &format!("{HERE}/x.tmp"),
            &format!("{HERE}/config.h"),
        )
        .read(1, &format!("{HERE}/config.h"))
        .link(1, &format!("{HERE}/main.c"), &format!("{HERE}/build/app"))
        .to(
            1,
            Operation::Rename,
            &format!("{HERE}/y.tmp"),
            &format!("{HERE}/configure"),
        );
    scene.start(2, Some(0));
    scene.exec_script(2, &format!("{HERE}/configure"), &["/bin/sh"]);
    scene.read(2, &format!("{HERE}/configure")).exit(0, 0);
    let subject = scene.usage().subject;
    assert_eq!(names(&subject.files), ["main.c"]);
    assert!(!subject.partial);
}

#[test]
fn a_build_that_found_older_objects_did_not_show_all_its_sources() {
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/make").start(1, Some(0));
    scene
        .exec(1, "/usr/bin/ld -o app main.o")
        .read(1, &format!("{HERE}/main.o"))
        .write(1, &format!("{HERE}/app"))
        .elf(&format!("{HERE}/app"), None, &[])
        .exit(0, 0);
    assert!(scene.usage().subject.partial);
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/make").exit(0, 0);
    assert!(scene.usage().subject.partial);
}

#[test]
fn a_lock_that_the_run_made_is_a_source() {
    let mut scene = Scene::new();
    scene.text(&format!("{HERE}/Cargo.toml"), "[package]\n");
    scene.text(&format!("{HERE}/Cargo.lock"), "");
    scene
        .exec(0, "/usr/bin/cargo build")
        .read(0, &format!("{HERE}/Cargo.toml"))
        .write(0, &format!("{HERE}/Cargo.lock"))
        .read(0, &format!("{HERE}/src/main.rs"))
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/rustc src/main.rs")
        .link(
            1,
            &format!("{HERE}/src/main.rs"),
            &format!("{HERE}/target/app"),
        )
        .exit(0, 0);
    let subject = scene.usage().subject;
    assert_eq!(names(&subject.files), ["Cargo.lock", "Cargo.toml", "src/"]);
}

#[test]
fn packing_with_npm_or_pip_is_a_build_and_fetching_something_else_is_none() {
    let kind = |line: &str, script: Option<&str>| {
        let mut scene = Scene::new();
        match script {
            Some(interpreter) => scene.exec_script(0, line, &[interpreter]),
            None => scene.exec(0, line),
        };
        scene.exit(0, 0);
        scene.usage().kind
    };
    assert_eq!(
        kind("/usr/bin/npm run build", Some("/usr/bin/node")),
        RunKind::Build
    );
    assert_eq!(
        kind("/usr/bin/pip install .", Some("/usr/bin/python3")),
        RunKind::Build
    );
    assert_eq!(kind("/usr/bin/python3 -m build", None), RunKind::Build);
    assert_ne!(
        kind("/usr/bin/pip install requests", Some("/usr/bin/python3")),
        RunKind::Build
    );
    assert_ne!(
        kind("/usr/bin/npm install", Some("/usr/bin/node")),
        RunKind::Build
    );
}

#[test]
fn the_tree_of_a_program_tells_its_desktop_entries_and_what_it_opens_of_its_own() {
    let mut scene = Scene::new();
    let root = format!("{HERE}/acme");
    let plugin = format!("{root}/plugins/libplugin.so");
    scene
        .elf(&format!("{root}/acme"), None, &["libcore.so"])
        .text(&format!("{root}/acme"), "")
        .elf(&format!("{root}/odd/libcore.so"), Some("libcore.so"), &[])
        .text(&format!("{root}/odd/libcore.so"), "")
        .elf(&plugin, Some("libplugin.so"), &[])
        .text(&plugin, "")
        .text(&format!("{root}/icon.png"), "")
        .text(
            &format!("{root}/acme.desktop"),
            "[Desktop Entry]\nExec=/opt/acme/acme %U\nIcon=/opt/acme/icon.png\n",
        )
        .exec(0, &format!("{root}/acme"))
        .map(0, &format!("{root}/odd/libcore.so"))
        .map(0, &plugin)
        .exit(0, 0);
    let SubjectForm::Program(facts) = scene.usage().subject.form else {
        panic!("no program");
    };
    assert_eq!(names(&facts.opened), ["plugins"]);
    let [entry] = facts.desktop_entries.as_slice() else {
        panic!("{:?}", facts.desktop_entries);
    };
    assert_eq!(entry.path, "acme.desktop".into());
    assert_eq!(names(&entry.commands), ["/opt/acme/acme"]);
    assert_eq!(
        entry.icon,
        Some(("/opt/acme/icon.png".into(), "icon.png".into()))
    );
}

#[test]
fn a_zone_is_a_variable_of_the_caller_only_if_he_set_one() {
    let variables = |given: &[&str]| {
        let mut scene = Scene::new();
        scene.builder = Builder::new(Header {
            environment: given.iter().map(|&name| name.into()).collect(),
            ..Header::for_tests()
        });
        scene.start(0, None);
        scene
            .exec(0, "/usr/bin/date")
            .read(0, "/usr/share/zoneinfo/Europe/Vienna")
            .read(0, "/usr/lib/locale/de_AT.utf8/LC_CTYPE")
            .exit(0, 0);
        let variables = scene.usage().surroundings.variables;
        // Where the locales are is asked for by the program.
        assert!(
            variables
                .iter()
                .all(|it| it.is_personal == (it.name != "LOCALE_ARCHIVE"))
        );
        let names = variables.into_iter().map(|it| it.name);
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(variables(&["LANG", "TZ"]), "LANG LOCALE_ARCHIVE TZ");
    assert_eq!(variables(&["LC_TIME"]), "LANG LOCALE_ARCHIVE");
    // The script says it by itself; where the locale lies it does not.
    assert_eq!(variables(&["PATH"]), "LOCALE_ARCHIVE");
}
