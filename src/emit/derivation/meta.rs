//! `meta`: only what is known. A description, a home page and a licence are never made up.

use super::Ingredients;
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::graph::manifest::Manifest;

/// What the run says of a package besides its inputs.
pub(super) struct Meta<'a> {
    /// Whether it is a program without its sources, whose licence nobody has said: for nixpkgs that
    /// is unfree until somebody does.
    pub(super) unfree: bool,
    /// Whether it is machine code for the one architecture on which it ran.
    pub(super) native: bool,
    /// What a project says of itself.
    pub(super) manifest: Option<&'a Manifest>,
}

impl Meta<'_> {
    /// `meta = { … };`
    pub(super) fn entry(&self, ingredients: &Ingredients<'_>) -> Entry {
        let evidence = ingredients.evidence;
        let told = |field: fn(&Manifest) -> &Option<String>| {
            self.manifest.and_then(|it| field(it).as_deref())
        };
        let description = told(|it| &it.description)
            .and_then(|text| description(text, &ingredients.identity.pname));
        let homepage = told(|it| &it.homepage);
        let licenses = told(|it| &it.license).and_then(licenses);
        let mut missing = Vec::new();
        let mut entries = Vec::new();
        match description {
            Some(text) => entries.push(Entry::binding(
                "description",
                NixText::string(text.as_bytes()).into(),
            )),
            None => missing.push("description"),
        }
        match homepage {
            Some(page) => entries.push(Entry::binding(
                "homepage",
                NixText::string(page.as_bytes()).into(),
            )),
            None => missing.push("homepage"),
        }
        if self.unfree {
            entries.push(
                Entry::binding("license", ingredients.known("lib.licenses.unfree").into())
                    .noted(evidence.remark("not known, and unfree until it is")),
            );
            entries.push(Entry::binding(
                "sourceProvenance",
                Expression::list([ingredients.known("lib.sourceTypes.binaryNativeCode")]),
            ));
        } else {
            match licenses.as_deref() {
                Some([only]) => {
                    entries.push(Entry::binding("license", ingredients.known(only).into()));
                }
                Some(several) => {
                    let list = several.iter().map(|license| ingredients.known(license));
                    entries.push(Entry::binding("license", Expression::list(list)));
                }
                None => missing.push("license"),
            }
        }
        let todo = match missing.as_slice() {
            [] => None,
            [only] => Comment::new(&format!("TODO nixtrace: {only} is not known")),
            [first @ .., last] => Comment::new(&format!(
                "TODO nixtrace: {} and {last} are not known",
                first.join(", ")
            )),
        };
        if let Some(todo) = todo {
            entries.insert(0, Entry::Comments(vec![(0, todo)]));
        }
        if let Some(program) = ingredients.identity.main_program() {
            entries.push(Entry::binding("mainProgram", program.into()));
        }
        let system = match evidence.environment.subject.is_i386() {
            true => system("i686"),
            false => system(&evidence.environment.architecture),
        };
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

/// What a project says of itself, in the form that nixpkgs asks for: one sentence without an article
/// or the package's name before it and without a full stop behind it. None where that is not enough.
fn description(text: &str, pname: &str) -> Option<String> {
    const LONGEST: usize = 120;
    let text = text.trim().trim_end_matches('.');
    let text = ["A ", "An ", "The "]
        .iter()
        .find_map(|article| {
            let head = text.get(..article.len())?;
            head.eq_ignore_ascii_case(article)
                .then(|| &text[article.len()..])
        })
        .unwrap_or(text);
    let mut letters = text.chars();
    let first = letters.next()?;
    let text: String = first.to_uppercase().chain(letters).collect();
    let is_sentence = text.chars().count() <= LONGEST
        && !text.contains(". ")
        && !text.chars().any(char::is_control)
        && !begins_with_name(&text, pname);
    is_sentence.then_some(text)
}

/// Whether the first word is the package's name.
fn begins_with_name(text: &str, pname: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), pname.to_ascii_lowercase());
    let rest = text.strip_prefix(&name);
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// The licences of an expression of SPDX identifiers, as nixpkgs names them; none when one has no
/// name here. A list does not say whether all hold or one can be chosen, and so nixpkgs writes both.
fn licenses(expression: &str) -> Option<Vec<&'static str>> {
    let words =
        expression.split(|character: char| character.is_whitespace() || "()/".contains(character));
    let mut found = Vec::new();
    for word in words.filter(|word| !word.is_empty() && !matches!(*word, "OR" | "AND")) {
        let (_, license) = LICENSES.iter().find(|(spdx, _)| *spdx == word)?;
        if !found.contains(license) {
            found.push(*license);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// SPDX identifiers and nixpkgs' names (`lib/licenses.nix`).
const LICENSES: &[(&str, &str)] = &[
    ("0BSD", "lib.licenses.bsd0"),
    ("AGPL-3.0-only", "lib.licenses.agpl3Only"),
    ("AGPL-3.0-or-later", "lib.licenses.agpl3Plus"),
    ("Apache-2.0", "lib.licenses.asl20"),
    ("BSD-2-Clause", "lib.licenses.bsd2"),
    ("BSD-3-Clause", "lib.licenses.bsd3"),
    ("BSL-1.0", "lib.licenses.boost"),
    ("CC0-1.0", "lib.licenses.cc0"),
    ("EPL-2.0", "lib.licenses.epl20"),
    ("GPL-2.0-only", "lib.licenses.gpl2Only"),
    ("GPL-2.0-or-later", "lib.licenses.gpl2Plus"),
    ("GPL-3.0-only", "lib.licenses.gpl3Only"),
    ("GPL-3.0-or-later", "lib.licenses.gpl3Plus"),
    ("ISC", "lib.licenses.isc"),
    ("LGPL-2.1-only", "lib.licenses.lgpl21Only"),
    ("LGPL-2.1-or-later", "lib.licenses.lgpl21Plus"),
    ("LGPL-3.0-only", "lib.licenses.lgpl3Only"),
    ("LGPL-3.0-or-later", "lib.licenses.lgpl3Plus"),
    ("MIT", "lib.licenses.mit"),
    ("MPL-2.0", "lib.licenses.mpl20"),
    ("Unlicense", "lib.licenses.unlicense"),
    ("Zlib", "lib.licenses.zlib"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_the_form_that_nixpkgs_asks_for() {
        let of = |text| description(text, "acme");
        assert_eq!(
            of("a tool that counts things.").as_deref(),
            Some("Tool that counts things")
        );
        assert_eq!(of("Counts things").as_deref(), Some("Counts things"));
        assert_eq!(of("Acme counts things"), None);
        assert!(of("Acmeists count things").is_some());
        assert_eq!(of("It counts. It adds"), None);
        assert_eq!(of(""), None);
        assert_eq!(of("über").as_deref(), Some("Über"));
    }

    #[test]
    fn licences_are_known_by_their_spdx_identifiers_alone() {
        assert_eq!(licenses("MIT"), Some(vec!["lib.licenses.mit"]));
        assert_eq!(
            licenses("MIT OR Apache-2.0"),
            Some(vec!["lib.licenses.mit", "lib.licenses.asl20"])
        );
        assert_eq!(licenses("MIT/Apache-2.0").map(|it| it.len()), Some(2));
        // Which version of it, nobody has said; and an exception changes what is allowed.
        assert_eq!(licenses("GPL"), None);
        assert_eq!(licenses("Apache-2.0 WITH LLVM-exception"), None);
        assert_eq!(licenses(""), None);
    }
}
