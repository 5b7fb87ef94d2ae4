use super::*;
use crate::resolve::Facts;
use crate::trace::Bytes;
use proptest::prelude::*;

/// A candidate written as `attr^output has place`, with what differs from a file that all
/// listings have.
fn candidate(text: &str) -> Candidate {
    let (attr, rest) = text.split_once('^').unwrap();
    let (output, place) = rest.split_once(' ').unwrap_or((rest, ""));
    Candidate {
        attr: AttrPath::new(attr).unwrap(),
        output: (!output.is_empty()).then(|| Output(output.to_owned())),
        source: SourceKind::Catalogue,
        basis: Basis::Listed,
        form: FileForm::Regular,
        place: Bytes::from(place),
        popularity: 60,
        note: None,
        facts: Facts {
            linux_listings: 33,
            ..Facts::default()
        },
    }
}

fn ranked(query: Query, candidates: &[Candidate]) -> Vec<(String, f64)> {
    rank(&query, candidates, &[])
        .into_iter()
        .map(|scored| (scored.attr.to_string(), scored.score))
        .collect()
}

#[track_caller]
fn wins(query: Query, best: &str, candidates: &[Candidate]) {
    let ranked = ranked(query, candidates);
    assert_eq!(ranked[0].0, best, "{ranked:?}");
    assert!(ranked[0].1 >= THRESHOLD, "{ranked:?}");
}

#[test]
fn the_package_that_is_the_thing_goes_before_one_that_carries_it() {
    wins(
        Query::parse(b"libz.so.1"),
        "zlib",
        &[
            candidate("zlib^out lib"),
            candidate("steam-run^out lib"),
            candidate("acme^out lib/acme/vendor"),
        ],
    );
}

#[test]
fn a_link_to_another_package_is_never_the_owner() {
    let mut link = candidate("elmPackages.elm^out lib");
    link.form = FileForm::ReExport;
    assert_eq!(
        ranked(Query::parse(b"libz.so.1"), &[link])
            .first()
            .map(|first| first.1 < THRESHOLD),
        Some(true)
    );
}

#[test]
fn a_variant_goes_after_the_package() {
    wins(
        Query::parse(b"git"),
        "git",
        &[
            candidate("gitFull^out bin"),
            candidate("gitMinimal^out bin"),
            candidate("git^out bin"),
        ],
    );
}

fn command(text: &str, basis: Basis) -> Candidate {
    let mut row = candidate(&format!("{text}^bin bin"));
    row.basis = basis;
    if basis == Basis::CommandTable {
        row.facts.linux_listings = 0;
        row.facts.is_main_program = true;
    }
    row
}

#[test]
fn a_command_that_every_stdenv_has_is_from_there() {
    wins(
        Query::new(Kind::Command, "mktemp"),
        "coreutils",
        &[
            command("mktemp", Basis::CommandTable),
            command("coreutils", Basis::Listed),
            command("coreutils-full", Basis::Listed),
        ],
    );
}

#[test]
fn a_package_that_no_later_listing_has_goes_after_one_that_all_have() {
    let mut listed = command("util-linux", Basis::Listed);
    listed.popularity = 180;
    wins(
        Query::new(Kind::Command, "hardlink"),
        "util-linux",
        &[command("hardlink", Basis::CommandTable), listed],
    );
}

#[test]
fn the_main_program_of_one_version_is_that_of_the_package() {
    let mut version = candidate("tesseract4^out bin");
    version.facts.is_main_program = true;
    let mut plain = candidate("tesseract^out bin");
    plain.basis = Basis::ListedUnderOtherName;
    wins(
        Query::new(Kind::Command, "tesseract"),
        "tesseract",
        &[version, plain],
    );
}

#[test]
fn a_python_module_is_sought_in_its_set() {
    let query = Query::new(Kind::Python, "numpy");
    wins(
        query,
        "python3Packages.numpy",
        &[
            candidate("python3Packages.numpy^out site"),
            candidate("numpy-c^out lib"),
        ],
    );
}

#[test]
fn the_version_asked_for_decides() {
    let candidates = [
        candidate("openssl^out lib"),
        candidate("openssl_1_1^out lib"),
    ];
    wins(Query::parse(b"libssl.so.1.1"), "openssl_1_1", &candidates);
    wins(Query::parse(b"libssl.so.3"), "openssl", &candidates);
}

#[test]
fn another_version_is_never_certain() {
    let mut other = candidate("foo^out lib");
    other.facts.sibling = Some("libfoo.so.1".into());
    let ranked = rank(&Query::parse(b"libfoo.so.2"), &[other], &[]);
    assert!((THRESHOLD..0.8).contains(&ranked[0].score), "{ranked:?}");
    assert!(
        ranked[0]
            .because
            .contains(&"known only as libfoo.so.1: check that the version fits".to_owned())
    );
}

#[test]
fn where_no_attribute_has_the_version_nothing_is_answered() {
    let ranked = ranked(
        Query::parse(b"libboost_system.so.1.74.0"),
        &[candidate("boost^out lib")],
    );
    assert!(ranked[0].1 < THRESHOLD, "{ranked:?}");
}

#[test]
fn two_equal_candidates_leave_it_open() {
    let ranked = ranked(
        Query::parse(b"libx.so.1"),
        &[candidate("aaa^out lib"), candidate("bbb^out lib")],
    );
    assert!(ranked[0].1 <= THRESHOLD, "{ranked:?}");
    assert_eq!(
        ranked[0].0, "aaa",
        "the order of names decides between equals"
    );
}

