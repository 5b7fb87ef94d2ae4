//! Scenes of building: what makes a run a build, and what it links.

use super::*;

const CC1: &str = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1";

impl Scene {
    /// Renames, links or copies a name: what has a second path.
    pub(super) fn to(
        &mut self,
        process: u32,
        operation: Operation,
        path: &str,
        target: &str,
    ) -> &mut Self {
        self.builder.add(&Record::Accessed(Access {
            process: ProcessId(process),
            at: Micros(0),
            operation,
            path: path.into(),
            real: None,
            root: None,
            target: Some(target.into()),
            outcome: Outcome::Success,
            count: 1,
        }));
        self
    }

    /// A linker that reads an object and zlib and writes a program that needs it.
    pub(super) fn link(&mut self, process: u32, object: &str, output: &str) -> &mut Self {
        self.exec(
            process,
            &format!("/usr/bin/ld -o {output} {object} -lz -lc"),
        )
        .read(process, object)
        .read(process, &format!("{LIB}/libz.so"))
        .elf(&format!("{LIB}/libz.so"), Some("libz.so.1"), &[])
        .write(process, output)
        .elf(output, None, &["libz.so.1"])
    }
}

#[test]
fn a_build_with_rustc_needs_the_libraries_that_it_links() {
    let mut scene = Scene::new();
    let deps = "/home/ada/project/target/debug/deps";
    scene.exec(0, "/usr/bin/cargo build").start(1, Some(0));
    scene
        .exec(1, "/usr/bin/rustc --crate-name app src/main.rs")
        .read(1, "/home/ada/project/src/main.rs")
        .write(1, &format!("{deps}/app.o"))
        .start(2, Some(1));
    scene
        .link(2, &format!("{deps}/app.o"), &format!("{deps}/app-12"))
        .to(
            0,
            Operation::Link,
            &format!("{deps}/app-12"),
            "/home/ada/project/target/debug/app",
        )
        .exit(0, 0);
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Build);
    assert!(needed(&usage).contains(&"Library libz.so.1".to_owned()));
}

#[test]
fn a_library_of_the_projects_own_is_no_need() {
    let mut scene = Scene::new();
    let build = "/home/ada/project/build";
    scene.exec(0, "/usr/bin/cmake --build .").start(1, Some(0));
    // One that this run makes, and one that an earlier one made.
    scene
        .link(1, "shapes.o", &format!("{build}/libshapes.so.2.1"))
        .elf(
            &format!("{build}/libshapes.so.2.1"),
            Some("libshapes.so.2"),
            &["libz.so.1"],
        )
        .exit(1, 0)
        .start(2, Some(0));
    scene
        .link(2, "main.o", &format!("{build}/draw"))
        .read(2, &format!("{build}/libshapes.so.2.1"))
        .read(2, &format!("{build}/libolder.so"))
        .elf(&format!("{build}/libolder.so"), None, &[])
        .elf(
            &format!("{build}/draw"),
            None,
            &["libshapes.so.2", "libolder.so", "libz.so.1"],
        )
        .exit(2, 0)
        .exit(0, 0);
    assert_eq!(
        needed(&scene.usage())
            .into_iter()
            .filter(|need| need.starts_with("Library"))
            .collect::<Vec<_>>(),
        ["Library libz.so.1"]
    );
}

/// A build with Meson, which has a CMake probe in its private directory that reads this file.
fn mesons_build_with_a_cmake_that_reads(file: &str) -> Vec<String> {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/usr/bin/meson setup build", &["/usr/bin/python3"])
        .start(1, Some(0));
    exec_with(&mut scene, 1, "/usr/bin/cmake .", |executed| {
        executed.cwd = Some("/home/ada/project/build/meson-private/cmake_fmt".into());
    });
    scene.read(1, file).exit(1, 0).start(2, Some(0));
    scene.link(2, "main.o", "/home/ada/project/build/draw");
    scene.exit(2, 0).exit(0, 0);
    scene.needs()
}

#[test]
fn a_cmake_that_meson_asks_is_needed_only_if_it_finds_a_package() {
    let cmake = "Command cmake".to_owned();
    let found = "/usr/lib/x86_64-linux-gnu/cmake/fmt/fmt-config.cmake";
    assert!(mesons_build_with_a_cmake_that_reads(found).contains(&cmake));
    let nothing = "/usr/share/cmake-3.25/Modules/CMakeCInformation.cmake";
    assert!(!mesons_build_with_a_cmake_that_reads(nothing).contains(&cmake));
}

#[test]
fn a_result_that_is_moved_by_a_way_up_is_the_same_result() {
    let mut scene = Scene::new();
    let here = "/home/ada/project";
    scene.exec(0, "/usr/bin/make").start(1, Some(0));
    scene
        .link(1, "main.o", &format!("{here}/a.out"))
        .to(
            0,
            Operation::Rename,
            &format!("{here}/a.out"),
            &format!("{here}/../bin/tool"),
        )
        .elf("/home/ada/bin/tool", None, &["libz.so.1"])
        .exit(0, 0);
    let needs = scene.needs();
    assert!(needs.contains(&"Library libz.so.1".to_owned()), "{needs:?}");
}

