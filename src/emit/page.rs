//! What all files that are written have in common: whose words they use, and their first lines.

use super::derivation::{Derivation, Identity, Ingredients, Parts};
use super::evidence::Evidence;
use super::home::Home;
use super::nix::{Comment, Expression, NixText};
use super::scope::Scope;
use super::{Comments, Environment, Error, Options, remarks};
use crate::graph::subject::SubjectForm;
use crate::trace::Bytes;
use minijinja::Value;

/// A file in the making.
pub(crate) struct Page<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) options: &'a Options,
    pub(crate) home: Home,
}

impl<'a> Page<'a> {
    pub(crate) fn new(environment: &'a Environment, options: &'a Options) -> Self {
        Self {
            environment,
            options,
            home: Home::new(options.home.as_ref()),
        }
    }

    /// How the file speaks of packages.
    pub(crate) fn evidence<'b>(&'b self, scope: &'b Scope) -> Evidence<'b> {
        Evidence {
            environment: self.environment,
            comments: self.options.comments,
            home: &self.home,
            scope,
            directory: self.directory(),
        }
    }

    /// What the run was of, by name.
    pub(crate) fn identity(&self) -> Identity {
        Identity::of(self.environment)
    }

    /// The directory of the file.
    pub(crate) fn directory(&self) -> &Bytes {
        let given = self.options.directory.as_ref();
        given.unwrap_or(&self.environment.directory)
    }

    /// The derivation, with packages named so.
    pub(crate) fn derivation(&self, scope: &Scope) -> Expression {
        let evidence = self.evidence(scope);
        Derivation::of(&Ingredients {
            evidence: &evidence,
            identity: self.identity(),
            parts: Parts::of(self.environment),
        })
        .expression()
    }

    /// Whether the package is a program without sources, which nixpkgs builds only when asked to.
    pub(crate) fn is_unfree(&self) -> bool {
        matches!(self.environment.subject.form, SubjectForm::Program(_))
    }

    /// What leads from nixpkgs to the packages of the program's own kind: nothing, unless it is not the
    /// machine's.
    pub(crate) fn set(&self) -> NixText {
        NixText::constant(match self.environment.subject.is_i386() {
            true => ".pkgsi686Linux",
            false => "",
        })
    }

    /// The attribute that the package is to have: its name, unless it takes a package of that name
    /// itself.
    pub(crate) fn attribute(&self) -> NixText {
        let pname = self.identity().pname;
        let is_taken = self
            .environment
            .packages
            .iter()
            .any(|package| package.attr.as_str() == pname);
        match is_taken {
            true => NixText::attribute(&format!("local-{pname}")),
            false => NixText::attribute(&pname),
        }
    }

    /// The function that lets nixpkgs build this one unfree package.
    pub(crate) fn unfree_predicate(&self) -> Option<NixText> {
        self.is_unfree().then(|| {
            let pname = self.identity().pname;
            NixText::is_called(&NixText::string(pname.as_bytes()))
        })
    }

    /// Where nixpkgs comes from in a file that builds the package.
    pub(crate) fn nixpkgs(&self) -> Result<Value, Error> {
        let options = self.options;
        let unfree = self.unfree_predicate();
        options
            .nixpkgs
            .for_template(options.comments, &self.home, unfree)
    }

    /// A remark of our own for an entry.
    pub(crate) fn comment(&self, remark: &str) -> Option<Comment> {
        match self.options.comments {
            Comments::None => None,
            Comments::Evidence => Comment::new(remark),
        }
    }

    /// The lines above the expression.
    pub(crate) fn header(&self) -> Value {
        let comments = match self.options.comments {
            Comments::None => Vec::new(),
            Comments::Evidence => remarks::header(self.environment, &self.home),
        };
        comments
            .iter()
            .map(|comment| text(NixText::comment(comment)))
            .collect()
    }

    /// `assert lib.versionAtLeast …;` for every listed package whose version was seen.
    pub(crate) fn assertions(&self, scope: &Scope) -> Value {
        let packages = self.environment.packages.iter();
        packages
            .filter(|package| self.options.assert_versions && package.implied.is_none())
            // What a person has pinned is of the version that it is.
            .filter(|package| package.origin.is_none())
            .filter_map(|package| {
                let version = NixText::string(package.version.as_deref()?.as_bytes());
                let at_least = scope.known("lib.versionAtLeast");
                let parts = package.attr.parts().chain(["version"]);
                Some(text(NixText::assertion(
                    &at_least,
                    &scope.parts(parts),
                    &version,
                )))
            })
            .collect()
    }

    /// What a person has to decide, above the expression.
    pub(crate) fn to_do(&self) -> Value {
        remarks::to_do(self.environment, &self.home)
            .into_iter()
            .flatten()
            .map(|(indent, comment)| text(NixText::comment_indented(&comment, indent)))
            .collect()
    }

    /// A remark of our own on a line of its own; undefined where reasons are not wanted.
    pub(crate) fn remark(&self, remark: &str) -> Value {
        match (self.options.comments, Comment::new(remark)) {
            (Comments::Evidence, Some(comment)) => text(NixText::comment(&comment)),
            _ => Value::UNDEFINED,
        }
    }
}

/// A slot's content.
pub(crate) fn text(text: NixText) -> Value {
    Value::from_object(text)
}
