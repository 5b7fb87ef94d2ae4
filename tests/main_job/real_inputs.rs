//! Programs of the system and of one's own: which attributes each needs, exactly.

use super::support::{Home, Invocation, Traced, compile, needs};

#[track_caller]
fn traced(home: &Home, command: &[&str]) -> Traced {
    Traced::new(home, &home.command(command)).exits(0)
}

#[test]
fn jq_needs_jq() {
    needs!("jq");
    traced(&Home::new(), &["jq", "-n", "1 + 1"])
        .has_kind("binary")
        .lists(&["command jq"])
        .implies("jq", &["oniguruma"])
        .implies("stdenv", &["glibc"]);
}

#[test]
fn curl_of_a_file_needs_curl_and_none_of_its_libraries() {
    needs!("curl");
    let home = Home::new();
    let page = home.write("page.txt", "a page\n");
    traced(
        &home,
        &["curl", "-s", &format!("file://{}", page.display())],
    )
    .has_kind("binary")
    .lists(&["command curl"])
    .implies("curl", &["openssl", "zlib", "nghttp2"])
    .implies("stdenv", &["glibc"]);
}

#[test]
fn git_log_needs_git() {
    needs!("git");
    let home = Home::new();
    let git = |arguments: &[&str]| {
        home.command([
            "git",
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
        ])
        .args(arguments)
        .succeeds();
    };
    git(&["init", "-q", "."]);
    git(&["commit", "-q", "--allow-empty", "-m", "Begin"]);
    traced(&home, &["git", "log"])
        .has_kind("binary")
        .lists(&["command git"])
        .implies("stdenv", &["glibc"]);
}

#[test]
fn sqlite3_needs_sqlite() {
    needs!("sqlite3");
    traced(&Home::new(), &["sqlite3", ":memory:", "select 6 * 7"])
        .has_kind("binary")
        .lists(&["command sqlite"]);
}

#[test]
fn a_database_that_sqlite3_writes_in_the_project_is_no_dependency() {
    needs!("sqlite3");
    let home = Home::new();
    let command = home.command([
        "sqlite3",
        "notes.db",
        "create table if not exists notes (text)",
    ]);
    Traced::new(&home, &command)
        .exits(0)
        .lists(&["command sqlite"]);
}

#[test]
fn ffmpeg_needs_ffmpeg_and_none_of_its_two_hundred_libraries() {
    needs!("ffmpeg");
    traced(&Home::new(), &["ffmpeg", "-version"])
        .has_kind("binary")
        .lists(&["command ffmpeg"]);
}

#[test]
fn gpg_needs_gnupg() {
    needs!("gpg");
    traced(&Home::new(), &["gpg", "--version"])
        .has_kind("binary")
        .lists(&["command gnupg"])
        .implies("gnupg", &["libgcrypt"]);
}

#[test]
fn a_pipeline_of_the_usual_tools_needs_nothing_that_stdenv_lacks() {
    let home = Home::new();
    home.write("project/fruit", "apple\npear\napple\nplum\n");
    traced(&home, &["bash", "-c", "grep p fruit | sort | uniq -c"])
        .has_kind("script")
        .lists(&[])
        .implies("stdenv", &["bash", "gnugrep", "coreutils", "glibc"]);
}

#[test]
fn python_with_modules_of_its_own_needs_only_python() {
    needs!("/usr/bin/python3");
    traced(
        &Home::new(),
        &["/usr/bin/python3", "-c", "import ssl, sqlite3"],
    )
    .has_kind("script")
    .lists(&["interpreter python3"])
    .never_lists(&["openssl", "sqlite"]);
}

#[test]
fn a_python_script_of_the_project_needs_python() {
    needs!("/usr/bin/python3");
    let home = Home::new();
    home.write("project/helper.py", "ANSWER = 42\n");
    home.write_program(
        "project/main.py",
        "#!/usr/bin/env python3\nimport json, helper\nprint(json.dumps(helper.ANSWER))\n",
    );
    traced(&home, &["./main.py"])
        .has_kind("script")
        .lists(&["interpreter python3"]);
}

#[test]
fn numpy_is_a_module_of_python_and_its_blas_is_implied() {
    needs!("/usr/lib/python3/dist-packages/numpy/__init__.py");
    traced(&Home::new(), &["/usr/bin/python3", "-c", "import numpy"])
        .has_kind("script")
        .lists(&["interpreter python3", "module python3Packages.numpy"])
        .never_lists(&["blas", "lapack", "openblas", "gfortran", "gfortran.cc"]);
}

#[test]
fn a_perl_module_is_listed_and_those_it_uses_are_implied() {
    needs!("/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm");
    traced(&Home::new(), &["perl", "-MJSON::XS", "-e1"])
        .has_kind("script")
        .lists(&["interpreter perl", "module perlPackages.JSONXS"])
        .never_lists(&["perlPackages.commonsense", "perlPackages.TypesSerialiser"]);
}

/// The program of an example, compiled in its folder as the examples' README says.
fn example_program(home: &Home, example: &str, program: &str, flags: &[&str]) -> Invocation {
    home.take_example(example);
    home.command(["cc", "-o", program, &format!("{program}.c")])
        .args(flags)
        .succeeds();
    home.command([format!("./{program}")])
}

