//! KDE's software across the change from Qt 5 to Qt 6: packages kept their names, sets did not.
//!
//! Of the sets for Qt 5 only libraries are left; programs are built with Qt 6, in `kdePackages`. Listings
//! from before that know the one and not the other.

use super::{AttrPath, Basis, Candidate, Kind, Query};
use bstr::ByteSlice;

/// The sets in which KDE's packages were built with Qt 5.
const SETS_OF_QT_5: [&str; 2] = ["libsForQt5", "plasma5Packages"];

/// The package of the same name that is built with Qt 6.
pub(super) fn with_qt_6(attr: &AttrPath) -> Option<AttrPath> {
    let (set, member) = attr.set_member()?;
    let is_kdes = SETS_OF_QT_5.contains(&set) && !member.starts_with('q');
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
                ..candidate
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(today("okular"), None);
    }
}
