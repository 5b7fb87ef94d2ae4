//! The programs.

use crate::mini::mini;
use crate::project::Project;

/// A project to work with, or the end of the test where there is no package set.
macro_rules! project {
    () => {
        match mini() {
            Some(mini) => Project::new(mini),
            None => return,
        }
    };
}

const LINKED: &str = r#"
    #include <stdio.h>
    #include <zlib.h>
    int main(int argc, char **argv) {
        printf("%s %lu\n", argc > 1 ? argv[1] : "none", crc32(0, (const Bytef *)"abc", 3));
        return zlibVersion()[0] != '1';
    }
"#;

const OPENING: &str = r#"
    #include <dlfcn.h>
    #include <stdio.h>
    int main(void) {
        void *library = dlopen("libsqlite3.so.0", RTLD_NOW);
        if (!library) return puts("no sqlite"), 1;
        int (*threadsafe)(void) = dlsym(library, "sqlite3_threadsafe");
        return printf("threadsafe: %d\n", threadsafe() != 0) < 0;
    }
"#;

#[test]
fn a_program_of_nixpkgs_works_in_its_shell() {
    project!().works_in_its_shell("jq -n '[1, 2] | add'", &["jq"]);
}

#[test]
fn a_database_works_in_its_shell() {
    project!().works_in_its_shell("sqlite3 :memory: 'select 6 * 7'", &["sqlite"]);
}

#[test]
fn a_linked_program_works_with_nix_ld_and_as_a_package() {
    let project = project!()
        .file("acme.c", LINKED)
        .prepare("cc acme.c -o acme -lz && rm acme.c");
    project.works_with_nix_ld("./acme", &["zlib"]);
    project.works_as_a_package("./acme x", "acme", &["zlib"]);
}

#[test]
fn a_library_that_a_program_opens_is_found() {
    let project = project!()
        .file("acme.c", OPENING)
        .prepare("cc acme.c -o acme && rm acme.c");
    project.works_with_nix_ld("./acme", &["sqlite"]);
    project.works_as_a_package("./acme", "acme", &["sqlite"]);
}

#[test]
fn a_library_of_its_own_that_opens_another_finds_it() {
    let opening = OPENING.replace("int main(void)", "int plugin(void)");
    project!()
        .file("plugin.c", &opening)
        .file(
            "main.c",
            "int plugin(void);\nint main(void) { return plugin(); }\n",
        )
        .prepare(
            "mkdir -p acme-1.2/lib acme-1.2/bin \
             && cc -shared -fPIC plugin.c -o acme-1.2/lib/libplugin.so \
             && cc main.c -o acme-1.2/bin/acme -Lacme-1.2/lib -lplugin -Wl,-rpath,'$ORIGIN/../lib' \
             && rm *.c",
        )
        .works_as_a_package("./acme-1.2/bin/acme", "acme", &["sqlite"]);
}

#[test]
fn a_plug_in_of_its_own_is_found_after_patching_and_the_desktop_is_told_of_the_package() {
    let project = project!()
        .file(
            "plugin.c",
            "#include <zlib.h>\nint plugin(void) { return zlibVersion()[0] != '1'; }\n",
        )
        .file(
            "main.c",
            &OPENING
                .replace("libsqlite3.so.0", "libplugin.so")
                .replace("sqlite3_threadsafe", "plugin"),
        )
        .file(
            "acme-1.2/acme.desktop",
            "[Desktop Entry]\nType=Application\nExec=/opt/acme/acme %U\nIcon=/opt/acme/acme.png\n",
        )
        .file("acme-1.2/acme.png", "")
        .prepare(
            "mkdir -p acme-1.2/plugins \
             && cc -shared -fPIC plugin.c -o acme-1.2/plugins/libplugin.so -lz \
             && cc main.c -o acme-1.2/acme -Wl,-rpath,'$ORIGIN/plugins' && rm *.c",
        );
    project.works_as_a_package("./acme-1.2/acme", "acme", &["zlib"]);
    // Without the run path it would not be found.
    let package = project.text("package.nix");
    assert!(package.contains("/opt/acme/plugins\""), "{package}");
    let entry = project.built("share/applications/acme.desktop");
    assert!(entry.contains("\nExec=acme %U\n"), "{entry}");
    assert!(
        entry.contains("/opt/acme/acme.png\n") && !entry.contains("Icon=/opt"),
        "{entry}"
    );
}

#[test]
fn commands_that_a_program_runs_are_on_its_path() {
    project!()
        .file(
            "acme.c",
            "#include <stdlib.h>\nint main(void) { return system(\"jq -n 3\") != 0; }\n",
        )
        .prepare("cc acme.c -o acme && rm acme.c")
        .works_as_a_package("./acme", "acme", &["jq"]);
}

#[test]
fn a_static_program_is_installed_as_it_is() {
    project!()
        .file(
            "acme.c",
            "#include <stdio.h>\nint main(void) { return puts(\"static\") < 0; }\n",
        )
        .prepare("cc -static acme.c -o acme && rm acme.c")
        .works_as_a_package("./acme", "acme", &[]);
}