#[test]
fn a_program_linked_to_three_libraries_needs_those_three() {
    needs!(
        "cc",
        "/usr/include/openssl/ssl.h",
        "/usr/include/zlib.h",
        "/usr/include/x86_64-linux-gnu/curl/curl.h"
    );
    let home = Home::new();
    // Debian's linker drops libraries that are named and not used (--as-needed); the example uses
    // libcrypto of OpenSSL, and libssl must be kept all the same.
    let libraries = ["-Wl,--no-as-needed", "-lssl", "-lcrypto", "-lz", "-lcurl"];
    let program = example_program(&home, "linked", "versions", &libraries);
    Traced::new(&home, &program)
        .exits(0)
        .has_kind("binary")
        .lists(&["library curl", "library openssl", "library zlib"])
        .implies("curl", &["nghttp2"])
        .implies("stdenv", &["glibc"])
        .shell_is_that_of_example("linked");
}

#[test]
fn a_program_that_opens_sqlite_by_name_needs_it() {
    needs!("cc", "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0");
    let home = Home::new();
    let program = example_program(&home, "dlopen", "notes", &[]);
    Traced::new(&home, &program)
        .exits(0)
        .has_kind("binary")
        .lists(&["dlopen sqlite"])
        .implies("stdenv", &["glibc"])
        .shell_is_that_of_example("dlopen");
}

#[test]
fn a_program_elsewhere_in_the_home_is_ones_own_too() {
    needs!("cc", "/usr/include/zlib.h");
    let home = Home::new();
    let source = "#include <zlib.h>\nint main(void) { return zlibVersion()[0] != '1'; }\n";
    let program = compile(&home, "apps/version", source, &["-lz"]);
    Traced::new(&home, &home.command([program]))
        .exits(0)
        .has_kind("binary")
        .lists(&["library zlib"]);
}

#[test]
fn a_library_that_a_program_brings_along_is_no_package() {
    needs!("cc");
    let home = Home::new();
    let library = "int answer(void) { return 42; }";
    compile(
        &home,
        "apps/lib/libanswer.so",
        library,
        &["-shared", "-fPIC"],
    );
    let program = compile(
        &home,
        "apps/bin/ask",
        "int answer(void); int main(void) { return answer() - 42; }",
        &["-L../apps/lib", "-lanswer", "-Wl,-rpath,$ORIGIN/../lib"],
    );
    Traced::new(&home, &home.command([program]))
        .exits(0)
        .lists(&[]);
}

#[test]
fn a_static_go_program_needs_nothing() {
    needs!("go");
    let home = Home::new();
    let source = home.write(
        "go/main.go",
        "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello\") }\n",
    );
    let program = home.path().join("apps/hello");
    home.command(["go", "build", "-o"])
        .arg(&program)
        .arg(source)
        .env("CGO_ENABLED", "0")
        // Kept between runs: it holds Go's standard library, which takes a while to compile.
        .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go"))
        .succeeds();
    Traced::new(&home, &home.command([program]))
        .exits(0)
        .has_kind("binary")
        .lists(&[]);
}

#[test]
fn a_static_c_program_needs_nothing() {
    needs!("cc");
    let home = Home::new();
    let source = "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n";
    let program = compile(&home, "apps/hello", source, &["-static"]);
    Traced::new(&home, &home.command([program]))
        .exits(0)
        .has_kind("binary")
        .lists(&[]);
}

#[test]
fn a_rust_program_needs_nothing_that_stdenv_lacks() {
    let home = Home::new();
    let source = home.write("main.rs", "fn main() { println!(\"hello\"); }\n");
    let program = home.path().join("apps/hello");
    std::fs::create_dir_all(home.path().join("apps")).unwrap();
    // The compiler that builds these tests, found as they were started.
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Invocation::new([rustc])
        .arg("-o")
        .arg(&program)
        .arg(source)
        .succeeds();
    Traced::new(&home, &home.command([program]))
        .exits(0)
        .has_kind("binary")
        .lists(&[])
        .implies("stdenv", &["glibc", "stdenv.cc.cc"]);
}

#[test]
fn a_shell_script_needs_the_commands_it_runs() {
    needs!("jq", "sqlite3");
    let home = Home::new();
    home.take_example("script");
    traced(&home, &["./report.sh"])
        .has_kind("script")
        .lists(&["command jq", "command sqlite"])
        .implies("stdenv", &["bash", "coreutils"])
        .shell_is_that_of_example("script");
}

#[test]
fn a_command_that_was_only_looked_for_is_not_needed() {
    needs!("jq");
    let script = "command -v jq; command -v no-such-command; test -x /usr/bin/curl; exit 0";
    let home = Home::new();
    Traced::new(&home, &home.command(["bash", "-c", script]))
        .exits(0)
        .lists(&[]);
}

#[test]
fn a_helper_that_only_starts_another_command_is_not_needed() {
    needs!("jq");
    traced(
        &Home::new(),
        &["env", "A=b", "timeout", "60", "nice", "jq", "-n", "1"],
    )
    .lists(&["command jq"]);
}
