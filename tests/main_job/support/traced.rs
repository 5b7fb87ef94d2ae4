//! A command under nixtrace, and what is said about it.

use super::result::Report;
use super::{Finished, Home, Invocation, nix_file, nixtrace};
use std::collections::BTreeSet;
use std::path::Path;

/// A command that was run plainly, then under nixtrace once for the machine-readable result and
/// once for the shell.
pub(crate) struct Traced {
    report: Report,
    shell: Option<BTreeSet<String>>,
    shell_text: String,
    plain: Finished,
}

impl Traced {
    /// Runs the command.
    ///
    /// # Panics
    /// When it behaves differently under nixtrace, or what is written breaks a promise that holds
    /// for every command.
    #[track_caller]
    pub(crate) fn new(home: &Home, command: &Invocation) -> Self {
        Self::after(home, command, || ())
    }

    /// The same, with something to be done before each run, so that all start from the same state.
    #[track_caller]
    pub(crate) fn after(home: &Home, command: &Invocation, before: impl Fn()) -> Self {
        before();
        let plain = command.clone().run();
        before();
        let json = write(home, command, &plain, "json", &home.outside("result.json"));
        before();
        let shell_file = home.outside("shell.nix");
        let shell_text = write(home, command, &plain, "shell", &shell_file);
        let report: Report = serde_json::from_str(&json)
            .unwrap_or_else(|error| panic!("the result is not as promised: {error}\n{json}"));
        assert_eq!(report.version, 1);
        assert_eq!(
            report.command,
            command
                .argv()
                .iter()
                .map(|arg| arg.to_string_lossy())
                .collect::<Vec<_>>()
        );
        for package in &report.packages {
            assert!(!package.because.is_empty(), "no reason: {package:?}");
            assert!(!package.output.is_empty(), "no output: {package:?}");
        }
        for unresolved in &report.unresolved {
            assert!(!unresolved.why.is_empty(), "no reason: {}", unresolved.path);
        }
        let home_path = home.path();
        assert!(
            !shell_text.contains(&*home_path.to_string_lossy()),
            "the home directory's name is in the shell:\n{shell_text}"
        );
        Self {
            report,
            shell: nix_file::attributes(home, &shell_file),
            shell_text,
            plain,
        }
    }

    /// That the command ended so (with and without nixtrace).
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        self.plain.clone().exits(status);
        self
    }

    /// That the run is of this kind: `binary`, `build` or `script`.
    #[track_caller]
    pub(crate) fn has_kind(self, kind: &str) -> Self {
        assert_eq!(self.report.kind, kind);
        self
    }

    /// That exactly these packages are listed, as `role attribute`, and that the shell takes
    /// exactly these attributes; and that nothing stayed open or unseen.
    #[track_caller]
    pub(crate) fn lists(self, expected: &[&str]) -> Self {
        let expected: BTreeSet<String> = expected.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(self.report.listed(), expected, "{:#?}", self.report);
        assert!(self.report.unresolved.is_empty(), "{:#?}", self.report);
        assert!(self.report.missing.is_empty(), "{:#?}", self.report);
        assert!(self.report.gaps.is_empty(), "{:#?}", self.report);
        if let Some(shell) = &self.shell {
            let attributes = expected
                .iter()
                .filter_map(|line| Some(in_shell(line.split_once(' ')?.1)))
                .collect();
            assert_eq!(*shell, attributes, "{}", self.shell_text);
        }
        self
    }

    /// That these attributes were seen, and left out because of `by`.
    #[track_caller]
    pub(crate) fn implies(self, by: &str, attributes: &[&str]) -> Self {
        for attr in attributes {
            assert_eq!(
                self.report.implied_by(attr),
                BTreeSet::from([by]),
                "what implies {attr}: {:#?}",
                self.report
            );
        }
        self
    }

    /// That these attributes are not listed and, where they were seen, are known to be implied.
    #[track_caller]
    pub(crate) fn never_lists(self, attributes: &[&str]) -> Self {
        for package in &self.report.packages {
            assert!(
                package.implied.is_some() || !attributes.contains(&package.attr.as_str()),
                "{package:#?}"
            );
        }
        self
    }

    /// That the shell is, byte for byte, the one that an example shows.
    #[track_caller]
    pub(crate) fn shell_is_that_of_example(self, name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name)
            .join("shell.nix");
        let shown = std::fs::read_to_string(&file).unwrap();
        assert_eq!(self.shell_text, shown, "{} is out of date", file.display());
        self
    }
}

/// Runs the command under `nixtrace -f FORMAT` and gives what was written.
#[track_caller]
fn write(
    home: &Home,
    command: &Invocation,
    plain: &Finished,
    format: &str,
    output: &Path,
) -> String {
    let traced = command
        .clone()
        .under([
            nixtrace().as_os_str(),
            "-f".as_ref(),
            format.as_ref(),
            "-o".as_ref(),
            output.as_os_str(),
            "--".as_ref(),
        ])
        .run();
    assert_eq!(traced.status, plain.status, "exit status of {traced}");
    assert!(
        traced.stdout == plain.stdout,
        "without nixtrace: {plain}\nwith it: {traced}"
    );
    assert!(
        traced.stderr.starts_with(&plain.stderr),
        "without nixtrace: {plain}\nwith it: {traced}"
    );
    assert_eq!(
        std::fs::read_dir(home.outside(""))
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with(".nixtrace-")
            })
            .count(),
        0,
        "temporary files were left"
    );
    std::fs::read_to_string(output).unwrap_or_else(|error| panic!("{error}: {traced}"))
}

/// How a listed attribute appears in a shell: a module as a member of its interpreter's packages.
fn in_shell(attr: &str) -> String {
    match attr.split_once('.') {
        Some(("python3Packages", module)) => format!("python3.{module}"),
        Some(("perlPackages", module)) => format!("perl.{module}"),
        _ => attr.to_owned(),
    }
}
