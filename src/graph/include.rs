//! The names in sources: what a C file includes, what a Perl module uses.
//!
//! System calls show that a header was read, not which file asked for it. The texts do, and asking
//! them tells the headers that a project names from those that other headers pull in.

use bstr::{BStr, ByteSlice};
use std::collections::BTreeSet;

/// The headers that a C, C++ or assembler text includes, as written between `<>` or `""`.
pub fn included(text: &[u8]) -> BTreeSet<&BStr> {
    text.lines()
        .filter_map(|line| {
            let rest = line.trim_start().strip_prefix(b"#")?.trim_start();
            let rest = rest
                .strip_prefix(b"include_next")
                .or_else(|| rest.strip_prefix(b"include"))
                .or_else(|| rest.strip_prefix(b"import"))?
                .trim_start();
            let close = match rest.first()? {
                b'<' => b'>',
                b'"' => b'"',
                _ => return None,
            };
            let end = rest[1..].find_byte(close)?;
            Some(rest[1..=end].as_bstr())
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The modules that a Perl text loads with `use` or `require` at the beginning of a line.
pub fn perl_uses(text: &[u8]) -> BTreeSet<&BStr> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line == b"__END__" || line == b"__DATA__" {
            break;
        }
        for part in line.split(|byte| b";{}(".contains(byte)) {
            let part = part.trim_start();
            let Some(rest) = part
                .strip_prefix(b"use ")
                .or_else(|| part.strip_prefix(b"require "))
                .or_else(|| part.strip_prefix(b"no "))
            else {
                continue;
            };
            let rest = rest.trim_start();
            let end = rest
                .find_not_byteset(
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:",
                )
                .unwrap_or(rest.len());
            let name = rest[..end].as_bstr();
            if name.first().is_some_and(|b| b.is_ascii_alphabetic()) {
                found.insert(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_of_all_spellings_are_found() {
        let text = b"#include <openssl/ssl.h>\n  # include \"own.h\" // x\n#include MACRO\n#include <>\nint include;\n";
        let names: Vec<_> = included(text).into_iter().collect();
        assert_eq!(names, ["openssl/ssl.h", "own.h"]);
    }

    #[test]
    fn perl_modules_are_found_and_documentation_is_not() {
        let text = b"package JSON::XS;\nuse common::sense;\n use 5.010;\nBEGIN { require XSLoader; }\nuse Types::Serialiser ();\n__END__\nuse Not::This;\n";
        let names: Vec<_> = perl_uses(text).into_iter().collect();
        assert_eq!(names, ["Types::Serialiser", "XSLoader", "common::sense"]);
    }
}
