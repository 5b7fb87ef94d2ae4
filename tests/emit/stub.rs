//! The stand-in for nixpkgs: `tests/nix/stub.nix` with the attributes of the catalogue.

use nixtrace::resolve::index::{AliasState, Index};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::OnceLock;

/// No attribute of nixpkgs needs quotes, but one that a pin names can lie in an overlay of the
/// reader's own.
const OWN: &str = "7zz";

/// The directory to import, as one imports `<nixpkgs>`; it is a flake too.
pub(crate) fn stub() -> &'static str {
    static PLACE: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, path) = PLACE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path());
        let path = directory.path().to_str().unwrap().to_owned();
        (directory, path)
    });
    path
}

fn write(directory: &Path) {
    for name in [
        "flake.nix",
        "library.nix",
        "nixos.nix",
        "stub.nix",
        "uses.nix",
    ] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nix");
        std::fs::copy(source.join(name), directory.join(name)).unwrap();
    }
    let catalogue = serde_json::to_string(&tree(Index::embedded())).unwrap();
    std::fs::write(directory.join("catalogue.json"), catalogue).unwrap();
    let import = "import ./stub.nix (builtins.fromJSON (builtins.readFile ./catalogue.json))\n";
    std::fs::write(directory.join("default.nix"), import).unwrap();
}

/// The attributes that nixpkgs has today, each with its outputs under the empty name.
fn tree(index: &Index) -> Value {
    let mut root = Map::new();
    for facts in index.attributes() {
        let old = index.alias(&facts.attr);
        let is_old = old.is_some_and(|alias| alias.state != AliasState::Default);
        if is_old || facts.removed_by.is_some() {
            continue;
        }
        let outputs = facts.outputs.iter().map(ToString::to_string).collect();
        add(&mut root, facts.attr.parts(), outputs);
    }
    add(&mut root, [OWN].into_iter(), Vec::new());
    Value::Object(root)
}

fn add<'a>(
    root: &mut Map<String, Value>,
    path: impl Iterator<Item = &'a str>,
    outputs: Vec<String>,
) {
    let mut node = root;
    for part in path {
        let below = node.entry(part).or_insert_with(|| Map::new().into());
        node = below.as_object_mut().unwrap();
    }
    node.insert(String::new(), outputs.into());
}
