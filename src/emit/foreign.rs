//! How an expression takes a package from where a pin says that it comes from: a file beside it, a
//! tarball, another nixpkgs, a flake.
//!
//! Each is written where the package is used, so that every format has it by way of `package.nix`
//! and `shell.nix`, and none needs an overlay to be in place first.

use super::home::Home;
use super::nix::{Entry, Expression, NixText};
use super::scope::Scope;
use crate::resolve::origin::Tarball;
use crate::resolve::{AttrPath, Origin, Output};
use crate::trace::Bytes;
use bstr::ByteSlice;

/// A package's origin, and where the expression stands.
pub(crate) struct Foreign<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) scope: &'a Scope,
    /// The directory of the file that is written, absolute.
    pub(crate) directory: &'a Bytes,
    pub(crate) home: &'a Home,
}

/// Package sets that can call a package with their own members.
const CALLING_SETS: [&str; 6] = ["python", "pypy", "perl", "lua", "haskell", "octave"];

impl Foreign<'_> {
    /// The package, or one of its outputs.
    pub(crate) fn package(&self, attr: &AttrPath, output: Option<&Output>) -> Expression {
        let parts: Vec<&str> = attr.parts().collect();
        let output = output.map(|Output(name)| name.as_str());
        self.taken(&parts, &|| self.scope.known("callPackage"), output)
    }

    /// The member of a language's package set, which is called `set`, and is `members` here if it is
    /// at hand.
    pub(crate) fn member(&self, set: &str, module: &str, members: Option<NixText>) -> Expression {
        let calls = CALLING_SETS.iter().any(|name| set.starts_with(name));
        let call = || match &members {
            Some(members) if calls => NixText::attribute_of(members, "callPackage"),
            _ => self.scope.known("callPackage"),
        };
        let parts: Vec<&str> = [set].into_iter().chain(module.split('.')).collect();
        self.taken(&parts, &call, None)
    }

    /// `call` asks for the function that calls a package, which not every origin needs.
    fn taken(
        &self,
        parts: &[&str],
        call: &dyn Fn() -> NixText,
        output: Option<&str>,
    ) -> Expression {
        let none = || Expression::from(NixText::constant("{ }"));
        let called = |function: Expression| {
            let package = Expression::Apply(call(), vec![function, none()]).parenthesised();
            match output {
                None => package,
                Some(output) => package.member(NixText::attribute(output)),
            }
        };
        let is_flat = parts.len() == 1;
        let parts = parts.iter().copied().chain(output);
        match self.origin {
            Origin::File(path) => called(NixText::path(&self.spelt(path.as_bytes())).into()),
            Origin::Tarball(tarball) => called(match &tarball.file {
                None => fetched(tarball).parenthesised(),
                Some(file) => {
                    let below = NixText::string(format!("/{file}").as_bytes());
                    Expression::Sum(Box::new(fetched(tarball)), below)
                }
            }),
            Origin::Nixpkgs(tarball) => {
                // A flake's evaluation knows no current system.
                let platform = match self.scope.has_arguments() {
                    true => "stdenv.hostPlatform",
                    false => "pkgs.stdenv.hostPlatform",
                };
                self.scope.known("stdenv");
                let settings = vec![
                    Entry::inherit(platform, &["system"]),
                    Entry::binding("config", none()),
                    Entry::binding("overlays", NixText::constant("[ ]").into()),
                ];
                let arguments = Expression::Set {
                    entries: settings,
                    spaced: false,
                };
                let nixpkgs = Expression::Apply(
                    NixText::constant("import"),
                    vec![fetched(tarball).parenthesised(), arguments],
                );
                nixpkgs
                    .parenthesised()
                    .member(NixText::attribute_path(parts))
            }
            Origin::Flake(reference) => {
                let flake = Expression::call(
                    NixText::constant("builtins.getFlake"),
                    NixText::string(reference.as_bytes()).into(),
                );
                // A flake's `packages` are one flat set; only `legacyPackages` has sets in it.
                let kind = match is_flat {
                    true => "packages",
                    false => "legacyPackages",
                };
                let system = match self.scope.has_arguments() {
                    true => "stdenv.hostPlatform.system",
                    false => "pkgs.stdenv.hostPlatform.system",
                };
                self.scope.known("stdenv");
                flake.parenthesised().member(NixText::flake_output(
                    kind,
                    system,
                    &NixText::attribute_path(parts),
                ))
            }
        }
    }

    /// The path as the file spells it: relative where both lie in one tree, which can move as a
    /// whole.
    fn spelt(&self, path: &[u8]) -> Vec<u8> {
        let components = |path| -> Vec<&[u8]> {
            let parts = ByteSlice::split_str(path, "/");
            parts.filter(|part| !part.is_empty()).collect()
        };
        let (from, to) = (components(self.directory.as_bytes()), components(path));
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let tree = [b"/", to[..common].join(&b'/').as_slice()].concat();
        if common == 0 || self.home.is_inside(&tree) {
            return self.home.path(path);
        }
        let up = std::iter::repeat_n(b"..".as_slice(), from.len() - common);
        let way: Vec<&[u8]> = up.chain(to[common..].iter().copied()).collect();
        way.join(&b'/')
    }
}

/// `fetchTarball { … }`
fn fetched(tarball: &Tarball) -> Expression {
    let string = |text: &str| NixText::string(text.as_bytes()).into();
    Expression::call(
        NixText::constant("fetchTarball"),
        Expression::Set {
            entries: vec![
                Entry::binding("url", string(&tarball.url)),
                Entry::binding("sha256", string(&tarball.sha256)),
            ],
            spaced: false,
        },
    )
}
