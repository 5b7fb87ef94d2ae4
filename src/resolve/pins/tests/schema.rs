//! `docs/pins.schema.json` and the reader take and refuse the same files.

use super::pins;
use regex::Regex;
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/pins.schema.json")).unwrap()
}

/// What of JSON Schema the file uses; a word that is not known here is an error of this test.
struct Schema(Value);

impl Schema {
    fn accepts(&self, value: &Value) -> bool {
        self.fits(&self.0, value)
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let any_fits = |schemas: &Value| -> usize {
            let schemas = schemas.as_array().unwrap().iter();
            schemas.filter(|one| self.fits(one, value)).count()
        };
        let words = match schema {
            Value::Bool(all) => return *all,
            schema => schema.as_object().unwrap(),
        };
        words.iter().all(|(word, says)| match &**word {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
                self.fits(self.0.pointer(pointer).unwrap(), value)
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "enum" => says.as_array().unwrap().contains(value),
            "oneOf" => any_fits(says) == 1,
            "anyOf" => any_fits(says) > 0,
            "not" => !self.fits(says, value),
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = Regex::new(says.as_str().unwrap()).unwrap();
                pattern.is_match(text)
            }),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 >= says.as_u64().unwrap()),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| self.fits(says, item))),
            _ => value
                .as_object()
                .is_none_or(|keys| self.fits_object(words, word, says, keys)),
        })
    }

    fn fits_object(
        &self,
        words: &serde_json::Map<String, Value>,
        word: &str,
        says: &Value,
        keys: &serde_json::Map<String, Value>,
    ) -> bool {
        let has_all = |names: &Value| {
            let mut names = names.as_array().unwrap().iter();
            names.all(|name| keys.contains_key(name.as_str().unwrap()))
        };
        match word {
            "properties" => keys
                .iter()
                .all(|(key, value)| says.get(key).is_none_or(|schema| self.fits(schema, value))),
            "additionalProperties" => keys
                .iter()
                .filter(|(key, _)| {
                    let named = words.get("properties");
                    named.is_none_or(|named| named.get(key).is_none())
                })
                .all(|(_, value)| self.fits(says, value)),
            "propertyNames" => keys
                .keys()
                .all(|key| self.fits(says, &Value::from(key.as_str()))),
            "required" => has_all(says),
            "dependentRequired" => says
                .as_object()
                .unwrap()
                .iter()
                .all(|(key, names)| !keys.contains_key(key) || has_all(names)),
            unknown => panic!("the schema says `{unknown}`, which this test does not know"),
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        unknown => panic!("the schema has the type `{unknown}`, which this test does not know"),
    }
}

/// Whether a file is taken, by the schema and by the reader.
#[track_caller]
fn both(text: &str) -> (bool, bool) {
    let value: Value = serde_yaml::from_str(text).unwrap();
    (Schema(schema()).accepts(&value), pins(text).is_ok())
}

