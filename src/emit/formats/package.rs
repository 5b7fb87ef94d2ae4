//! package.nix: what the run was of, as a function of its dependencies for `callPackage`.

use super::Writer;
use crate::emit::page::{Page, text};
use crate::emit::scope::Scope;
use crate::emit::{Environment, Error, Options, template};
use minijinja::context;

pub(super) struct Package;

impl Writer for Package {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        let scope = Scope::arguments();
        let derivation = page.derivation(&scope);
        let assertions = page.assertions(&scope);
        template::fill(
            "package.nix.jinja",
            context! {
                header => page.header(),
                to_do => page.to_do(),
                // What was named by now.
                arguments => text(scope.formals()),
                assertions,
                package => text(derivation.source(0)),
            },
        )
    }
}
