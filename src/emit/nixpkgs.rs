//! Where an expression takes nixpkgs from.

use super::home::Home;
use super::nix::{Comment, Expression, NixText, WIDTH};
use super::{Comments, Error};
use crate::trace::Bytes;
use minijinja::{Value, context};
use serde_json::Value as JsonValue;
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
    /// What npins or niv pins under the name `nixpkgs`.
    Sources {
        /// The file or directory to import, which gives the pins by name.
        import: Bytes,
        /// The same as a tarball, for a flake.
        tarball: Option<(String, Option<String>)>,
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
            Some(pin) if pinned_revision(pin).is_some() => {
                let (revision, hash) = pinned_revision(pin).unwrap_or((pin, ""));
                Self::revision(revision, Some(hash.to_owned()))
            }
            Some(revision) if revision != "." && revision != ".." && is_git_name(revision) => {
                Self::revision(revision, None)
            }
            _ => Self::Path(Bytes::from(words)),
        }
    }

    /// The nixpkgs that a flake.lock pins: the input called so, or the only one of that repository.
    pub fn from_flake_lock(text: &[u8]) -> Option<Self> {
        let lock: JsonValue = serde_json::from_slice(text).ok()?;
        let nodes = lock.get("nodes")?.as_object()?;
        let root = lock.get("root")?.as_str()?;
        let inputs = nodes.get(root)?.get("inputs")?.as_object()?;
        // An input that follows another one is a list of names.
        let name = match inputs.get("nixpkgs")? {
            JsonValue::String(name) => name.as_str(),
            _ => "nixpkgs",
        };
        let locked = nodes.get(name)?.get("locked")?;
        let text = |key: &str| locked.get(key)?.as_str().map(str::to_owned);
        let hash = text("narHash");
        match text("type")?.as_str() {
            "github" => {
                let (owner, repo, rev) = (text("owner")?, text("repo")?, text("rev")?);
                Some(Self::Tarball {
                    url: format!("https://github.com/{owner}/{repo}/archive/{rev}.tar.gz"),
                    sha256: hash,
                })
            }
            "tarball" => Some(Self::Tarball {
                url: text("url")?,
                sha256: hash,
            }),
            _ => None,
        }
    }

    /// The nixpkgs that a `sources.json` of npins or niv pins; `import` is what gives the pins.
    pub fn from_sources(text: &[u8], import: Bytes) -> Option<Self> {
        let sources: JsonValue = serde_json::from_slice(text).ok()?;
        let pins = sources.get("pins").unwrap_or(&sources);
        let pin = pins.get("nixpkgs")?;
        let text = |key: &str| Some(pin.get(key)?.as_str()?.to_owned());
        let tarball = text("url").map(|url| (url, text("hash").or_else(|| text("sha256"))));
        Some(Self::Sources { import, tarball })
    }

    /// What `arguments.nix.jinja` needs to know.
    ///
    /// `unfree` is a predicate for the unfree packages that may be built; without one the
    /// configuration is empty.
    pub(super) fn for_template(
        &self,
        comments: Comments,
        home: &Home,
        unfree: Option<NixText>,
    ) -> Result<Value, Error> {
        let config = Value::from_object(match unfree {
            None => NixText::constant("config = { };"),
            Some(predicate) => {
                NixText::joined("config.allowUnfreePredicate = ", &predicate).ended()
            }
        });
        let comment = match comments {
            Comments::Evidence => self.advice(),
            Comments::None => None,
        }
        .map(|comment| Value::from_object(NixText::comment(&comment)));
        let text = Value::from_object;
        Ok(match self {
            Self::SearchPath => {
                context! { config, comment, source => text(NixText::constant("<nixpkgs>")) }
            }
            Self::Argument => context! { config },
            Self::Path(path) | Self::Sources { import: path, .. } if !NixText::can_spell(path) => {
                return Err(Error::NixpkgsPath(path.clone()));
            }
            Self::Sources { import, .. } => {
                let import = NixText::path(&home.path(import));
                context! { config, source => text(NixText::pin_of(&import)) }
            }
            Self::Path(path) => {
                context! { config, source => text(NixText::path(&home.path(path))) }
            }
            Self::Tarball { url, sha256 } => {
                let url = NixText::string(url.as_bytes());
                let fetched = fetched(&url);
                let line = "pkgs ? import  {".len() + fetched.as_str().chars().count();
                match sha256 {
                    None if line <= WIDTH => context! { config, comment, source => text(fetched) },
                    None => context! { config, comment, url => text(url) },
                    Some(hash) => context! {
                        config,
                        url => text(url),
                        sha256 => text(NixText::string(hash.as_bytes())),
                    },
                }
            }
        })
    }

    /// The reference for a flake's input, and what a reader should know about one without a pin.
    pub(super) fn flake_reference(
        &self,
        home: &Home,
    ) -> Result<(NixText, Option<&'static str>), Error> {
        const ADVICE: &str =
            "The nixpkgs of your registry, until a lock says more; `--nixpkgs REVISION` pins one.";
        Ok(match self {
            Self::SearchPath | Self::Argument => {
                (NixText::constant("\"flake:nixpkgs\""), Some(ADVICE))
            }
            Self::Path(path) if !NixText::can_spell(path) => {
                return Err(Error::NixpkgsPath(path.clone()));
            }
            Self::Sources { tarball, .. } => match tarball {
                Some((url, sha256)) => {
                    let (url, sha256) = (url.clone(), sha256.clone());
                    return Self::Tarball { url, sha256 }.flake_reference(home);
                }
                None => (NixText::constant("\"flake:nixpkgs\""), Some(ADVICE)),
            },
            Self::Path(path) => {
                let shown = home.path(path);
                let advice = (shown != path.as_bytes()).then_some(
                    "TODO nixtrace: a flake knows no home directory; give the whole path",
                );
                (
                    NixText::string(&[b"path:", shown.as_slice()].concat()),
                    advice,
                )
            }
            Self::Tarball { url, sha256 } => {
                let revision = url
                    .strip_prefix("https://github.com/NixOS/nixpkgs/archive/")
                    .and_then(|rest| rest.strip_suffix(".tar.gz"));
                let mut reference = match revision {
                    Some(revision) => format!("github:NixOS/nixpkgs/{revision}"),
                    None => url.clone(),
                };
                if let Some(hash) = sha256.as_ref().filter(|hash| hash.starts_with("sha256-")) {
                    let sign = if reference.contains('?') { '&' } else { '?' };
                    reference.push(sign);
                    reference.push_str("narHash=");
                    reference.push_str(&in_query(hash));
                }
                (NixText::string(reference.as_bytes()), None)
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
            Self::Argument | Self::Path(_) | Self::Sources { .. } | Self::Tarball { .. } => None,
        }
    }
}

/// `(fetchTarball "…")`
fn fetched(url: &NixText) -> NixText {
    let call = Expression::Apply(NixText::constant("fetchTarball"), vec![url.clone().into()]);
    Expression::Parenthesised(Box::new(call)).source(0)
}

/// A revision and the hash of its tarball, as `REVISION#sha256-…`.
fn pinned_revision(text: &str) -> Option<(&str, &str)> {
    let (revision, hash) = text.split_once('#')?;
    let is_hash = hash.len() > "sha256-".len()
        && hash
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-:".contains(&byte));
    (is_git_name(revision) && is_hash).then_some((revision, hash))
}

/// The text as a value in the query of a URL.
fn in_query(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn is_git_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
