//! Runs of every kind, as the formats see them: with what they were runs of.

use crate::support::{Tell, run};
use nixtrace::emit::{Asker, Environment, NetworkUse, PackageUse, Phase, Role, RunKind, Shipment};
use nixtrace::graph::manifest::Manifest;
use nixtrace::graph::phase::{Step, Tool};
use nixtrace::graph::subject::{
    DesktopEntry, Linkage, Product, ProgramFacts, Subject, SubjectForm,
};
use nixtrace::graph::surroundings::{Toolkit, ToolkitUse, Variable, WellKnown};
use nixtrace::resolve::{AttrPath, Manager, Output, Package};
use nixtrace::trace::{Bytes, ContactAction, Endpoint};

/// More words in which the tests tell what a run was.
pub(crate) trait TellMore: Sized {
    /// It needs the attribute as that, asked for by this one, in these phases.
    fn uses(self, role: Role, attr: &str, by: Asker, phases: &[Phase], why: &str) -> Self;
    /// It talked to somebody, and that came about.
    fn talks(self, action: ContactAction, endpoint: Endpoint) -> Self;
    /// It was a run of this.
    fn of(self, name: &str, form: SubjectForm, files: &[&str]) -> Self;
}

impl TellMore for Environment {
    fn uses(mut self, role: Role, attr: &str, by: Asker, phases: &[Phase], why: &str) -> Self {
        let (attr, output) = attr.split_once('^').unwrap_or((attr, "out"));
        let output = Output(output.to_owned());
        let attr = AttrPath::new(attr).unwrap();
        let used = PackageUse {
            role,
            output: output.clone(),
            forced: None,
            by,
            phases: phases.to_vec(),
            why: why.to_owned(),
            path: Bytes::default(),
        };
        match self
            .packages
            .iter_mut()
            .find(|package| package.attr == attr)
        {
            Some(package) => package.uses.push(used),
            None => self.packages.push(Package {
                attr,
                output,
                role,
                uses: vec![used],
                origin: None,
                forced: None,
                version: None,
                implied: None,
                score: 0.97,
                because: vec![why.to_owned()],
            }),
        }
        self
    }

    fn talks(mut self, action: ContactAction, endpoint: Endpoint) -> Self {
        self.network.push(NetworkUse {
            action,
            endpoint,
            by: None,
            succeeded: true,
        });
        self
    }

    fn of(mut self, name: &str, form: SubjectForm, files: &[&str]) -> Self {
        let file = match &form {
            SubjectForm::Program(_) | SubjectForm::Script { .. } => files.first(),
            SubjectForm::Project { .. } | SubjectForm::Installed => None,
        };
        self.subject = Subject {
            name: name.into(),
            form,
            root: "/home/me/project".into(),
            file: file.map(|&file| Bytes::from(file)),
            files: files.iter().map(|&file| Bytes::from(file)).collect(),
            ..Subject::default()
        };
        self
    }
}

pub(crate) fn inet(address: &str, port: u16) -> Endpoint {
    Endpoint::Inet {
        protocol: Some("tcp".to_owned()),
        address: address.parse().unwrap(),
        port,
    }
}

pub(crate) fn dynamic() -> ProgramFacts {
    ProgramFacts {
        linkage: Some(Linkage::Dynamic),
        sections: true,
        ..ProgramFacts::default()
    }
}

pub(crate) fn step(phase: Phase, tool: Tool, line: &str) -> Step {
    Step {
        phase,
        tool,
        argv: line.split(' ').map(Bytes::from).collect(),
        cwd: "/home/me/project".into(),
    }
}

pub(crate) fn project(manifest: Manifest, steps: &[Step], products: &[&str]) -> SubjectForm {
    let products = products.iter().map(|&path| Product {
        path: path.into(),
        library: path.contains(".so"),
        helper: false,
    });
    SubjectForm::Project {
        manifest,
        steps: steps.to_vec(),
        products: products.collect(),
    }
}

fn with_files(files: &[&str]) -> Manifest {
    Manifest {
        files: files.iter().map(|&name| name.to_owned()).collect(),
        ..Manifest::default()
    }
}

/// A closed program of 32 bits.
pub(crate) fn of_32_bits() -> Environment {
    let facts = ProgramFacts {
        i386: true,
        ..dynamic()
    };
    run(RunKind::Binary, &["./acme"])
        .of("acme", SubjectForm::Program(facts), &["acme"])
        .uses(Role::Library, "zlib", Asker::Main, &[], "libz.so.1")
}

