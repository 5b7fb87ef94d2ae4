//! A program with its files, traced; and the same program in what was written for it.

use crate::mini::Mini;
use crate::removable;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A project in a directory of its own, outside of `/usr`.
pub(crate) struct Project {
    root: tempfile::TempDir,
    mini: &'static Mini,
}

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behaviour {
    success: bool,
    stdout: String,
}

impl Behaviour {
    fn of(output: &Output) -> Self {
        Self {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }
}

impl Project {
    pub(crate) fn new(mini: &'static Mini) -> Self {
        let root = tempfile::Builder::new()
            .prefix("nixtrace-e2e-")
            .tempdir()
            .unwrap();
        std::fs::create_dir(root.path().join("acme")).unwrap();
        Self { root, mini }
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.root.path().join("acme")
    }

    /// Writes a file; one whose name ends in no letter after a dot can be executed.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        let path = self.directory().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // By a process of its own: a child that another test starts meanwhile would have the file open to
        // write, and what is open to write cannot be executed.
        let written = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(written.path(), content).unwrap();
        let copied = Command::new("cp").arg(written.path()).arg(&path).status();
        assert!(copied.unwrap().success());
        let mode = if content.starts_with("#!") {
            0o755
        } else {
            0o644
        };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        self
    }

    /// Runs a command of the host in the project, to prepare it.
    pub(crate) fn prepare(self, command: &str) -> Self {
        let output = self.host(command);
        assert!(
            output.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        self
    }

    fn host(&self, command: &str) -> Output {
        Command::new("sh")
            .args(["-c", command])
            .current_dir(self.directory())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.root.path().join("home"))
            .env("LANG", "C.UTF-8")
            .output()
            .unwrap()
    }

