//! What is written for an environment, after all was checked that must be true of any file.

use crate::conventions::{follow_conventions, no_reviewer_objects, tokens};
use crate::nix::Nix;
use crate::support::{derivation, parse};
use nixtrace::emit::{Comments, Environment, File, Format, Options, render};
use nixtrace::trace::Bytes;
use std::collections::BTreeMap;

/// All that is written in Nix.
pub(crate) const FILES: [File; 9] = [
    File::Shell,
    File::Package,
    File::Default,
    File::Flake,
    File::Overlay,
    File::Module,
    File::Image,
    File::Arion,
    File::ArionPkgs,
];

/// A shell and nothing beside it.
pub(crate) fn alone() -> Options {
    Options {
        home: Some(Bytes::from("/home/me")),
        ..Options::default()
    }
}

/// Every format beside the others.
pub(crate) fn options() -> Options {
    Options {
        beside: Format::ALL.into(),
        ..alone()
    }
}

/// All files for a run, each checked for what must be true of any.
pub(crate) fn write(
    environment: &Environment,
    options: &Options,
) -> BTreeMap<&'static str, String> {
    FILES
        .iter()
        .map(|&file| {
            let text = render(environment, file, options).unwrap();
            let bare = Options {
                comments: Comments::None,
                ..options.clone()
            };
            let bare = render(environment, file, &bare).unwrap();
            for text in [&text, &bare] {
                match nixfmt_rs::format(text) {
                    Ok(formatted) => assert_eq!(&formatted, text),
                    Err(error) => panic!("{error:?}\n{text}"),
                }
                no_reviewer_objects(text);
            }
            assert_eq!(tokens(&text), tokens(&bare));
            assert!(!text.contains("/home/me"), "{text}");
            (file.name().unwrap(), text)
        })
        .collect()
}

pub(crate) fn package(environment: &Environment) -> String {
    write(environment, &options())
        .remove("package.nix")
        .unwrap()
}

/// The shell of an environment, after all that must be true of any shell was checked.
pub(crate) fn shell(environment: &Environment) -> String {
    shell_with(environment, &alone())
}

pub(crate) fn shell_with(environment: &Environment, options: &Options) -> String {
    let text = render(environment, File::Shell, options).unwrap();
    let bare = Options {
        comments: Comments::None,
        ..options.clone()
    };
    let bare = render(environment, File::Shell, &bare).unwrap();
    // This proves the layout: the crate re-implements RFC 166's nixfmt and is tested for the same
    // output, so what it leaves unchanged is what nixfmt prints.
    for text in [&text, &bare] {
        assert_eq!(&nixfmt_rs::format(text).unwrap(), text);
    }
    follow_conventions(&text);
    assert!(!text.contains("/home/me"), "{text}");
    if let Some(nix) = Nix::installed() {
        assert_eq!(parse(&nix, &text).unwrap(), parse(&nix, &bare).unwrap());
        let derivation = derivation(&nix, &text).unwrap();
        assert!(derivation.trim_end().ends_with("-nix-shell.drv"));
    }
    text
}
