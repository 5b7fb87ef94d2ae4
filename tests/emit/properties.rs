//! What must be true of every environment, whatever bytes its names are made of.

use crate::conventions::{follow_conventions, no_reviewer_objects, tokens};
use crate::nix::Nix;
use crate::support::parse;
use crate::written::FILES;
use bstr::ByteSlice;
use nixtrace::emit::{
    Comments, Environment, File, GapNote, Missing, Nixpkgs, Options, Package, Role, RunKind,
    Shipment, Unresolved, render,
};
use nixtrace::graph::Surroundings;
use nixtrace::graph::manifest::Manifest;
use nixtrace::graph::phase::{Phase, Step, Tool};
use nixtrace::graph::subject::{
    DesktopEntry, Linkage, Product, ProgramFacts, Subject, SubjectForm,
};
use nixtrace::graph::surroundings::Variable;
use nixtrace::resolve::origin::Tarball;
use nixtrace::resolve::{AttrPath, ForcedRole, Manager, Origin, Output, Scored};
use nixtrace::trace::{Bytes, GapKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Pieces that mean something to Nix, to its comments and strings, or to a formatter of it.
fn hostile_piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => vec(any::<u8>(), 0..12),
        3 => "\\PC{0,12}".prop_map(String::into_bytes),
        4 => proptest::sample::select(vec![
            "\n", "\r", "\r\n", "#", "/*", "*/", "\"", "''", "''${", "${", "$${", "$", "\\", "\\n",
            "}", "{", "]", ")", ";", " ", "\t", "\0", "\u{2028}", "\u{202e}", "\u{feff}", "\u{85}",
            "/home/me/", "~", "builtins.abort", "nixfmt:", "bash",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
    ]
}

fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(hostile_piece(), 0..6).prop_map(|pieces| pieces.concat())
}

fn hostile_name() -> impl Strategy<Value = Bytes> {
    hostile_bytes().prop_map(Bytes::from)
}

fn hostile_text() -> impl Strategy<Value = String> {
    hostile_bytes().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn attr() -> impl Strategy<Value = AttrPath> {
    let part = prop_oneof![
        4 => "[a-zA-Z_][a-zA-Z0-9_'-]{0,30}",
        2 => "[a-zA-Z0-9_'+-]{1,8}",
        1 => proptest::sample::select(vec!["or", "with", "rec", "7zz", "stdenv", "python3"])
            .prop_map(str::to_owned),
    ];
    let set = proptest::sample::select(vec![
        "python3Packages",
        "python311Packages",
        "perlPackages",
        "rubyPackages_3_3",
        "lua51Packages",
        "rPackages",
        "haskellPackages",
        "ocamlPackages",
    ]);
    prop_oneof![
        3 => part.clone().prop_map(|part| part.to_owned()),
        1 => vec(part.clone(), 2..4).prop_map(|parts| parts.join(".")),
        2 => (set, part).prop_map(|(set, part)| format!("{set}.{part}")),
    ]
    .prop_filter("nixpkgs has no longer ones", |path| path.len() <= 50)
    .prop_map(|path| AttrPath::new(path).unwrap())
}

fn package() -> impl Strategy<Value = Package> {
    let role = proptest::sample::select(vec![
        Role::Interpreter,
        Role::Command,
        Role::Module,
        Role::Library,
        Role::Dlopen,
        Role::Header,
        Role::PkgConfig,
        Role::Data,
    ]);
    let output = proptest::sample::select(vec!["out", "lib", "dev", "bin", "doc", "dns utils\""]);
    let implied = proptest::option::weighted(0.2, Just("stdenv".to_owned()));
    let because = vec(hostile_text(), 0..3);
    let decided = (
        proptest::option::weighted(0.2, origin()),
        proptest::option::weighted(0.2, forced()),
    );
    (attr(), output, role, implied, because, decided).prop_map(
        |(attr, output, role, implied, because, (origin, forced))| Package {
            // One file is one package, whatever pins call it; so each has its own here.
            origin: origin.map(|origin| match origin {
                Origin::File(path) => {
                    let own = format!("{}/{attr}.nix", path.to_str_lossy());
                    Origin::File(own.as_str().into())
                }
                Origin::Tarball(tarball) => Origin::Tarball(Tarball {
                    url: format!("https://example.org/{attr}.tar.gz"),
                    ..tarball
                }),
                other => other,
            }),
            attr,
            output: Output(output.to_owned()),
            role,
            uses: Vec::new(),
            forced,
            version: None,
            implied,
            score: 0.9,
            because,
        },
    )
}

/// Where a person says that a package comes from.
fn origin() -> impl Strategy<Value = Origin> {
    let file = prop_oneof![
        hostile_text()
            .prop_filter("what a file of pins can say", |text| !text.contains('\0'))
            .prop_map(|text| format!("/home/me/project/nix/{text}")),
        Just("/srv/acme.nix".to_owned()),
        Just("/home/me/acme.nix".to_owned()),
    ];
    let tarball = |file: Option<&'static str>| Tarball {
        url: "https://example.org/${acme}.tar.gz".to_owned(),
        sha256: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        file: file.map(str::to_owned),
    };
    let revision = "0123456789abcdef0123456789abcdef01234567";
    prop_oneof![
        file.prop_map(|file| Origin::File(Bytes::from(file.as_str()))),
        proptest::sample::select(vec![None, Some("nix/acme \".nix")])
            .prop_map(move |file| Origin::Tarball(tarball(file))),
        Just(Origin::Nixpkgs(tarball(None))),
        Just(Origin::Flake(format!("github:a/b/{revision}"))),
    ]
}

