//! A program that the package manager of the machine installed: its source is the very file that it
//! was installed from, unpacked as it is.

use super::identity::file_name;
use super::{Ingredients, desktop};
use crate::emit::Shipment;
use crate::emit::nix::{Comment, Entry, Expression, Item, Line, NixText};
use crate::resolve::Manager;

impl Shipment {
    /// The name of the file as its tools call it; the architecture is that of the run.
    fn file(&self, architecture: &str) -> String {
        let Self { name, version, .. } = self;
        // An epoch is no part of the file's name.
        let version = version.split_once(':').map_or(&**version, |(_, rest)| rest);
        match self.manager {
            Manager::Rpm => format!("{name}-{version}.{architecture}.rpm"),
            _ => {
                let architecture = match architecture {
                    "x86_64" => "amd64",
                    "aarch64" => "arm64",
                    "i686" => "i386",
                    other => other,
                };
                format!("{name}_{version}_{architecture}.deb")
            }
        }
    }
}

/// `src`, and how it is unpacked.
pub(super) fn source(ingredients: &Ingredients<'_>, shipment: &Shipment) -> Vec<Entry> {
    let file = shipment.file(&ingredients.evidence.environment.architecture);
    let name = NixText::string(file.as_bytes());
    let message = format!(
        "Add the file that {} was installed from: nix-store --add-fixed sha256 {file}",
        shipment.name
    );
    let arguments = Expression::Set {
        entries: vec![
            Entry::binding("name", name.into()),
            Entry::binding("message", NixText::string(message.as_bytes()).into()),
            Entry::binding("hash", ingredients.known("lib.fakeHash").into())
                .noted(Comment::new("TODO nixtrace: `nix hash file` prints it")),
        ],
        spaced: false,
    };
    let source = Expression::call(ingredients.known("requireFile"), arguments);
    let unpack = match shipment.manager {
        Manager::Rpm => "\"rpmextract $curSrc\"",
        _ => "\"dpkg-deb -x $curSrc .\"",
    };
    vec![
        Entry::binding("src", source).below(Comment::new(&format!(
            "TODO nixtrace: others need a fetchurl of the file that {} {} comes as",
            shipment.name, shipment.version
        ))),
        Entry::Together(vec![
            Entry::binding("unpackCmd", NixText::constant(unpack).into()),
            Entry::binding("sourceRoot", NixText::constant("\".\"").into()),
        ]),
    ]
}

/// The tool that unpacks it.
pub(super) fn tool(ingredients: &Ingredients<'_>, shipment: &Shipment) -> Item {
    Item::from(ingredients.known(match shipment.manager {
        Manager::Rpm => "rpmextract",
        _ => "dpkg",
    }))
}

/// Puts the program's directory and what it has in `share` into the output.
pub(super) fn steps(
    ingredients: &Ingredients<'_>,
    shipment: &Shipment,
    program: &[u8],
) -> Vec<Line> {
    let subject = &ingredients.evidence.environment.subject;
    let root = subject.root.strip_prefix(b"/").unwrap_or(&subject.root);
    let top = root.split(|byte| *byte == b'/').next().unwrap_or(root);
    let file = subject
        .file
        .as_ref()
        .map_or(program, |file| file.as_bytes());
    let mut lines = vec![
        Line::shell("mkdir -p $out/bin"),
        Line::shell("cp -r ").word(top).then(" $out"),
    ];
    if shipment.share {
        lines.push(Line::shell("cp -r usr/share $out"));
    }
    lines.push(
        Line::shell("ln -s $out/")
            .word(root)
            .then("/")
            .word(file)
            .then(" $out/bin/")
            .word(file_name(program)),
    );
    for entry in &shipment.desktop_entries {
        lines.extend(desktop::rewriting(entry, program, b""));
    }
    lines
}
