//! The mounts that a process sees, as proc_pid_mountinfo(5) lists them.

use std::fs;

/// A part of a file system that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of the file system's device.
    pub(super) device: Vec<u8>,
    /// Which directory of the file system is mounted.
    pub(super) root: Vec<u8>,
    /// Where, from the process's root directory.
    pub(super) point: Vec<u8>,
}

impl Mount {
    /// All of a file in `/proc`, in order; none when it cannot be read.
    pub(super) fn all(file: &str) -> Vec<Self> {
        fs::read(file).map_or_else(|_| Vec::new(), |text| Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Vec<Self> {
        text.split(|&byte| byte == b'\n')
            .filter_map(|line| {
                // The mount's number, its parent's, device, root, mount point, options …
                let mut fields = line.split(|&byte| byte == b' ').skip(2);
                Some(Self {
                    device: fields.next()?.to_vec(),
                    root: unescaped(fields.next()?),
                    point: unescaped(fields.next()?),
                })
            })
            .filter(|mount| mount.point.starts_with(b"/"))
            .collect()
    }

    /// The rest of a path that is at or below the mount's place.
    pub(super) fn below<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        below(&self.point, path)
    }

    /// What a path below the mount's place is from the file system's own root.
    pub(super) fn in_file_system(&self, path: &[u8]) -> Option<Vec<u8>> {
        Some(joined(&self.root, self.below(path)?))
    }

    /// The path of what this is from the file system's own root, if that is in the mounted part.
    pub(super) fn path(&self, in_file_system: &[u8]) -> Option<Vec<u8>> {
        Some(joined(&self.point, below(&self.root, in_file_system)?))
    }
}

/// The rest of a path behind a directory, empty or with its slash.
fn below<'a>(directory: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    if directory == b"/" {
        return path
            .starts_with(b"/")
            .then_some(if path == b"/" { b"" } else { path });
    }
    path.strip_prefix(directory)
        .filter(|rest| rest.is_empty() || rest[0] == b'/')
}

fn joined(directory: &[u8], rest: &[u8]) -> Vec<u8> {
    match (directory, rest) {
        (directory, b"") => directory.to_vec(),
        (b"/", rest) => rest.to_vec(),
        (directory, rest) => [directory, rest].concat(),
    }
}

/// Spaces, newlines and backslashes are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\')
            .then(|| after.first_chunk::<3>())
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(value) => {
                text.push(value);
                rest = &after[3..];
            }
            None => {
                text.push(byte);
                rest = after;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mount(root: &str, point: &str) -> Mount {
        Mount {
            device: b"8:1".to_vec(),
            root: root.into(),
            point: point.into(),
        }
    }

    #[test]
    fn a_line_is_read_with_its_escapes() {
        let text = b"36 35 8:1 /a\\040b /mnt\\134x rw,noatime master:1 - ext3 /dev/root rw\n\
            37 36 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw\n\n";
        let [bind, namespace] = &Mount::parse(text)[..] else {
            panic!("two mounts");
        };
        assert_eq!(*bind, mount("/a b", "/mnt\\x"));
        assert_eq!(namespace.root, b"net:[4026531840]");
    }

    #[test]
    fn a_path_goes_through_the_file_system_from_one_mount_to_another() {
        for (from, to, path, expected) in [
            (("/src", "/mnt"), ("/", "/"), "/mnt/x", Some("/src/x")),
            (("/src", "/mnt"), ("/", "/"), "/mnt", Some("/src")),
            (
                ("/src", "/mnt"),
                ("/src", "/home"),
                "/mnt/x",
                Some("/home/x"),
            ),
            (("/", "/mnt"), ("/", "/"), "/mnt/etc/x", Some("/etc/x")),
            (("/", "/"), ("/usr", "/u"), "/usr/bin", Some("/u/bin")),
            (("/src", "/mnt"), ("/srcs", "/"), "/mnt/x", None),
            (("/src", "/mnt"), ("/", "/"), "/mntx", None),
        ] {
            let (from, to) = (mount(from.0, from.1), mount(to.0, to.1));
            let found = from
                .in_file_system(path.as_bytes())
                .and_then(|inside| to.path(&inside));
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            for mount in Mount::parse(&text) {
                let _ = mount.in_file_system(&mount.point);
            }
        }
    }
}
