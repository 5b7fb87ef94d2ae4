//! Where an expression takes nixpkgs from.

use super::home::Home;
use super::nix::{Comment, Expression, NixText, WIDTH};
use super::{Comments, Error};
use crate::trace::Bytes;
use minijinja::{Value, context};
use std::ffi::OsStr;

/// Where `pkgs` comes from in a file that is used on its own. A pin is written as it was given;
/// none is ever made up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nixpkgs {
    /// An argument whose default is the nixpkgs of the reader's search path (`NIX_PATH`), and a
    /// comment on how to pin. This is what a file gets when no pin is known: `nix-shell` works at
    /// once, and `--arg pkgs` or `callPackage` can still say which nixpkgs is meant.
    #[default]
    SearchPath,
    /// An argument without a default: the caller has to say which nixpkgs is meant.
    Argument,
    /// A nixpkgs on this machine; relative paths are relative to the file that is written, and one
    /// below the home directory is written as `~/…`.
    Path(Bytes),
    /// A tarball of nixpkgs.
    Tarball {
        /// Where it is.
        url: String,
        /// The hash of its unpacked content, as `fetchTarball` wants it (SRI or base 32); without
        /// one Nix fetches what the URL gives at the time.
        sha256: Option<String>,
    },
}

impl Nixpkgs {
    /// A revision of NixOS/nixpkgs, and the hash of its unpacked tarball if it is known (the
    /// `narHash` of a flake.lock is that hash).
    pub fn revision(revision: &str, sha256: Option<String>) -> Self {
        Self::Tarball {
            url: format!("https://github.com/NixOS/nixpkgs/archive/{revision}.tar.gz"),
            sha256,
        }
    }

    /// Reads what a person says on the command line: `argument`, `<nixpkgs>`, the URL of a tarball,
    /// a path (anything with a slash), or else a revision, branch or tag of NixOS/nixpkgs.
    pub fn from_words(words: &OsStr) -> Self {
        match words.to_str() {
            Some("argument") => Self::Argument,
            Some("<nixpkgs>") => Self::SearchPath,
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                Self::Tarball {
                    url: url.to_owned(),
                    sha256: None,
                }
            }
            Some(revision) if revision != "." && revision != ".." && is_git_name(revision) => {
                Self::revision(revision, None)
            }
            _ => Self::Path(Bytes::from(words)),
        }
    }

    /// What `arguments.nix.jinja` needs to know.
    pub(super) fn for_template(&self, comments: Comments, home: &Home) -> Result<Value, Error> {
        let comment = match comments {
            Comments::Evidence => self.advice(),
            Comments::None => None,
        }
        .map(|comment| Value::from_object(NixText::comment(&comment)));
        let text = Value::from_object;
        Ok(match self {
            Self::SearchPath => {
                context! { comment, source => text(NixText::constant("<nixpkgs>")) }
            }
            Self::Argument => context! {},
            Self::Path(path) if !NixText::can_spell(path) => {
                return Err(Error::NixpkgsPath(path.clone()));
            }
            Self::Path(path) => context! { source => text(NixText::path(&home.path(path))) },
            Self::Tarball { url, sha256 } => {
                let url = NixText::string(url.as_bytes());
                let fetched = fetched(&url);
                let line = "pkgs ? import  {".len() + fetched.as_str().chars().count();
                match sha256 {
                    None if line <= WIDTH => context! { comment, source => text(fetched) },
                    None => context! { comment, url => text(url) },
                    Some(hash) => context! {
                        url => text(url),
                        sha256 => text(NixText::string(hash.as_bytes())),
                    },
                }
            }
        })
    }

    /// What a reader should know about a file without a full pin.
    fn advice(&self) -> Option<Comment> {
        match self {
            Self::SearchPath => Comment::new(
                "The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one.",
            ),
            Self::Tarball { sha256: None, .. } => Comment::new(
                "Not pinned by a hash: `nix-prefetch-url --unpack` prints the one to give `sha256`.",
            ),
            Self::Argument | Self::Path(_) | Self::Tarball { .. } => None,
        }
    }
}

/// `(fetchTarball "…")`
fn fetched(url: &NixText) -> NixText {
    let call = Expression::Apply(NixText::constant("fetchTarball"), vec![url.clone().into()]);
    Expression::Parenthesised(Box::new(call)).source(0)
}

fn is_git_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
