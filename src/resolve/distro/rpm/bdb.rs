//! Berkeley DB's hash, as rpm used it for `Packages` (db's `dbinc/db_page.h`): pages of one size, of
//! which those of the hash hold keys and values by turns. A header is too large for such a page, so
//! its value is a chain of overflow pages. Numbers are in the byte order of the machine that wrote
//! the file; the magic tells.

use super::LONGEST_HEADER;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// DB_HASHMAGIC.
const MAGIC: u32 = 0x0006_1561;
/// The type of the first page, P_HASHMETA.
const HASH_META: u8 = 8;
/// The types of pages with keys and values: P_HASH_UNSORTED, which older versions wrote, and P_HASH.
const HASH: [u8; 2] = [2, 13];
/// P_OVERFLOW.
const OVERFLOW: u8 = 7;
/// The bytes before a page's content.
const PAGE_HEAD: usize = 26;
/// H_KEYDATA: the value itself; H_OFFPAGE: where its overflow pages begin.
const INLINE: u8 = 1;
const OFF_PAGE: u8 = 3;

/// Hands over the values, in the order of the pages.
pub(super) fn headers(path: &Path, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
    if let Some(database) = Bdb::open(path) {
        // Damage ends the reading; what was read before it stands.
        let _ = database.values(visit);
    }
}

struct Bdb {
    file: File,
    big_endian: bool,
    page_size: usize,
    /// How many pages the file has.
    pages: u32,
}

impl Bdb {
    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut meta = [0; 72];
        file.read_exact_at(&mut meta, 0).ok()?;
        let magic = [meta[12], meta[13], meta[14], meta[15]];
        let big_endian = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (MAGIC, _) => false,
            (_, MAGIC) => true,
            _ => return None,
        };
        // An encrypted database is none of rpm's.
        if meta[24] != 0 || meta[25] != HASH_META {
            return None;
        }
        let mut database = Self {
            file,
            big_endian,
            page_size: 0,
            pages: 0,
        };
        let page_size = database.long(&meta, 20)? as usize;
        // DB_MIN_PGSIZE and DB_MAX_PGSIZE.
        if !page_size.is_power_of_two() || !(512..=65_536).contains(&page_size) {
            return None;
        }
        let length = database.file.metadata().ok()?.len();
        database.page_size = page_size;
        database.pages = u32::try_from(length / page_size as u64).ok()?;
        Some(database)
    }

    fn values(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Option<()> {
        // Chains do not overlap, so together they are no longer than the file; entries that all
        // point to one must not keep us busy.
        let mut left = self.pages as usize * self.page_size;
        let mut page = vec![0; self.page_size];
        for number in 1..self.pages {
            self.read(number, &mut page)?;
            if !HASH.contains(&page[25]) {
                continue;
            }
            let entries = self.short(&page, 20)?;
            for pair in 0..usize::from(entries / 2) {
                let Some(value) = self.value(&page, 2 * pair + 1, &mut left) else {
                    continue;
                };
                if visit(&value).is_break() {
                    return Some(());
                }
            }
        }
        Some(())
    }

    /// The value at an index of a page; it begins where the index says and ends where the entry
    /// before it begins, since a page is filled from its end.
    fn value(&self, page: &[u8], index: usize, left: &mut usize) -> Option<Vec<u8>> {
        let begin = usize::from(self.short(page, PAGE_HEAD + 2 * index)?);
        match *page.get(begin)? {
            INLINE => {
                let end = usize::from(self.short(page, PAGE_HEAD + 2 * (index - 1))?);
                Some(page.get(begin + 1..end)?.to_vec())
            }
            OFF_PAGE => self.chain(
                self.long(page, begin + 4)?,
                self.long(page, begin + 8)? as usize,
                left,
            ),
            _ => None,
        }
    }

    /// The content of a chain of overflow pages.
    fn chain(&self, first: u32, length: usize, left: &mut usize) -> Option<Vec<u8>> {
        if length > LONGEST_HEADER {
            return None;
        }
        *left = left.checked_sub(length)?;
        let mut value = Vec::with_capacity(length);
        let mut page = vec![0; self.page_size];
        let mut next = first;
        while value.len() < length {
            self.read(next, &mut page)?;
            // The last page has no next one, and a page without content would go on for ever.
            let content = usize::from(self.short(&page, 22)?);
            if page[25] != OVERFLOW || content == 0 {
                return None;
            }
            value.extend_from_slice(page.get(PAGE_HEAD..PAGE_HEAD + content)?);
            next = self.long(&page, 16)?;
        }
        value.truncate(length);
        Some(value)
    }

    fn read(&self, number: u32, page: &mut [u8]) -> Option<()> {
        let offset = u64::from(number) * self.page_size as u64;
        self.file.read_exact_at(page, offset).ok()
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}
