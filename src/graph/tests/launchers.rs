//! Scenes of what only starts something else: launchers, shims, loaders started by hand.

use super::*;

#[test]
fn a_version_managers_shim_collapses_into_the_interpreter() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/.pyenv/shims/python3 -c 1", &["/usr/bin/env"])
        .exec(0, "/usr/bin/bash /home/ada/.pyenv/shims/python3 -c 1")
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/readlink /home/ada/.pyenv/bin/pyenv")
        .exec_script(
            0,
            "/home/ada/.pyenv/libexec/pyenv exec python3",
            &["/usr/bin/env"],
        )
        .exec(
            0,
            "/usr/bin/bash /home/ada/.pyenv/libexec/pyenv exec python3",
        )
        .start(2, Some(0));
    let python = "/home/ada/.pyenv/versions/3.11.7/bin/python3";
    let extension = "/home/ada/.pyenv/versions/3.11.7/lib/python3.11/lib-dynload/_ssl.so";
    scene
        .exec(2, "/usr/bin/basename x")
        .exec(0, &format!("{python} -c 1"))
        .elf(python, None, &["libc.so.6"])
        .elf(extension, None, &["libssl.so.3"])
        .library("libssl.so.3", &[])
        .map(0, extension)
        .map(0, &format!("{LIB}/libssl.so.3"));
    let usage = scene.usage();
    assert_eq!(needed(&usage), ["Interpreter python3"]);
    assert_eq!(usage.kind, RunKind::Script);
}

#[test]
fn a_launcher_collapses_into_what_it_runs() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/timeout 5 jq").start(2, Some(1));
    scene.exec(2, "/usr/bin/jq");
    let usage = scene.usage();
    assert_eq!(needed(&usage), ["Command jq", "Interpreter sh"]);
    assert_eq!(usage.needs[1].why, "run by ./x.sh");
}

#[test]
fn the_loader_started_by_hand_runs_its_argument() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/lib64/ld-linux-x86-64.so.2 --library-path /x ./app")
        .elf("/home/ada/project/app", None, &["libz.so.1"])
        .library("libz.so.1", &[])
        .map(0, &format!("{LIB}/libz.so.1"));
    assert_eq!(scene.needs(), ["Library libz.so.1"]);
}

#[test]
fn a_command_given_to_a_launcher_is_the_command() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/timeout 5 python3 n.py")
        .start(1, Some(0));
    scene
        .exec(1, "/usr/bin/python3 n.py")
        .read(1, "/home/ada/project/n.py")
        .start(2, Some(1));
    scene.exec(2, "/usr/bin/jq .");
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Script);
    let whys: Vec<&str> = usage.needs.iter().map(|need| need.why.as_str()).collect();
    assert_eq!(whys, ["the command", "the command", "run by ./n.py"]);
}

#[test]
fn a_launcher_with_a_package_of_its_own_is_needed_too() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/home/ada/project/x.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/flock x jq .").start(2, Some(1));
    scene.exec(2, "/usr/bin/jq .");
    let usage = scene.usage();
    assert_eq!(
        needed(&usage),
        ["Command flock", "Command jq", "Interpreter sh"]
    );
    assert!(usage.needs.iter().all(|need| need.why != "run by flock"));
}

#[test]
fn a_probe_given_to_a_launcher_is_the_command_all_the_same() {
    let mut scene = Scene::new();
    scene.exec(0, "/usr/bin/nice ./configure").exec_script(
        0,
        "/home/ada/project/configure",
        &["/bin/sh"],
    );
    let usage = scene.usage();
    assert_eq!(usage.kind, RunKind::Build);
    assert_eq!(needed(&usage), ["Command nice", "Interpreter sh"]);
}

#[test]
fn an_installed_script_runs_the_command_in_its_arguments_for_the_user() {
    let mut scene = Scene::new();
    scene
        .exec_script(0, "/usr/bin/xvfb-run -a xeyes", &["/bin/sh"])
        .start(1, Some(0));
    scene.exec(1, "/usr/bin/Xvfb :99").start(2, Some(0));
    scene.exec(2, "/usr/bin/xeyes");
    assert_eq!(scene.needs(), ["Command xeyes", "Command xvfb-run"]);
}
