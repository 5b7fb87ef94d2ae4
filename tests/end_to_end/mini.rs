//! The small package set, the store that it lives in, and Nix where `/usr` is hidden.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const KILLED: &[u8] = b"failed due to signal 9";

/// An attribute and the files of this machine whose packages it is made from.
type Attribute = (&'static str, &'static [&'static str]);

const ATTRIBUTES: &[Attribute] = &[
    ("bash", &["/bin/bash"]),
    (
        "binutils",
        &["/usr/bin/ld", "/usr/bin/x86_64-linux-gnu-ld.bfd"],
    ),
    ("coreutils", &["/bin/ls"]),
    ("diffutils", &["/usr/bin/cmp"]),
    ("findutils", &["/usr/bin/find"]),
    ("gawk", &["/usr/bin/gawk"]),
    (
        "gcc",
        &[
            "/usr/lib/gcc/x86_64-linux-gnu/*/cc1",
            "/usr/lib/gcc/x86_64-linux-gnu/*/collect2",
            "/usr/lib/gcc/x86_64-linux-gnu/*/libgcc.a",
        ],
    ),
    ("gcc-lib", &["/usr/lib/x86_64-linux-gnu/libstdc++.so.6"]),
    (
        "glibc",
        &[
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "/usr/lib/x86_64-linux-gnu/crt1.o",
            "/usr/include/linux/errno.h",
        ],
    ),
    ("gnugrep", &["/bin/grep"]),
    ("gnumake", &["/usr/bin/make"]),
    ("gnused", &["/bin/sed"]),
    ("gnutar", &["/bin/tar"]),
    ("gzip", &["/bin/gzip"]),
    (
        "JSONXS",
        &["*/JSON/XS.pm", "*/Types/Serialiser.pm", "*/common/sense.pm"],
    ),
    (
        "jq",
        &["/usr/bin/jq", "/usr/lib/x86_64-linux-gnu/libjq.so.1"],
    ),
    (
        "numpy",
        &["/usr/lib/python3/dist-packages/numpy/__init__.py"],
    ),
    ("patchelf", &["/usr/bin/patchelf"]),
    (
        "perl",
        &[
            "/usr/bin/perl",
            "/usr/share/perl/*/Encode.pm",
            "*/perl/*/Data/Dumper.pm",
            "/usr/share/perl/*/Benchmark.pm",
        ],
    ),
    (
        "pkg-config",
        &["/usr/bin/x86_64-linux-gnu-pkg-config", "/usr/bin/pkgconf"],
    ),
    (
        "python3",
        &[
            "/usr/bin/python3.1[0-9]",
            "/usr/lib/python3.*/os.py",
            "/usr/lib/python3.*/argparse.py",
            "/usr/lib/python3.*/asyncio/__init__.py",
        ],
    ),
    (
        "sqlite",
        &[
            "/usr/bin/sqlite3",
            "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0",
            "/usr/include/sqlite3.h",
        ],
    ),
    ("tzdata", &["/usr/share/zoneinfo/Europe/Vienna"]),
    (
        "zlib",
        &["/lib/x86_64-linux-gnu/libz.so.1", "/usr/include/zlib.h"],
    ),
];

/// The set, and Nix to use it with.
pub(crate) struct Mini {
    directory: PathBuf,
}

/// The set, made once for all tests; none, with a word on standard error, where this machine lacks
/// what it is made from. In CI nothing is skipped.
pub(crate) fn mini() -> Option<&'static Mini> {
    static MINI: OnceLock<Result<Mini, String>> = OnceLock::new();
    match MINI.get_or_init(Mini::make) {
        Ok(mini) => Some(mini),
        Err(lack) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "this test needs {lack}: run scripts/test, which installs it"
            );
            eprintln!("skipped: this machine lacks {lack} (scripts/test installs it)");
            None
        }
    }
}

impl Mini {
    fn make() -> Result<Self, String> {
        for tool in [
            "nix-build",
            "patchelf",
            "dpkg-query",
            "unshare",
            "gawk",
            "cc",
        ] {
            let found = Command::new("which").arg(tool).output();
            if !found.is_ok_and(|output| output.status.success()) {
                return Err(tool.to_owned());
            }
        }
        // Kept from one run of the tests to the next; Nix sees what has changed.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mini");
        std::fs::create_dir_all(&directory).unwrap();
        let mini = Self { directory };
        let mut host = "{\n".to_owned();
        for (attribute, files) in ATTRIBUTES {
            let packages = owners(files);
            if packages.is_empty() {
                return Err(format!("the files of {attribute}"));
            }
            writeln!(host, "  {attribute} = \"{}\";", packages.join(" ")).unwrap();
        }
        host.push_str("}\n");
        std::fs::write(mini.directory.join("host.nix"), host).unwrap();
        mini.copy_nix();
        // Shells are not built, but what they are made of is.
        let everything = "let set = import <nixpkgs> { config = { }; overlays = [ ]; }; \
             attributes = builtins.attrNames (import (builtins.getEnv \"NIXTRACE_HOST\")); \
             in map (name: set.${name}) attributes ++ [ set.makeWrapper set.autoPatchelfHook ] \
             ++ [ (set.writeShellApplication { name = \"x\"; text = \"\"; }) ] \
             ++ (set.mkShell { }).compilers ++ [ (set.mkShell { }).stdenv ]";
        let output = mini.nix(
            false,
            "nix-build",
            &["--no-out-link", "-E", everything],
            None,
        );
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        mini.lay_out_usr();
        Ok(mini)
    }

