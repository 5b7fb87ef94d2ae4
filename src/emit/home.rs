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
    fn hidden(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(home) = &self.0 else {
            return bytes.to_vec();
        };
        let mut shown = Vec::with_capacity(bytes.len());
        let mut done = 0;
        for start in bytes.find_iter(home) {
            let end = start + home.len();
            if start >= done && stands_alone(&bytes[..start], &bytes[end..]) {
                shown.extend_from_slice(&bytes[done..start]);
                shown.push(b'~');
                done = end;
            }
        }
        shown.extend_from_slice(&bytes[done..]);
        shown
    }

    /// The path, as `~/…` when it lies in the home directory.
    pub(crate) fn path(&self, path: &[u8]) -> Vec<u8> {
        match self.0.as_deref().and_then(|home| path.strip_prefix(home)) {
            Some([]) => b"~/".to_vec(),
            Some(below @ [b'/', ..]) => [b"~", below].concat(),
            _ => path.to_vec(),
        }
    }

    /// Whether the home directory is this one, or lies in it.
    pub(crate) fn is_inside(&self, directory: &[u8]) -> bool {
        let rest = self
            .0
            .as_deref()
            .and_then(|home| home.strip_prefix(directory));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// Whether the bytes mention the home directory.
    pub(crate) fn is_named_in(&self, bytes: &[u8]) -> bool {
        self.hidden(bytes) != bytes
    }

    /// The bytes as they are, or as they are shown if they name the home directory.
    pub(crate) fn shown_if_home(&self, bytes: &[u8]) -> String {
        match self.is_named_in(bytes) {
            true => self.shown(bytes),
            false => bytes.to_str_lossy().into_owned(),
        }
    }

    /// The bytes for a comment: home as `~`, every other byte visible.
    pub(crate) fn shown(&self, bytes: &[u8]) -> String {
        visible(&self.hidden(bytes))
    }
}

/// Whether what lies between the two is a whole path or the beginning of one: `/mnt/home/me` and
/// `/home/me2` only look like `/home/me`.
fn stands_alone(before: &[u8], after: &[u8]) -> bool {
    let word_starts = before
        .iter()
        .rposition(|&byte| !continues_a_name(byte) && byte != b'/')
        .map_or(0, |at| at + 1);
    let word = &before[word_starts..];
    // The compiler's `-I/home/me/include` has the path at once after the letter; `file://` has no
    // host before it.
    let begins =
        word.is_empty() || word == b"//" || word.starts_with(b"-") && !word.contains(&b'/');
    let ends = match after {
        [b'.', next, ..] => !continues_a_name(*next),
        [b'.'] | [] => true,
        [next, ..] => !continues_a_name(*next),
    };
    begins && ends
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
    fn the_path_in_a_file_url_is_a_path() {
        check("file:///home/me/page.txt", "file://~/page.txt");
        check("https://host/home/me", "https://host/home/me");
    }

    #[test]
    fn a_path_that_only_contains_the_same_letters_is_left_alone() {
        check("/home/me2/app", "/home/me2/app");
        check("/mnt/home/me/app", "/mnt/home/me/app");
        check("-I/mnt/home/me/app", "-I/mnt/home/me/app");
        check("/home/me.old /home/me/home/me", "/home/me.old ~/home/me");
    }

    #[test]
    fn only_the_beginning_of_a_path_can_be_the_home_directory() {
        let home = Home::new(Some(&Bytes::from("/home/me")));
        assert_eq!(home.path(b"/home/me"), b"~/");
        assert_eq!(home.path(b"/home/me/a"), b"~/a");
        assert_eq!(home.path(b"/home/me2/a"), b"/home/me2/a");
        assert_eq!(home.path(b"/srv/a /home/me/b"), b"/srv/a /home/me/b");
    }

    #[test]
    fn the_root_directory_is_no_home_to_hide() {
        let home = Home::new(Some(&Bytes::from("/")));
        assert_eq!(home.shown(b"/bin/sh"), "/bin/sh");
    }
}
