//! Arguments that look like secrets, hidden before a command is written down or shown.
//!
//! A rule of thumb, because people commit and share what we write: it knows options, variables and
//! HTTP headers by their names, credentials in URLs, and the tokens of well-known services by their
//! prefixes, also inside a program that is given as text (`sh -c`). What looks like nothing of the
//! kind is kept.

use super::Bytes;
use bstr::ByteSlice;
use std::borrow::Cow;
use std::ops::Range;

/// What stands for a secret, in traces and in all that is made from them.
pub const HIDDEN: &str = "…";

/// A word that ends so makes a name the name of a secret (`--token`, `accessToken`, but not
/// `--tokenizer`).
const SECRET_WORDS: [&str; 9] = [
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];

/// The same for words that other words end in (`bypass`).
const WHOLE_SECRET_WORDS: [&str; 2] = ["auth", "pass"];

/// The same for words that may be written apart (`--api-key`).
const SECRET_PAIRS: [&str; 3] = ["accesskey", "apikey", "secretkey"];

/// What such a name ends in when its value is only where to find the secret.
const PLACES: [&str; 5] = ["file", "path", "dir", "stdin", "command"];

/// How tokens of well-known services begin.
const TOKEN_PREFIXES: [&str; 13] = [
    "AKIA",
    "ASIA",
    "eyJ",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "npm_",
    "sk-",
    "sk_live_",
    "xox",
];
/// A shorter word is no token.
const SHORTEST_TOKEN: usize = 20;

/// Options of one letter that compilers, linkers and perl take with the value attached:
/// `-lsecret-1` says nothing of the argument after it.
const WITH_NAMES: [char; 6] = ['l', 'L', 'I', 'M', 'D', 'U'];

/// Hides the secrets in the arguments of a command.
pub fn redact(arguments: &mut [Bytes]) {
    let shown: Vec<Cow<str>> = arguments
        .iter()
        .map(|argument| match argument.to_str() {
            Ok(text) => text.into(),
            Err(_) => argument.escaped().into(),
        })
        .collect();
    let changed: Vec<Option<Bytes>> = hide_all(shown.iter().map(Cow::as_ref))
        .into_iter()
        .map(|hidden| match hidden {
            Cow::Borrowed(_) => None,
            // What is hidden may have cut an escape in two; then all of it has to go.
            Cow::Owned(text) => Some(Bytes::unescaped(&text).unwrap_or_else(|_| HIDDEN.into())),
        })
        .collect();
    for (argument, changed) in arguments.iter_mut().zip(changed) {
        if let Some(changed) = changed {
            *argument = changed;
        }
    }
}

/// The arguments with their secrets hidden.
pub(crate) fn without_secrets(arguments: &[String]) -> Vec<String> {
    hide_all(arguments.iter().map(String::as_str))
        .into_iter()
        .map(Cow::into_owned)
        .collect()
}

/// Each argument, borrowed when there is nothing to hide in it.
fn hide_all<'a>(arguments: impl Iterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
    let mut value_of: Option<Kind> = None;
    arguments
        .map(|argument| match value_of.take() {
            Some(Kind::Secret) if !argument.starts_with('-') => Cow::Owned(HIDDEN.to_owned()),
            Some(Kind::UserAndPassword) => match argument.split_once(':') {
                Some((user, _)) if !user.contains('/') => format!("{user}:{HIDDEN}").into(),
                _ => hidden(argument),
            },
            _ => {
                value_of = Kind::of_next_after(argument);
                hidden(argument)
            }
        })
        .collect()
}

/// What the argument after an option is.
enum Kind {
    Secret,
    UserAndPassword,
}

impl Kind {
    fn of_next_after(option: &str) -> Option<Self> {
        let name = option
            .trim_start_matches(['$', '(', '`'])
            .strip_prefix('-')?;
        if matches!(name, "u" | "-user" | "-proxy-user") {
            return Some(Self::UserAndPassword);
        }
        let is_name = |character: char| character.is_alphanumeric() || "-_.".contains(character);
        (!name.starts_with(WITH_NAMES) && name.chars().all(is_name) && is_secret(name))
            .then_some(Self::Secret)
    }
}

