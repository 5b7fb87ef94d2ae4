//! Where an expression takes nixpkgs from.

use super::Error;
use super::nix::{Comment, Expression, NixText, WIDTH};
use crate::trace::Bytes;
use minijinja::{Value, context};

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
    /// A nixpkgs on this machine; relative paths are relative to the file that is written.
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

    /// What `arguments.nix.jinja` needs to know.
    pub(super) fn for_template(&self) -> Result<Value, Error> {
        let text = Value::from_object;
        Ok(match self {
            Self::SearchPath => context! {
                comment => comment("The nixpkgs of your NIX_PATH; give nixtrace `--nixpkgs REVISION` to pin one."),
                source => text(NixText::constant("<nixpkgs>")),
            },
            Self::Argument => context! {},
            Self::Path(path) if !NixText::can_spell(path) => {
                return Err(Error::NixpkgsPath(path.clone()));
            }
            Self::Path(path) => context! { source => text(NixText::path(path)) },
            Self::Tarball { url, sha256 } => tarball(url, sha256.as_deref()),
        })
    }
}

fn comment(text: &str) -> Option<Value> {
    Some(Value::from_object(NixText::comment(&Comment::new(text)?)))
}

fn tarball(url: &str, sha256: Option<&str>) -> Value {
    let url = NixText::string(url.as_bytes());
    let comment = match sha256 {
        Some(_) => None,
        None => comment(
            "Not pinned by a hash: `nix-prefetch-url --unpack` prints the one to give `sha256`.",
        ),
    };
    let short = Expression::Parenthesised(Box::new(Expression::Apply(
        NixText::constant("fetchTarball"),
        vec![url.clone().into()],
    )))
    .source(0);
    let line = "  pkgs ? import  {".len() + short.as_str().chars().count();
    if sha256.is_none() && line <= WIDTH {
        context! { comment, source => Value::from_object(short) }
    } else {
        context! {
            comment,
            url => Value::from_object(url),
            sha256 => sha256.map(|hash| Value::from_object(NixText::string(hash.as_bytes()))),
        }
    }
}
