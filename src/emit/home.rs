//! Text for a person, with the home directory written as `~`.

use super::nix::visible;
use crate::trace::Bytes;
use bstr::ByteSlice;

/// Shows traced bytes and sentences without naming the home directory.
#[derive(Clone, Debug)]
pub(crate) struct Home(Option<Vec<u8>>);

impl Home {
    /// The home directory to hide, if it is known and not the root.
    pub(crate) fn new(home: Option<&Bytes>) -> Self {
        let home = home.map(|home| home.as_bytes().trim_end_with(|end| end == '/').to_vec());
        Self(home.filter(|home| !home.is_empty()))
    }

    /// The bytes with every mention of the home directory as `~`.
    pub(crate) fn hidden(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(home) = &self.0 else {
            return bytes.to_vec();
        };
        let mut shown = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(at) = rest.find(home) {
            let (before, after) = (&rest[..at], &rest[at + home.len()..]);
            // `/mnt/home/me` and `/home/me2` only look like `/home/me`.
            let begins = !shown
                .last_chunk::<1>()
                .filter(|_| at == 0)
                .or(before.last_chunk())
                .is_some_and(|[byte]| continues_a_name(*byte));
            let ends = !after.first().copied().is_some_and(continues_a_name);
            shown.extend_from_slice(before);
            shown.extend_from_slice(if begins && ends { b"~" } else { home });
            rest = after;
        }
        shown.extend_from_slice(rest);
        shown
    }

    /// The bytes for a comment: home as `~`, every other byte visible.
    pub(crate) fn shown(&self, bytes: &[u8]) -> String {
        visible(&self.hidden(bytes))
    }
}

fn continues_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-+".contains(&byte) || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let home = Home::new(Some(&Bytes::from("/home/me/")));
        assert_eq!(home.shown(text.as_bytes()), expected);
    }

    #[test]
    fn the_home_directory_is_a_tilde_wherever_it_stands() {
        check("/home/me/app", "~/app");
        check(
            "needed by /home/me/app and /home/me",
            "needed by ~/app and ~",
        );
        check(
            "PATH=/home/me/bin:/home/me/.local/bin",
            "PATH=~/bin:~/.local/bin",
        );
    }

    #[test]
    fn a_path_that_only_contains_the_same_letters_is_left_alone() {
        check("/home/me2/app", "/home/me2/app");
        check("/mnt/home/me/app", "/mnt/home/me/app");
        check("/home/me.old /home/me/home/me", "/home/me.old ~/home/me");
    }

    #[test]
    fn the_root_directory_is_no_home_to_hide() {
        let home = Home::new(Some(&Bytes::from("/")));
        assert_eq!(home.shown(b"/bin/sh"), "/bin/sh");
    }
}
