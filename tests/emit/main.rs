//! What is written, compared with what was meant, with nixfmt and with Nix itself.

#![cfg(test)]

mod goldens;
mod support;
