//! The arguments of a call as strace writes them: strings with C's escapes, descriptors with paths,
//! flags, structures and lists.

use bstr::ByteSlice;

/// Takes a number from the beginning of a text.
pub(super) fn digits(text: &mut &[u8]) -> Option<u64> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(length);
    let mut value = 0u64;
    for digit in number {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    if length == 0 {
        return None;
    }
    *text = rest;
    Some(value)
}

/// Where the parenthesis is that ends a call's arguments.
pub(super) fn call_end(text: &[u8]) -> Result<usize, &'static str> {
    let mut scan = Scan::new(text);
    while let Some((at, byte, depth)) = scan.next_outside_strings()? {
        if byte == b')' && depth == 0 {
            return Ok(at);
        }
    }
    Err("a call whose arguments do not end")
}

/// The arguments, split at the commas between them.
pub(super) fn split(text: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let mut args = Vec::with_capacity(6);
    let mut start = 0;
    let mut scan = Scan::new(text);
    while let Some((at, byte, depth)) = scan.next_outside_strings()? {
        if byte == b',' && depth == 0 {
            args.push(text[start..at].trim_ascii());
            start = at + 1;
        }
    }
    if scan.depth != 0 {
        return Err("brackets that do not match");
    }
    let last = text[start..].trim_ascii();
    if !last.is_empty() || start > 0 {
        args.push(last);
    }
    Ok(args)
}

/// Goes through the bytes that are outside of strings, comments and paths of descriptors.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// The next bracket or comma: where it is, and how deep in brackets (a closing one as deep as
    /// its opening one).
    fn next_outside_strings(&mut self) -> Result<Option<(usize, u8, usize)>, &'static str> {
        while let Some(&byte) = self.text.get(self.at) {
            let at = self.at;
            self.at += 1;
            match byte {
                b'"' => self.at = string_end(self.text, at)?,
                b'/' if self.text[at..].starts_with(b"/* ") => {
                    let end = self.text[at..].find(b"*/").ok_or("a comment without end")?;
                    self.at = at + end + 2;
                }
                // `3</etc/passwd>`, `AT_FDCWD</root>`: what follows a number or a word. `<<` and
                // `a < b` do not occur without a blank.
                b'<' if at > 0 && is_word(self.text[at - 1]) => {
                    self.at = angle_end(self.text, at)?;
                }
                b'(' | b'[' | b'{' => {
                    self.depth += 1;
                    return Ok(Some((at, byte, self.depth - 1)));
                }
                b')' | b']' | b'}' => {
                    let Some(depth) = self.depth.checked_sub(1) else {
                        return Ok(Some((at, byte, 0)));
                    };
                    self.depth = depth;
                    // A closing bracket of an inner one is not the end of the call.
                    return Ok(Some((at, byte, depth + 1)));
                }
                b',' => return Ok(Some((at, byte, self.depth))),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The place after the quote that ends the string at `at`.
fn string_end(text: &[u8], at: usize) -> Result<usize, &'static str> {
    let mut end = at + 1;
    while let Some(step) = text[end..].find_byteset(b"\"\\") {
        end += step;
        if text[end] == b'"' {
            return Ok(end + 1);
        }
        end += 2;
        if end > text.len() {
            break;
        }
    }
    Err("a string without end")
}

/// The place after the `>` that ends what a descriptor stands for. Inside, strace writes `<` and `>`
/// of names as escapes; what is left are `->` of addresses and the device's own `<…>`.
fn angle_end(text: &[u8], at: usize) -> Result<usize, &'static str> {
    let mut depth = 0usize;
    for (offset, &byte) in text[at..].iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if text[at + offset - 1] == b'-' => {}
            b'>' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at + offset + 1);
                }
            }
            _ => {}
        }
    }
    Err("a path of a descriptor without end")
}

