//! Pythons of a version manager in the home directory: the shim collapses into what it runs.

use super::support::{Home, Invocation, Traced, needs, skip};
use std::path::{Path, PathBuf};

/// Copies the system's python to where pyenv would have built one, and gives its version.
fn install_python(home: &Home, version: &str) {
    let program = Path::new("/usr/bin/python3").canonicalize().unwrap();
    let name = program.file_name().unwrap().to_str().unwrap().to_owned();
    let prefix = home.path().join(".pyenv/versions").join(version);
    for directory in ["bin", "lib"] {
        std::fs::create_dir_all(prefix.join(directory)).unwrap();
    }
    // By a process of its own: a child of another test would have the copy open to write, and it could
    // not be executed.
    home.command(["cp"])
        .arg(&program)
        .arg(prefix.join("bin").join(&name))
        .succeeds();
    std::os::unix::fs::symlink(&name, prefix.join("bin/python3")).unwrap();
    home.command(["cp", "-R", "-L"])
        .arg(Path::new("/usr/lib").join(&name))
        .arg(prefix.join("lib"))
        .succeeds();
}

/// A version manager with the moving parts of pyenv: a shim that is a script of two lines, and a
/// command that finds the version and executes its program.
fn install_version_manager(home: &Home, version: &str) {
    let root = home.path().join(".pyenv");
    home.write_program(
        ".pyenv/shims/python3",
        format!(
            "#!/usr/bin/env bash\nexec \"{}/bin/pyenv\" exec \"${{0##*/}}\" \"$@\"\n",
            root.display()
        ),
    );
    home.write_program(
        ".pyenv/bin/pyenv",
        r#"#!/usr/bin/env bash
set -e
[ "$1" = exec ] && shift
program="$1"
shift
bin="$(dirname "$(readlink -f "$0")")"
root="$(dirname "$bin")"
version="$(head -n 1 "$root/version" | sed 's/ *$//')"
export PATH="$root/versions/$version/bin:$PATH"
exec "$root/versions/$version/bin/$program" "$@"
"#,
    );
    home.write(".pyenv/version", format!("{version}\n"));
}

fn with_shims(command: Invocation, root: &Path, path: &str) -> Invocation {
    let shims = root.join("shims");
    command.env("PATH", format!("{}:{path}", shims.display()))
}

#[test]
fn a_shim_of_a_version_manager_needs_only_python() {
    needs!("/usr/bin/python3");
    let home = Home::new();
    install_python(&home, "3.11.7");
    install_version_manager(&home, "3.11.7");
    let command = with_shims(
        home.command(["python3", "-c", "import ssl, sqlite3"]),
        &home.path().join(".pyenv"),
        "/usr/bin:/bin",
    );
    Traced::new(&home, &command)
        .exits(0)
        .has_kind("script")
        .lists(&["interpreter python3"])
        .never_lists(&["openssl", "sqlite", "bash", "coreutils", "gnused"]);
}

#[test]
fn a_python_in_the_home_directory_needs_only_python() {
    needs!("/usr/bin/python3");
    let home = Home::new();
    install_python(&home, "3.11.7");
    let python = home.path().join(".pyenv/versions/3.11.7/bin/python3");
    let command = home.command([python]).args(["-c", "import ssl, sqlite3"]);
    Traced::new(&home, &command)
        .exits(0)
        .has_kind("script")
        .lists(&["interpreter python3"]);
}

/// The developer's own pyenv, if there is one: it cannot be installed for a test. What else is
/// installed there, and may have hooks into every start, is kept out (`-S`).
#[test]
fn the_shim_of_a_real_pyenv_needs_only_python() {
    let home = Home::new();
    let real_home = std::env::var_os("HOME").map(PathBuf::from);
    let Some(root) = real_home
        .map(|home| home.join(".pyenv"))
        .filter(|root| root.join("shims/python3").exists())
    else {
        return;
    };
    let command = with_shims(
        home.command(["python3", "-S", "-c", "import ssl, sqlite3"]),
        &root,
        "/usr/bin:/bin",
    )
    .env("HOME", root.parent().unwrap());
    if command.clone().run().status != 0 {
        skip("a pyenv whose python has ssl and sqlite3");
        return;
    }
    Traced::new(&home, &command)
        .exits(0)
        .has_kind("script")
        .lists(&["interpreter python3"]);
}
