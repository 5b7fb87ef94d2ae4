//! `doctor`: what is missing, which package has it, and the line to add.

use super::support::{Finished, Home, compile, needs, nixtrace};
use serde_json::Value;

fn doctor(home: &Home, words: &[&str]) -> Finished {
    home.command([nixtrace()]).arg("doctor").args(words).run()
}

#[test]
fn a_missing_library_is_told_with_its_attribute_and_the_lines_to_add() {
    needs!("cc");
    let home = Home::new();
    // A library of this name that is there when the program is linked, and gone afterwards.
    let library = compile(
        &home,
        "project/libjansson.so.4",
        "int json(void) { return 0; }",
        &["-shared", "-fPIC", "-Wl,-soname,libjansson.so.99"],
    );
    compile(
        &home,
        "project/app",
        "int json(void); int main(void) { return json(); }",
        &["libjansson.so.4"],
    );
    std::fs::remove_file(library).unwrap();
    let text = doctor(&home, &["./app"]).exits(1).text();
    assert!(
        text.starts_with("./app lacks\n  libjansson.so.99  "),
        "{text}"
    );
    assert!(text.contains("needed by "), "{text}");
    let line = doctor(&home, &["./app", "--json"]).exits(1).text();
    let finding: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(finding["name"], "libjansson.so.99");
    assert_eq!(finding["kind"], "soname");
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