/// One argument with what is secret in it hidden.
fn hidden(argument: &str) -> Cow<'_, str> {
    if let Some(hidden) = hidden_value(argument) {
        return hidden.into();
    }
    let argument = without(argument, header_secrets);
    let argument = and_then(argument, |it| without(it, url_secrets));
    let argument = and_then(argument, |it| without(it, tokens));
    and_then(argument, hidden_in_text)
}

/// `--token=…`, `DB_PASSWORD=…`, and `X-Api-Key: …`.
fn hidden_value(argument: &str) -> Option<String> {
    ['=', ':'].into_iter().find_map(|separator| {
        let (name, value) = argument.split_once(separator)?;
        let is_name = !name.contains(|it: char| it == '/' || it.is_whitespace());
        let space = if value.starts_with(' ') { " " } else { "" };
        (!value.is_empty() && is_name && is_secret(name))
            .then(|| format!("{name}{separator}{space}{HIDDEN}"))
    })
}

/// A further step on what may still be borrowed.
fn and_then<'a>(text: Cow<'a, str>, step: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let next = match step(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(next) => Some(next),
    };
    next.map_or(text, Cow::Owned)
}

/// The words of a program that is given as text, or of a list of options in one argument.
fn hidden_in_text(text: &str) -> Cow<'_, str> {
    let words = words(text);
    if words.len() < 2 {
        return text.into();
    }
    let inner = hide_all(words.iter().map(|word| &text[word.clone()]));
    if inner.iter().all(|word| matches!(word, Cow::Borrowed(_))) {
        return text.into();
    }
    let mut whole = String::with_capacity(text.len());
    let mut end = 0;
    for (word, inner) in words.into_iter().zip(inner) {
        whole.push_str(&text[end..word.start]);
        whole.push_str(&inner);
        end = word.end;
    }
    whole.push_str(&text[end..]);
    whole.into()
}

/// Where the words of a text are, without the quotes round a whole word. A quote that nothing ends
/// is a character like others.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    // Where each kind of quote stands next is asked once for a text that has no more of them.
    let mut is_unpaired = [false; 2];
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        let mut quoted = None;
        while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
            let kind = [b'\'', b'"'].iter().position(|&quote| quote == bytes[at]);
            if let Some(kind) = kind
                && !is_unpaired[kind]
            {
                match bytes[at + 1..].iter().position(|&byte| byte == bytes[at]) {
                    Some(length) => {
                        quoted = Some(at + 1..at + 1 + length);
                        at += length + 1;
                    }
                    None => is_unpaired[kind] = true,
                }
            }
            at += 1;
        }
        match quoted {
            Some(inner) if inner.start == start + 1 && inner.end + 1 == at => words.push(inner),
            // It has blanks of its own, and quotes elsewhere: its words are as good as others.
            Some(_)
                if text[start..at].contains(char::is_whitespace)
                    && hidden_value(&text[start..at]).is_none() =>
            {
                let mut from = start;
                for part in text[start..at].split_inclusive(char::is_whitespace) {
                    let word = part.trim_end();
                    if !word.is_empty() {
                        words.push(from..from + word.len());
                    }
                    from += part.len();
                }
            }
            _ => words.push(start..at),
        }
    }
    words
}

/// A text with some places of it hidden; they are in order and do not overlap.
fn without(text: &str, places: impl Fn(&str) -> Vec<Range<usize>>) -> Cow<'_, str> {
    let mut places = places(text);
    places.retain(|place| !place.is_empty() && text[place.clone()] != *HIDDEN);
    if places.is_empty() {
        return text.into();
    }
    let mut whole = String::with_capacity(text.len());
    let mut end = 0;
    for place in places {
        if place.start >= end {
            whole.push_str(&text[end..place.start]);
            whole.push_str(HIDDEN);
            end = place.end;
        }
    }
    whole.push_str(&text[end..]);
    whole.into()
}

/// What follows `Authorization:` and `Bearer`, wherever they are.
fn header_secrets(text: &str) -> Vec<Range<usize>> {
    const ENDS_OF_LINE: &[char] = &['\'', '"', '\n', '\r', '\\'];
    const ENDS_OF_WORD: &[char] = &['\'', '"', '\\', ' ', '\t', '\n', '\r'];
    let lower = text.to_ascii_lowercase();
    let mut places = Vec::new();
    for (name, ends) in [("authorization:", ENDS_OF_LINE), ("bearer ", ENDS_OF_WORD)] {
        for (at, _) in lower.match_indices(name) {
            let rest = &text[at + name.len()..];
            let value = rest.trim_start_matches(' ');
            let start = text.len() - value.len();
            places.push(start..start + value.find(ends).unwrap_or(value.len()));
        }
    }
    places.sort_by_key(|place| place.start);
    places
}

