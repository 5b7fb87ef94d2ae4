use super::*;

#[test]
fn the_same_tables_give_the_embedded_index_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tables = root.join("../shared/data");
    // A plain clone does not have them.
    if !tables.is_dir() {
        println!("skipped: no tables beside this clone");
        return;
    }
    let mut builder = Builder::new();
    add(
        &mut builder,
        &tables,
        Some(&root.join("catalog/supplement.tsv")),
    )
    .unwrap();
    let mut built = Vec::new();
    builder.finish(&mut built).unwrap();
    let committed = fs::read(root.join("catalog/catalogue.nxi")).unwrap();
    assert!(
        built == committed,
        "build catalog/catalogue.nxi anew, as catalog/README.md says"
    );
}

#[test]
fn every_fact_of_the_supplement_is_in_the_embedded_index() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/supplement.tsv");
    let index = super::super::Index::embedded();
    Table::read(&path)
        .unwrap()
        .each(|line| {
            let expected = line.get("attr")?;
            if line.get("kind")? == REMOVED {
                let attr = AttrPath::new(expected).map_err(|error| error.to_string())?;
                let removed_by = index.attribute(&attr).and_then(|facts| facts.removed_by);
                assert_eq!(removed_by.as_deref(), Some(line.get("key")?), "{attr}");
                return Ok(());
            }
            let kind = key_kind(line.get("kind")?)?;
            if kind == KeyKind::Alias {
                let old = AttrPath::new(line.get("key")?).map_err(|error| error.to_string())?;
                let alias = index.alias(&old).map(|alias| alias.to.to_string());
                assert_eq!(alias.as_deref(), Some(expected), "{old}");
                return Ok(());
            }
            let found = index.exact(kind, line.get("key")?.as_bytes());
            assert!(
                found
                    .iter()
                    .any(|c| c.attr.as_str() == expected && c.basis == Basis::Manual),
                "{:?}",
                line.fields
            );
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_attribute_of_the_supplement_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/supplement.tsv");
    let index = super::super::Index::embedded();
    Table::read(&path)
        .unwrap()
        .each(|line| {
            if line.get("kind")? == REMOVED {
                return Ok(());
            }
            let attr = AttrPath::new(line.get("attr")?).map_err(|error| error.to_string())?;
            // What an alias leads to may have nothing else in the index.
            let Some(facts) = index.attribute(&attr) else {
                assert_eq!(line.get("kind")?, "alias", "{attr} is not in the index");
                return Ok(());
            };
            assert_eq!(facts.attr, attr, "an old name");
            assert_eq!(facts.removed_by, None, "{attr}");
            Ok(())
        })
        .unwrap();
}

/// Attributes of the supplement that no table has, from `catalog/unlisted.txt`.
fn unlisted() -> HashSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/unlisted.txt");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn an_attribute_that_only_the_supplement_has_was_looked_up() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/supplement.tsv");
    let index = super::super::Index::embedded();
    let unlisted = unlisted();
    let mut named_by_it_alone = HashSet::new();
    Table::read(&path)
        .unwrap()
        .each(|line| {
            if line.get("kind")? == REMOVED {
                return Ok(());
            }
            let name = line.get("attr")?;
            let attr = AttrPath::new(name).map_err(|error| error.to_string())?;
            // The name of a derivation comes from the tables alone; what an alias leads to has that of
            // the old attribute.
            let is_listed = line.get("kind")? != "alias"
                && index
                    .attribute(&attr)
                    .is_some_and(|facts| facts.pname.is_some());
            if !is_listed {
                named_by_it_alone.insert(name.to_owned());
            }
            Ok(())
        })
        .unwrap();
    let mut surprises: Vec<&String> = named_by_it_alone.symmetric_difference(&unlisted).collect();
    surprises.sort();
    assert!(
        surprises.is_empty(),
        "look these up in nixpkgs and write them into catalog/unlisted.txt, or take them out of it: \
         {surprises:#?}"
    );
}

