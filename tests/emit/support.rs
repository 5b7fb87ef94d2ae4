//! Environments in few words, and a Nix that touches nothing of the machine.

use nixtrace::emit::{Environment, GapNote, Missing, Package, Role, RunKind, Unresolved};
use nixtrace::resolve::{AttrPath, Output, Scored};
use nixtrace::trace::{Bytes, GapKind};
use std::path::Path;
use std::process::Command;

/// A run of the command that used nothing yet.
pub(crate) fn run(kind: RunKind, command: &[&str]) -> Environment {
    Environment {
        version: 1,
        command: command.iter().map(|&word| Bytes::from(word)).collect(),
        kind,
        exit: Some(0),
        packages: Vec::new(),
        unresolved: Vec::new(),
        missing: Vec::new(),
        network: Vec::new(),
        gaps: Vec::new(),
    }
}

/// The words in which the tests tell what a run used.
pub(crate) trait Tell: Sized {
    /// It needs `attr` (or `attr^output`) as that, for this reason.
    fn needs(self, role: Role, attr: &str, because: &str) -> Self;
    /// The package named last comes with `by` already.
    fn implied_by(self, by: &str) -> Self;
    /// A file of which the package is not certain.
    fn unresolved(self, path: impl Into<Bytes>, why: &str, candidates: &[&str]) -> Self;
    /// A thing that was not found.
    fn missing(self, name: &str, why: &str, candidates: &[&str]) -> Self;
    /// Something that could not be seen.
    fn gap(self, detail: &str, count: u64) -> Self;
    /// How the command ended.
    fn ended(self, status: u8) -> Self;
}

impl Tell for Environment {
    fn needs(mut self, role: Role, attr: &str, because: &str) -> Self {
        let (attr, output) = attr.split_once('^').unwrap_or((attr, "out"));
        self.packages.push(Package {
            attr: AttrPath::new(attr).unwrap(),
            output: Output(output.to_owned()),
            role,
            implied: None,
            score: 0.97,
            because: vec![because.to_owned()],
        });
        self
    }

    fn implied_by(mut self, by: &str) -> Self {
        self.packages.last_mut().unwrap().implied = Some(by.to_owned());
        self
    }

    fn unresolved(mut self, path: impl Into<Bytes>, why: &str, candidates: &[&str]) -> Self {
        self.unresolved.push(Unresolved {
            path: path.into(),
            why: why.to_owned(),
            candidates: scored(candidates),
        });
        self
    }

    fn missing(mut self, name: &str, why: &str, candidates: &[&str]) -> Self {
        self.missing.push(Missing {
            name: Bytes::from(name),
            why: why.to_owned(),
            candidates: scored(candidates),
        });
        self
    }

    fn gap(mut self, detail: &str, count: u64) -> Self {
        self.gaps.push(GapNote {
            kind: GapKind::IoUring,
            detail: detail.to_owned(),
            count,
        });
        self
    }

    fn ended(mut self, status: u8) -> Self {
        self.exit = Some(status);
        self
    }
}

fn scored(attrs: &[&str]) -> Vec<Scored> {
    attrs
        .iter()
        .map(|&attr| Scored {
            attr: AttrPath::new(attr).unwrap(),
            output: Output::default(),
            score: 0.4,
            because: Vec::new(),
        })
        .collect()
}

/// `nix-instantiate` with a store of its own in a temporary directory.
pub(crate) struct Nix(tempfile::TempDir);

impl Nix {
    /// None, with a word on standard error, where Nix is not installed. In CI nothing is skipped.
    pub(crate) fn installed() -> Option<Self> {
        let answers = Command::new("nix-instantiate").arg("--version").output();
        if answers.is_ok_and(|output| output.status.success()) {
            return Some(Self(tempfile::tempdir().unwrap()));
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "nix-instantiate (Debian: nix-bin) is needed here"
        );
        eprintln!("skipped: nix-instantiate (Debian: nix-bin) is not installed");
        None
    }

    /// Runs `nix-instantiate` on a file with that text; what it printed, or its complaint.
    pub(crate) fn instantiate(&self, arguments: &[&str], source: &str) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new_in(&self.0).unwrap();
        std::fs::write(&file, source).unwrap();
        let home = |name: &str| self.0.path().join(name);
        let output = Command::new("nix-instantiate")
            .args(arguments)
            .arg(file.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home("home"))
            .env("NIX_STORE_DIR", home("store"))
            .env("NIX_STATE_DIR", home("state"))
            .env("NIX_LOG_DIR", home("log"))
            .env("NIX_CONF_DIR", home("conf"))
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// The syntax tree, as text.
    pub(crate) fn parse(&self, source: &str) -> Result<String, String> {
        self.instantiate(&["--parse"], source)
    }

    /// The derivation that the expression is for the stub package set.
    pub(crate) fn derivation(&self, source: &str) -> Result<String, String> {
        let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nix/stub.nix");
        let pkgs = format!(
            "import {} {{ config = {{ }}; overlays = [ ]; }}",
            stub.display()
        );
        self.instantiate(&["--arg", "pkgs", &pkgs], source)
    }
}