/// The password of `https://user:…@host/path?token=…`, and what its query names a secret.
fn url_secrets(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for (at, separator) in text.match_indices("://") {
        let start = at + separator.len();
        let rest = &text[start..];
        let is_end = |it: char| it.is_whitespace() || "'\"".contains(it);
        let url = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
        if let Some((user, _)) = authority.rsplit_once('@')
            && let Some((name, password)) = user.split_once(':')
        {
            let from = start + name.len() + 1;
            places.push(from..from + password.len());
        }
        let Some((before, query)) = url.split_once('?') else {
            continue;
        };
        let mut from = start + before.len() + 1;
        for field in query.split('&') {
            if let Some((name, value)) = field.split_once('=')
                && is_secret(name)
            {
                let value_at = from + name.len() + 1;
                places.push(value_at..value_at + value.len());
            }
            from += field.len() + 1;
        }
    }
    places.sort_by_key(|place| place.start);
    places
}

/// Words that begin as the tokens of well-known services do.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut from = 0;
    let mut places = Vec::new();
    for word in text.split(|character: char| !is_of_token(character)) {
        if is_token(word) {
            places.push(from..from + word.len());
        }
        let next = text[from + word.len()..].chars().next();
        from += word.len() + next.map_or(0, char::len_utf8);
    }
    places
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['-', '_']).collect();
    let of_a_secret = words
        .iter()
        .any(|word| SECRET_WORDS.iter().any(|secret| word.ends_with(secret)))
        || words.iter().any(|word| WHOLE_SECRET_WORDS.contains(word))
        || SECRET_PAIRS
            .iter()
            .any(|pair| words.concat().contains(pair));
    let of_its_place = words.last().is_some_and(|last| PLACES.contains(last));
    of_a_secret && !of_its_place
}

fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

