//! `-f json`: the result as it is, for programs.
//!
//! Nothing is left out or shortened here: comments, the home directory and nixpkgs are matters of
//! the Nix formats.

use super::Writer;
use crate::emit::{Environment, Error, Options};

pub(super) struct Json;

impl Writer for Json {
    fn write(&self, environment: &Environment, _: &Options) -> Result<String, Error> {
        let mut text = serde_json::to_string_pretty(environment)?;
        text.push('\n');
        Ok(text)
    }
}
