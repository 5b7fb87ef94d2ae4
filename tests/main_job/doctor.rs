//! `doctor`: what is missing, which package has it, and the line to add.

use super::support::{Finished, Home, compile, needs, nixtrace};
use serde_json::Value;

fn doctor(home: &Home, words: &[&str]) -> Finished {
    home.command([nixtrace()]).arg("doctor").args(words).run()
}

/// Builds `./app` linked to a library of this soname, which is gone afterwards.
fn app_without(home: &Home, soname: &str) {
    let library = compile(
        home,
        "project/libgone.so",
        "int gone(void) { return 0; }",
        &["-shared", "-fPIC", &format!("-Wl,-soname,{soname}")],
    );
    compile(
        home,
        "project/app",
        "int gone(void); int main(void) { return gone(); }",
        &["libgone.so"],
    );
    std::fs::remove_file(library).unwrap();
}

#[test]
fn a_missing_library_is_told_with_its_attribute_and_the_lines_to_add() {
    needs!("cc");
    let home = Home::new();
    app_without(&home, "librtlsdr.so.0");
    let text = doctor(&home, &["./app"]).exits(1).text();
    assert_eq!(
        text.replace(&home.project().display().to_string(), "."),
        "./app lacks\n\
         \x20 librtlsdr.so.0  rtl-sdr  needed by ./app\n\
         \n\
         on NixOS, in configuration.nix:\n\
         \x20 programs.nix-ld.enable = true;\n\
         \x20 programs.nix-ld.libraries = [ pkgs.rtl-sdr ];\n\
         \n\
         elsewhere, in its shell.nix or package.nix:\n\
         \x20 nativeBuildInputs = [ pkgs.autoPatchelfHook ];\n\
         \x20 buildInputs = [ pkgs.rtl-sdr ];\n"
    );
    let line = doctor(&home, &["./app", "--json"]).exits(1).text();
    let finding: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(finding["name"], "librtlsdr.so.0");
    assert_eq!(finding["kind"], "soname");
    assert_eq!(finding["best"]["attr"], "rtl-sdr");
}

#[test]
fn a_library_that_nobody_knows_is_told_and_no_line_is_made_up() {
    needs!("cc");
    let home = Home::new();
    app_without(&home, "libno-such-library-at-all.so.1");
    let text = doctor(&home, &["./app"]).exits(1).text();
    assert!(
        text.contains("  libno-such-library-at-all.so.1  no package is known  needed by "),
        "{text}"
    );
    assert!(!text.contains("pkgs.libno"), "{text}");
}

#[test]
fn what_is_missing_is_told_by_how_much_it_explains() {
    needs!("cc", "make", "pkg-config");
    let home = Home::new();
    home.write(
        "project/a.c",
        "#include <leptonica/allheaders.h>\nint main(void) { return 0; }\n",
    );
    // One that only a `configure` tries, one that a script of the build asks for and goes without,
    // and the one that it fails for.
    home.write_program(
        "project/configure",
        "#!/bin/sh\npkg-config --exists librtlsdr\ntrue\n",
    );
    home.write_program(
        "project/version",
        "#!/bin/sh\npkg-config --modversion hamlib\ntrue\n",
    );
    home.write(
        "project/Makefile",
        "a: a.c\n\t./configure\n\t./version\n\tcc a.c -o a\n",
    );
    let trace = home.outside("build.jsonl");
    home.command(["make"])
        .recorded(&trace, &["-q"])
        .run()
        .exits(2);
    let trace = trace.to_string_lossy();
    let text = doctor(&home, &["--trace", &trace]).exits(1).text();
    let told: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .skip(1)
        .collect();
    assert_eq!(told.len(), 3, "{text}");
    for (line, name, attr, why) in [
        (
            told[0],
            "leptonica/allheaders.h",
            "leptonica",
            "the run failed without it",
        ),
        (told[1], "hamlib.pc", "hamlib", "looked for by pkg-config"),
        (told[2], "librtlsdr.pc", "rtl-sdr", "which only tried"),
    ] {
        for part in [name, attr, why] {
            assert!(line.contains(part), "{part}: {text}");
        }
    }
    let names: Vec<String> = doctor(&home, &["--json", "--trace", &trace])
        .exits(1)
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].to_string())
        .collect();
    assert_eq!(names.len(), 3);
    assert!(names[0].contains("leptonica"), "{names:?}");
}