fn forced() -> impl Strategy<Value = ForcedRole> {
    proptest::sample::select(vec![
        ForcedRole::Native,
        ForcedRole::Build,
        ForcedRole::Runtime,
        ForcedRole::Test,
        ForcedRole::Data,
    ])
}

fn scored() -> impl Strategy<Value = Scored> {
    attr().prop_map(|attr| Scored {
        attr,
        output: Output::default(),
        score: 0.3,
        because: Vec::new(),
        origin: None,
        forced: None,
        features: Vec::new(),
    })
}

fn desktop_entries() -> impl Strategy<Value = Vec<DesktopEntry>> {
    let icon = proptest::option::of((hostile_name(), hostile_name()));
    let entry = (hostile_name(), vec(hostile_name(), 0..3), icon);
    let entry = entry.prop_map(|(path, commands, icon)| DesktopEntry {
        path,
        commands,
        icon,
    });
    vec(entry, 0..2)
}

fn shipment() -> impl Strategy<Value = Shipment> {
    let manager = proptest::sample::select(vec![Manager::Dpkg, Manager::Rpm]);
    (
        manager,
        hostile_text(),
        hostile_text(),
        any::<bool>(),
        desktop_entries(),
    )
        .prop_map(
            |(manager, name, version, share, desktop_entries)| Shipment {
                manager,
                name,
                version,
                share,
                desktop_entries,
            },
        )
}

/// What a run was of, with names of any kind.
fn subject() -> impl Strategy<Value = Subject> {
    let names = || vec(hostile_name(), 0..4);
    let facts = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        0..3u64,
        names(),
        names(),
        desktop_entries(),
    )
        .prop_map(
            |(i386, sections, reads_itself, appended, unloaded, opened, desktop_entries)| {
                ProgramFacts {
                    i386,
                    linkage: Some(Linkage::Dynamic),
                    appended,
                    sections,
                    reads_itself,
                    unloaded,
                    opened,
                    desktop_entries,
                }
            },
        );
    let step =
        (vec(hostile_name(), 1..5), 0..4usize, 0..4usize).prop_map(|(argv, phase, tool)| Step {
            phase: [Phase::Configure, Phase::Build, Phase::Check, Phase::Install][phase],
            tool: [Tool::Configure, Tool::Make, Tool::Cmake, Tool::Compiler][tool],
            argv,
            cwd: "/home/me".into(),
        });
    let product = (hostile_name(), any::<bool>()).prop_map(|(path, library)| Product {
        path,
        library,
        helper: false,
    });
    let form = prop_oneof![
        Just(SubjectForm::Installed),
        facts.prop_map(SubjectForm::Program),
        (hostile_name(), any::<bool>())
            .prop_map(|(interpreter, shell)| SubjectForm::Script { interpreter, shell }),
        (vec(step, 0..3), vec(product, 0..3)).prop_map(|(steps, products)| {
            SubjectForm::Project {
                manifest: Manifest::default(),
                steps,
                products,
            }
        }),
    ];
    let root = prop_oneof![Just(Bytes::from("/home/me/project")), hostile_name()];
    (
        hostile_name(),
        form,
        root,
        any::<bool>(),
        proptest::option::of(hostile_name()),
        names(),
    )
        .prop_map(|(name, form, root, whole, file, files)| Subject {
            name,
            version: None,
            form,
            root,
            whole,
            file,
            files,
            ..Subject::default()
        })
}

fn variable() -> impl Strategy<Value = Variable> {
    ("[A-Z_]{1,8}", hostile_name(), hostile_text()).prop_map(|(name, value, because)| Variable {
        name,
        value: Some(value),
        because,
        is_personal: false,
    })
}

