//! KDE's software across the change from Qt 5 to Qt 6: packages kept their names, sets did not.
//!
//! Of the sets for Qt 5 only libraries are left; programs are built with Qt 6, in `kdePackages`. Listings
//! from before that know the one and not the other.

use super::{AttrPath, Basis, Candidate, Kind, Output, Query};
use bstr::ByteSlice;

/// The sets in which KDE's packages were built with Qt 5.
const SETS_OF_QT_5: [&str; 2] = ["libsForQt5", "plasma5Packages"];

/// Packages that ended with Qt 5, or have another name since.
const ENDED: [&str; 17] = [
    "breeze-qt5",
    "kactivities",
    "kactivities-stats",
    "kdelibs4support",
    "kdesignerplugin",
    "kdewebkit",
    "kemoticons",
    "khtml",
    "kinit",
    "kirigami2",
    "kjs",
    "kjsembed",
    "kmediaplayer",
    "kross",
    "kxmlrpcclient",
    "oxygen-icons5",
    "plasma-framework",
];

/// The outputs that a package has in both sets: those of Qt 6 have no `bin` and no `lib`.
const OUTPUTS: [&str; 2] = ["out", "dev"];

/// The program in the package that is built with Qt 6. One that has the release in its name went with it.
pub(super) fn program_with_qt_6(query: &Query, candidate: &mut Candidate) {
    if query.kind != Kind::Command || query.name.ends_with(b"5") {
        return;
    }
    if let Some(today) = with_qt_6(&candidate.attr) {
        candidate.note = Some(format!(
            "{} had it with Qt 5, and KDE's packages kept their names",
            candidate.attr
        ));
        candidate.attr = today;
        candidate.output = of_both(candidate.output.take());
    }
}

fn of_both(output: Option<Output>) -> Option<Output> {
    output.filter(|output| OUTPUTS.contains(&output.0.as_str()))
}

/// The package of the same name that is built with Qt 6.
fn with_qt_6(attr: &AttrPath) -> Option<AttrPath> {
    let (set, member) = attr.set_member()?;
    let is_kdes =
        SETS_OF_QT_5.contains(&set) && !member.starts_with('q') && !ENDED.contains(&member);
    let today = format!("kdePackages.{member}");
    is_kdes.then(|| AttrPath::new(today).ok()).flatten()
}

/// The same part of KDE's frameworks in release 5: `libKF5Solid.so.5` for `libKF6Solid.so.6`.
pub(super) fn before_6(query: &Query) -> Option<Query> {
    let name = query.name.to_str().ok()?;
    let name = match query.kind {
        Kind::Soname => {
            let (library, version) = name.strip_prefix("libKF6")?.split_once(".so.")?;
            let is_6 = version == "6" || version.starts_with("6.");
            is_6.then(|| format!("libKF5{library}.so.5"))?
        }
        Kind::LinkName => format!("libKF5{}", name.strip_prefix("libKF6")?),
        Kind::CMake => format!("KF5{}", name.strip_prefix("KF6")?),
        _ => return None,
    };
    Some(Query::new(query.kind, name))
}

/// What the answers about release 5 say of release 6.
pub(super) fn after_5(candidates: Vec<Candidate>, before: &Query) -> Vec<Candidate> {
    candidates
        .into_iter()
        .filter_map(|candidate| {
            Some(Candidate {
                attr: with_qt_6(&candidate.attr)?,
                basis: Basis::ListedUnderOtherName,
                note: Some(format!(
                    "{} has {}, and KDE's packages kept their names",
                    candidate.attr, before.name
                )),
                output: of_both(candidate.output),
                ..candidate
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Facts, FileForm, SourceKind};
    use crate::trace::Bytes;

    #[test]
    fn a_framework_has_the_name_that_it_had_before() {
        for (kind, name, expected) in [
            (Kind::Soname, "libKF6Solid.so.6", Some("libKF5Solid.so.5")),
            (
                Kind::Soname,
                "libKF6Solid.so.6.1.0",
                Some("libKF5Solid.so.5"),
            ),
            (Kind::LinkName, "libKF6Solid.so", Some("libKF5Solid.so")),
            (Kind::CMake, "KF6CoreAddons", Some("KF5CoreAddons")),
            (Kind::Soname, "libKF6Solid.so.7", None),
            (Kind::Soname, "libKF5Solid.so.5", None),
            (Kind::Command, "libKF6Solid.so.6", None),
        ] {
            let before = before_6(&Query::new(kind, name)).map(|query| query.name.to_string());
            assert_eq!(before.as_deref(), expected, "{kind} {name}");
        }
    }

    fn asked(kind: Kind, name: &str, attr: &str, output: &str) -> Candidate {
        let mut candidate = Candidate {
            attr: AttrPath::new(attr).unwrap(),
            output: Some(Output(output.to_owned())),
            source: SourceKind::Catalogue,
            basis: Basis::Listed,
            form: FileForm::Regular,
            place: Bytes::default(),
            popularity: 0,
            note: None,
            facts: Facts::default(),
        };
        program_with_qt_6(&Query::new(kind, name), &mut candidate);
        candidate
    }

    #[test]
    fn a_program_is_in_the_package_of_qt_6_without_the_outputs_that_only_qt_5_s_has() {
        let dolphin = asked(Kind::Command, "dolphin", "libsForQt5.dolphin", "bin");
        assert_eq!(dolphin.attr.as_str(), "kdePackages.dolphin");
        assert_eq!(dolphin.output, None);
        assert_eq!(
            dolphin.note.as_deref(),
            Some("libsForQt5.dolphin had it with Qt 5, and KDE's packages kept their names")
        );
        let okular = asked(Kind::Command, "okular", "libsForQt5.okular", "out");
        assert_eq!(okular.output, Some(Output("out".to_owned())));
    }

    #[test]
    fn what_is_of_release_5_by_its_name_stays_where_it_was() {
        for (kind, name) in [
            (Kind::Command, "kbuildsycoca5"),
            (Kind::Soname, "libKF5Service.so.5"),
        ] {
            let kept = asked(kind, name, "libsForQt5.kservice", "bin");
            assert_eq!(kept.attr.as_str(), "libsForQt5.kservice", "{name}");
            assert_eq!(kept.output, Some(Output("bin".to_owned())));
            assert_eq!(kept.note, None);
        }
    }

    #[test]
    fn programs_are_built_with_qt_6_and_qt_itself_is_no_program_of_kde() {
        let today = |attr: &str| with_qt_6(&AttrPath::new(attr).unwrap()).map(|it| it.to_string());
        assert_eq!(
            today("libsForQt5.okular").as_deref(),
            Some("kdePackages.okular")
        );
        assert_eq!(
            today("plasma5Packages.kwin").as_deref(),
            Some("kdePackages.kwin")
        );
        assert_eq!(today("libsForQt5.qtbase"), None);
        assert_eq!(today("libsForQt5.kdelibs4support"), None);
        assert_eq!(today("okular"), None);
    }
}