    /// Nix and its libraries, in a place that stays when `/usr` is hidden.
    fn copy_nix(&self) {
        let script = r#"
            set -eu
            mkdir -p "$1/nix/bin" "$1/nix/lib"
            [ -e "$1/nix/done" ] && exit 0
            cp -L "$(command -v nix)" "$1/nix/bin/nix"
            for name in nix-build nix-shell nix-instantiate nix-store build-remote; do ln -sf nix "$1/nix/bin/$name"; done
            ldd "$1/nix/bin/nix" | while read -r name _ path _; do
                case $path in /*) cp -L "$path" "$1/nix/lib/$name" ;; esac
            done
            cp -L /lib64/ld-linux-x86-64.so.2 "$1/nix/lib/"
            patchelf --set-rpath "$1/nix/lib" --force-rpath --set-interpreter "$1/nix/lib/ld-linux-x86-64.so.2" "$1/nix/bin/nix"
            for library in "$1"/nix/lib/libnix*; do patchelf --set-rpath "$1/nix/lib" --force-rpath "$library"; done
            touch "$1/nix/done"
        "#;
        let status = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&self.directory)
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Runs one of Nix's commands in a directory; with `/usr` hidden, unless the set is being made.
    pub(crate) fn nix(
        &self,
        hidden: bool,
        program: &str,
        arguments: &[&str],
        directory: Option<&Path>,
    ) -> Output {
        let program = self.directory.join("nix/bin").join(program);
        self.run(hidden, &program, arguments, directory)
    }

    /// Runs a program, the same way.
    pub(crate) fn run(
        &self,
        hidden: bool,
        program: &Path,
        arguments: &[&str],
        directory: Option<&Path>,
    ) -> Output {
        loop {
            let mut command = self.command(hidden, program, arguments, directory);
            let output = command.output().unwrap();
            // Nix takes a builder whose terminal was closed for one that hangs, and kills it; one
            // that is just ending can be hit too.
            let was_hit = output.stderr.windows(KILLED.len()).any(|it| it == KILLED);
            if output.status.success() || !was_hit {
                return output;
            }
        }
    }

    fn command(
        &self,
        hidden: bool,
        program: &Path,
        arguments: &[&str],
        directory: Option<&Path>,
    ) -> Command {
        let mut command = if hidden {
            // On today's systems /bin, /lib and /lib64 are links into /usr.
            let mut command = Command::new("unshare");
            if !nix::unistd::geteuid().is_root() {
                command.arg("--map-root-user");
            }
            command
                .args(["--mount", "sh", "-c"])
                .arg("mount --bind \"$0\" /usr && exec \"$@\"")
                .arg(self.directory.join("usr"))
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        let own = |name: &str| self.directory.join(name);
        command
            .args(arguments)
            .current_dir(directory.unwrap_or(&self.directory))
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", own("home"))
            .env("NIX_STORE_DIR", own("store"))
            .env("NIX_STATE_DIR", own("state"))
            .env("NIX_LOG_DIR", own("log"))
            .env("NIX_CONF_DIR", own("conf"))
            .env(
                "NIX_CONFIG",
                format!(
                    "sandbox = false\nsubstitute = false\nbuild-users-group =\nbuild-hook = {}",
                    own("nix/bin/build-remote").display()
                ),
            )
            .env(
                "NIX_PATH",
                concat!(
                    "nixpkgs=",
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/end_to_end/set"
                ),
            )
            .env("NIXTRACE_HOST", own("host.nix"))
            .env("NIX_BUILD_SHELL", self.built("bash").join("bin/bash"));
        command
    }

    /// The `/usr` that stands in for the host's: it has what NixOS has there, and nothing else.
    fn lay_out_usr(&self) {
        let bin = self.directory.join("usr/bin");
        std::fs::create_dir_all(&bin).unwrap();
        for (name, target) in [
            ("sh", self.built("bash").join("bin/bash")),
            ("env", self.built("coreutils").join("bin/env")),
        ] {
            let link = bin.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }

    /// The store path of an attribute; nowhere, as long as it is not built.
    fn built(&self, attribute: &str) -> PathBuf {
        let store = self.directory.join("store");
        let ending = format!("-{attribute}");
        let is_it = |path: &PathBuf| path.to_string_lossy().ends_with(&ending);
        let entries = store.read_dir().into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_it).collect();
        // Of several, the one that was made last is that of the host's present packages.
        found.sort_by_key(|path| path.symlink_metadata().map(|it| it.ctime()).ok());
        found.pop().unwrap_or_else(|| PathBuf::from("/nowhere"))
    }
}

/// The Debian packages that own files, with their versions: `jq=1.6-2.1`.
fn owners(files: &[&str]) -> Vec<String> {
    let output = Command::new("dpkg-query")
        .arg("--search")
        .args(files)
        .output()
        .unwrap();
    let mut packages: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| !line.starts_with("diversion "))
        .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()))
        .flat_map(|names| names.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| {
            !name.ends_with(":i386")
                && !name.starts_with("lib32")
                && !name.starts_with("libx32")
                && !name.ends_with("-dbg")
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
        .iter()
        .filter_map(|package| {
            let output = Command::new("dpkg-query")
                .args(["--show", "--showformat=${Version}"])
                .arg(package)
                .output()
                .ok()?;
            let version = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(format!("{package}={version}"))
        })
        .collect()
}
