//! A package's header as rpm's database holds it (rpm's documentation, "RPM V4 Package Format",
//! Header): two counts, an index of tags, and the data that the index points into. All numbers are
//! big-endian.

use super::super::HostPackage;
use super::super::installed::Files;
use bstr::ByteSlice;

/// An entry of the index: tag, type, offset and count, four bytes each.
const ENTRY: usize = 16;

/// How many tags a header is believed to have; real ones have about a hundred.
const TAG_LIMIT: u32 = 0x10_000;

/// How many files one package is believed to have.
const FILE_LIMIT: usize = 2_000_000;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const URL: u32 = 1020;
const SOURCE: u32 = 1044;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;

/// The package that a header describes, and its files; none when the bytes are no header.
pub(super) fn package(bytes: &[u8]) -> Option<(HostPackage, Files)> {
    let header = Header::of(bytes)?;
    let text = |tag| {
        let text = header.strings(tag).next().unwrap_or_default();
        text.to_str_lossy().into_owned()
    };
    let name = text(NAME);
    if name.is_empty() {
        return None;
    }
    let epoch = header.numbers(EPOCH).next();
    let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let source = text(SOURCE);
    let source = source_name(&source).unwrap_or(&name).to_owned();
    let package = HostPackage {
        source,
        version: format!("{epoch}{}-{}", text(VERSION), text(RELEASE)),
        homepage: text(URL),
        name,
    };
    Some((package, header.files()))
}

/// `openssl` of `openssl-3.0.9-1.fc38.src.rpm`: neither version nor release can hold a dash.
fn source_name(file: &str) -> Option<&str> {
    let (rest, _release) = file.rsplit_once('-')?;
    let (name, _version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then_some(name)
}

struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let tags = number(bytes, 0)?;
        let length = number(bytes, 4)? as usize;
        if tags == 0 || tags > TAG_LIMIT {
            return None;
        }
        let (index, rest) = bytes.get(8..)?.split_at_checked(tags as usize * ENTRY)?;
        Some(Self {
            index,
            data: rest.get(..length)?,
        })
    }

    /// Where a tag's data begins, and how many values it has.
    fn find(&self, tag: u32) -> Option<(&'a [u8], usize)> {
        let entry = self
            .index
            .chunks_exact(ENTRY)
            .find(|entry| number(entry, 0) == Some(tag))?;
        let offset = number(entry, 8)? as usize;
        Some((self.data.get(offset..)?, number(entry, 12)? as usize))
    }

    /// The texts of a tag; fewer than it says where the data ends.
    fn strings(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut rest, count) = self.find(tag).unwrap_or_default();
        (0..count.min(FILE_LIMIT)).map_while(move |_| {
            let end = rest.find_byte(0)?;
            let text = &rest[..end];
            rest = &rest[end + 1..];
            Some(text)
        })
    }

    /// The 32-bit numbers of a tag; fewer than it says where the data ends.
    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> + use<'a> {
        let (data, count) = self.find(tag).unwrap_or_default();
        (0..count.min(FILE_LIMIT)).map_while(move |at| number(data, at * 4))
    }

    /// The files: each has a name and the number of its directory.
    fn files(&self) -> Files {
        let directories: Vec<&[u8]> = self.strings(DIRECTORY_NAMES).collect();
        let mut files = Files::default();
        let mut last = None;
        for (name, directory) in self
            .strings(BASE_NAMES)
            .zip(self.numbers(DIRECTORY_INDEXES))
        {
            let Some(path) = directories.get(directory as usize) else {
                continue;
            };
            if last != Some(directory) {
                files.directory(path);
                last = Some(directory);
            }
            files.name(name);
        }
        files
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_source_s_name_ends_before_version_and_release() {
        assert_eq!(source_name("openssl-3.0.9-1.fc38.src.rpm"), Some("openssl"));
        assert_eq!(
            source_name("perl-JSON-XS-4.03-1.src.rpm"),
            Some("perl-JSON-XS")
        );
        assert_eq!(source_name("(none)"), None);
        assert_eq!(source_name("-1-2"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_header_panic(
            tags in 0_u32..6,
            length in 0_u32..200,
            entries in prop::collection::vec((990_u32..1120, 0_u32..10, any::<u32>(), any::<u32>()), 0..6),
            data in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = [tags.to_be_bytes(), length.to_be_bytes()].concat();
            for (tag, kind, offset, count) in entries {
                for number in [tag, kind, offset % 300, count] {
                    bytes.extend(number.to_be_bytes());
                }
            }
            bytes.extend(data);
            package(&bytes);
        }
    }
}
