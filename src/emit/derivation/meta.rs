//! `meta`: only what is known. A description, a home page and a licence are never made up.

use super::Ingredients;
use crate::emit::nix::{Comment, Entry, Expression, NixText};

/// What the run says of a package besides its inputs.
pub(super) struct Meta {
    /// Whether it is a program without its sources, whose licence nobody has said: for nixpkgs that
    /// is unfree until somebody does.
    pub(super) unfree: bool,
    /// Whether it is machine code for the one architecture on which it ran.
    pub(super) native: bool,
}

impl Meta {
    /// `meta = { … };`
    pub(super) fn entry(&self, ingredients: &Ingredients<'_>) -> Entry {
        let evidence = ingredients.evidence;
        let missing = if self.unfree {
            "TODO nixtrace: description and homepage are not known"
        } else {
            "TODO nixtrace: description, homepage and license are not known"
        };
        let mut entries = vec![Entry::Comments(
            Comment::new(missing)
                .map(|line| (0, line))
                .into_iter()
                .collect(),
        )];
        if self.unfree {
            entries.push(
                Entry::binding("license", ingredients.known("lib.licenses.unfree").into())
                    .noted(evidence.remark("not known, and unfree until it is")),
            );
            entries.push(Entry::binding(
                "sourceProvenance",
                Expression::list([ingredients.known("lib.sourceTypes.binaryNativeCode")]),
            ));
        }
        if let Some(program) = ingredients.identity.main_program() {
            entries.push(Entry::binding("mainProgram", program.into()));
        }
        let system = system(&evidence.environment.architecture);
        let platforms = match system {
            Some(system) if self.native => Expression::list([NixText::string(system.as_bytes())]),
            _ => ingredients.known("lib.platforms.linux").into(),
        };
        entries.push(Entry::binding("platforms", platforms));
        Entry::binding(
            "meta",
            Expression::Set {
                entries,
                spaced: false,
            },
        )
    }
}

/// The system of an architecture as `uname -m` names it.
pub(crate) fn system(architecture: &str) -> Option<&'static str> {
    match architecture {
        "x86_64" => Some("x86_64-linux"),
        "aarch64" => Some("aarch64-linux"),
        "i686" => Some("i686-linux"),
        _ => None,
    }
}
