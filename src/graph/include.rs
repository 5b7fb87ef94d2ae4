//! The names in sources: what a C file includes, what a Perl or Python module uses.
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

/// The top-level modules that a Python text imports at the beginning of a line.
pub fn python_imports(text: &[u8]) -> BTreeSet<&BStr> {
    text.lines()
        .flat_map(|line| imported(line.trim_start()))
        .collect()
}

/// The top-level modules without which a Python text cannot be run: those of the `import` statements that
/// stand in no block, where a condition or a `try` would be.
pub fn python_demands(text: &[u8]) -> BTreeSet<&BStr> {
    let mut found = BTreeSet::new();
    let mut string = None;
    for line in text.lines() {
        if string.is_none() {
            // A blank at the beginning of a line makes it part of a block.
            let mut statements = line.split_str(";");
            found.extend(statements.next().into_iter().flat_map(imported));
            found.extend(statements.flat_map(|statement| imported(statement.trim_start())));
        }
        string = string_at_end(line, string);
    }
    found
}

/// The quotes of the string over several lines that a line of Python ends in, when it begins in one
/// with those of `string`.
fn string_at_end<'a>(line: &'a [u8], string: Option<&'a [u8]>) -> Option<&'a [u8]> {
    let mut open = string;
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let quotes = match rest {
            [b'\\', _, ..] => {
                at += 2;
                continue;
            }
            [b'#', ..] if open.is_none() => break,
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => &rest[..3],
            [b'"' | b'\'', ..] => &rest[..1],
            _ => {
                at += 1;
                continue;
            }
        };
        at += match open {
            None => {
                open = Some(quotes);
                quotes.len()
            }
            Some(opened) if rest.starts_with(opened) => {
                open = None;
                opened.len()
            }
            Some(_) => 1,
        };
    }
    open.filter(|quotes| quotes.len() == 3)
}

/// The top-level modules that a statement of Python imports.
fn imported(statement: &[u8]) -> Vec<&BStr> {
    let end = statement.find_byteset(b" \t").unwrap_or(statement.len());
    let (keyword, rest) = statement.split_at(end);
    let names: Vec<&[u8]> = match keyword {
        b"from" => rest.fields().next().into_iter().collect(),
        b"import" => {
            let parts = rest.split_str(",");
            parts.filter_map(|part| part.fields().next()).collect()
        }
        _ => Vec::new(),
    };
    names
        .into_iter()
        .map(|name| {
            let top = name.split_str(".").next().unwrap_or(name);
            top.trim_end_with(|c| c == ';').as_bstr()
        })
        // A relative import begins with a dot and names no other distribution.
        .filter(|top| {
            top.first()
                .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        })
        .collect()
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
    fn python_imports_name_their_top_level_module() {
        let text = b"import os, urllib3.util as u\n    from idna import core\nfrom . import x\nfrom .y import z\nimportant = 1\n";
        let names: Vec<_> = python_imports(text).into_iter().collect();
        assert_eq!(names, ["idna", "os", "urllib3"]);
    }

    #[test]
    fn a_python_text_demands_what_it_imports_outside_of_blocks_and_strings() {
        let text = br#"'''The manual.

import this
from the beginning
''' # it's over
import os, yaml as y; from numpy.linalg import norm
try:
    import simplejson
except ImportError:
    import json
word = "'''" # from here
from . import own
if x: import tomli
import attr # """
import click
"#;
        let names: Vec<_> = python_demands(text).into_iter().collect();
        assert_eq!(names, ["attr", "click", "numpy", "os", "yaml"]);
    }

    #[test]
    fn perl_modules_are_found_and_documentation_is_not() {
        let text = b"package JSON::XS;\nuse common::sense;\n use 5.010;\nBEGIN { require XSLoader; }\nuse Types::Serialiser ();\n__END__\nuse Not::This;\n";
        let names: Vec<_> = perl_uses(text).into_iter().collect();
        assert_eq!(names, ["Types::Serialiser", "XSLoader", "common::sense"]);
    }
}
