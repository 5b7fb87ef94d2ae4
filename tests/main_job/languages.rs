//! Real small projects, built by the tools of their language or build system: the package that is
//! written has the builder, the flags, the inputs and the sources that a reviewer would expect, and
//! nothing that the build itself made.

use super::support::{Home, needs, nix_file, nixtrace};
use std::ffi::OsStr;
use std::path::Path;

const MAIN: &str =
    "#include <stdio.h>\n#include <zlib.h>\nint main(void) { return puts(zlibVersion()) < 0; }\n";

/// The package.nix that is written for a build; it parses.
#[track_caller]
fn package<S: AsRef<OsStr>>(
    home: &Home,
    command: impl IntoIterator<Item = S>,
    path: Option<&Path>,
) -> String {
    let mut invocation = home
        .command([nixtrace()])
        .args(["-q", "-f", "package", "--"])
        .args(command);
    if let Some(path) = path {
        let system = super::support::SYSTEM_PATH;
        invocation = invocation.env("PATH", format!("{}:{system}", path.display()));
    }
    invocation.run().exits(0);
    let file = home.project().join("package.nix");
    nix_file::parsed(home, &file);
    std::fs::read_to_string(file).unwrap()
}

#[track_caller]
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word}: {text}");
    }
}

/// The files that are the source, as they are listed.
fn sources(text: &str) -> Vec<&str> {
    let set = text.split("fileset =").nth(1).unwrap();
    let set = set.split("};").next().unwrap();
    let words = set.split(|it: char| it.is_whitespace() || "[];".contains(it));
    words.filter(|word| word.starts_with("./")).collect()
}

#[test]
fn a_project_of_cmake() {
    needs!("cc", "cmake", "ninja", "pkg-config", "/usr/include/zlib.h");
    let home = Home::new();
    home.write("project/src/main.c", MAIN);
    home.write(
        "project/CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\nproject(acme VERSION 1.4.0 LANGUAGES C)\n\
         find_package(ZLIB REQUIRED)\nadd_library(shapes SHARED src/shapes.c)\n\
         add_executable(acme src/main.c)\ntarget_link_libraries(acme shapes ZLIB::ZLIB)\n\
         target_link_options(acme PRIVATE -Wl,--no-as-needed)\ninstall(TARGETS acme shapes)\nenable_testing()\n\
         add_test(NAME runs COMMAND acme)\n",
    );
    home.write("project/src/shapes.c", "int sides(void) { return 4; }\n");
    let line = "cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DWITH_X=ON && cmake --build build \
                && ctest --test-dir build";
    let text = package(&home, ["sh", "-c", line], None);
    has(
        &text,
        &[
            "version = \"1.4.0\";",
            "    cmake #",
            "    ninja #",
            "buildInputs = [\n    zlib #",
            "cmakeFlags = [ \"-DWITH_X=ON\" ];",
            "doCheck = true;",
            "mainProgram = \"acme\";",
        ],
    );
    // Its own library has no package, and needs none.
    assert!(!text.contains("libshapes"), "{text}");
    // ctest is cmake's, which is there anyway; what was built is no source.
    assert!(!text.contains("nativeCheckInputs"), "{text}");
    assert_eq!(sources(&text), ["./CMakeLists.txt", "./src"]);
}

#[test]
fn a_project_of_meson() {
    needs!(
        "cc",
        "cmake",
        "meson",
        "ninja",
        "pkg-config",
        "/usr/include/zlib.h"
    );
    let home = Home::new();
    home.write("project/main.c", MAIN);
    home.write(
        "project/meson.build",
        "project('acme', 'c', version: '0.3.1', license: 'MIT')\n\
         dependency('nobody-has-this', required: false)\n\
         executable('tool', 'main.c', dependencies: dependency('zlib'), install: true)\n",
    );
    let line = "meson setup build --buildtype=release -Dwerror=true && meson compile -C build";
    let text = package(&home, ["sh", "-c", line], None);
    has(
        &text,
        &[
            "version = \"0.3.1\";",
            "    meson #",
            "    ninja #",
            "    pkg-config #",
            "buildInputs = [\n    zlib #",
            "mesonFlags = [ \"-Dwerror=true\" ];",
            "license = lib.licenses.mit;",
            "mainProgram = \"tool\";",
        ],
    );
    // Meson asked it, in vain, for what pkg-config did not know.
    assert!(!text.contains("cmake"), "{text}");
    // The compiler was told `../main.c`.
    assert_eq!(sources(&text), ["./main.c", "./meson.build"]);
}

