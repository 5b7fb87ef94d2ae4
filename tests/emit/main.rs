//! What is written, compared with what was meant, with nixfmt and with Nix itself.

#![cfg(test)]

mod conventions;
mod goldens;
#[path = "../nix/instantiate.rs"]
mod nix;
mod properties;
mod support;
