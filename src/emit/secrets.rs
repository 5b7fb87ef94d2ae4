//! Arguments that look like secrets, hidden before a command is shown.
//!
//! A rule of thumb, for a comment in a file that people commit: it knows options and variables by
//! their names, credentials in URLs, and the tokens of well-known services by their prefixes. What
//! looks like nothing of the kind is shown.

use std::borrow::Cow;

/// What stands for a secret.
const HIDDEN: &str = "…";

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

/// The arguments with their secrets hidden.
pub(crate) fn without_secrets(arguments: Vec<String>) -> Vec<String> {
    let mut value_of: Option<Kind> = None;
    arguments
        .into_iter()
        .map(|argument| match value_of.take() {
            Some(Kind::Secret) if !argument.starts_with('-') => HIDDEN.to_owned(),
            Some(Kind::UserAndPassword) => match argument.split_once(':') {
                Some((user, _)) => format!("{user}:{HIDDEN}"),
                None => argument,
            },
            _ => {
                value_of = Kind::of_next_after(&argument);
                hidden(&argument).into_owned()
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
        let name = option.strip_prefix('-')?;
        match name.trim_start_matches('-') {
            "u" | "user" | "proxy-user" => Some(Self::UserAndPassword),
            name => (!name.contains('=') && is_secret(name)).then_some(Self::Secret),
        }
    }
}

/// One argument with what is secret in it hidden.
fn hidden(argument: &str) -> Cow<'_, str> {
    // `--token=…`, `DB_PASSWORD=…`, and `Authorization: …`.
    for separator in ['=', ':'] {
        if let Some((name, value)) = argument.split_once(separator)
            && !value.is_empty()
            && !name.contains(['/', ' '])
            && is_secret(name)
        {
            let space = if value.starts_with(' ') { " " } else { "" };
            return format!("{name}{separator}{space}{HIDDEN}").into();
        }
    }
    let argument = without_url_secrets(argument);
    match argument
        .split(|character: char| !is_of_token(character))
        .find(|word| is_token(word))
    {
        Some(token) => argument.replace(token, HIDDEN).into(),
        None => argument,
    }
}

/// `https://user:…@host/path?token=…`
fn without_url_secrets(argument: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = argument.split_once("://") else {
        return argument.into();
    };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((path, query)) => {
            let fields: Vec<String> = query
                .split('&')
                .map(|field| match field.split_once('=') {
                    Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
                    _ => field.to_owned(),
                })
                .collect();
            format!("{path}?{}", fields.join("&"))
        }
        None => rest.to_owned(),
    };
    format!("{scheme}://{authority}{rest}").into()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['-', '_']).collect();
    let of_a_secret = words
        .iter()
        .any(|word| SECRET_WORDS.iter().any(|secret| word.ends_with(secret)))
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

    #[track_caller]
    fn check(command: &[&str], expected: &[&str]) {
        let arguments = command
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        assert_eq!(without_secrets(arguments), expected);
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
}