/// A project whose compiler was called by hand in several of its directories.
pub(crate) fn compiled_in_directories() -> Environment {
    let compiled = |directory: &str, line: &str| Step {
        cwd: ["/home/me/project", directory].concat().as_str().into(),
        ..step(Phase::Build, Tool::Compiler, line)
    };
    let form = project(
        Manifest::default(),
        &[
            compiled("/src", "gcc -c main.c /home/me/project/inc/a.c"),
            compiled("/out/bin", "cc ../../src/main.o -o acme"),
            compiled("", "cc /home/me/project/tool.c -o tool"),
        ],
        &["out/bin/acme", "tool"],
    );
    let files = ["inc/", "src/main.c", "tool.c"];
    let mut built = run(RunKind::Build, &["./build.sh"]).of("acme", form, &files);
    built.subject.outside = vec!["/home/me/common/x.h".into(), "/home/me/common/y.h".into()];
    built
}

/// A closed program with all that can be asked of one.
pub(crate) fn viewer() -> Environment {
    let facts = ProgramFacts {
        unloaded: vec!["libcuda.so.1".into()],
        ..dynamic()
    };
    let mut viewer = run(RunKind::Binary, &["./acme-1.2.3/Acme", "--once"])
        .of(
            "Acme",
            SubjectForm::Program(facts),
            &["Acme", "data.pak", "lib/libacme.so"],
        )
        .uses(
            Role::Command,
            "git",
            Asker::Main,
            &[],
            "run by ./acme-1.2.3/Acme",
        )
        .uses(Role::Library, "stdenv.cc.cc^lib", Asker::Main, &[], "")
        .uses(
            Role::Library,
            "gtk3",
            Asker::Main,
            &[],
            "libgtk-3.so.0, needed by ./acme-1.2.3/Acme",
        )
        .uses(
            Role::Library,
            "zlib",
            Asker::OwnLibrary,
            &[],
            "libz.so.1, needed by ./acme-1.2.3/lib/libacme.so",
        )
        .uses(
            Role::Dlopen,
            "sqlite",
            Asker::Main,
            &[],
            "libsqlite3.so.0, opened at run time by ./acme-1.2.3/Acme",
        )
        .uses(
            Role::Dlopen,
            "libGL",
            Asker::OwnLibrary,
            &[],
            "libGL.so.1, opened at run time by ./acme-1.2.3/lib/libacme.so",
        )
        .needs(
            Role::Data,
            "cacert",
            "/etc/ssl/certs/ca-certificates.crt read by ./acme-1.2.3/Acme",
        );
    viewer.subject.root = "/home/me/project/acme-1.2.3".into();
    viewer.subject.whole = true;
    viewer.subject.version = Some("1.2.3".to_owned());
    viewer.surroundings.toolkits = vec![ToolkitUse {
        toolkit: Toolkit::Gtk3,
        path: "/usr/share/glib-2.0/schemas/gschemas.compiled".into(),
    }];
    viewer
}

/// A program that patching would break.
pub(crate) fn with_payload(name: &str) -> Environment {
    let facts = ProgramFacts {
        appended: 12_345,
        ..dynamic()
    };
    run(RunKind::Binary, &[&format!("./{name}")])
        .of(name, SubjectForm::Program(facts), &[name])
        .uses(Role::Library, "zlib", Asker::Main, &[], "libz.so.1")
}

/// A program without a loader.
pub(crate) fn statically(linkage: Linkage) -> Environment {
    let facts = ProgramFacts {
        linkage: Some(linkage),
        ..dynamic()
    };
    run(RunKind::Binary, &["./acme"]).of("acme", SubjectForm::Program(facts), &["acme"])
}

/// A program that was installed by a package manager of the machine.
pub(crate) fn shipped(manager: Manager) -> Environment {
    let mut environment =
        statically(Linkage::Dynamic).uses(Role::Library, "zlib", Asker::Main, &[], "libz.so.1");
    environment.subject.root = "/opt/acme/viewer".into();
    environment.subject.version = Some("1.2".to_owned());
    environment.shipment = Some(Shipment {
        manager,
        name: "acme-viewer".to_owned(),
        version: "1:1.2-3".to_owned(),
        share: true,
        desktop_entries: vec![DesktopEntry {
            path: "usr/share/applications/acme.desktop".into(),
            commands: vec!["/opt/acme/viewer/acme".into()],
            icon: None,
        }],
    });
    environment
}

