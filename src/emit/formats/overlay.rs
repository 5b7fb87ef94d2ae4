//! overlay.nix: adds the package to nixpkgs.

use super::Writer;
use crate::emit::page::{Page, text};
use crate::emit::{Environment, Error, Options, template};
use minijinja::context;

pub(super) struct Overlay;

impl Writer for Overlay {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        template::fill(
            "overlay.nix.jinja",
            context! {
                header => page.header(),
                set => text(page.set()),
                name => text(page.attribute()),
            },
        )
    }
}
