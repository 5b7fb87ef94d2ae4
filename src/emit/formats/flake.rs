//! flake.nix: the package, the shell, the overlay and, if one is written, the module.

use super::{Format, Writer};
use crate::emit::derivation::system;
use crate::emit::nix::NixText;
use crate::emit::page::{Page, text};
use crate::emit::{Environment, Error, Options, template};
use minijinja::{Value, context};

pub(super) struct Flake;

impl Writer for Flake {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        // Only what was seen to work is offered.
        let system = system(&environment.architecture).unwrap_or("x86_64-linux");
        let (url, advice) = options.nixpkgs.flake_reference(&page.home)?;
        template::fill(
            "flake.nix.jinja",
            context! {
                header => page.header(),
                set => text(page.set()),
                url => text(url),
                url_comment => advice.map(|advice| page.remark(advice)),
                system => text(NixText::string(system.as_bytes())),
                unfree => match page.unfree_predicate() {
                    Some(predicate) => text(predicate),
                    None => Value::UNDEFINED,
                },
                module => options.beside.contains(&Format::Module),
            },
        )
    }
}
