//! Scenes of interpreters' modules: which distribution they are of, and what brings them.

use super::*;

#[test]
fn a_script_that_lies_among_the_modules_is_the_modules() {
    let mut scene = Scene::new();
    let script = "/usr/lib/python3/dist-packages/pip/_vendor/hooks/_in_process.py";
    scene
        .exec_script(0, "/home/ada/project/build.sh", &["/bin/sh"])
        .start(1, Some(0));
    scene
        .text(script, "")
        .exec(1, &format!("/usr/bin/python3 {script}"))
        .read(1, script)
        .exit(1, 0)
        .exit(0, 0);
    let needs = scene.usage().needs;
    let pip = Thing::Module {
        language: Language::Python,
        name: "pip".into(),
        distribution: None,
    };
    assert!(
        needs
            .iter()
            .any(|need| need.thing == pip && need.role == Role::Module),
        "{needs:?}"
    );
    assert!(
        !needs
            .iter()
            .any(|need| need.thing == Thing::Command("_in_process.py".into()))
    );
}

#[test]
fn a_python_module_is_its_distribution_and_brings_what_it_requires() {
    let site = "/usr/lib/python3/dist-packages";
    let mut scene = Scene::new();
    scene
        .text(
            &format!("{site}/requests-2.28.1.egg-info/PKG-INFO"),
            "Name: requests\n\n",
        )
        .text(
            &format!("{site}/requests-2.28.1.egg-info/requires.txt"),
            "urllib3<1.27\n\n[socks]\nPySocks\n",
        )
        .text(
            &format!("{site}/requests-2.28.1.egg-info/top_level.txt"),
            "requests\n",
        )
        .text(
            &format!("{site}/urllib3-1.26.dist-info/METADATA"),
            "Name: urllib3\n\n",
        )
        .text(
            &format!("{site}/urllib3-1.26.dist-info/RECORD"),
            "urllib3/__init__.py,,\n",
        )
        .text(
            &format!("{site}/PyYAML-6.0.dist-info/METADATA"),
            "Name: PyYAML\n\n",
        )
        .text(
            &format!("{site}/PyYAML-6.0.dist-info/RECORD"),
            "yaml/__init__.py,,\n",
        )
        .exec(0, "/usr/bin/python3 app.py")
        .read(0, &format!("{site}/requests/__init__.py"))
        .read(0, &format!("{site}/urllib3/__pycache__/x.cpython-311.pyc"))
        .read(0, &format!("{site}/yaml/__init__.py"))
        .read(0, &format!("{site}/_distutils_hack/__init__.py"))
        .read(0, "/usr/lib/python3.11/json/__init__.py");
    let usage = scene.usage();
    assert_eq!(
        needed(&usage),
        ["Interpreter python3", "Module requests", "Module yaml"]
    );
    let distribution = usage.needs.iter().find_map(|need| match &need.thing {
        Thing::Module {
            name, distribution, ..
        } if name.as_bytes() == b"yaml" => distribution.clone(),
        _ => None,
    });
    assert_eq!(distribution, Some("PyYAML".into()));
}

#[test]
fn a_python_module_without_metadata_brings_what_its_sources_import() {
    let site = "/usr/lib/python3/dist-packages";
    let mut scene = Scene::new();
    scene
        .text(
            &format!("{site}/requests/__init__.py"),
            "import urllib3\nfrom . import x\n",
        )
        .exec(0, "/usr/bin/python3 app.py")
        .read(
            0,
            &format!("{site}/requests/__pycache__/__init__.cpython-311.pyc"),
        )
        .read(0, &format!("{site}/urllib3/__init__.py"));
    assert_eq!(scene.needs(), ["Interpreter python3", "Module requests"]);
}

#[test]
fn what_start_up_code_of_the_installation_loads_is_not_the_scripts() {
    let site = "/usr/lib/python3/dist-packages";
    let mut scene = Scene::new();
    scene
        .text(
            &format!("{site}/ca.pth"),
            "import certifi; open('/etc/ssl/certs/ca-bundle.crt')\n",
        )
        .exec(0, "/usr/bin/python3 app.py")
        .read(0, &format!("{site}/ca.pth"))
        .read(0, &format!("{site}/certifi/__init__.py"))
        .read(0, "/etc/ssl/certs/ca-bundle.crt");
    assert_eq!(scene.needs(), ["Interpreter python3"]);
}

#[test]
fn a_perl_module_brings_what_it_uses() {
    let mut scene = Scene::new();
    let xs = format!("{LIB}/perl5/5.36/JSON/XS.pm");
    scene
        .text(
            &xs,
            "package JSON::XS;\nuse common::sense;\nuse Types::Serialiser;\n",
        )
        .exec(0, "/usr/bin/perl -MJSON::XS -e1")
        .read(0, &xs)
        .read(0, &format!("{LIB}/perl5/5.36/common/sense.pm"))
        .read(0, "/usr/share/perl5/Types/Serialiser.pm")
        .read(0, "/usr/share/perl/5.36.0/Exporter.pm");
    assert_eq!(scene.needs(), ["Interpreter perl", "Module JSON::XS"]);
}

#[test]
fn what_an_extension_module_loads_its_package_brings() {
    let mut scene = Scene::new();
    let extension = "/usr/lib/python3/dist-packages/numpy/core/_multiarray.so";
    scene
        .elf("/usr/bin/python3", None, &["libc.so.6"])
        .elf(extension, None, &["libblas.so.3"])
        .library("libblas.so.3", &[])
        .exec(0, "/usr/bin/python3 app.py")
        .map(0, extension)
        .map(0, &format!("{LIB}/libblas.so.3"));
    assert_eq!(scene.needs(), ["Interpreter python3", "Module numpy"]);
}

#[test]
fn the_projects_own_modules_of_node_are_no_needs() {
    let mut scene = Scene::new();
    scene
        .exec(0, "/usr/bin/node app.js")
        .read(0, "/home/ada/project/app.js")
        .read(0, "/home/ada/project/node_modules/left-pad/index.js")
        .read(0, "/usr/share/node_modules/semver/index.js");
    assert_eq!(scene.needs(), ["Interpreter node", "Module semver"]);
}
