//! Nix's evaluator for tests, with a store of its own that touches nothing of the machine.

use std::process::Command;

/// `nix-instantiate` in a temporary directory.
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
        let output = self
            .command("nix-instantiate")
            .args(arguments)
            .arg(file.path())
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// One of Nix's programs, with an environment of its own.
    pub(crate) fn command(&self, program: &str) -> Command {
        let own = |name: &str| self.0.path().join(name);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", own("home"))
            .env("NIX_STORE_DIR", own("store"))
            .env("NIX_STATE_DIR", own("state"))
            .env("NIX_LOG_DIR", own("log"))
            .env("NIX_CONF_DIR", own("conf"));
        command
    }
}
