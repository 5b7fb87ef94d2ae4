//! Scenes of failing: which look-ups in vain explain it.

use super::chronicles::Story;
use super::*;
use crate::graph::misses::{Bearing, sought};

fn missing(scene: Scene) -> Vec<String> {
    let usage = scene.usage();
    usage
        .missing
        .iter()
        .map(|it| format!("{:?}", it.thing))
        .collect()
}

fn things(things: &[Thing]) -> Vec<String> {
    things.iter().map(|thing| format!("{thing:?}")).collect()
}

#[test]
fn what_an_interpreter_tries_on_the_way_is_not_missing() {
    let mut scene = Scene::new();
    let package = "/usr/lib/python3/dist-packages/six";
    scene
        .exec(0, "/usr/bin/python3 -c import")
        .miss(0, Operation::Stat, "/usr/bin/pyvenv.cfg")
        .miss(0, Operation::Stat, &format!("{package}/__init__.abi3.so"))
        .miss(0, Operation::Stat, &format!("{package}/__init__.so"))
        .exit(0, 1);
    assert_eq!(missing(scene), things(&[]));
}

#[test]
fn a_library_that_the_linker_was_asked_for_is_missing_and_the_drivers_tries_are_not() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/gcc m.c -lnosuch")
        .miss(0, Operation::Execute, "/usr/bin/x86_64-linux-gnu-as")
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/ld /home/ada/project/m.o -lnosuch -lgcc")
        .miss(1, Operation::Stat, "/usr/bin/gnm")
        .miss(1, Operation::Read, &format!("{LIB}/libgcc.so"))
        .read(1, "/usr/lib/gcc/x86_64-linux-gnu/12/libgcc.a")
        .miss(1, Operation::Read, &format!("{LIB}/libnosuch.so"))
        .miss(1, Operation::Read, "/usr/lib/libnosuch.so")
        .exit(1, 1)
        .exit(0, 1);
    assert_eq!(
        missing(scene),
        things(&[Thing::Library("libnosuch.so".into())])
    );
}

#[test]
fn a_header_is_missing_by_one_name_wherever_it_was_looked_for() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 m.c")
        .read(0, "/usr/include/other/x.h");
    for directory in [
        "/usr/lib/gcc/x86_64-linux-gnu/12/include",
        "/usr/local/include",
        "/usr/include/x86_64-linux-gnu",
        "/usr/include",
    ] {
        scene.miss(0, Operation::Read, &format!("{directory}/nosuch/x.h"));
    }
    scene.exit(0, 1);
    assert_eq!(
        missing(scene),
        things(&[Thing::Header("nosuch/x.h".into())])
    );
}

#[test]
fn a_pkg_config_module_is_missing_by_its_own_name_only() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/pkg-config --libs nosuch")
        .miss(
            0,
            Operation::Read,
            &format!("{LIB}/pkgconfig/nosuch-uninstalled.pc"),
        )
        .miss(0, Operation::Read, &format!("{LIB}/pkgconfig/nosuch.pc"))
        .exit(0, 1);
    assert_eq!(missing(scene), things(&[Thing::PkgConfig("nosuch".into())]));
}

#[test]
fn a_perl_module_that_was_found_nowhere_is_missing() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/perl /home/ada/project/x.pl")
        .miss(0, Operation::Stat, "/etc/perl/JSON/XS.pm")
        .miss(0, Operation::Stat, "/usr/share/perl5/JSON/XS.pm")
        .miss(0, Operation::Stat, "/usr/share/perl5/File/Spec.pm")
        .read(0, "/usr/share/perl/5.36/File/Spec.pm")
        .exit(0, 2);
    let module = Thing::Module {
        language: Language::Perl,
        name: "JSON::XS".into(),
        distribution: None,
    };
    assert_eq!(missing(scene), things(&[module]));
}

#[test]
fn a_failure_that_the_parent_survives_explains_nothing() {
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/timeout 5 zenity").start(1, Some(0));
    scene.exec(1, "/usr/bin/zenity").start(2, Some(1));
    scene
        .miss(2, Operation::Execute, "/usr/bin/dbus-launch")
        .exit(2, 127);
    scene.builder.add(&Record::Exited(Exited {
        process: ProcessId(1),
        at: Micros(0),
        status: ExitStatus::Signal(libc::SIGTERM),
    }));
    scene.exit(0, 124);
    assert_eq!(missing(scene), things(&[]));
}

#[test]
fn a_command_that_a_launcher_cannot_find_is_missing() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/env nosuch")
        .miss(1, Operation::Execute, "/usr/bin/nosuch")
        .exit(1, 127)
        .exit(0, 127);
    assert_eq!(missing(scene), things(&[Thing::Command("nosuch".into())]));
}

