//! `$ORIGIN`, `$LIB` and `$PLATFORM` (ld.so(8), "Dynamic string tokens").

use bstr::{BString, ByteSlice};

/// What the tokens stand for; none where the loader does not know either.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tokens<'t> {
    pub(super) origin: Option<&'t [u8]>,
    pub(super) lib: Option<&'t [u8]>,
    pub(super) platform: Option<&'t [u8]>,
}

/// `text` with its tokens replaced; none when one of them stands for nothing, for then the loader
/// drops the whole element. A dollar sign that begins no token is itself.
pub(super) fn expand(text: &[u8], tokens: Tokens<'_>) -> Option<BString> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find_byte(b'$') {
        expanded.extend_from_slice(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let token = [
            (&b"ORIGIN"[..], tokens.origin),
            (b"LIB", tokens.lib),
            (b"PLATFORM", tokens.platform),
        ]
        .into_iter()
        .find_map(|(name, value)| Some((length(rest, name)?, value)));
        match token {
            Some((length, value)) => {
                expanded.extend_from_slice(value?);
                rest = &rest[length..];
            }
            None => expanded.push(b'$'),
        }
    }
    expanded.extend_from_slice(rest);
    Some(expanded.into())
}

/// How many bytes of `text`, which follows a dollar sign, name the token: `NAME` before anything
/// that cannot continue an identifier, or `{NAME}`.
fn length(text: &[u8], name: &[u8]) -> Option<usize> {
    if let Some(braced) = text.strip_prefix(b"{") {
        let after = braced.strip_prefix(name)?;
        return after.starts_with(b"}").then_some(name.len() + 2);
    }
    let after = text.strip_prefix(name)?;
    let goes_on = after
        .first()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (!goes_on).then_some(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let tokens = Tokens {
            origin: Some(b"/opt/app"),
            lib: Some(b"lib64"),
            platform: None,
        };
        let expanded = expand(text.as_bytes(), tokens);
        assert_eq!(expanded, expected.map(BString::from), "{text}");
    }

    #[test]
    fn tokens_are_replaced_with_and_without_braces() {
        check("$ORIGIN/../$LIB", Some("/opt/app/../lib64"));
        check("${ORIGIN}/x${LIB}y", Some("/opt/app/xlib64y"));
    }

    #[test]
    fn a_longer_name_is_not_a_token() {
        check("$ORIGINAL/$LIB_/$LIBS", Some("$ORIGINAL/$LIB_/$LIBS"));
        check("${LIB/$", Some("${LIB/$"));
    }

    #[test]
    fn an_element_with_a_token_that_stands_for_nothing_is_dropped() {
        check("/lib/$PLATFORM", None);
    }
}