/// A string argument: its bytes, and whether strace cut it (`"…"...`).
pub(super) fn string(arg: &[u8]) -> Result<(Vec<u8>, bool), &'static str> {
    if arg.first() != Some(&b'"') {
        return Err("no string where one should be");
    }
    let end = string_end(arg, 0)?;
    let is_cut = match &arg[end..] {
        b"" => false,
        b"..." => true,
        _ => return Err("something after a string"),
    };
    Ok((unescaped(&arg[1..end - 1])?, is_cut))
}

/// The bytes that C's escapes stand for: `\n`, `\"`, octal `\0` to `\377`, hexadecimal `\x1b` (with
/// `-x` and `-xx`).
pub(super) fn unescaped(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let Some(first) = text.find_byte(b'\\') else {
        return Ok(text.to_vec());
    };
    let mut bytes = text[..first].to_vec();
    let mut rest = &text[first..];
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (&escape, mut after) = after.split_first().ok_or("an escape without a letter")?;
        bytes.push(match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'"' | b'\\' => escape,
            b'x' => {
                let hex = after.get(..2).and_then(|hex| hex.to_str().ok());
                let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                after = after.get(2..).unwrap_or_default();
                byte.ok_or("`\\x` without two digits")?
            }
            b'0'..=b'7' => {
                let mut value = u16::from(escape - b'0');
                for _ in 0..2 {
                    if let Some((&digit @ b'0'..=b'7', next)) = after.split_first() {
                        value = value * 8 + u16::from(digit - b'0');
                        after = next;
                    }
                }
                u8::try_from(value).map_err(|_| "an octal escape above 377")?
            }
            _ => return Err("an escape that is not known"),
        });
        rest = after;
    }
    Ok(bytes)
}

/// A descriptor: its number (none for `AT_FDCWD`) and what `-y` says that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) number: Option<i32>,
    pub(super) shown: Option<Vec<u8>>,
}

impl Descriptor {
    /// Reads `3`, `3</etc/passwd>`, `AT_FDCWD`, `AT_FDCWD</root>`.
    pub(super) fn read(arg: &[u8]) -> Result<Self, &'static str> {
        let (word, shown) = match arg.find_byte(b'<') {
            Some(at) => {
                let end = angle_end(arg, at)?;
                (&arg[..at], Some(unescaped(&arg[at + 1..end - 1])?))
            }
            None => (arg, None),
        };
        let number = match word {
            b"AT_FDCWD" => None,
            word => Some(number(word).ok_or("no descriptor where one should be")?),
        };
        Ok(Self { number, shown })
    }

    /// The path that it is known to stand for; what is no file has none.
    pub(super) fn path(&self) -> Option<&[u8]> {
        let shown = self.shown.as_deref()?;
        // A device is shown as `/dev/null<char 1:3>`.
        let end = shown.find(b"<char ").or_else(|| shown.find(b"<block "));
        let path = &shown[..end.unwrap_or(shown.len())];
        path.starts_with(b"/").then_some(path)
    }
}