#[test]
fn a_missing_interpreter_is_told_for_programs_and_scripts() {
    needs!("cc");
    let home = Home::new();
    compile(
        &home,
        "project/app",
        "int main(void) { return 0; }",
        &["-Wl,--dynamic-linker,/no/such/ld-linux-x86-64.so.2"],
    );
    let text = doctor(&home, &["./app"]).exits(1).text();
    for part in [
        "its interpreter /no/such/ld-linux-x86-64.so.2 is not there",
        "glibc",
        "programs.nix-ld.enable = true;",
        "nativeBuildInputs = [ pkgs.autoPatchelfHook ];",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    home.write_program("project/script", "#!/no/such/bin/jq -f\n");
    let text = doctor(&home, &["./script"]).exits(1).text();
    for part in [
        "the interpreter /no/such/bin/jq of its `#!` line is not there",
        "environment.systemPackages = [ pkgs.jq ];",
        "  packages = [ pkgs.jq ];",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_runs_here_lacks_nothing() {
    let home = Home::new();
    assert_eq!(
        doctor(&home, &["/bin/ls"]).exits(0).text(),
        "nothing is missing\n"
    );
}

#[test]
fn a_failed_build_is_told_what_it_missed() {
    needs!("cc", "make");
    let home = Home::new();
    home.write(
        "project/a.c",
        "#include <leptonica/allheaders.h>\nint main(void) { return 0; }\n",
    );
    home.write("project/Makefile", "a: a.c\n\tcc a.c -o a\n");
    let trace = home.outside("build.jsonl");
    home.command([nixtrace()])
        .args(["record", "-q", "-o"])
        .arg(&trace)
        .args(["--", "make"])
        .run()
        .exits(2);
    let text = doctor(&home, &["--trace", &trace.to_string_lossy()])
        .exits(1)
        .text();
    let first = text.lines().nth(1).unwrap();
    assert!(first.contains("leptonica/allheaders.h"), "{text}");
    assert!(first.contains("the run failed without it"), "{text}");
    assert!(text.contains("buildInputs = [ pkgs.leptonica ];"), "{text}");
}

/// A `configure` of autoconf that does without some things, and fails for want of this.
fn configure(home: &Home, check: &str) -> std::path::PathBuf {
    home.write(
        "project/configure.ac",
        format!(
            "AC_INIT([demo], [1])\nAC_PROG_CC\nAC_CHECK_HEADERS([windows.h])\n\
             AC_CHECK_LIB([lzo2], [lzo1x_1_compress])\n{check}\nAC_OUTPUT\n"
        ),
    );
    // Its cache takes a file that was changed within the same second for the former.
    home.command(["autoconf", "--force"]).succeeds();
    let trace = home.outside("configure.jsonl");
    home.command(["./configure"])
        .recorded(&trace, &["-q", "--force"])
        .run()
        .exits(1);
    trace
}

#[test]
fn a_configure_that_gave_up_is_told_what_it_looked_for_last() {
    needs!("cc", "autoconf", "pkg-config");
    let home = Home::new();
    let fails = "[AC_MSG_ERROR([it is needed])]";
    for (check, name, attr) in [
        (
            format!("AC_CHECK_HEADER([leptonica/allheaders.h], [], {fails})"),
            "leptonica/allheaders.h",
            "leptonica",
        ),
        (
            format!("AC_CHECK_LIB([rtlsdr], [rtlsdr_open], [], {fails})"),
            "librtlsdr.so",
            "rtl-sdr",
        ),
        (
            format!("AS_IF([pkg-config --exists hamlib], [], {fails})"),
            "hamlib.pc",
            "hamlib",
        ),
        (
            "AC_CHECK_PROG([RAGEL], [ragel], [yes])\nAS_IF([test -z \"$RAGEL\"], [AC_MSG_ERROR([it is needed])])".to_owned(),
            "ragel",
            "ragel",
        ),
    ] {
        let trace = configure(&home, &check);
        let text = doctor(&home, &["--trace", &trace.to_string_lossy()]).exits(1).text();
        let first = text.lines().nth(1).unwrap();
        assert!(first.trim_start().starts_with(name), "{name}: {text}");
        assert!(first.contains("the last that was looked for before the run failed"), "{text}");
        // What it could do without is told, and is no line to add.
        assert!(text.contains("liblzo2.so"), "{text}");
        assert!(text.contains(&format!("= [ pkgs.{attr} ];")), "{text}");
        assert!(!text.contains("pkgs.lzo") && !text.contains("autoPatchelfHook"), "{text}");
    }
}

#[test]
fn what_a_run_went_without_is_not_missing() {
    needs!("pkg-config");
    let home = Home::new();
    let trace = home.outside("trace.jsonl");
    home.command(["sh", "-c", "pkg-config --exists hamlib || echo none"])
        .recorded(&trace, &["-q"])
        .run()
        .exits(0);
    doctor(&home, &["--trace", &trace.to_string_lossy()])
        .exits(0)
        .prints("sh -c 'pkg-config --exists hamlib || echo none' went without\n  hamlib.pc  hamlib  looked for by pkg-config\n");
}

#[test]
fn what_a_program_did_without_is_no_line_to_add_where_something_else_failed() {
    needs!("perl");
    let home = Home::new();
    let trace = home.outside("trace.jsonl");
    let script =
        "perl -e 'eval { require Algorithm::NoSuch; }; eval { require Mojolicious; }'; exit 3";
    home.command(["sh", "-c", script])
        .recorded(&trace, &["-q"])
        .run()
        .exits(3);
    let text = doctor(&home, &["--trace", &trace.to_string_lossy()])
        .exits(1)
        .text();
    let told = " lacks\n  Mojolicious  perlPackages.Mojolicious  looked for by perl\n";
    assert!(text.ends_with(told), "{text}");
}

#[test]
fn a_module_that_python_does_not_find_is_told_with_the_line_to_add() {
    needs!("python3");
    let home = Home::new();
    let trace = home.outside("trace.jsonl");
    std::fs::write(
        home.project().join("weather.py"),
        "import json\nimport pyowm\n",
    )
    .unwrap();
    home.command(["python3", "weather.py"])
        .recorded(&trace, &["-q"])
        .run()
        .exits(1);
    doctor(&home, &["--trace", &trace.to_string_lossy()])
        .exits(1)
        .prints(
            "python3 weather.py lacks\n\
             \x20 pyowm  python3Packages.pyowm  looked for by ./weather.py; the run failed without it\n\
             \n\
             on NixOS, in configuration.nix:\n\
             \x20 environment.systemPackages = [ (pkgs.python3.withPackages (ps: [ ps.pyowm ])) ];\n\
             \n\
             elsewhere, in its shell.nix or package.nix:\n\
             \x20 packages = [ (pkgs.python3.withPackages (ps: [ ps.pyowm ])) ];\n",
        );
}
