//! Text in HTML and SVG, and JSON inside of HTML.

/// The text, with every character escaped that means something in HTML or XML, in elements and in
/// quoted attributes. It has passed [`printable`](super::printable()) before, so it has no control
/// characters.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in XML 1.0 at all.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// JSON for a `<script type="application/json">`: no `<` in it, so nothing ends the element or
/// begins a comment, and it is the same JSON.
pub(crate) fn json_in_html(json: &serde_json::Value) -> String {
    json.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::super::printable;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_escaped_have_no_markup_and_read_back(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                any::<String>().prop_map(String::into_bytes),
                "[<>&\"'a/!-]{0,20}".prop_map(String::into_bytes),
            ],
        ) {
            let text = printable(&bytes);
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            prop_assert!(!escaped.contains(char::is_control));
            let back = escaped
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&");
            // XML has no such characters.
            let text = text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            prop_assert_eq!(back, text);
        }

        #[test]
        fn json_in_html_has_no_markup_and_is_the_same_json(text in any::<String>()) {
            let value = serde_json::json!({ "name": text });
            let written = json_in_html(&value);
            prop_assert!(!written.contains(['<', '>', '&']));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
        }
    }
}