/// The closed program with a desktop entry and a plug-in of its own.
pub(crate) fn desktop() -> Environment {
    let mut environment = viewer();
    let SubjectForm::Program(facts) = &mut environment.subject.form else {
        unreachable!();
    };
    facts.opened = vec!["lib/plug-ins".into()];
    facts.desktop_entries = vec![DesktopEntry {
        path: "Acme.desktop".into(),
        commands: vec!["/opt/acme/Acme".into(), "/usr/bin/other".into()],
        icon: Some(("/opt/acme/acme.png".into(), "acme.png".into())),
    }];
    environment
}

/// A Python project whose tests ran.
pub(crate) fn tested_python() -> Environment {
    let mut environment = language(Tool::Python, &["pyproject.toml"], &["hatchling"]).uses(
        Role::Module,
        "python3Packages.pytest",
        Asker::Other,
        &[Phase::Check],
        "module pytest",
    );
    let SubjectForm::Project { steps, .. } = &mut environment.subject.form else {
        unreachable!();
    };
    steps.push(step(Phase::Check, Tool::Python, "pytest"));
    environment
}

/// A build by CMake, with tests.
pub(crate) fn cmake() -> Environment {
    use Phase::{Build, Check, Configure, Install};
    let steps = [
        step(
            Configure,
            Tool::Cmake,
            "cmake -S . -B build -GNinja -DWITH_X=ON -DCMAKE_INSTALL_PREFIX=/usr -DTOOLS=/home/me/tools",
        ),
        step(Build, Tool::Cmake, "cmake --build build"),
        step(Check, Tool::Cmake, "ctest"),
        step(Install, Tool::Cmake, "cmake --install build"),
    ];
    let manifest = Manifest {
        name: Some("Acme".to_owned()),
        version: Some("2.0".to_owned()),
        ..with_files(&["CMakeLists.txt"])
    };
    let mut cmake = run(RunKind::Build, &["./build.sh"])
        .of(
            "Acme",
            project(manifest, &steps, &["build/acme", "build/libacme.so"]),
            &["CMakeLists.txt", "src/"],
        )
        .uses(
            Role::Command,
            "cmake",
            Asker::Main,
            &[Configure, Build],
            "run by ./build.sh",
        )
        .uses(
            Role::Command,
            "ninja",
            Asker::Other,
            &[Build],
            "run by cmake",
        )
        .uses(
            Role::Interpreter,
            "python3",
            Asker::Other,
            &[Build],
            "run by ninja",
        )
        .uses(
            Role::Library,
            "python3",
            Asker::Main,
            &[],
            "libpython3.12.so, linked into build/acme",
        )
        .uses(Role::Command, "jq", Asker::Other, &[Check], "run by ctest")
        .uses(Role::Header, "zlib", Asker::Main, &[], "#include <zlib.h>");
    cmake.subject.version = Some("2.0".to_owned());
    cmake
}

/// A build by make, whose rules run these tools.
pub(crate) fn make_with(tools: &[&str]) -> Environment {
    let steps = [step(Phase::Build, Tool::Make, "make")];
    let environment = run(RunKind::Build, &["make"]).of(
        "acme",
        project(with_files(&["Makefile"]), &steps, &["acme"]),
        &["Makefile"],
    );
    tools.iter().fold(environment, |environment, tool| {
        environment.uses(
            Role::Command,
            tool,
            Asker::Other,
            &[Phase::Build],
            "run by make",
        )
    })
}

/// A build by the tool of a language.
pub(crate) fn language(tool: Tool, manifest: &[&str], requires: &[&str]) -> Environment {
    let manifest = Manifest {
        requires: requires.iter().map(|&name| name.to_owned()).collect(),
        ..with_files(manifest)
    };
    let steps = [step(Phase::Build, tool, "tool build")];
    run(RunKind::Build, &["tool", "build"])
        .of("acme", project(manifest, &steps, &["acme"]), &["src/"])
        .uses(
            Role::Library,
            "openssl",
            Asker::Main,
            &[],
            "libssl.so.3, linked into ./acme",
        )
}