/// Tables of a header line each, and of what is given.
fn tables(rows: &[(&str, &str)]) -> tempfile::TempDir {
    const HEADERS: [(&str, &str); 16] = [
        (
            "nixpkgs-aliases.tsv",
            "old_attr new_attr since state source",
        ),
        (
            "nixpkgs-packages.tsv",
            "attr pname version outputs homepage description main_program used_by unfree attr_2020",
        ),
        ("nixpkgs-popularity.tsv", "attr n_package_files"),
        ("nixpkgs-removed.tsv", "attr removed_by"),
        (
            "attr-synonyms.tsv",
            "attr_a attr_b n_same_path_index n_same_path_2020 assigned_2020 pname note",
        ),
        (
            "soname-attrs.tsv",
            "soname attr output dir evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "command-attrs.tsv",
            "command attr output dir evidence kind n_i686 n_darwin in_programs_sqlite last_seen pname orig_attr",
        ),
        (
            "header-attrs.tsv",
            "header attr output evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "pkgconfig-attrs.tsv",
            "module attr output dir evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "cmake-attrs.tsv",
            "package attr output dir evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "python-module-attrs.tsv",
            "module attr output place evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "perl-module-attrs.tsv",
            "module attr output place evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "typelib-attrs.tsv",
            "typelib attr output evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "data-attrs.tsv",
            "path attr output what evidence kind n_i686 n_darwin last_seen mapped pname orig_attr",
        ),
        (
            "soname-guesses.tsv",
            "soname attr evidence debian_package debian_source",
        ),
        (
            "pkgconfig-guesses.tsv",
            "module attr evidence debian_package debian_source",
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (name, header) in HEADERS {
        let rows = rows
            .iter()
            .filter(|(table, _)| *table == name)
            .map(|(_, row)| format!("{row}\n"));
        // Spaces separate the fields here; one within a field is written as `·`.
        let text = format!("{header}\n{}", rows.collect::<String>());
        let text = text.replace(' ', "\t").replace('·', " ");
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn build(rows: &[(&str, &str)]) -> super::super::Index {
    let directory = tables(rows);
    let mut builder = Builder::new();
    add(&mut builder, directory.path(), None).unwrap();
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    super::super::Index::from_bytes(bytes, crate::resolve::SourceKind::Catalogue).unwrap()
}

fn attributes(index: &super::super::Index, kind: KeyKind, key: &str) -> Vec<String> {
    let found = index.exact(kind, key.as_bytes());
    found.iter().map(|c| c.attr.to_string()).collect()
}

#[test]
fn two_names_of_one_package_are_one_candidate_unless_one_has_a_version() {
    let index = build(&[
        ("attr-synonyms.tsv", "foo libsForQt5.foo 1 0  foo "),
        ("attr-synonyms.tsv", "foo foo_2 1 0  foo "),
        (
            "soname-attrs.tsv",
            "libfoo.so.2 libsForQt5.foo out lib direct file 3 0 2023-01  foo ",
        ),
        (
            "soname-attrs.tsv",
            "libfoo.so.2 foo out lib direct file 2 0 2022-11  foo ",
        ),
        (
            "soname-attrs.tsv",
            "libfoo.so.2 foo_2 out lib direct file 3 0 2023-01  foo ",
        ),
    ]);
    assert_eq!(
        attributes(&index, KeyKind::Soname, "libfoo.so.2"),
        ["foo", "foo_2"]
    );
    let merged = &index.exact(KeyKind::Soname, b"libfoo.so.2")[0];
    assert_eq!(merged.facts.linux_listings, 3);
    assert_eq!(merged.facts.last_seen, Some((2023, 1)));
}

#[test]
fn a_command_known_from_the_table_only_says_so() {
    let index = build(&[
        (
            "command-attrs.tsv",
            "foo foo  bin direct file 0 0 1 2020-05 foo ",
        ),
        (
            "command-attrs.tsv",
            "bar bar out bin direct file 4 0 1 2023-01 bar ",
        ),
    ]);
    let foo = &index.exact(KeyKind::Command, b"foo")[0];
    assert_eq!((foo.basis, foo.output.clone()), (Basis::CommandTable, None));
    let bar = &index.exact(KeyKind::Command, b"bar")[0];
    assert_eq!(bar.basis, Basis::Listed);
    assert!(bar.facts.in_command_table);
}

#[test]
fn a_guess_keeps_its_signs() {
    let index = build(&[(
        "soname-guesses.tsv",
        "libxmp.so.4 libxmp homepage·package~·source·stem libxmp4 libxmp",
    )]);
    let guess = &index.exact(KeyKind::Soname, b"libxmp.so.4")[0];
    assert_eq!(guess.basis, Basis::Guess(4));
    assert_eq!(
        guess.facts.signs,
        [
            Sign::PackageName,
            Sign::SourceName,
            Sign::LibraryName,
            Sign::HomePage
        ]
    );
}

#[test]
fn use_under_an_old_name_counts_for_today_s() {
    let index = build(&[
        (
            "nixpkgs-aliases.tsv",
            "libX11 libx11 2026-01-29 alias nixpkgs-2026-02",
        ),
        ("nixpkgs-popularity.tsv", "libX11 100"),
    ]);
    let today = AttrPath::new("libx11").unwrap();
    assert_eq!(index.attribute(&today).unwrap().popularity, 160);
}

#[test]
fn a_name_that_has_come_back_is_today_s() {
    let index = build(&[
        (
            "nixpkgs-aliases.tsv",
            "foo set.foo 2019-12-22 renamed-throw nixpkgs-2024-05",
        ),
        (
            "nixpkgs-aliases.tsv",
            "set.foo foo 2026-02-08 alias nixpkgs-2026-02",
        ),
        (
            "command-attrs.tsv",
            "foo set.foo out bin direct file 4 0 1 2023-01 foo ",
        ),
    ]);
    assert_eq!(attributes(&index, KeyKind::Command, "foo"), ["foo"]);
}

#[test]
fn an_alias_of_the_supplement_renames_what_the_tables_have() {
    let directory = tables(&[
        (
            "nixpkgs-packages.tsv",
            "foo foo 1.0 out,dev https://foo.org Foo foo 3 0 ",
        ),
        (
            "command-attrs.tsv",
            "foo foo out bin direct file 4 0 1 2023-01 foo ",
        ),
        ("soname-guesses.tsv", "libfoo.so.4 foo source libfoo4 foo"),
    ]);
    let supplement = directory.path().join("supplement.tsv");
    let rows = "kind\tkey\tattr\toutput\tplace\towner\twhy\nalias\tfoo\tset.foo\t\t\t\tmoved\n";
    fs::write(&supplement, rows).unwrap();
    let mut builder = Builder::new();
    add(&mut builder, directory.path(), Some(&supplement)).unwrap();
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    let index =
        super::super::Index::from_bytes(bytes, crate::resolve::SourceKind::Catalogue).unwrap();
    assert_eq!(attributes(&index, KeyKind::Command, "foo"), ["set.foo"]);
    assert_eq!(
        attributes(&index, KeyKind::Soname, "libfoo.so.4"),
        ["set.foo"]
    );
    let old = index.attribute(&AttrPath::new("foo").unwrap()).unwrap();
    assert_eq!(old.attr.as_str(), "set.foo");
    assert_eq!(old.main_program.as_deref(), Some("foo"));
    assert_eq!(old.outputs.len(), 2);
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let directory = tables(&[(
        "soname-attrs.tsv",
        "libfoo.so.2 foo~bar out lib direct file x 0 2023-01  foo ",
    )]);
    let error = add(&mut Builder::new(), directory.path(), None).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("soname-attrs.tsv`, line 2: `foo~bar` is not an attribute path"),
        "{text}"
    );
}

#[test]
fn a_missing_table_is_named() {
    let directory = tables(&[]);
    fs::remove_file(directory.path().join("typelib-attrs.tsv")).unwrap();
    let error = add(&mut Builder::new(), directory.path(), None).unwrap_err();
    assert!(error.to_string().contains("typelib-attrs.tsv"), "{error}");
}