prop_compose! {
    fn environment()(
        command in vec(hostile_name(), 0..4),
        kind in proptest::sample::select(vec![RunKind::Binary, RunKind::Build, RunKind::Script]),
        exit in any::<Option<u8>>(),
        packages in vec(package(), 0..6),
        unresolved in vec((hostile_name(), hostile_text(), vec(scored(), 0..8)), 0..3),
        missing in vec((hostile_name(), hostile_text(), vec(scored(), 0..3)), 0..2),
        gaps in vec((hostile_text(), any::<u64>()), 0..2),
        subject in subject(),
        shipment in proptest::option::weighted(0.2, shipment()),
        variables in vec(variable(), 0..2),
        writes in vec(hostile_name(), 0..3),
    ) -> Environment {
        Environment {
            exit,
            runs: Vec::new(),
            packages,
            unresolved: unresolved
                .into_iter()
                .map(|(path, why, candidates)| Unresolved { path, why, candidates })
                .collect(),
            missing: missing
                .into_iter()
                .map(|(name, why, candidates)| Missing { name, why, candidates })
                .collect(),
            gaps: gaps
                .into_iter()
                .map(|(detail, count)| GapNote { kind: GapKind::IoUring, detail, count })
                .collect(),
            subject,
            shipment,
            surroundings: Surroundings { variables, writes, ..Surroundings::default() },
            directory: "/home/me/project".into(),
            ..Environment::new(kind, command)
        }
    }
}

fn nixpkgs() -> impl Strategy<Value = Nixpkgs> {
    prop_oneof![
        Just(Nixpkgs::SearchPath),
        Just(Nixpkgs::Argument),
        hostile_text().prop_map(|path| Nixpkgs::Path(Bytes::from(path.replace('\0', "")))),
        (
            "[a-z]{0,90}",
            hostile_text(),
            proptest::option::of(hostile_text())
        )
            .prop_map(|(long, url, sha256)| (long + &url, sha256))
            .prop_map(|(url, sha256)| Nixpkgs::Tarball { url, sha256 }),
    ]
}

/// That many of them.
pub(crate) fn made_up(count: usize) -> impl Iterator<Item = Environment> {
    let mut runner = TestRunner::default();
    let cases = environment();
    (0..count).map(move |_| cases.new_tree(&mut runner).unwrap().current())
}

fn options(comments: Comments, nixpkgs: &Nixpkgs) -> Options {
    Options {
        comments,
        nixpkgs: nixpkgs.clone(),
        home: Some(Bytes::from("/home/me")),
        ..Options::default()
    }
}

proptest! {
    #[test]
    fn every_file_is_what_nixfmt_prints_and_comments_are_only_comments(
        environment in environment(),
        nixpkgs in nixpkgs(),
    ) {
        for file in FILES {
            let [explained, bare] = [Comments::Evidence, Comments::None]
                .map(|comments| render(&environment, file, &options(comments, &nixpkgs)).unwrap());
            for text in [&explained, &bare] {
                let formatted = nixfmt_rs::format(text)
                    .map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?;
                prop_assert_eq!(&formatted, text);
                no_reviewer_objects(text);
            }
            prop_assert_eq!(tokens(&explained), tokens(&bare));
        }
    }

    #[test]
    fn every_shell_follows_the_conventions_and_comments_are_only_comments(
        environment in environment(),
        nixpkgs in nixpkgs(),
    ) {
        let [explained, bare] = [Comments::Evidence, Comments::None]
            .map(|comments| render(&environment, File::Shell, &options(comments, &nixpkgs)).unwrap());
        follow_conventions(&explained);
        prop_assert_eq!(tokens(&explained), tokens(&bare));
    }

    #[test]
    fn the_order_of_packages_changes_nothing(environment in environment(), seed in any::<u64>()) {
        let mut shuffled = environment.clone();
        shuffled.packages.sort_by_key(|package| {
            let text = format!("{seed}{package:?}");
            text.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
        });
        let options = options(Comments::None, &Nixpkgs::SearchPath);
        prop_assert_eq!(
            render(&shuffled, File::Shell, &options).unwrap(),
            render(&environment, File::Shell, &options).unwrap()
        );
    }
}

#[test]
fn nix_parses_every_file_of_every_run() {
    let Some(nix) = Nix::installed() else { return };
    for file in FILES {
        let mut all = "[\n".to_owned();
        for environment in made_up(60) {
            let options = options(Comments::Evidence, &Nixpkgs::Argument);
            let text = render(&environment, file, &options).unwrap();
            all.push_str(&format!("(\n{text})\n"));
        }
        parse(&nix, &(all + "]")).unwrap();
    }
}

#[test]
fn nix_parses_every_shell_and_comments_never_change_its_syntax_tree() {
    let Some(nix) = Nix::installed() else { return };
    let mut runner = TestRunner::default();
    let cases = (environment(), nixpkgs());
    // One call for all of them, each a function in a list.
    let (mut explained, mut bare) = ("[\n".to_owned(), "[\n".to_owned());
    for _ in 0..500 {
        let (environment, nixpkgs) = cases.new_tree(&mut runner).unwrap().current();
        for (file, comments) in [
            (&mut explained, Comments::Evidence),
            (&mut bare, Comments::None),
        ] {
            let text = render(&environment, File::Shell, &options(comments, &nixpkgs)).unwrap();
            file.push_str(&format!("(\n{text})\n"));
        }
    }
    let explained = parse(&nix, &(explained + "]")).unwrap();
    assert_eq!(explained, parse(&nix, &(bare + "]")).unwrap());
}