#[test]
fn a_command_that_make_looks_for_by_itself_is_missing() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/make")
        .miss(0, Operation::Stat, "/usr/local/bin/bison")
        .miss(0, Operation::Stat, "/usr/bin/bison")
        .miss(0, Operation::Stat, "/usr/local/bin/flex")
        .examine(0, "/usr/bin/flex")
        .exit(0, 2);
    assert_eq!(missing(scene), things(&[Thing::Command("bison".into())]));
}

const HERE: &str = "/home/ada/project";
const SITE: &str = "/usr/lib/python3/dist-packages";

/// A Python (1) that runs `argv` below a shell, has listed where it looks for modules, and has `requests`.
fn python(argv: &str) -> Scene {
    let mut scene = Scene::new();
    scene
        .text("/usr/lib/python3.11/json/__init__.py", "")
        .text(&format!("{SITE}/requests/__init__.py"), "import nosuch")
        .exec(0, "/bin/sh -c all")
        .start(1, Some(0));
    scene.exec(1, argv);
    for directory in ["/usr/lib/python3.11", SITE] {
        scene.access(1, Operation::List, directory, Outcome::Success);
    }
    scene
}

fn python_modules(names: &[&str]) -> Vec<String> {
    let of = |name: &&str| Thing::Module {
        language: Language::Python,
        name: (*name).into(),
        distribution: None,
    };
    things(&names.iter().map(of).collect::<Vec<_>>())
}

#[test]
fn a_python_module_that_is_nowhere_is_missing_though_no_call_names_it() {
    let script = format!("{HERE}/report.py");
    let own = format!("{HERE}/lib/charts.py");
    let ends = |code: i32| {
        let mut scene = python(&format!("/usr/bin/python3 {script}"));
        scene
            .text(
                &script,
                "import sys, json, charts, helper\nimport numpy as np\nimport requests\n\
                 def plot():\n    import matplotlib\n",
            )
            .text(&own, "from yaml import safe_load\n")
            .text(&format!("{HERE}/helper.py"), "")
            .read(1, &script)
            .read(1, &own)
            .read(1, &format!("{SITE}/requests/__init__.py"))
            .exit(1, code)
            .exit(0, code);
        missing(scene)
    };
    assert_eq!(ends(1), python_modules(&["numpy", "yaml"]));
    assert_eq!(ends(0), python_modules(&[]));
}

#[test]
fn a_python_module_that_the_command_line_names_is_missing_if_it_is_nowhere() {
    for (argv, names) in [
        ("/usr/bin/python3 -m pytest", &["pytest"][..]),
        ("/usr/bin/python3 -m json.tool", &[]),
        ("/usr/bin/python3 -m acme", &[]),
        ("/usr/bin/python3 -m cffi", &[]),
        ("/usr/bin/python3 -Bc import\tnumpy", &["numpy"]),
    ] {
        let mut scene = python(argv);
        scene
            .text(&format!("{HERE}/pytest.ini"), "")
            .text(&format!("{HERE}/src/acme/__init__.py"), "")
            .text(&format!("{SITE}/cffi.abi3.so"), "")
            .exit(1, 1)
            .exit(0, 1);
        assert_eq!(missing(scene), python_modules(names), "{argv}");
    }
}

#[test]
fn a_python_whose_failure_was_survived_misses_no_module() {
    let mut scene = python("/usr/bin/python3 -m pytest");
    scene
        .exit(1, 1)
        .miss(0, Operation::Execute, "/usr/bin/nosuch")
        .start(2, Some(0));
    scene.exec(2, "/bin/true").exit(2, 0).exit(0, 0);
    assert_eq!(missing(scene), things(&[]));
}

#[test]
fn misses_without_end_are_bounded_and_take_no_time() {
    let mut scene = Scene::new();
    scene.exec(0, "/home/ada/project/hostile");
    for process in 1..=100 {
        scene.start(process, Some(0));
        for number in 0..1_000 {
            let name = format!("/usr/lib/lib{process}x{number}.so");
            scene.miss(process, Operation::Read, &name);
            scene.read(process, &format!("/usr/share/x/{number}"));
        }
        scene.exit(process, 1);
    }
    scene.exit(0, 1);
    let run = scene.builder.finish();
    assert!(run.misses.len() <= 4096, "{}", run.misses.len());
}

const ENOENT: Outcome = Outcome::Failure(Errno::ENOENT);

/// What a run looked for in vain, with what that has to do with its end.
fn told(story: Story) -> Vec<String> {
    let chronicle = story.told();
    let sought = sought(&chronicle, &Files::default());
    sought
        .iter()
        .map(|it| format!("{:?} {:?}", it.bearing, it.thing))
        .collect()
}

fn told_as(bearing: Bearing, thing: &Thing) -> String {
    format!("{bearing:?} {thing:?}")
}

fn pkg_config(name: &str) -> String {
    format!("{LIB}/pkgconfig/{name}.pc")
}

