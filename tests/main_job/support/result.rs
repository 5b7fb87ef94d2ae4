//! The machine-readable result (`-f json`), as the documentation promises it.

use serde::Deserialize;
use std::collections::BTreeSet;

/// What `-f json` writes. Fields that are not promised are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    pub(crate) command: Vec<String>,
    pub(crate) kind: String,
    pub(crate) packages: Vec<Package>,
    pub(crate) unresolved: Vec<Unresolved>,
    pub(crate) missing: Vec<serde_json::Value>,
    #[allow(dead_code, reason = "promised, so its absence fails the reading")]
    pub(crate) network: Vec<serde_json::Value>,
    pub(crate) gaps: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) attr: String,
    pub(crate) output: String,
    pub(crate) role: String,
    pub(crate) implied: Option<String>,
    pub(crate) because: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unresolved {
    pub(crate) path: String,
    pub(crate) why: String,
    #[allow(dead_code, reason = "promised, so its absence fails the reading")]
    pub(crate) candidates: Vec<serde_json::Value>,
}

impl Report {
    /// The packages that are to be listed, as `role attribute`.
    pub(crate) fn listed(&self) -> BTreeSet<String> {
        self.packages
            .iter()
            .filter(|package| package.implied.is_none())
            .map(|package| format!("{} {}", package.role, package.attr))
            .collect()
    }

    /// Those who imply the attribute; none when it is not there or is listed.
    pub(crate) fn implied_by(&self, attr: &str) -> BTreeSet<&str> {
        self.packages
            .iter()
            .filter(|package| package.attr == attr)
            .filter_map(|package| package.implied.as_deref())
            .collect()
    }
}
