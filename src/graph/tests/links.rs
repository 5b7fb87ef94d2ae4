//! Scenes of names that lead elsewhere: virtual environments, profiles, links to outputs.

use super::*;

#[test]
fn an_interpreter_of_a_virtual_environment_is_the_installed_one_though_it_is_gone() {
    let mut scene = Scene::new();
    let extension = "/usr/lib/python3.11/lib-dynload/pyexpat.so";
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene
        .elf("/usr/bin/python3.11", None, &["libz.so.1"])
        .elf(extension, None, &["libexpat.so.1"])
        .library("libz.so.1", &[])
        .library("libexpat.so.1", &[]);
    exec_with(&mut scene, 1, "/tmp/venv/bin/python -c CODE", |executed| {
        executed.real = Some("/usr/bin/python3.11".into());
    });
    scene
        .map(1, extension)
        .map(1, &format!("{LIB}/libz.so.1"))
        .map(1, &format!("{LIB}/libexpat.so.1"));
    assert_eq!(scene.needs(), ["Interpreter python", "Interpreter sh"]);
}

#[test]
fn the_interpreter_of_a_script_is_asked_of_the_host() {
    let mut scene = Scene::new();
    let links = &mut scene.files.links;
    links.insert("/tmp/venv/bin/python".into(), "/usr/bin/python3.11".into());
    scene.exec_script(0, "/home/ada/project/x.py", &["/tmp/venv/bin/python"]);
    assert_eq!(scene.needs(), ["Interpreter python"]);
}

#[test]
fn a_command_of_a_nix_profile_is_that_of_the_store() {
    let mut scene = Scene::new();
    let stored = "/nix/store/00000000000000000000000000000000-jq-1.7/bin/jq";
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .start(1, Some(0));
    exec_with(&mut scene, 1, "/home/ada/.nix-profile/bin/jq .", |it| {
        it.real = Some(stored.into());
    });
    scene.start(2, Some(0));
    exec_with(&mut scene, 2, "/run/current-system/sw/bin/git log", |it| {
        it.real = Some(stored.replace("jq", "git").as_str().into());
    });
    let usage = scene.usage();
    assert_eq!(
        needed(&usage),
        ["Command git", "Command jq", "Interpreter sh"]
    );
    assert_eq!(usage.needs[1].path, stored.into());
}

#[test]
fn a_link_to_a_file_does_not_make_the_file_an_output() {
    let mut scene = Scene::new();
    let change = |scene: &mut Scene, operation, path: &str, target: &str| {
        scene.builder.add(&Record::Accessed(Access {
            process: ProcessId(0),
            at: Micros(0),
            operation,
            path: path.into(),
            real: None,
            root: None,
            target: Some(target.into()),
            outcome: Outcome::Success,
            count: 1,
        }));
    };
    scene.exec(0, "/home/ada/project/app");
    change(&mut scene, Operation::Symlink, "/tmp/a", "/usr/share/x/a");
    change(&mut scene, Operation::Rename, "/tmp/b", "/usr/share/x/b");
    scene.read(0, "/usr/share/x/a").read(0, "/usr/share/x/b");
    assert_eq!(scene.needs(), ["Data share/x/a"]);
}