#[test]
fn of_two_equals_the_free_one_is_answered() {
    let mut unfree = candidate("aaa^out lib");
    unfree.facts.unfree = true;
    let free = candidate("bbb^out lib");
    wins(Query::parse(b"libx.so.1"), "bbb", &[unfree.clone(), free]);
    // Alone it is still the answer, and says what it is.
    unfree.popularity = 120;
    let alone = rank(&Query::parse(b"libx.so.1"), &[unfree], &[]);
    assert!(alone[0].score >= THRESHOLD, "{alone:?}");
    let because = alone[0].because.join("; ");
    assert!(because.contains("but its licence is unfree"), "{because}");
}

#[test]
fn what_nixpkgs_has_removed_is_never_the_answer() {
    let mut removed = candidate("x^out lib");
    removed.facts.removed_by = Some("2025-11".to_owned());
    removed.facts.is_main_program = true;
    let scored = rank(&Query::parse(b"libx.so.1"), &[removed.clone()], &[]);
    assert!(scored[0].score < THRESHOLD, "{scored:?}");
    let because = scored[0].because.join("; ");
    assert!(
        because.contains("but nixpkgs 2025-11 has removed x"),
        "{because}"
    );
    wins(
        Query::parse(b"libx.so.1"),
        "successor",
        &[removed, candidate("successor^out lib")],
    );
}

#[test]
fn an_output_written_by_hand_mends_the_old_listings_but_not_the_person_s_own() {
    let output = |listing: SourceKind| {
        let mut listed = candidate("x^lib lib");
        listed.source = listing;
        let mut by_hand = candidate("x^out lib");
        by_hand.source = SourceKind::Catalogue;
        by_hand.basis = Basis::Manual;
        let scored = rank(&Query::parse(b"libx.so.1"), &[listed, by_hand], &[]);
        scored[0].output.0.clone()
    };
    assert_eq!(output(SourceKind::Catalogue), "out");
    assert_eq!(output(SourceKind::Index), "lib");
}

#[test]
fn a_pin_is_certain_and_a_preference_decides() {
    let mut pin = candidate("mine^out ");
    pin.source = SourceKind::Pin;
    assert_eq!(
        ranked(Query::parse(b"libx.so.1"), &[pin]),
        [("mine".to_owned(), 1.0)]
    );
    let candidates = [candidate("aaa^out lib"), candidate("bbb^out lib")];
    let preferred = [AttrPath::new("bbb").unwrap()];
    let scored = rank(&Query::parse(b"libx.so.1"), &candidates, &preferred);
    assert_eq!(scored[0].attr.as_str(), "bbb");
    assert!(scored[0].score > 0.9);
}

#[test]
fn sources_that_agree_are_one_candidate_with_both_reasons() {
    let mut host = candidate("zlib^ ");
    host.source = SourceKind::Host;
    host.basis = Basis::Guess(3);
    host.note = Some("owned by Debian's zlib1g (source zlib)".to_owned());
    let scored = rank(
        &Query::parse(b"libz.so.1"),
        &[candidate("zlib^out lib"), host],
        &[],
    );
    assert_eq!(scored.len(), 1);
    assert_eq!(scored[0].output, Output("out".to_owned()));
    assert_eq!(
        scored[0].because[0],
        "owned by Debian's zlib1g (source zlib)"
    );
    assert!(
        scored[0]
            .because
            .contains(&"its output out has lib/libz.so.1".to_owned())
    );
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let attr = prop::sample::select(vec![
        "zlib",
        "git",
        "gitFull",
        "openssl_1_1",
        "python3Packages.x",
        "a",
        "b-bin",
    ]);
    let basis = prop::sample::select(vec![
        Basis::Listed,
        Basis::CommandTable,
        Basis::NameOnly,
        Basis::Guess(0),
        Basis::Guess(9),
        Basis::Manual,
    ]);
    let form = prop::sample::select(vec![FileForm::Regular, FileForm::Link, FileForm::ReExport]);
    let source = prop::sample::select(vec![
        SourceKind::Catalogue,
        SourceKind::Host,
        SourceKind::Index,
    ]);
    let place = prop::sample::select(vec!["", "lib", "bin", "lib/x"]);
    let output = prop::option::of(prop::sample::select(vec!["out", "lib", "dev"]));
    (
        attr,
        basis,
        form,
        source,
        place,
        output,
        any::<u8>(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(
            |(
                attr,
                basis,
                form,
                source,
                place,
                output,
                popularity,
                linux_listings,
                is_main_program,
            )| Candidate {
                attr: AttrPath::new(attr).unwrap(),
                output: output.map(|output| Output(output.to_owned())),
                source,
                basis,
                form,
                place: Bytes::from(place),
                popularity,
                note: None,
                facts: Facts {
                    linux_listings,
                    is_main_program,
                    ..Facts::default()
                },
            },
        )
}

proptest! {
    #[test]
    fn the_order_of_candidates_never_matters(
        candidates in prop::collection::vec(any_candidate(), 0..12),
        name in prop::sample::select(vec!["git", "libz.so.1", "libssl.so.1.1", "zlib.pc", "\u{fffd}::x"]),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let query = Query::parse(name.as_bytes());
        let mut turned = candidates.clone();
        if !turned.is_empty() {
            turned.rotate_left(shuffle.index(candidates.len()));
        }
        let mut backwards = candidates.clone();
        backwards.reverse();
        let scored = rank(&query, &candidates, &[]);
        prop_assert_eq!(&rank(&query, &turned, &[]), &scored);
        prop_assert_eq!(&rank(&query, &backwards, &[]), &scored);
        prop_assert!(scored.iter().all(|one| (0.0..=1.0).contains(&one.score)));
        prop_assert!(scored.is_sorted_by(|a, b| a.score >= b.score));
    }
}
