//! The index: what files and names nixpkgs attributes provide.

pub mod nix_index;
