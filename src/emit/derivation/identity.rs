//! What a package is called: names that nixpkgs accepts, made from whatever a file was called.

use crate::emit::Environment;
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::graph::subject::{Product, SubjectForm};
use bstr::ByteSlice;

/// Name and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `pname`: no capitals, nothing that a store path cannot have.
    pub(crate) pname: String,
    /// The version, if one is known.
    pub(crate) version: Option<String>,
    /// The name of the program that it has in `bin/`, if one is known.
    pub(crate) program: Option<Vec<u8>>,
}

impl Identity {
    /// What the run's subject is called.
    pub(crate) fn of(environment: &Environment) -> Self {
        let subject = &environment.subject;
        let pname = match &subject.form {
            // Not to be taken for the command itself, which has that name in nixpkgs.
            SubjectForm::Installed => format!("run-{}", pname(&subject.name)),
            _ => pname(&subject.name),
        };
        let program = match &subject.form {
            SubjectForm::Project { products, .. } => products
                .iter()
                .filter(|product| !product.library)
                .min_by_key(|product| remoteness(product, &subject.name))
                .map(|product| file_name(&product.path).to_vec()),
            SubjectForm::Program(_) => {
                let file = file_name(subject.file.as_ref().unwrap_or(&subject.name));
                // What unpacks an AppImage calls the program by the package's name.
                match file.to_ascii_lowercase().ends_with(b".appimage") {
                    true => Some(pname.clone().into_bytes()),
                    false => Some(file.to_vec()),
                }
            }
            SubjectForm::Script { .. } | SubjectForm::Installed => Some(pname.clone().into_bytes()),
        };
        Self {
            pname,
            version: subject.version.clone(),
            program,
        }
    }

    /// The name of its program for `meta.mainProgram`, where Nix can spell it.
    pub(crate) fn main_program(&self) -> Option<NixText> {
        let program = self.program.as_deref()?;
        NixText::can_spell(program).then(|| NixText::string(program))
    }

    /// `pname` and `version`.
    ///
    /// nixpkgs calls what has no release `0-unstable-` and the day of the commit. No day was seen,
    /// and none that this machine knows (of a file, of today) would be that one: so the version is
    /// `0`, which sorts before every other, until somebody says more.
    pub(super) fn entry(&self) -> Entry {
        let version = self.version.as_deref().unwrap_or("0");
        let todo = match &self.version {
            None => Comment::new("TODO nixtrace: no version was seen"),
            Some(_) => None,
        };
        Entry::Together(vec![
            Entry::binding("pname", NixText::string(self.pname.as_bytes()).into()),
            Entry::binding(
                "version",
                Expression::from(NixText::string(version.as_bytes())),
            )
            .noted(todo),
        ])
    }
}

/// How unlikely a program is what a project is for. That is the one of its name, or one that was
/// installed, or one that the build had no use for itself; tests and what only tries the compiler
/// (Cargo's build scripts, Meson's checks) lie deeper in the tree than what is to be found there.
fn remoteness<'a>(product: &'a Product, project: &[u8]) -> impl Ord + use<'a> {
    let path = product.path.as_bytes();
    let place = path.rsplit_once_str("/").map(|(directory, _)| directory);
    let is_installed = place.is_some_and(|it| matches!(file_name(it), b"bin" | b"sbin"));
    let depth = path.find_iter("/").count();
    (
        file_name(path) != project,
        !is_installed,
        product.helper,
        depth,
        path,
    )
}

pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit_str("/").next().unwrap_or(path)
}

/// A name as nixpkgs wants it: lower case, and only what a store path can hold. A dot at the start
/// would make a hidden store path, which Nix refuses.
fn pname(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        match byte {
            b'A'..=b'Z' => text.push(char::from(byte.to_ascii_lowercase())),
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'+' | b'.' => text.push(char::from(*byte)),
            _ if !text.is_empty() && !text.ends_with('-') => text.push('-'),
            _ => {}
        }
    }
    let text = text.trim_matches(['-', '.', '+', '_']);
    match text.char_indices().nth(60) {
        _ if text.is_empty() => "program".to_owned(),
        None => text.to_owned(),
        Some((end, _)) => text[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_program_has_the_projects_name_or_was_installed_or_lies_on_top() {
        // The build itself runs what is called `make-…`.
        let main = |paths: &[&str]| {
            let products = paths.iter().map(|&path| Product {
                path: path.into(),
                library: false,
                helper: path.contains("make-"),
            });
            let mut products: Vec<Product> = products.collect();
            products.sort_by(|a, b| remoteness(a, b"acme").cmp(&remoteness(b, b"acme")));
            products[0].path.to_string()
        };
        assert_eq!(main(&["a", "src/acme", "bin/b"]), "src/acme");
        assert_eq!(
            main(&["lib/make-table", "/tmp/d/usr/bin/tool", "src/tool"]),
            "/tmp/d/usr/bin/tool"
        );
        assert_eq!(main(&["make-table", "src/tool"]), "src/tool");
        let cargo = "target/release/build/acme-1f/build-script-build";
        assert_eq!(main(&[cargo, "target/release/ac"]), "target/release/ac");
        let meson = "build/meson-private/sanitycheckc.exe";
        assert_eq!(main(&[meson, "build/tool"]), "build/tool");
    }

    #[test]
    fn a_name_is_made_one_that_a_store_path_can_have() {
        assert_eq!(pname(b"Acme Viewer"), "acme-viewer");
        assert_eq!(pname(b".hidden"), "hidden");
        assert_eq!(pname(b"a\n\"${b}\xff"), "a-b");
        assert_eq!(pname("\u{202e}".as_bytes()), "program");
        assert_eq!(pname(b"7zz"), "7zz");
    }
}
