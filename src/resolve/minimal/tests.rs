//! Which packages a run comes to, and what is implied.

use super::*;
use crate::resolve::Resolver;
use crate::resolve::index::Index;
use std::collections::BTreeSet;

/// Needs by hand, and a resolver that knows a few names.
#[derive(Default)]
struct Case {
    needs: Vec<Need>,
    kind: Option<RunKind>,
}

/// What the resolver of these tests knows: name, attribute.
const KNOWN: &[(&str, &str)] = &[
    ("sh", "bash"),
    ("gcc", "gcc"),
    ("git", "git"),
    ("make", "gnumake"),
    ("libc.so.6", "glibc"),
    ("libgcc_s.so.1", "stdenv.cc.cc"),
    ("libstdc++.so.6", "stdenv.cc.cc"),
    ("libssl.so.3", "openssl"),
    ("libcrypto.so.3", "openssl"),
    ("openssl/ssl.h", "openssl"),
    ("libcurl.so.4", "curl"),
    ("libldap.so.2", "openldap"),
    ("liblber.so.2", "openldap"),
    ("share/openssl", "openssl"),
    ("share/zoneinfo", "tzdata"),
    ("liblzma.so.5", "xz"),
    ("xz", "xz"),
];

fn resolve(query: &Query) -> Resolution {
    let attr = KNOWN
        .iter()
        .find(|(name, _)| query.name.as_bytes() == name.as_bytes())
        .map(|(_, attr)| AttrPath::new(*attr).unwrap());
    let best = attr.map(|attr| Scored {
        attr,
        output: Output::default(),
        score: 0.9,
        because: vec!["it is known".to_owned()],
        origin: None,
        forced: None,
        features: Vec::new(),
    });
    let verdict = match (&best, query.name.as_bytes()) {
        (Some(_), _) => Verdict::Package,
        (None, b"libcuda.so.1") => Verdict::Host("a driver"),
        (None, _) => Verdict::Open,
    };
    Resolution {
        query: query.clone(),
        verdict,
        candidates: best.iter().cloned().collect(),
        best,
    }
}

