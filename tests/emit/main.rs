//! What is written, compared with what was meant, with nixfmt and with Nix itself.

#![cfg(test)]

mod bad_input;
mod builds;
mod conventions;
mod evaluation;
mod formats;
mod json;
#[path = "../nix/instantiate.rs"]
mod nix;
mod pins;
mod programs;
mod properties;
mod rules;
mod runs;
mod scripts;
mod services;
mod shells;
mod stub;
mod support;
mod written;
