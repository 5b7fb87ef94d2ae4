//! package.nix: what the run was of, as a function of its dependencies for `callPackage`.

use super::Writer;
use crate::emit::page::{Page, text};
use crate::emit::{Environment, Error, Options, template};
use minijinja::context;

pub(super) struct Package;

impl Writer for Package {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        let (arguments, derivation) = page.derivation();
        template::fill(
            "package.nix.jinja",
            context! {
                header => page.header(),
                to_do => page.to_do(),
                arguments => text(arguments),
                package => text(derivation.source(0)),
            },
        )
    }
}
