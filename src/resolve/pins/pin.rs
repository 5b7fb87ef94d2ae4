//! What a name is pinned to: `foo`, or a map that says more.

use super::{Attr, OutputName};
use crate::resolve::forced::ForcedRole;
use crate::resolve::origin::Source;
use crate::resolve::{AttrPath, Output};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// What a person has decided about a name.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pin {
    /// The attribute, unless only its role is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attr: Option<AttrPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Output>,
    /// Where the attribute comes from, if not from the reader's nixpkgs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<ForcedRole>,
}

impl Pin {
    /// An attribute of nixpkgs.
    pub(super) fn to(attr: AttrPath, output: Option<Output>) -> Self {
        Self {
            attr: Some(attr),
            output,
            source: None,
            role: None,
        }
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PinVisitor;
        impl<'de> Visitor<'de> for PinVisitor {
            type Value = Pin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute path like `openssl`, or a map with `attr` or `role`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pin, E> {
                let attr = AttrPath::new(text).map_err(E::custom)?;
                Ok(Pin::to(attr, None))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pin, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Long {
                    attr: Option<Attr>,
                    output: Option<OutputName>,
                    source: Option<Source>,
                    role: Option<ForcedRole>,
                }
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                let decides = match (&long.attr, &long.role) {
                    (Some(_), _) => true,
                    (None, role) => {
                        role.is_some() && long.output.is_none() && long.source.is_none()
                    }
                };
                if !decides {
                    return Err(serde::de::Error::custom(
                        "missing field `attr`; only a `role` can do without",
                    ));
                }
                Ok(Pin {
                    attr: long.attr.map(|Attr(attr)| attr),
                    output: long.output.map(|OutputName(name)| Output(name)),
                    source: long.source,
                    role: long.role,
                })
            }
        }
        deserializer.deserialize_any(PinVisitor)
    }
}