fn is_token(word: &str) -> bool {
    word.len() >= SHORTEST_TOKEN
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && TOKEN_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(command: &[&str], expected: &[&str]) {
        let mut arguments: Vec<Bytes> = command.iter().copied().map(Bytes::from).collect();
        redact(&mut arguments);
        let expected: Vec<Bytes> = expected.iter().copied().map(Bytes::from).collect();
        assert_eq!(arguments, expected);
        redact(&mut arguments);
        assert_eq!(arguments, expected, "a second time");
    }

    #[test]
    fn values_of_options_and_variables_with_telling_names_are_hidden() {
        check(
            &["app", "--password", "x", "y"],
            &["app", "--password", "…", "y"],
        );
        check(&["app", "--api-key=abc"], &["app", "--api-key=…"]);
        check(
            &["app", "--accessToken", "x", "--aws-secret-access-key", "y"],
            &["app", "--accessToken", "…", "--aws-secret-access-key", "…"],
        );
        check(
            &["env", "DB_PASSWORD=x", "A=b"],
            &["env", "DB_PASSWORD=…", "A=b"],
        );
        check(
            &["curl", "-H", "Authorization: Bearer abc", "-u", "me:pw"],
            &["curl", "-H", "Authorization: …", "-u", "me:…"],
        );
    }

    #[test]
    fn an_option_that_only_says_where_a_secret_is_stays() {
        check(
            &["app", "--password-file", "/run/pw"],
            &["app", "--password-file", "/run/pw"],
        );
        check(
            &["app", "--tokenizer", "bert", "--max-tokens", "9"],
            &["app", "--tokenizer", "bert", "--max-tokens", "9"],
        );
        check(
            &["app", "--token", "--verbose"],
            &["app", "--token", "--verbose"],
        );
        check(&["sudo", "-u", "me", "id"], &["sudo", "-u", "me", "id"]);
    }

    #[test]
    fn credentials_in_urls_are_hidden() {
        check(
            &[
                "git",
                "clone",
                "https://me:pw@example.org/a?b=c&access_token=x",
            ],
            &[
                "git",
                "clone",
                "https://me:…@example.org/a?b=c&access_token=…",
            ],
        );
        check(
            &["curl", "file:///tmp/a:b@c"],
            &["curl", "file:///tmp/a:b@c"],
        );
    }

    #[test]
    fn tokens_are_known_by_how_they_begin() {
        check(
            &["app", "x=ghp_0123456789abcdefghijABCDEFGHIJ012345"],
            &["app", "x=…"],
        );
        check(&["jq", "-r", ".sk-button"], &["jq", "-r", ".sk-button"]);
    }

    #[test]
    fn headers_are_known_wherever_they_stand() {
        check(
            &[
                "curl",
                "-HAuthorization: Bearer abc",
                "--header=X-Api-Key: abc",
            ],
            &["curl", "-HAuthorization: …", "--header=X-Api-Key: …"],
        );
        check(
            &[
                "git",
                "-c",
                "http.https://h/.extraheader=AUTHORIZATION: basic abc",
            ],
            &["git", "-c", "http.https://h/.extraheader=AUTHORIZATION: …"],
        );
        check(
            &[
                "python3",
                "-c",
                "get(u, headers={'a': 'Bearer abc'}); import numpy",
            ],
            &[
                "python3",
                "-c",
                "get(u, headers={'a': 'Bearer …'}); import numpy",
            ],
        );
    }

    #[test]
    fn a_program_in_an_argument_is_searched_as_well() {
        check(
            &[
                "sh",
                "-c",
                "cd x && app --password hunter2 -v; DB_TOKEN='a b' y",
            ],
            &["sh", "-c", "cd x && app --password … -v; DB_TOKEN=… y"],
        );
        check(
            &[
                "sh",
                "-c",
                "curl -H 'Authorization: Bearer a b' \"https://me:pw@h/x\" don't",
            ],
            &[
                "sh",
                "-c",
                "curl -H 'Authorization: …' \"https://me:…@h/x\" don't",
            ],
        );
        check(
            &["sh", "-c", "x=\"$(app --token 'a b')\""],
            &["sh", "-c", "x=\"$(app --token … b')\""],
        );
        check(
            &["python3", "-c", "import token; import secrets, numpy"],
            &["python3", "-c", "import token; import secrets, numpy"],
        );
    }

    #[test]
    fn what_compilers_and_interpreters_are_asked_for_stays() {
        for command in [
            &[
                "gcc",
                "-I/usr/include/libsecret-1",
                "m.c",
                "-lsecret-1",
                "/usr/lib/libz.so",
            ][..],
            &[
                "gcc",
                "-DUSE_PASSWORD",
                "m.c",
                "-UTOKEN",
                "n.c",
                "-Ltoken",
                "x.o",
            ],
            &["perl", "-MCrypt::Password", "run.pl"],
            &["perl", "-MApp::Token", "-MFoo=bar", "run.pl"],
            &["python3", "-u", "/opt/a:b/run.py"],
            &["ld", "-u", "main", "-lz", "-l:libz.a", "--as-needed"],
            &["make", "-C", "auth", "PREFIX=/usr"],
        ] {
            check(command, command);
        }
    }

    #[test]
    fn a_secret_that_is_not_utf8_is_hidden_too() {
        let mut arguments = [
            Bytes::from(&b"--password=a\xffb"[..]),
            Bytes::from(&b"\xff"[..]),
        ];
        redact(&mut arguments);
        assert_eq!(
            arguments,
            ["--password=…".into(), Bytes::from(&b"\xff"[..])]
        );
    }

    proptest! {
        #[test]
        fn any_arguments_can_be_redacted(
            words in prop::collection::vec(
                "(--token|-u|a:|x=|'|\"| |://|@|\\?|&|bearer |authorization:|ghp_0123456789abcdefgh|é|\n){0,8}",
                0..5,
            ),
        ) {
            let mut once: Vec<Bytes> = words.into_iter().map(Bytes::from).collect();
            let count = once.len();
            redact(&mut once);
            prop_assert_eq!(once.len(), count);
        }

        #[test]
        fn a_value_of_an_option_never_survives(secret in "[a-z0-9 '\"/:@=]{0,8}hunter2[a-z]{0,8}") {
            let mut arguments = [Bytes::from(format!("--password={secret}")), "--token".into(), secret.into()];
            redact(&mut arguments);
            prop_assert!(arguments.iter().all(|it| !it.contains_str("hunter2")), "{:?}", arguments);
        }
    }
}