/// A small number, decimal or hexadecimal.
pub(super) fn number(word: &[u8]) -> Option<i32> {
    let text = word.to_str().ok()?;
    match text.strip_prefix("0x") {
        Some(hex) => i32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Whether flags that are joined with `|` have one of this name.
pub(super) fn has_flag(flags: &[u8], name: &str) -> bool {
    flags
        .split(|byte| b"|, {}=".contains(byte))
        .any(|flag| flag == name.as_bytes())
}

/// The value of a structure's field: `sun_path` of `{sa_family=AF_UNIX, sun_path="/x"}`.
pub(super) fn field<'a>(structure: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let inner = structure.strip_prefix(b"{")?.strip_suffix(b"}")?;
    split(inner).ok()?.into_iter().find_map(|field| {
        let rest = field.strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_are_split_at_their_own_commas_only() {
        let text = br#"AT_FDCWD</a,b>, "x, \"y)", {a=1, b=[2, 3]}, 0x1 /* 3, vars) */, O_A|O_B"#;
        let args = split(text).unwrap();
        assert_eq!(args.len(), 5);
        assert_eq!(args[1], br#""x, \"y)""#);
        assert_eq!(args[4], b"O_A|O_B");
        assert!(split(b"").unwrap().is_empty());
    }

    #[test]
    fn a_call_ends_at_its_own_parenthesis() {
        let text = br#"3<TCP:[1:2->3:4]>, "a)b", {f(x)}, 5) = 0"#;
        assert_eq!(call_end(text), Ok(text.len() - 5));
        assert!(call_end(b"\"x").is_err());
    }

    #[test]
    fn every_form_of_quoting_is_read() {
        let read = |text: &[u8]| string(text).unwrap();
        assert_eq!(read(b"\"a\\tb\\\\\""), (b"a\tb\\".to_vec(), false));
        assert_eq!(
            read(b"\"\\377\\0x\\18\"..."),
            (b"\xff\0x\x018".to_vec(), true)
        );
        assert_eq!(read(b"\"\\x2f\\x78\""), (b"/x".to_vec(), false));
        for bad in [
            &b"x"[..],
            b"\"a",
            b"\"a\"b",
            b"\"\\q\"",
            b"\"\\x1\"",
            b"\"\\777\"",
        ] {
            assert!(string(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_descriptor_is_read_with_what_it_stands_for() {
        let read = |text: &[u8]| Descriptor::read(text).unwrap();
        let path = |text: &[u8]| read(text).path().map(<[u8]>::to_vec);
        assert_eq!(read(b"AT_FDCWD").number, None);
        assert_eq!(read(b"7").number, Some(7));
        assert_eq!(path(b"7</etc/x>"), Some(b"/etc/x".to_vec()));
        assert_eq!(path(b"7</a\\74b\\76>"), Some(b"/a<b>".to_vec()));
        assert_eq!(path(b"1</dev/null<char 1:3>>"), Some(b"/dev/null".to_vec()));
        assert_eq!(path(b"7<pipe:[12]>"), None);
        assert_eq!(path(b"7<TCP:[1.2.3.4:5->6.7.8.9:80]>"), None);
    }

    #[test]
    fn fields_of_a_structure_are_found_by_their_names() {
        let address = br#"{sa_family=AF_UNIX, sun_path="/run/a, b"}"#;
        assert_eq!(field(address, "sun_path"), Some(&br#""/run/a, b""#[..]));
        assert_eq!(field(address, "sun"), None);
        assert!(has_flag(b"O_RDONLY|O_CLOEXEC", "O_CLOEXEC"));
        assert!(!has_flag(b"O_RDONLY|O_CLOEXEC", "O_CLO"));
    }

    /// As strace writes a string (`print_quoted_string_ex`).
    fn quoted(bytes: &[u8]) -> Vec<u8> {
        let mut text = b"\"".to_vec();
        for (number, &byte) in bytes.iter().enumerate() {
            match byte {
                b'"' | b'\\' => text.extend([b'\\', byte]),
                b'\n' => text.extend(b"\\n"),
                b' '..=b'~' => text.push(byte),
                _ => {
                    let next_is_digit = bytes.get(number + 1).is_some_and(u8::is_ascii_digit);
                    let escape = match next_is_digit {
                        true => format!("\\{byte:03o}"),
                        false => format!("\\{byte:o}"),
                    };
                    text.extend(escape.as_bytes());
                }
            }
        }
        text.push(b'"');
        text
    }

    proptest! {
        #[test]
        fn every_string_that_strace_quotes_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let text = quoted(&bytes);
            prop_assert_eq!(string(&text), Ok((bytes, false)));
            let args = [b"1, ".as_slice(), &text, b", 2) = 0"].concat();
            prop_assert_eq!(call_end(&args), Ok(args.len() - 5));
        }

        #[test]
        fn no_bytes_make_the_lexer_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = call_end(&bytes);
            let _ = split(&bytes);
            let _ = string(&bytes);
            let _ = Descriptor::read(&bytes);
            let _ = field(&bytes, "x");
        }
    }
}
