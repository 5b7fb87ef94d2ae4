//! What an index knows beyond the names that it is asked for: other versions of a library, and the
//! attributes themselves.

use super::index::{AttributeFacts, FormatError, Index};
use super::{AttrPath, Candidate, Kind, Query, Source};
use bstr::ByteSlice;

/// A source that also knows the attributes themselves.
pub trait Lexicon: Source {
    /// Other versions of a library whose own version no attribute has: for `libfoo.so.2` what has
    /// `libfoo.so.1`, with that name as [`Facts::sibling`](super::Facts::sibling).
    fn siblings(&self, query: &Query) -> Vec<Candidate>;
    /// What is known of an attribute; none when today's nixpkgs has none of that name.
    fn attribute(&self, attr: &AttrPath) -> Option<AttributeFacts>;
    /// The attributes whose derivation has a name (`pname`).
    fn named(&self, pname: &str) -> Vec<AttrPath>;
    /// The attributes of the project that has a home page.
    fn with_homepage(&self, url: &str) -> Vec<AttrPath>;
    /// What is wrong with the source itself, as far as questions have met it; it had no answers
    /// then.
    fn damage(&self) -> Option<FormatError> {
        None
    }
}

impl Lexicon for Index {
    fn siblings(&self, query: &Query) -> Vec<Candidate> {
        if query.kind != Kind::Soname {
            return Vec::new();
        }
        let mut siblings = Index::siblings(self, query.name.as_bytes());
        // The development link says that the library is there in some version; a version that is
        // known says more.
        if siblings.iter().any(|(name, _)| name.contains_str(".so.")) {
            siblings.retain(|(name, _)| name.contains_str(".so."));
        }
        siblings
            .into_iter()
            .flat_map(|(_, candidates)| candidates)
            .collect()
    }

    fn attribute(&self, attr: &AttrPath) -> Option<AttributeFacts> {
        // The index also has facts about names that are only arguments of package expressions
        // (how often they are taken); a package has a derivation, and that a name.
        Index::attribute(self, attr)
            .filter(|facts| facts.removed_by.is_none() && facts.pname.is_some())
    }

    fn named(&self, pname: &str) -> Vec<AttrPath> {
        self.by_pname(pname)
    }

    fn with_homepage(&self, url: &str) -> Vec<AttrPath> {
        self.by_homepage(url)
    }

    fn damage(&self) -> Option<FormatError> {
        Index::damage(self)
    }
}

/// The index inside this program lives as long as the program.
impl Source for &'static Index {
    fn candidates(&self, query: &Query) -> Vec<Candidate> {
        (**self).candidates(query)
    }
}

impl Lexicon for &'static Index {
    fn siblings(&self, query: &Query) -> Vec<Candidate> {
        Lexicon::siblings(*self, query)
    }

    fn attribute(&self, attr: &AttrPath) -> Option<AttributeFacts> {
        Lexicon::attribute(*self, attr)
    }

    fn named(&self, pname: &str) -> Vec<AttrPath> {
        (**self).named(pname)
    }

    fn with_homepage(&self, url: &str) -> Vec<AttrPath> {
        (**self).by_homepage(url)
    }
}
