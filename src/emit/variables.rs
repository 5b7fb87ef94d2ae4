//! Variables of the environment: those of which there is evidence, and those that lead a program to
//! data which nixpkgs keeps elsewhere than the host does.

use super::evidence::Evidence;
use super::nix::{Comment, Entry, NixText};
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
    /// Whether only the caller wants it.
    is_personal: bool,
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
                    is_personal: false,
                },
            );
        }
    }
    for variable in &environment.surroundings.variables {
        if variable.value.is_none() && variable.name == "LOCALE_ARCHIVE" {
            let value = Value::Place(evidence.scope.known(LOCALES.0), LOCALES.1);
            let comment = evidence.remark(&variable.because);
            let of_data = Variable {
                value,
                comment,
                is_personal: false,
            };
            found.insert(variable.name.clone(), of_data);
        }
    }
    found.extend(texts(evidence));
    found
}

/// Those of them that belong into a package.
pub(crate) fn of_package(evidence: &Evidence<'_>) -> BTreeMap<String, Variable> {
    let mut variables = variables(evidence);
    variables.retain(|_, variable| !variable.is_personal);
    variables
}

/// Those of them that are text, and no place in a package either.
pub(crate) fn texts_of_package(evidence: &Evidence<'_>) -> BTreeMap<String, Variable> {
    let mut texts = texts(evidence);
    texts.retain(|_, variable| !variable.is_personal);
    texts
}

/// Those that are text, and no place in a package.
fn texts(evidence: &Evidence<'_>) -> BTreeMap<String, Variable> {
    let variables = evidence.environment.surroundings.variables.iter();
    variables
        .filter_map(|variable| {
            let value = variable.value.as_ref();
            let value = value.filter(|value| is_told(evidence, value))?;
            let variable_of = Variable {
                value: Value::Text(value.clone()),
                comment: evidence.remark(&variable.because),
                is_personal: variable.is_personal,
            };
            Some((variable.name.clone(), variable_of))
        })
        .collect()
}

/// Each as a binding of its name, with the evidence beside it.
pub(crate) fn entries(variables: BTreeMap<String, Variable>) -> Vec<Entry> {
    variables
        .into_iter()
        .map(|(name, variable)| {
            Entry::named(NixText::attribute(&name), variable.value.text().into())
                .noted(variable.comment)
        })
        .collect()
}

/// What a person has to decide about variables that were set.
pub(crate) fn unset(evidence: &Evidence<'_>) -> Vec<Comment> {
    let variables = &evidence.environment.surroundings.variables;
    variables
        .iter()
        .filter_map(|variable| Some((&variable.name, variable.value.as_ref()?)))
        .filter(|(_, value)| !is_told(evidence, value))
        .filter_map(|(name, value)| {
            let why = match NixText::can_spell(value) {
                true => "which is a place of this machine",
                false => "which is not UTF-8",
            };
            let value = evidence.home.shown(value);
            Comment::new(&format!("TODO nixtrace: {name}={value} was set, {why}"))
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
    NixText::can_spell(value) && !evidence.home.is_named_in(value)
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
