//! `.note.dlopen`: the optional libraries that an object says it may load.
//!
//! The format is the "ELF dlopen metadata" specification of the UAPI group: a note of owner `FDO`
//! and type `0x407c0c0a`, whose content is a JSON array.

use bstr::ByteSlice;
use serde::{Deserialize, Serialize};

/// The note's owner and type.
pub(super) const OWNER: &str = "FDO";
pub(super) const TYPE: u32 = 0x407c_0c0a;

/// One feature that a dlopen'd library provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DlopenNote {
    /// The sonames that can provide it, the best first; one of them is enough.
    pub soname: Vec<String>,
    /// What it is called.
    #[serde(default)]
    pub feature: Option<String>,
    /// What it is good for.
    #[serde(default)]
    pub description: Option<String>,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
}

/// How much an object misses a library that it may dlopen.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nice to have.
    Suggested,
    /// Should be there by default. Also what the specification says where nothing is given.
    #[default]
    Recommended,
    /// It does not work without.
    Required,
}

/// Reads one note's content. Entries that are not in the specification's form are left out: a
/// note is advice, and a bad one does not make the program any less loadable.
pub(super) fn entries(content: &[u8]) -> Vec<DlopenNote> {
    // A C string: NUL and padding follow.
    let text = content.split_str("\0").next().unwrap_or_default();
    serde_json::from_slice::<Vec<serde_json::Value>>(text)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|entry| serde_json::from_value(entry).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_alternatives_and_a_priority() {
        let notes = entries(
            br#"[{"feature":"fido2","description":"Support","priority":"required","soname":["libfido2.so.1","libfido2.so.0"]}]"#,
        );
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].soname, ["libfido2.so.1", "libfido2.so.0"]);
        assert_eq!(notes[0].priority, Priority::Required);
    }

    #[test]
    fn without_a_priority_it_is_recommended() {
        let notes = entries(b"[{\"soname\":[\"libx.so.1\"]}]\0\0\0");
        assert_eq!(notes[0].priority, Priority::Recommended);
    }

    #[test]
    fn an_entry_in_another_form_is_left_out() {
        assert_eq!(entries(b"[{\"soname\":3},{\"soname\":[\"a\"]}]").len(), 1);
        assert_eq!(entries(b"no JSON"), []);
    }
}