impl Case {
    fn of(kind: RunKind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    fn need(mut self, role: Role, name: &str, brought_by: Option<usize>) -> Self {
        let bytes = Bytes::from(name);
        self.needs.push(Need {
            thing: match role {
                Role::Command | Role::Interpreter => Thing::Command(bytes),
                Role::Library | Role::Dlopen => Thing::Library(bytes),
                Role::Header => Thing::Header(bytes),
                _ => Thing::Data(bytes),
            },
            role,
            path: format!("/usr/{name}").into(),
            why: format!("{name} is used"),
            asker: Asker::Main,
            phases: Default::default(),
            brought_by,
        });
        self
    }

    fn usage(self) -> Usage {
        Usage {
            kind: self.kind.unwrap_or(RunKind::Binary),
            needs: self.needs,
            missing: Vec::new(),
            network: BTreeSet::new(),
            subject: Default::default(),
            surroundings: Default::default(),
        }
    }

    fn choice(self) -> Choice {
        choose(&self.usage(), resolve)
    }

    /// The packages as `attr`, or `attr<bringer` where something brings it.
    fn packages(self) -> Vec<String> {
        let choice = self.choice();
        assert!(choice.unresolved.is_empty(), "{:?}", choice.unresolved);
        let shown = |package: &Package| match &package.implied {
            Some(by) => format!("{}<{by}", package.attr),
            None => package.attr.to_string(),
        };
        choice.packages.iter().map(shown).collect()
    }
}

#[test]
fn needs_of_one_package_are_one_package_with_all_reasons() {
    let choice = Case::default()
        .need(Role::Library, "libssl.so.3", None)
        .need(Role::Library, "libcrypto.so.3", None)
        .choice();
    assert_eq!(choice.packages.len(), 1);
    assert_eq!(
        choice.packages[0].because,
        [
            "libssl.so.3 is used",
            "it is known",
            "libcrypto.so.3 is used"
        ]
    );
}

#[test]
fn what_stdenv_has_is_implied_as_a_command_but_not_as_a_library() {
    let packages = Case::default()
        .need(Role::Interpreter, "sh", None)
        .need(Role::Command, "git", None)
        .need(Role::Library, "libc.so.6", None)
        .need(Role::Library, "liblzma.so.5", None)
        .packages();
    assert_eq!(packages, ["bash<stdenv", "git", "glibc<stdenv", "xz"]);
}

#[test]
fn headers_of_the_c_library_and_the_kernel_are_stdenvs() {
    let usage = Case::of(RunKind::Build)
        .need(Role::Header, "netinet/in.h", None)
        .need(Role::Header, "linux/if.h", None)
        .need(Role::Header, "zlib.h", None)
        .usage();
    let resolver = Resolver::new().with_index(Index::embedded());
    let choice = choose(&usage, |query| (*resolver.resolve(query)).clone());
    let packages: Vec<_> = choice
        .packages
        .iter()
        .map(|package| (package.attr.as_str(), package.implied.as_deref()))
        .collect();
    assert_eq!(
        packages,
        [
            ("glibc", Some("stdenv")),
            ("linuxHeaders", Some("stdenv")),
            ("zlib", None)
        ]
    );
}

#[test]
fn a_command_of_stdenv_does_not_come_back_as_its_own_library() {
    let packages = Case::default()
        .need(Role::Command, "xz", None)
        .need(Role::Library, "liblzma.so.5", Some(0))
        .packages();
    assert_eq!(packages, ["xz<stdenv"]);
}

#[test]
fn what_something_else_brings_is_implied_by_the_next_other_package() {
    let packages = Case::default()
        .need(Role::Library, "libcurl.so.4", None)
        .need(Role::Library, "libldap.so.2", Some(0))
        .need(Role::Library, "liblber.so.2", Some(1))
        .packages();
    assert_eq!(packages, ["curl", "openldap<curl"]);
}

#[test]
fn a_package_that_is_also_asked_for_itself_is_listed() {
    let packages = Case::default()
        .need(Role::Command, "git", None)
        .need(Role::Library, "libssl.so.3", Some(0))
        .need(Role::Library, "libcrypto.so.3", None)
        .packages();
    assert_eq!(packages, ["git", "openssl"]);
}

#[test]
fn what_is_brought_in_a_circle_is_not_listed() {
    let packages = Case::default()
        .need(Role::Library, "libssl.so.3", Some(1))
        .need(Role::Library, "libcrypto.so.3", Some(0))
        .packages();
    assert_eq!(packages, Vec::<String>::new());
}

#[test]
fn data_of_a_package_that_is_brought_anyway_is_no_need_of_its_own() {
    let packages = Case::default()
        .need(Role::Data, "share/openssl", None)
        .need(Role::Data, "share/zoneinfo", None)
        .need(Role::Command, "git", None)
        .need(Role::Library, "libssl.so.3", Some(2))
        .packages();
    assert_eq!(packages, ["git", "openssl<git", "tzdata"]);
}

#[test]
fn the_compilers_runtime_is_there_for_a_build_and_listed_for_a_foreign_program() {
    let needs = |kind| {
        Case::of(kind)
            .need(Role::Library, "libstdc++.so.6", None)
            .packages()
    };
    assert_eq!(needs(RunKind::Build), ["stdenv.cc.cc<stdenv"]);
    assert_eq!(needs(RunKind::Binary), ["stdenv.cc.cc"]);
    let unwinder = Case::default().need(Role::Library, "libgcc_s.so.1", None);
    assert_eq!(unwinder.packages(), ["stdenv.cc.cc<stdenv"]);
}

#[test]
fn what_a_person_has_decided_is_listed_whatever_brings_it() {
    let case = Case::default()
        .need(Role::Command, "git", None)
        .need(Role::Library, "libssl.so.3", Some(0))
        .need(Role::Command, "make", None);
    let usage = case.usage();
    let choice = choose(&usage, |query| {
        let mut resolution = resolve(query);
        let forced = query.name.as_bytes() != b"git";
        let best = resolution.best.as_mut().unwrap();
        best.forced = forced.then_some(ForcedRole::Runtime);
        resolution
    });
    let listed: Vec<(&str, Option<ForcedRole>)> = choice
        .packages
        .iter()
        .filter(|package| package.implied.is_none())
        .map(|package| (package.attr.as_str(), package.forced))
        .collect();
    let runtime = Some(ForcedRole::Runtime);
    assert_eq!(
        listed,
        [("git", None), ("gnumake", runtime), ("openssl", runtime)]
    );
}

#[test]
fn packages_of_one_name_and_two_sources_are_two() {
    let usage = Case::default()
        .need(Role::Library, "libssl.so.3", None)
        .need(Role::Library, "libcrypto.so.3", None)
        .usage();
    let choice = choose(&usage, |query| {
        let mut resolution = resolve(query);
        if query.name.as_bytes() == b"libssl.so.3" {
            let best = resolution.best.as_mut().unwrap();
            best.origin = Some(Origin::File("/srv/openssl.nix".into()));
        }
        resolution
    });
    let origins: Vec<bool> = choice
        .packages
        .iter()
        .map(|package| package.origin.is_some())
        .collect();
    assert_eq!(origins, [false, true]);
}

#[test]
fn one_file_is_one_package_whatever_pins_call_it() {
    let usage = Case::default()
        .need(Role::Library, "libcurl.so.4", None)
        .need(Role::Library, "libssl.so.3", None)
        .usage();
    let choice = choose(&usage, |query| {
        let mut resolution = resolve(query);
        let best = resolution.best.as_mut().unwrap();
        best.origin = Some(Origin::File("/srv/all.nix".into()));
        resolution
    });
    assert_eq!(choice.packages.len(), 1);
    assert_eq!(choice.packages[0].attr.as_str(), "curl");
    let of_needs: Vec<String> = choice
        .of_needs
        .iter()
        .flatten()
        .map(AttrPath::to_string)
        .collect();
    assert_eq!(of_needs, ["curl", "curl"]);
}

#[test]
fn what_nobody_knows_stays_open_unless_something_brings_it() {
    let choice = Case::default()
        .need(Role::Library, "libacme.so.1", None)
        .need(Role::Library, "libinner.so.1", Some(0))
        .need(Role::Library, "libcuda.so.1", None)
        .choice();
    assert!(choice.packages.is_empty());
    assert_eq!(choice.unresolved.len(), 1);
    assert_eq!(
        choice.unresolved[0].why,
        "libacme.so.1 is used; no package is known to have it"
    );
}

#[test]
fn unknown_headers_of_one_directory_are_told_once() {
    let choice = Case::of(RunKind::Build)
        .need(Role::Header, "include/acme/a.h", None)
        .need(Role::Header, "include/acme/b.h", None)
        .choice();
    assert_eq!(choice.unresolved.len(), 1);
    assert!(
        choice.unresolved[0]
            .why
            .ends_with("(and one more of its directory)")
    );
}
