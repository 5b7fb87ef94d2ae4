//! From a used resource to nixpkgs attributes, ranked, with the reason.
//!
//! [`Source`]s answer a [`Query`] with [`Candidate`]s; [`rank`] orders them; below its threshold the
//! answer stays open and the candidates are shown. This floor never sees a process, and nothing in
//! it writes Nix.

pub mod candidate;
mod cross;
mod described;
pub mod directories;
pub mod distro;
pub mod forced;
mod heuristic;
mod host_only;
pub mod index;
mod installed;
mod kde;
mod lexicon;
pub mod minimal;
mod modules;
pub mod origin;
pub mod pins;
pub mod query;
pub mod rank;
mod resolver;
mod spelling;
pub mod store;
pub mod versions;

pub use crate::sqlite::SqliteError;
pub use candidate::{
    AttrPath, Basis, Candidate, Facts, FileForm, Output, Scored, Sign, SourceKind,
};
pub use described::Descriptions;
pub use distro::Manager;
pub use forced::ForcedRole;
pub use installed::InstalledPackage;
pub use lexicon::Lexicon;
pub use minimal::{Choice, Missing, Package, PackageUse, Unresolved};
pub use origin::Origin;
pub use query::{Kind, Query};
pub use resolver::Resolver;

/// Something that knows which attributes provide what.
pub trait Source {
    /// All attributes that this source can name for the query, in no particular order.
    fn candidates(&self, query: &Query) -> Vec<Candidate>;
}

/// What became of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution {
    /// The question.
    pub query: Query,
    /// What was decided.
    pub verdict: Verdict,
    /// The answer; none when no candidate is trusted enough.
    pub best: Option<Scored>,
    /// All candidates, best first (`best` among them).
    pub candidates: Vec<Scored>,
}

/// What a resolution comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A package: `best` is there.
    Package,
    /// No candidate is trusted enough.
    Open,
    /// Only the running system can provide it (a driver, a name service module, the kernel's files):
    /// never a package. The sentence says why.
    Host(&'static str),
    /// The person's pins say to ignore it, by this pattern.
    Ignored(String),
}
