//! What is written, compared with what was meant, with nixfmt and with Nix itself.

#![cfg(test)]

mod conventions;
mod formats;
mod goldens;
#[path = "../nix/instantiate.rs"]
mod nix;
mod properties;
mod runs;
mod support;
