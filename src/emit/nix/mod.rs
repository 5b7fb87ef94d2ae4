//! Nix source text: the only place where anything is escaped, quoted or laid out.
//!
//! [`NixText`] is a piece of source that needs nothing more; [`Comment`] is text that cannot leave
//! its line; [`Expression`] is printed as `nixfmt` (RFC 166) would print it. What to write is
//! decided elsewhere.

mod comment;
mod layout;
mod script;
mod text;

pub(crate) use comment::{Comment, visible};
pub(crate) use layout::{Entry, Expression, Item, WIDTH};
pub(crate) use script::Line;
pub(crate) use text::NixText;

#[cfg(test)]
#[path = "../../../tests/nix/instantiate.rs"]
mod instantiate;
#[cfg(test)]
mod tests;
