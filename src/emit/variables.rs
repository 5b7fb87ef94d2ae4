//! Variables of the environment: those of which there is evidence, and those that lead a program to
//! data which nixpkgs keeps elsewhere than the host does.

use super::evidence::Evidence;
use super::nix::{Comment, NixText};
use super::{Package, Role};
use crate::trace::Bytes;
use std::collections::BTreeMap;

/// What a variable is set to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// This text.
    Text(Bytes),
    /// A place in a package: the package, and the path below it.
    Place(NixText, &'static str),
}

/// A variable to set.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) value: Value,
    /// The evidence, where reasons are wanted.
    pub(crate) comment: Option<Comment>,
}

/// Data that is found through a variable: the attribute that has it, the variable, the path.
const PLACES: &[(&str, &str, &str)] = &[
    ("cacert", "SSL_CERT_FILE", "/etc/ssl/certs/ca-bundle.crt"),
    ("ncurses", "TERMINFO_DIRS", "/share/terminfo"),
    ("tzdata", "TZDIR", "/share/zoneinfo"),
];

/// Where the locales are that glibc of nixpkgs does not bring.
const LOCALES: (&str, &str) = ("glibcLocales", "/lib/locale/locale-archive");

/// The variables, by name. One whose value would tell the home directory, or that Nix cannot spell,
/// is left to [`unset`].
pub(crate) fn variables(evidence: &Evidence<'_>) -> BTreeMap<String, Variable> {
    let environment = evidence.environment;
    let mut found = BTreeMap::new();
    for package in &environment.packages {
        if let Some((name, path)) = place(package) {
            let reason = package.because.first().map_or("", String::as_str);
            found.insert(
                name.to_owned(),
                Variable {
                    value: Value::Place(evidence.scope.package(&package.attr), path),
                    comment: evidence.remark(reason),
                },
            );
        }
    }
    for variable in &environment.surroundings.variables {
        let value = match &variable.value {
            Some(value) if is_told(evidence, value) => Value::Text(value.clone()),
            None if variable.name == "LOCALE_ARCHIVE" => {
                Value::Place(evidence.scope.known(LOCALES.0), LOCALES.1)
            }
            _ => continue,
        };
        found.insert(
            variable.name.clone(),
            Variable {
                value,
                comment: evidence.remark(&variable.because),
            },
        );
    }
    found
}

/// What a person has to decide about variables that were set.
pub(crate) fn unset(evidence: &Evidence<'_>) -> Vec<Comment> {
    let variables = &evidence.environment.surroundings.variables;
    variables
        .iter()
        .filter_map(|variable| Some((&variable.name, variable.value.as_ref()?)))
        .filter(|(_, value)| !is_told(evidence, value))
        .filter_map(|(name, value)| {
            let value = evidence.home.shown(value);
            Comment::new(&format!(
                "TODO nixtrace: {name}={value} was set, which is a place of this machine"
            ))
        })
        .collect()
}

/// Whether the package is found through a variable.
pub(crate) fn place(package: &Package) -> Option<(&'static str, &'static str)> {
    let is_nixpkgs_data = package.role == Role::Data && package.origin.is_none();
    if !is_nixpkgs_data || package.implied.is_some() {
        return None;
    }
    PLACES
        .iter()
        .find(|(attr, _, _)| package.attr.as_str() == *attr)
        .map(|(_, name, path)| (*name, *path))
}

fn is_told(evidence: &Evidence<'_>, value: &Bytes) -> bool {
    let shown = evidence.home.shown(value);
    NixText::can_spell(value) && shown.as_bytes() == value.as_bytes()
}

impl Value {
    /// `NAME=value`, as a string of Nix.
    pub(crate) fn assignment(&self, name: &str) -> NixText {
        match self {
            Self::Text(bytes) => {
                NixText::string(&[name.as_bytes(), b"=", bytes.as_bytes()].concat())
            }
            Self::Place(package, path) => NixText::assignment(name, package, path),
        }
    }

    /// The value as a string of Nix.
    pub(crate) fn text(&self) -> NixText {
        match self {
            Self::Text(bytes) => NixText::string(bytes),
            Self::Place(package, path) => NixText::interpolated(package, path),
        }
    }
}
