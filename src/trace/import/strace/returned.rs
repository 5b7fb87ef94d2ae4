//! What follows the `= ` of a call.

use super::args::Descriptor;
use crate::trace::{Errno, Outcome};
use bstr::ByteSlice;

/// What a call returned.
pub(super) struct Returned {
    pub(super) number: Option<i64>,
    pub(super) descriptor: Option<Descriptor>,
    /// None when it did not return, or is done again.
    pub(super) outcome: Option<Outcome>,
}

impl Returned {
    /// Reads `3</etc/passwd>`, `-1 ENOENT (No such file or directory)`, `0x7f…`, `?`, each perhaps
    /// with a time (`<0.000012>`) after it.
    pub(super) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let word = text.split(|&byte| byte == b' ').next().unwrap_or_default();
        if word == b"?" {
            return Ok(Self {
                number: None,
                descriptor: None,
                outcome: None,
            });
        }
        if word == b"-1" {
            let error = text[2..].trim_ascii_start();
            let name = error.split(|&byte| byte == b' ').next().unwrap_or_default();
            let name = name.to_str().map_err(|_| "an error that is no name")?;
            let errno = Errno::from_name(name).ok_or("an error that is not known")?;
            return Ok(Self {
                number: Some(-1),
                descriptor: None,
                outcome: Some(Outcome::Failure(errno)),
            });
        }
        let descriptor = Descriptor::read(match text.find_byte(b'<') {
            // The path of a descriptor can have blanks.
            Some(at) if at > 0 && text[at - 1].is_ascii_digit() => text,
            _ => word,
        });
        let number = word
            .split(|&byte| byte == b'<')
            .next()
            .and_then(|number| number.to_str().ok())
            .and_then(|number| match number.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok().map(|it| it as i64),
                None => number.parse().ok(),
            })
            .ok_or("a result that is no number")?;
        Ok(Self {
            number: Some(number),
            descriptor: descriptor.ok(),
            outcome: Some(Outcome::Success),
        })
    }
}