    /// Traces the command twice, with what brings the project back to where it was in between: the
    /// second run has to give the same files, byte for byte.
    #[track_caller]
    fn trace_twice(&self, formats: &str, command: &str, clean: &str) -> Behaviour {
        let files = || {
            let entries = std::fs::read_dir(self.directory()).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            let written = paths.filter(|path| path.extension().is_some_and(|it| it == "nix"));
            let texts = written.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()));
            texts.collect::<BTreeMap<_, _>>()
        };
        let forget = || {
            for path in files().keys() {
                std::fs::remove_file(path).unwrap();
            }
        };
        forget();
        let behaviour = self.trace(formats, command);
        let first = files();
        assert!(!first.is_empty());
        forget();
        self.host(clean);
        self.trace(formats, command);
        assert_eq!(files(), first);
        behaviour
    }

    /// Traces the command and has these formats written.
    fn trace(&self, formats: &str, command: &str) -> Behaviour {
        let nixtrace = env!("CARGO_BIN_EXE_nixtrace");
        let traced = self.host(&format!("{nixtrace} -q -f {formats} -- {command}"));
        Behaviour::of(&traced)
    }

    /// Traces the command, and runs it again in the shell that was written.
    #[track_caller]
    pub(crate) fn works_in_its_shell(&self, command: &str, needs: &[&str]) {
        let expected = self.trace_twice("shell", command, "");
        self.shell_does(command, &expected);
        self.is_minimal("shell.nix", needs, |project| {
            project.in_shell(command) == expected
        });
    }

    /// The same for a build, whose result then has to run there; `clean` makes it start afresh.
    #[track_caller]
    pub(crate) fn builds_in_its_shell(&self, command: &str, clean: &str, needs: &[&str]) {
        self.trace_twice("shell", command, clean);
        let both = format!("{clean} && {command} >/dev/null");
        let done = Behaviour {
            success: true,
            stdout: String::new(),
        };
        self.shell_does(&both, &done);
        self.is_minimal("shell.nix", needs, |project| {
            project.in_shell(&both) == done
        });
    }

    /// The same for a program that Nix did not build, started as nix-ld starts it.
    #[track_caller]
    pub(crate) fn works_with_nix_ld(&self, program: &str, needs: &[&str]) {
        let expected = self.trace_twice("shell", program, "");
        // The loader of nixpkgs knows where its own glibc is; the one of Debian has to be told.
        let path = "$NIX_LD_LIBRARY_PATH:${NIX_LD%/*}";
        let command = format!("$NIX_LD --library-path \"{path}\" {program}");
        self.shell_does(&command, &expected);
        self.is_minimal("shell.nix", needs, |project| {
            project.in_shell(&command) == expected
        });
    }

    /// Traces the command, builds the package that was written, and runs the program that it has.
    #[track_caller]
    pub(crate) fn works_as_a_package(&self, command: &str, program: &str, needs: &[&str]) {
        let expected = self.trace_twice("package", command, "");
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        let run = |project: &Self| project.packaged(program, &arguments);
        match run(self) {
            Ok(found) => assert_eq!(found, expected, "{}", self.text("package.nix")),
            Err(error) => panic!("{error}\n{}", self.text("package.nix")),
        }
        self.is_minimal("package.nix", needs, |project| {
            run(project).is_ok_and(|found| found == expected)
        });
    }

    /// Traces a build, has the package built by Nix, and runs the program that it has.
    #[track_caller]
    pub(crate) fn is_built_as_a_package(
        &self,
        command: &str,
        clean: &str,
        program: &str,
        prints: &str,
        needs: &[&str],
    ) {
        self.trace_twice("package", command, clean);
        self.host(clean);
        let expected = Behaviour {
            success: true,
            stdout: prints.to_owned(),
        };
        match self.packaged(program, &[]) {
            Ok(found) => assert_eq!(found, expected, "{}", self.text("package.nix")),
            Err(error) => panic!("{error}\n{}", self.text("package.nix")),
        }
        self.is_minimal("package.nix", needs, |project| {
            project
                .packaged(program, &[])
                .is_ok_and(|found| found == expected)
        });
    }

    /// What the command does in the shell.
    fn in_shell(&self, command: &str) -> Behaviour {
        Behaviour::of(&self.shell_output(command))
    }

    fn shell_output(&self, command: &str) -> Output {
        let arguments = ["--pure", "--keep", "LANG", "shell.nix", "--run", command];
        self.mini
            .nix(true, "nix-shell", &arguments, Some(&self.directory()))
    }

    #[track_caller]
    fn shell_does(&self, command: &str, expected: &Behaviour) {
        let output = self.shell_output(command);
        assert_eq!(
            Behaviour::of(&output),
            *expected,
            "{command}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.text("shell.nix")
        );
    }

    /// The text of a file of the package.
    #[track_caller]
    pub(crate) fn built(&self, file: &str) -> String {
        std::fs::read_to_string(self.package().unwrap().join(file)).unwrap()
    }

    /// Builds the package; its store path, or an error when it cannot be built.
    fn package(&self) -> Result<PathBuf, String> {
        let directory = self.directory();
        let built = self.mini.nix(
            true,
            "nix-build",
            &["--no-out-link", "default.nix"],
            Some(&directory),
        );
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        let store_path = String::from_utf8(built.stdout).unwrap();
        Ok(store_path.trim().into())
    }

    /// What the program of the package does.
    fn packaged(&self, program: &str, arguments: &[&str]) -> Result<Behaviour, String> {
        let program = self.package()?.join("bin").join(program);
        // Its own directory is gone, as it is for whoever installs it.
        let elsewhere = self.root.path();
        let output = self.mini.run(true, &program, arguments, Some(elsewhere));
        let mut behaviour = Behaviour::of(&output);
        if !behaviour.success {
            behaviour.stdout += &String::from_utf8_lossy(&output.stderr);
        }
        Ok(behaviour)
    }

    /// That the file lists these packages and no others, and that it fails without any one of them,
    /// of the hooks beside them, and of the variables that it sets.
    #[track_caller]
    fn is_minimal(&self, file: &str, needs: &[&str], works: impl Fn(&Self) -> bool) {
        let path = self.directory().join(file);
        let text = self.text(file);
        let parts = removable::parts(&text);
        let listed: BTreeSet<&str> = parts
            .iter()
            .filter(|part| part.kind == removable::Kind::Package)
            .map(|part| part.name.as_str())
            .collect();
        let needs: BTreeSet<&str> = needs.iter().copied().collect();
        assert_eq!(listed, needs, "{text}");
        for part in &parts {
            let less = part.taken_out_of(&text);
            std::fs::write(&path, &less).unwrap();
            assert!(!works(self), "it works without {}: {less}", part.name);
        }
        std::fs::write(&path, &text).unwrap();
    }

    pub(crate) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.directory().join(file)).unwrap()
    }
}
