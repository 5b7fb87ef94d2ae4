//! From a used resource to nixpkgs attributes, ranked, with the reason.
//!
//! [`Source`]s answer a [`Query`] with [`Candidate`]s; `rank` orders them; below its threshold the
//! answer stays open and the candidates are shown. This floor never sees a process, and nothing in
//! it writes Nix.

pub mod candidate;
pub mod distro;
mod host_only;
pub mod index;
pub mod pins;
pub mod query;
pub mod rank;
pub mod store;
pub mod versions;

pub use candidate::{
    AttrPath, Basis, Candidate, Facts, FileForm, Output, Scored, Sign, SourceKind,
};
pub use query::{Kind, Query};

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
    /// The answer; none when no candidate is trusted enough.
    pub best: Option<Scored>,
    /// All candidates, best first (`best` among them).
    pub candidates: Vec<Scored>,
}
