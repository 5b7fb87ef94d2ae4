//! default.nix: calls package.nix, so that `nix-build` alone builds it.

use super::Writer;
use crate::emit::page::{Page, text};
use crate::emit::{Environment, Error, Options, template};
use minijinja::context;

pub(super) struct Default;

impl Writer for Default {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        template::fill(
            "default.nix.jinja",
            context! {
                header => page.header(),
                set => text(page.set()),
                nixpkgs => page.nixpkgs()?,
            },
        )
    }
}
