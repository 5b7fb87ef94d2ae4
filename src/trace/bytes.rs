//! Bytes that come from the kernel (paths, arguments, names), kept losslessly.
//!
//! Linux paths and arguments are any bytes but NUL. In JSON they are strings: bytes that are not
//! valid UTF-8 are written as U+0000 followed by two lower-case hexadecimal digits. NUL cannot
//! occur in a path or an argument, so the escape is never ambiguous and `jq` shows every other
//! name as it is.

use bstr::{BStr, BString, ByteSlice};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Borrow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A byte string from the traced system; see the module for its form in JSON.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(BString);

impl Bytes {
    /// The bytes as a path of this system.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// The bytes as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The JSON form: UTF-8 as it is, every other byte as NUL and two hexadecimal digits.
    pub fn escaped(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push('\0');
                text.push_str(&format!("{byte:02x}"));
            }
        }
        text
    }

    /// Reads the JSON form back.
    ///
    /// # Errors
    /// When a NUL is not followed by two hexadecimal digits.
    pub fn unescaped(text: &str) -> Result<Self, BadEscape> {
        if !text.contains('\0') {
            return Ok(Self::from(text));
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some(at) = rest.find_byte(b'\0') {
            bytes.extend_from_slice(&rest[..at]);
            let byte = rest
                .get(at + 1..at + 3)
                .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or(BadEscape)?;
            bytes.push(byte);
            rest = &rest[at + 3..];
        }
        bytes.extend_from_slice(rest);
        Ok(Self::from(bytes))
    }
}

/// A NUL in the JSON form that two hexadecimal digits do not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a NUL in an escaped byte string must be followed by two hexadecimal digits")]
pub struct BadEscape;

impl Deref for Bytes {
    type Target = BStr;
    fn deref(&self) -> &BStr {
        self.0.as_bstr()
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// For a person: bytes that are not UTF-8 as `\xff`, so that they can be told apart (though not from a
/// name that is spelled so); control characters are *not* escaped here (see `report`).
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(text) = str::from_utf8(&self.0) {
            return f.pad(text);
        }
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}
impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}
impl From<&BStr> for Bytes {
    fn from(bytes: &BStr) -> Self {
        Self(bytes.into())
    }
}
impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}
impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}
impl From<OsString> for Bytes {
    fn from(text: OsString) -> Self {
        Self(text.into_vec().into())
    }
}
impl From<&OsStr> for Bytes {
    fn from(text: &OsStr) -> Self {
        Self(text.as_bytes().into())
    }
}
impl From<PathBuf> for Bytes {
    fn from(path: PathBuf) -> Self {
        path.into_os_string().into()
    }
}
impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        path.as_os_str().into()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Ok(text) if !text.contains('\0') => serializer.serialize_str(text),
            _ => serializer.serialize_str(&self.escaped()),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, with bytes that are not UTF-8 as NUL and two hex digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                Bytes::unescaped(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utf8_is_written_as_it_is() {
        let name = Bytes::from("/tmp/naïve\nname");
        assert_eq!(
            serde_json::to_string(&name).unwrap(),
            "\"/tmp/naïve\\nname\""
        );
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_nul_and_two_digits() {
        let name = Bytes::from(&b"a\xffb"[..]);
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"a\\u0000ffb\"");
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_shown_by_its_number() {
        let name = Bytes::from(&b"gr\xc3\xb6\xc3\xff\x1b"[..]);
        assert_eq!(name.to_string(), "grö\\xc3\\xff\x1b");
        assert_eq!(format!("{:>4}|", Bytes::from("ab")), "  ab|");
    }

    #[test]
    fn a_nul_without_two_digits_is_refused() {
        assert_eq!(Bytes::unescaped("a\0f"), Err(BadEscape));
        assert_eq!(Bytes::unescaped("a\0+1"), Err(BadEscape));
    }

    proptest! {
        #[test]
        fn every_byte_string_without_nul_survives_json(bytes in prop::collection::vec(1u8.., 0..64)) {
            let name = Bytes::from(bytes);
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<Bytes>(&json).unwrap(), name);
        }
    }
}