#[test]
fn a_project_of_autotools() {
    needs!(
        "cc",
        "make",
        "autoreconf",
        "automake",
        "/usr/include/zlib.h"
    );
    let home = Home::new();
    home.write("project/main.c", MAIN);
    home.write(
        "project/configure.ac",
        "AC_INIT([acme], [2.1])\nAM_INIT_AUTOMAKE([foreign])\nAC_PROG_CC\n\
         AC_CHECK_LIB([z], [zlibVersion])\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
    );
    home.write(
        "project/Makefile.am",
        "bin_PROGRAMS = acme\nacme_SOURCES = main.c\n",
    );
    let line = "autoreconf -i && ./configure --prefix=/opt/acme --with-x=y && make -j2";
    let text = package(&home, ["sh", "-c", line], None);
    has(
        &text,
        &[
            "version = \"2.1\";",
            "nativeBuildInputs = [ autoreconfHook ];",
            "buildInputs = [\n    zlib #",
            "configureFlags = [ \"--with-x=y\" ];",
            "enableParallelBuilding = true;",
        ],
    );
    // `configure` was made, and made by renaming.
    assert_eq!(
        sources(&text),
        ["./Makefile.am", "./configure.ac", "./main.c"]
    );
}

#[test]
fn a_crate() {
    needs!("cc");
    let home = Home::new();
    home.write("project/src/main.rs", "fn main() {}\n");
    home.write(
        "project/Cargo.toml",
        "[package]\nname = \"acme\"\nversion = \"0.2.0\"\nedition = \"2021\"\n\
         description = \"a tool that counts.\"\nlicense = \"MIT OR Apache-2.0\"\n",
    );
    let cargo = Path::new(env!("CARGO"));
    let text = package(
        &home,
        ["cargo", "build", "--release", "--offline"],
        cargo.parent(),
    );
    has(
        &text,
        &[
            "rustPlatform.buildRustPackage {",
            "version = \"0.2.0\";",
            "cargoLock.lockFile = ./Cargo.lock;",
            "description = \"Tool that counts\";",
            "    license = [\n      lib.licenses.mit\n      lib.licenses.asl20\n    ];",
        ],
    );
    // The lock was made by this very run, and the builder asks for it.
    assert_eq!(sources(&text), ["./Cargo.lock", "./Cargo.toml", "./src"]);
    assert!(!text.contains("nativeBuildInputs"), "{text}");
}

#[test]
fn a_module_of_go() {
    needs!("go");
    let home = Home::new();
    home.write("project/go.mod", "module example.org/acme\n\ngo 1.19\n");
    home.write("project/main.go", "package main\n\nfunc main() {}\n");
    let text = package(&home, ["go", "build", "-o", "acme", "."], None);
    has(
        &text,
        &[
            "buildGoModule {",
            "pname = \"acme\";",
            "vendorHash = null; # go.mod requires no modules",
            "version = \"0\"; # TODO nixtrace: no version was seen",
        ],
    );
    assert_eq!(sources(&text), ["./go.mod", "./main.go"]);
}

#[test]
fn a_distribution_of_python() {
    needs!(
        "pip3",
        "/usr/lib/python3/dist-packages/setuptools",
        "/usr/lib/python3/dist-packages/wheel"
    );
    let home = Home::new();
    home.write("project/src/acme/__init__.py", "def main():\n    pass\n");
    home.write(
        "project/pyproject.toml",
        "[build-system]\nrequires = [\"setuptools>=61\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
         [project]\nname = \"acme\"\nversion = \"3.1\"\ndependencies = [\"numpy>=1.2\"]\n",
    );
    let line = "pip3 install --no-build-isolation --no-deps --target out . >/dev/null 2>&1";
    let text = package(&home, ["sh", "-c", line], None);
    has(
        &text,
        &[
            "python3Packages.buildPythonApplication {",
            "pyproject = true;",
            "build-system = [ python3Packages.setuptools ];",
            "dependencies = [\n    python3Packages.numpy # required by pyproject.toml\n  ];",
        ],
    );
    // pip and what it asks for its own sake are no inputs.
    assert!(!text.contains("nativeBuildInputs"), "{text}");
    let sources = sources(&text);
    assert!(sources.contains(&"./pyproject.toml"), "{text}");
    assert!(
        sources.iter().any(|source| source.starts_with("./src")),
        "{text}"
    );
}
