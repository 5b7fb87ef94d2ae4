//! What is read of a file of pins, and what is refused.

mod schema;

use super::*;
use crate::resolve::Kind;
use proptest::prelude::*;

const FILE: &str = "\
pins:
  libfoo.so.1: foo
  awk: gawk
  python:yaml: python3Packages.pyyaml
  /opt/acme/lib/libx.so: { attr: acme, output: lib }
  /opt/acme/**: acme-tools
  /opt/**: everything
  libbar*.so.*: bar
ignore:
  - /opt/vendor/**
  - libinternal.so.2
prefer: [jdk17, stdenv.cc.cc]
";

fn pins(text: &str) -> Result<Pins, String> {
    Pins::parse(text.as_bytes(), Path::new("nixtrace.yaml")).map_err(|error| error.to_string())
}

fn pinned(query: Query) -> Option<String> {
    let candidate = pins(FILE).unwrap().pinned(&query)?.candidate;
    Some(match candidate.output {
        Some(output) => format!("{}^{output}", candidate.attr),
        None => candidate.attr.to_string(),
    })
}

#[test]
fn names_and_paths_are_pinned_the_sharpest_first() {
    for (query, expected) in [
        (Query::parse(b"libfoo.so.1"), Some("foo")),
        (Query::parse(b"libfoo.so.2"), None),
        (Query::parse(b"awk"), Some("gawk")),
        (Query::for_path(b"/usr/bin/awk"), Some("gawk")),
        (
            Query::new(Kind::Python, "yaml"),
            Some("python3Packages.pyyaml"),
        ),
        (Query::new(Kind::Command, "yaml"), None),
        (Query::parse(b"libbarbaz.so.7"), Some("bar")),
        (Query::for_path(b"/opt/acme/lib/libx.so"), Some("acme^lib")),
        (
            Query::for_path(b"/opt/acme/lib/liby.so"),
            Some("acme-tools"),
        ),
        (Query::parse(b"/opt/other/x"), Some("everything")),
    ] {
        assert_eq!(pinned(query.clone()).as_deref(), expected, "{query:?}");
    }
}

#[test]
fn a_pin_can_name_a_source_of_the_package() {
    let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let revision = "0123456789abcdef0123456789abcdef01234567";
    let text = format!(
            "\
pins:
  liba.so.1: {{ attr: a, source: ./nix/../a.nix }}
  libb.so.1: {{ attr: b, output: lib, source: {{ nixpkgs: {revision}, sha256: {hash} }} }}
  libc.so.1: {{ attr: c, source: {{ tarball: 'https://x.org/c.tar.gz', sha256: {hash}, file: nix/c.nix }} }}
  libd.so.1: {{ attr: default, source: {{ flake: 'github:x/d/{revision}' }} }}
"
        );
    let pins = pins(&text)
        .unwrap()
        .below(Path::new("/srv/project"), Path::new("nixtrace.yaml"))
        .unwrap();
    let origin = |name: &str| {
        let pinned = pins.pinned(&Query::parse(name.as_bytes())).unwrap();
        serde_json::to_string(&pinned.origin).unwrap()
    };
    assert_eq!(origin("liba.so.1"), r#"{"file":"/srv/project/a.nix"}"#);
    assert_eq!(
        origin("libb.so.1"),
        format!(
            r#"{{"nixpkgs":{{"url":"https://github.com/NixOS/nixpkgs/archive/{revision}.tar.gz","sha256":"{hash}"}}}}"#
        )
    );
    assert_eq!(
        origin("libc.so.1"),
        format!(
            r#"{{"tarball":{{"url":"https://x.org/c.tar.gz","sha256":"{hash}","file":"nix/c.nix"}}}}"#
        )
    );
    assert_eq!(
        origin("libd.so.1"),
        format!(r#"{{"flake":"github:x/d/{revision}"}}"#)
    );
}

#[test]
fn a_source_that_is_not_pinned_or_not_clear_is_an_error_at_its_place() {
    for (source, expected) in [
        (
            "acme.nix",
            "`acme.nix` is no path: a file for callPackage begins with `./`, `../` or `/`",
        ),
        (
            "{ tarball: 'https://x.org/c.tar.gz' }",
            "a tarball has to be pinned: add the `sha256` that `nix-prefetch-url --unpack` prints",
        ),
        (
            "{ nixpkgs: nixos-24.05, sha256: x }",
            "`nixos-24.05` is neither the URL of a tarball nor a whole revision",
        ),
        (
            "{ flake: 'github:x/y' }",
            "the flake `github:x/y` has to be locked: add a whole revision, or `narHash`",
        ),
        (
            "{ flake: x, tarball: y }",
            "a source is a path, or one of `nixpkgs` with `sha256`, `tarball` with `sha256` and perhaps `file`, or `flake`",
        ),
        (
            "{ url: x }",
            "unknown field `url`, expected one of `nixpkgs`, `tarball`, `flake`, `sha256`, `file`",
        ),
    ] {
        let text = format!("pins:\n  a: {{ attr: a, source: {source} }}\n");
        let error = pins(&text).unwrap_err();
        assert!(error.starts_with("nixtrace.yaml:2:"), "{error}");
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn a_role_can_be_decided_with_or_without_the_attribute() {
    let pins = pins(
        "pins:\n  git: { role: runtime }\n  '*.so.1': { attr: x, role: build }\n  liba.so.1: a\n",
    )
    .unwrap();
    let git = Query::parse(b"git");
    assert_eq!(pins.pinned(&git), None);
    assert_eq!(pins.role(&git), Some(ForcedRole::Runtime));
    // The sharper pin says nothing of a role, so the wider one's holds.
    let library = Query::parse(b"liba.so.1");
    assert_eq!(pins.pinned(&library).unwrap().candidate.attr.as_str(), "a");
    assert_eq!(pins.role(&library), Some(ForcedRole::Build));
}

#[test]
fn ignored_is_what_a_pattern_matches() {
    let pins = pins(FILE).unwrap();
    assert_eq!(
        pins.ignored(&Query::for_path(b"/opt/vendor/a/b")),
        Some("/opt/vendor/**")
    );
    assert_eq!(
        pins.ignored(&Query::parse(b"libinternal.so.2")),
        Some("libinternal.so.2")
    );
    assert_eq!(pins.ignored(&Query::parse(b"git")), None);
    assert_eq!(pins.preferred().len(), 2);
}

#[test]
fn an_empty_file_decides_nothing() {
    for text in ["", "# nothing yet\n", "pins:\n", "ignore: []\n"] {
        assert!(
            pins(text).unwrap().pinned(&Query::parse(b"git")).is_none(),
            "{text:?}"
        );
    }
}

#[test]
fn an_error_names_the_file_the_line_and_the_column() {
    for (text, expected) in [
        (
            "pinz:\n  a: b\n",
            "nixtrace.yaml:1:1: unknown field `pinz`, expected one of `pins`, `ignore`, `prefer`",
        ),
        (
            "pins:\n  awk: gawk\n  x: not an attr\n",
            "nixtrace.yaml:3:6: pins.x: `not an attr` is not an attribute path of nixpkgs, like `openssl` or `python3Packages.numpy`",
        ),
        (
            "pins:\n  awk: gawk\n  awk: mawk\n",
            "nixtrace.yaml:3:3: pins: `awk` is pinned twice",
        ),
        (
            "pins:\n  a: { attr: x, outputs: y }\n",
            "nixtrace.yaml:2:17: pins.a: unknown field `outputs`, expected one of `attr`, `output`, `source`, `role`",
        ),
        (
            "pins:\n  a: { output: lib }\n",
            "nixtrace.yaml:2:6: pins.a: missing field `attr`; only a `role` can do without",
        ),
        (
            "pins:\n  a: { role: cook }\n",
            "nixtrace.yaml:2:14: pins.a.role: unknown variant `cook`, expected one of `native`, `build`, `runtime`, `test`, `data`",
        ),
        (
            "pins: [a]\n",
            "nixtrace.yaml:1:7: pins: invalid type: sequence, expected a map from names to attributes",
        ),
        (
            "ignore:\n  - ok\n  - /bad/[*\n",
            "nixtrace.yaml:3:5: ignore[1]: error parsing glob '/bad/[*': unclosed character class; missing ']'",
        ),
        (
            "pins:\n  a: 3\n",
            "nixtrace.yaml:2:6: pins.a: invalid type: integer `3`, expected an attribute path like `openssl`, or a map with `attr` or `role`",
        ),
    ] {
        assert_eq!(pins(text).unwrap_err(), expected, "{text}");
    }
    let error = pins("pins:\n  a: {").unwrap_err();
    assert!(error.starts_with("nixtrace.yaml:"), "{error}");
}

#[test]
fn the_example_in_the_documentation_is_read() {
    let text = include_str!("../../../docs/pins.md");
    let example = text.split("```").nth(1).unwrap();
    pins(example.strip_prefix("yaml\n").unwrap()).unwrap();
}

#[test]
fn a_hostile_file_is_an_error_in_no_time() {
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nignore: *c\n";
    assert!(pins(laughs).is_err());
    let deep = format!("ignore: {}", "[".repeat(100_000));
    assert_eq!(
        pins(&deep).unwrap_err(),
        "nixtrace.yaml:1:41: nested more than 32 deep"
    );
    let dashes = format!("ignore:\n  {}x", "- ".repeat(100_000));
    assert_eq!(
        pins(&dashes).unwrap_err(),
        "nixtrace.yaml:2:67: nested more than 32 deep"
    );
    assert!(pins("pins: &a\n  x: *a\n").is_err());
}

#[test]
fn a_file_larger_than_the_limit_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE_LIMIT + 1).unwrap();
    assert!(matches!(
        Pins::load(file.path()),
        Err(PinsError::TooLarge { .. })
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pins::parse(&bytes, Path::new("x"));
    }
}