/// A build whose `configure` (1) tries `probed`, and whose script (3) asks for `asked`.
fn build() -> Story {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/make")
        .runs(1, Some(0), "/bin/sh /home/ada/project/configure")
        .runs(2, Some(1), "/usr/bin/pkg-config --exists probed")
        .tries(2, Operation::Read, &pkg_config("probed"), ENOENT)
        .ends(2, 1)
        .runs(3, Some(0), "/home/ada/project/version")
        .runs(4, Some(3), "/usr/bin/pkg-config --modversion asked")
        .tries(4, Operation::Read, &pkg_config("asked"), ENOENT)
        .ends(4, 1)
        .ends(3, 0);
    story
}

#[test]
fn what_explains_a_failure_is_told_first_and_what_was_only_tried_last() {
    let mut story = build();
    story
        .ends(1, 0)
        .runs(5, Some(0), "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 a.c")
        .tries(5, Operation::Read, "/usr/include/wanted.h", ENOENT)
        .ends(5, 1)
        .ends(0, 2);
    assert_eq!(
        told(story),
        [
            told_as(Bearing::Explains, &Thing::Header("wanted.h".into())),
            told_as(Bearing::Asked, &Thing::PkgConfig("asked".into())),
            told_as(Bearing::Probed, &Thing::PkgConfig("probed".into())),
        ]
    );
}

#[test]
fn what_a_configure_looked_for_last_is_told_first_when_it_gave_up() {
    let mut story = build();
    story
        .runs(6, Some(1), "/usr/bin/pkg-config --exists last")
        .tries(6, Operation::Read, &pkg_config("last"), ENOENT)
        .ends(6, 1)
        .ends(1, 1)
        .ends(0, 2);
    assert_eq!(
        told(story),
        [
            told_as(Bearing::Last, &Thing::PkgConfig("last".into())),
            told_as(Bearing::Asked, &Thing::PkgConfig("asked".into())),
            told_as(Bearing::Probed, &Thing::PkgConfig("probed".into())),
        ]
    );
}

#[test]
fn what_a_configure_went_without_explains_nothing_that_failed_later() {
    let mut story = build();
    story
        .runs(6, Some(1), "/usr/bin/pkg-config --exists optional")
        .tries(6, Operation::Read, &pkg_config("optional"), ENOENT)
        .ends(6, 1)
        .ends(1, 0)
        .ends(0, 2);
    assert_eq!(
        told(story),
        [
            told_as(Bearing::Asked, &Thing::PkgConfig("asked".into())),
            told_as(Bearing::Probed, &Thing::PkgConfig("optional".into())),
            told_as(Bearing::Probed, &Thing::PkgConfig("probed".into())),
        ]
    );
}

#[test]
fn what_a_version_managers_shim_looks_for_is_not_the_runs() {
    let told_with = |program: &str| {
        let mut story = Story::new();
        story
            .runs(0, None, "/bin/sh -c python3")
            .runs(1, Some(0), program)
            .tries(1, Operation::Execute, "/home/ada/bin/readlink", ENOENT)
            .ends(1, 1)
            .ends(0, 1);
        told(story)
    };
    let readlink = told_as(Bearing::Explains, &Thing::Command("readlink".into()));
    assert_eq!(told_with("/bin/sh ./python3"), [readlink]);
    assert!(told_with("/home/ada/.pyenv/shims/python3").is_empty());
}

#[test]
fn nothing_was_decisive_for_a_run_that_ended_well() {
    let mut story = build();
    story.ends(1, 0).ends(0, 0);
    assert_eq!(
        told(story),
        [
            told_as(Bearing::Asked, &Thing::PkgConfig("asked".into())),
            told_as(Bearing::Probed, &Thing::PkgConfig("probed".into())),
        ]
    );
}

#[test]
fn a_header_that_was_found_where_headers_lie_was_not_missing_beside_the_one_that_names_it() {
    let mut story = Story::new();
    let include = "/usr/include/x86_64-linux-gnu";
    story
        .runs(0, None, "/usr/bin/make")
        .runs(1, Some(0), "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 a.c")
        .does(1, Operation::Read, &format!("{include}/bits/unistd_ext.h"))
        .tries(
            1,
            Operation::Read,
            &format!("{include}/bits/linux/close_range.h"),
            ENOENT,
        )
        .does(1, Operation::Read, "/usr/include/linux/close_range.h")
        // Another one of the same last name is no such neighbour's.
        .tries(
            1,
            Operation::Read,
            "/usr/include/elsewhere/close_range.h",
            ENOENT,
        )
        .ends(1, 0)
        .ends(0, 0);
    let missing = Thing::Header("elsewhere/close_range.h".into());
    assert_eq!(told(story), [told_as(Bearing::Asked, &missing)]);
}