#[test]
fn a_build_in_a_scratch_directory_is_a_build_too() {
    let mut scene = Scene::new();
    scene.exec(0, "/bin/bash -c cd").start(1, Some(0));
    scene
        .exec(1, &format!("{CC1} x.c"))
        .read(1, "/tmp/x/x.c")
        .read(1, "/usr/include/zlib.h")
        .text("/tmp/x/x.c", "#include <zlib.h>\n")
        .write(1, "/tmp/ccQ.s")
        .start(2, Some(0));
    scene
        .exec(2, "/usr/bin/as -o /tmp/ccQ.o /tmp/ccQ.s")
        .read(2, "/tmp/ccQ.s")
        .write(2, "/tmp/ccQ.o")
        .start(3, Some(0));
    scene.link(3, "/tmp/ccQ.o", "/tmp/x/a.out");
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Build);
    let needs = needed(&usage);
    for expected in ["Header zlib.h", "Library libz.so.1"] {
        assert!(needs.contains(&expected.to_owned()), "{needs:?}");
    }
}

#[test]
fn a_compiler_that_is_only_asked_a_question_makes_no_build() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/python3 -c import")
        .write(0, "/tmp/tmpk3x")
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/gcc -Wl,-t -o /tmp/tmpk3x -lz")
        .start(2, Some(1));
    scene
        .exec(2, "/usr/bin/ld -t -o /tmp/tmpk3x -lz")
        .read(2, &format!("{LIB}/libz.so"))
        .elf(&format!("{LIB}/libz.so"), Some("libz.so.1"), &[])
        .write(2, "/tmp/tmpk3x")
        .exit(2, 1)
        .exit(1, 1)
        .exit(0, 0);
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Script);
    assert!(!needed(&usage).contains(&"Library libz.so.1".to_owned()));
}

#[test]
fn a_test_program_in_a_scratch_directory_that_is_gone_makes_no_build() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/python3 -c check")
        .write(0, "/tmp/try/src.c")
        .start(1, Some(0));
    scene
        .exec(1, &format!("{CC1} src.c"))
        .read(1, "/tmp/try/src.c")
        .write(1, "/tmp/try/src.o")
        .start(2, Some(0));
    scene.link(2, "/tmp/try/src.o", "/tmp/try/src").access(
        0,
        Operation::Remove,
        "/tmp/try/src",
        Outcome::Success,
    );
    assert_eq!(scene.usage().kind, RunKind::Script);
}

#[test]
fn a_program_that_a_build_only_copies_is_not_linked_by_it() {
    let mut scene = Scene::new();
    let out = "/home/ada/project/o";
    scene.exec(0, "/usr/bin/make").start(1, Some(0));
    scene
        .exec(1, &format!("{CC1} m.c"))
        .read(1, "/home/ada/project/m.c")
        .write(1, "/tmp/ccQ.s")
        .start(2, Some(0));
    scene
        .link(2, "/tmp/ccQ.o", "/home/ada/project/m")
        .start(3, Some(0));
    scene
        .exec(3, "/usr/bin/cp m /usr/bin/jq o/")
        .read(3, "/home/ada/project/m")
        .write(3, &format!("{out}/m"))
        .elf(&format!("{out}/m"), None, &["libz.so.1"])
        .read(3, "/usr/bin/jq")
        .write(3, &format!("{out}/jq"))
        .elf(&format!("{out}/jq"), None, &["libjq.so.1"]);
    let needs = scene.needs();
    assert!(needs.contains(&"Library libz.so.1".to_owned()), "{needs:?}");
    assert!(
        !needs.contains(&"Library libjq.so.1".to_owned()),
        "{needs:?}"
    );
}

#[test]
fn a_linked_program_is_followed_to_where_it_is_installed() {
    let mut scene = Scene::new();
    let (built, moved) = ("/home/ada/project/a.out", "/home/ada/project/app");
    let installed = "/home/ada/.local/bin/app";
    scene.exec(0, "/usr/bin/make install").start(1, Some(0));
    scene
        .link(1, "/home/ada/project/m.o", built)
        .start(2, Some(0));
    scene
        .exec(2, "/usr/bin/mv a.out app")
        .to(2, Operation::Rename, built, moved)
        .start(3, Some(0));
    scene
        .exec(3, "/usr/bin/install app /home/ada/.local/bin/app")
        .read(3, moved)
        .write(3, installed)
        .start(4, Some(0));
    scene
        .exec(4, "/usr/bin/rm a.out")
        .access(4, Operation::Remove, moved, Outcome::Success);
    let run = scene.builder.finish();
    assert_eq!(run.outputs, BTreeSet::from([installed.into()]));
}