#[test]
fn a_shell_script_has_its_commands() {
    let project = project!().file(
        "report.sh",
        "#!/bin/bash\njq -n '[3, 4]' | grep 4 | sed s/4/four/\n",
    );
    project.works_in_its_shell("bash ./report.sh", &["jq"]);
    project.works_as_a_package("./report.sh", "report", &["jq", "gnugrep", "gnused"]);
}

#[test]
fn a_script_of_standard_tools_needs_nothing() {
    project!()
        .file(
            "count.sh",
            "#!/bin/bash\nseq 5 | awk '{ s += $1 } END { print s }' | tr 5 x\n",
        )
        .works_in_its_shell("bash ./count.sh", &[]);
}

#[test]
fn a_python_script_has_its_modules_and_its_own_files() {
    let project = project!()
        .file(
            "report.py",
            "import numpy, helper\nprint(helper.double(int(numpy.arange(4).sum())))\n",
        )
        .file("helper.py", "def double(x):\n    return 2 * x\n");
    project.works_in_its_shell("python3 -B report.py", &["numpy", "python3"]);
}

#[test]
fn a_python_script_works_as_a_package() {
    project!()
        .file("report.py", "#!/usr/bin/python3 -B\nimport numpy, helper, sys\nprint(helper.double(int(numpy.arange(4).sum())), sys.argv[1:])\n")
        .file("helper.py", "def double(x):\n    return 2 * x\n")
        .works_as_a_package("./report.py a b", "report", &["numpy"]);
}

#[test]
fn a_perl_script_has_its_modules() {
    project!()
        .file(
            "report.pl",
            "use JSON::XS;\nprint encode_json([1, { a => undef }]), \"\\n\";\n",
        )
        .works_in_its_shell("perl report.pl", &["JSONXS", "perl"]);
}

#[test]
fn a_time_zone_that_was_asked_for_is_there() {
    project!()
        .file(
            "when.sh",
            "#!/bin/bash\nTZ=Europe/Vienna date --date=@0 +%R%Z\n",
        )
        .works_in_its_shell("bash ./when.sh", &[]);
}

const MAKEFILE: &str = "PREFIX ?= /usr/local\n\
    CFLAGS += $(shell pkg-config --cflags zlib)\n\
    LDLIBS += $(shell pkg-config --libs zlib)\n\
    acme: acme.c\n\
    install: acme\n\
    \tinstall -Dm755 acme $(PREFIX)/bin/acme\n\
    check: acme\n\
    \t./acme | jq -R . >/dev/null\n\
    .PHONY: install check\n";

#[test]
fn a_build_with_pkg_config_works_in_its_shell_and_as_a_package() {
    let project = project!().file("acme.c", LINKED).file("Makefile", MAKEFILE);
    project.builds_in_its_shell("make", "rm -f acme", &["pkg-config", "zlib"]);
    project.is_built_as_a_package(
        "sh -c 'rm -f acme; make && make install PREFIX=$PWD/out'",
        "rm -rf acme out",
        "acme",
        "none 891568578\n",
        &["pkg-config", "zlib"],
    );
}

#[test]
fn what_only_the_tests_of_a_build_run_is_a_check_input() {
    let project = project!().file("acme.c", LINKED).file("Makefile", MAKEFILE);
    project.is_built_as_a_package(
        "sh -c 'make && make check'",
        "rm -f acme",
        "acme",
        "none 891568578\n",
        &["jq", "pkg-config", "zlib"],
    );
    let package = project.text("package.nix");
    assert!(package.contains("nativeCheckInputs"), "{package}");
}

#[test]
fn a_configured_build_works_as_a_package() {
    project!()
        .file(
            "configure",
            "#!/bin/sh\nfor word; do case $word in --prefix=*) prefix=${word#*=};; --with-name=*) name=${word#*=};; esac; done\n\
             printf 'install: acme\\n\\tinstall -Dm755 acme %s/bin/acme\\nacme: acme.c\\n\\tcc -DNAME=%s acme.c -o acme -lz\\n' \"$prefix\" \"$name\" > Makefile\n",
        )
        .file("acme.c", &LINKED.replace("\"none\"", "TEXT(NAME)").replace("#include <stdio.h>", "#include <stdio.h>\n#define TEXT(x) TEXT2(x)\n#define TEXT2(x) #x"))
        .is_built_as_a_package(
            "sh -c './configure --prefix=$PWD/out --with-name=acme && make && make install'",
            "rm -rf acme out Makefile",
            "acme",
            "acme 891568578\n",
            &["zlib"],
        );
}

#[test]
fn a_program_that_was_compiled_by_hand_works_as_a_package() {
    project!().file("acme.c", LINKED).is_built_as_a_package(
        "cc -O1 -o acme acme.c -lz",
        "rm -f acme",
        "acme",
        "none 891568578\n",
        &["zlib"],
    );
}

#[test]
fn a_service_listens_again() {
    project!()
        .file(
            "serve.py",
            "#!/usr/bin/python3 -B\nimport socket\n\
             server = socket.create_server(('127.0.0.1', 0))\n\
             client = socket.create_connection(server.getsockname())\n\
             client.sendall(b'hello'); client.close()\n\
             print(server.accept()[0].recv(9))\n",
        )
        .works_as_a_package("./serve.py", "serve", &[]);
}