/// A script with modules, files of its own and a variable.
pub(crate) fn script() -> Environment {
    let form = SubjectForm::Script {
        interpreter: "python3".into(),
        shell: false,
    };
    let mut script = run(
        RunKind::Script,
        &["env", "MODE=fast", "./report.py", "${x}"],
    )
    .of("report", form, &["report.py", "helper.py"])
    .uses(
        Role::Interpreter,
        "python3",
        Asker::Caller,
        &[],
        "the command",
    )
    .uses(
        Role::Module,
        "python3Packages.numpy",
        Asker::Main,
        &[],
        "module numpy",
    )
    .uses(Role::Command, "jq", Asker::Main, &[], "run by ./report.py")
    .uses(
        Role::Dlopen,
        "sqlite",
        Asker::Main,
        &[],
        "libsqlite3.so.0, opened at run time",
    );
    script.surroundings.variables = vec![Variable {
        name: "MODE".to_owned(),
        value: Some("fast".into()),
        because: "set on the command line".to_owned(),
        is_personal: false,
    }];
    script.surroundings.well_known = [WellKnown::Env].into();
    script
}

/// A shell script alone.
pub(crate) fn shell_script() -> Environment {
    let form = SubjectForm::Script {
        interpreter: "bash".into(),
        shell: true,
    };
    run(RunKind::Script, &["./sync.sh"])
        .of("sync", form, &["sync.sh"])
        .uses(Role::Command, "jq", Asker::Main, &[], "run by ./sync.sh")
        .uses(
            Role::Command,
            "gnugrep",
            Asker::Main,
            &[],
            "run by ./sync.sh",
        )
        .implied_by("stdenv")
}

/// A service that keeps state and talks to others.
pub(crate) fn service() -> Environment {
    let mut service = run(RunKind::Binary, &["./acmed", "--port", "80"])
        .of("acmed", SubjectForm::Program(dynamic()), &["acmed"])
        .uses(
            Role::Library,
            "zlib",
            Asker::Main,
            &[],
            "libz.so.1, needed by ./acmed",
        )
        .talks(ContactAction::Listen, inet("0.0.0.0", 80))
        .talks(ContactAction::Connect, inet("127.0.0.1", 6379))
        .talks(
            ContactAction::Connect,
            Endpoint::Unix {
                path: "/run/postgresql/.s.PGSQL.5432".into(),
            },
        );
    service.surroundings.writes = vec![
        "/home/me/project".into(),
        "/var/cache/acmed/x".into(),
        "/var/lib/acme data".into(),
    ];
    service.surroundings.scratch = true;
    service.surroundings.accounts = true;
    service.surroundings.configuration = ["/etc/acmed/a.conf", "/etc/acmed/b.conf"]
        .map(Bytes::from)
        .into();
    service
}

/// A command that nixpkgs has.
pub(crate) fn installed() -> Environment {
    let mut installed = run(
        RunKind::Binary,
        &["jq", ".", "/home/me/it's ${x}", "\u{202e}"],
    )
    .uses(Role::Command, "jq", Asker::Caller, &[], "the command");
    installed.subject.name = "jq".into();
    installed
}

/// All of them, by name.
pub(crate) fn all() -> Vec<(&'static str, Environment)> {
    vec![
        ("viewer", viewer()),
        ("payload", with_payload("acme")),
        ("desktop", desktop()),
        ("deb", shipped(Manager::Dpkg)),
        ("rpm", shipped(Manager::Rpm)),
        ("app image", with_payload("Acme.AppImage")),
        ("static", statically(Linkage::Static)),
        ("static pie", statically(Linkage::StaticPie)),
        ("32 bits", of_32_bits()),
        ("cmake", cmake()),
        ("compiled in directories", compiled_in_directories()),
        ("make with tools", make_with(&["cmake", "meson", "ninja"])),
        (
            "cargo",
            language(Tool::Cargo, &["Cargo.toml", "Cargo.lock"], &[]),
        ),
        (
            "cargo without lock",
            language(Tool::Cargo, &["Cargo.toml"], &[]),
        ),
        ("go", language(Tool::Go, &["go.mod"], &[])),
        ("go with modules", language(Tool::Go, &["go.mod"], &["x/y"])),
        ("npm", language(Tool::Npm, &["package.json"], &[])),
        (
            "python",
            language(Tool::Python, &["pyproject.toml"], &["hatchling>=1"]),
        ),
        ("python with tests", tested_python()),
        ("script", script()),
        ("shell script", shell_script()),
        ("service", service()),
        ("installed", installed()),
        ("nothing", run(RunKind::Binary, &[])),
    ]
}
