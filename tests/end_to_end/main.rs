//! What is written, used for what it is for: real programs are traced, and run again with nothing but
//! what the written file provides.
//!
//! A small package set is made from this machine's own Debian packages, in a Nix store of its own
//! (`set/`). Then `/usr` is hidden, and with it the host's programs, libraries and headers, and
//! `nix-shell --pure` or `nix-build` has to do with the file: the program must behave as before.
//! That the file is minimal is shown by taking out everything that it lists, one thing at a time:
//! without it the program must fail.

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    reason = "what surprises a test fails it, in its helpers too"
)]

mod cases;
mod mini;
mod project;
mod removable;
