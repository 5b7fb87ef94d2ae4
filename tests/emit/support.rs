//! Environments in few words.

use crate::nix::Nix;
use crate::stub::stub;
use nixtrace::emit::{Environment, GapNote, Missing, Package, Role, RunKind, Unresolved};
use nixtrace::resolve::{AttrPath, Output, Scored};
use nixtrace::trace::{Bytes, GapKind};

/// A run of the command that used nothing yet.
pub(crate) fn run(kind: RunKind, command: &[&str]) -> Environment {
    let command = command.iter().map(|&word| Bytes::from(word)).collect();
    Environment {
        exit: Some(0),
        directory: "/home/me/project".into(),
        architecture: "x86_64".to_owned(),
        ..Environment::new(kind, command)
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
            uses: Vec::new(),
            origin: None,
            forced: None,
            version: None,
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
            origin: None,
            forced: None,
            features: Vec::new(),
        })
        .collect()
}

/// The derivation that a file is for the stub package set, as Nix names it.
pub(crate) fn derivation(nix: &Nix, source: &str) -> Result<String, String> {
    let pkgs = format!("import {} {{ config = {{ }}; overlays = [ ]; }}", stub());
    nix.instantiate(&["--arg", "pkgs", &pkgs], source)
}

/// The syntax tree, as text.
pub(crate) fn parse(nix: &Nix, source: &str) -> Result<String, String> {
    nix.instantiate(&["--parse"], source)
}