const HASH: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn what_the_reader_takes_the_schema_takes() {
    for text in [
        "",
        "{}",
        "pins:",
        "pins: {}",
        "ignore:",
        "ignore: []",
        "prefer:",
        "pins: { libfoo.so.1: foo }",
        "pins: { libfoo.so.1: python3Packages.numpy }",
        "pins: { libfoo.so.1: { attr: foo } }",
        "pins: { libfoo.so.1: { attr: foo, output: dev } }",
        "pins: { libfoo.so.1: { attr: foo, output: dev, role: test } }",
        "pins: { git: { role: native } }",
        "pins: { git: { role: build } }",
        "pins: { git: { role: runtime } }",
        "pins: { git: { role: data } }",
        "pins: { x: { attr: foo, source: ./foo.nix } }",
        "pins: { x: { attr: foo, source: ../foo.nix } }",
        "pins: { x: { attr: foo, source: /srv/foo.nix } }",
        "pins: { x: { attr: foo, source: { nixpkgs: REVISION, sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { nixpkgs: 'https://x.org/n.tar.gz', sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { tarball: 'file:///c.tar', sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { tarball: 'http://x.org/c', sha256: HASH, file: a/b.nix } } }",
        "pins: { x: { attr: foo, source: { tarball: 'http://x.org/c', sha256: HASH, file: .a/..b } } }",
        "pins: { x: { attr: foo, source: { flake: 'github:a/b/REVISION' } } }",
        "pins: { x: { attr: foo, source: { flake: 'git+https://x.org/y?rev=REVISION' } } }",
        "pins: { x: { attr: foo, source: { flake: 'path:/y?narHash=sha256-x' } } }",
        "ignore: [libinternal.so.2, '/opt/**', 'python:x*']",
        "prefer: [jdk17, stdenv.cc.cc]",
    ] {
        let text = text.replace("REVISION", REVISION).replace("HASH", HASH);
        assert_eq!(both(&text), (true, true), "schema, reader: {text}");
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    for text in [
        "[]",
        "pins",
        "pinned: {}",
        "pins: []",
        "pins: { '': foo }",
        "pins: { 'python:': foo }",
        "pins: { git: }",
        "pins: { git: 'no attr' }",
        "pins: { git: a..b }",
        "pins: { git: [a] }",
        "pins: { git: {} }",
        "pins: { git: { attr: '' } }",
        "pins: { git: { attribute: foo } }",
        "pins: { git: { output: dev } }",
        "pins: { git: { output: dev, role: test } }",
        "pins: { git: { source: ./foo.nix, role: test } }",
        "pins: { git: { attr: foo, output: a.b } }",
        "pins: { git: { attr: foo, output: '' } }",
        "pins: { git: { attr: foo, role: shell } }",
        "pins: { x: { attr: foo, source: foo.nix } }",
        "pins: { x: { attr: foo, source: {} } }",
        "pins: { x: { attr: foo, source: { nixpkgs: nixos-24.05, sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { nixpkgs: REVISION } } }",
        "pins: { x: { attr: foo, source: { nixpkgs: REVISION, sha256: HASH, file: a } } }",
        "pins: { x: { attr: foo, source: { nixpkgs: REVISION, sha256: sha256-abc } } }",
        "pins: { x: { attr: foo, source: { tarball: 'ftp://x.org/c', sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { tarball: 'https://x.org/c' } } }",
        "pins: { x: { attr: foo, source: { tarball: 'https://x.org/c', sha256: HASH, file: '' } } }",
        "pins: { x: { attr: foo, source: { tarball: 'https://x.org/c', sha256: HASH, file: ../a } } }",
        "pins: { x: { attr: foo, source: { tarball: 'https://x.org/c', sha256: HASH, file: a//b } } }",
        "pins: { x: { attr: foo, source: { tarball: 'https://x.org/c', sha256: HASH, file: /a } } }",
        "pins: { x: { attr: foo, source: { flake: 'github:a/b' } } }",
        "pins: { x: { attr: foo, source: { flake: 'github:a/b/REVISION#foo' } } }",
        "pins: { x: { attr: foo, source: { flake: 'github:a/b/REVISION', sha256: HASH } } }",
        "pins: { x: { attr: foo, source: { flake: 'a/REVISION' } } }",
        "pins: { x: { attr: foo, source: { url: 'https://x.org/c' } } }",
        "ignore: x",
        "ignore: ['']",
        "ignore: ['command:']",
        "ignore: [[x]]",
        "prefer: jdk17",
        "prefer: ['']",
        "prefer: [a b]",
    ] {
        let text = text.replace("REVISION", REVISION).replace("HASH", HASH);
        assert_eq!(both(&text), (false, false), "schema, reader: {text}");
    }
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let schema = schema();
    let keys = |pointer: &str| -> Vec<String> {
        let properties = schema.pointer(pointer).unwrap().as_object().unwrap();
        properties.keys().map(|key| format!("`{key}`")).collect()
    };
    let long = "/properties/pins/additionalProperties/oneOf/1";
    for (unknown, pointer) in [
        ("x: 1", "/properties".to_owned()),
        ("pins: { a: { x: 1 } }", format!("{long}/properties")),
    ] {
        let error = pins(unknown).unwrap_err();
        let expected = format!("expected one of {}", keys(&pointer).join(", "));
        assert!(error.ends_with(&expected), "{error}");
    }
    let roles = schema
        .pointer(&format!("{long}/properties/role/enum"))
        .unwrap();
    for role in roles.as_array().unwrap() {
        pins(&format!("pins: {{ a: {{ role: {role} }} }}")).unwrap();
    }
}

#[test]
fn the_schema_names_the_kinds_that_there_are() {
    let kinds: Vec<String> = <crate::resolve::Kind as clap::ValueEnum>::value_variants()
        .iter()
        .map(|kind| kind.to_string())
        .collect();
    let pattern = schema()
        .pointer("/$defs/name/not/pattern")
        .and_then(|pattern| Some(pattern.as_str()?.to_owned()));
    assert_eq!(pattern, Some(format!("^({}):$", kinds.join("|"))));
}
