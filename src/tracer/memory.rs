//! Strings and arrays in the memory of a stopped tracee.
//!
//! A read never runs past the end of a page that was not asked for: the next page may not be
//! mapped, and a string that ends before it is whole all the same.

use super::sys::{self, Remote, Result};
use bstr::ByteSlice;
use libc::pid_t;
use nix::errno::Errno;
use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

/// The smallest page size of any Linux architecture; larger pages only make a read shorter.
pub(super) const PAGE: usize = 4096;

/// The longest path the kernel takes, its final NUL included (limits.h).
pub(super) const PATH_MAX: usize = 4096;

/// What an argument or variable is cut to when it is longer: no fact about files is so long.
pub(super) const LONGEST_STRING: usize = 128 * 1024;

/// How much is read of all arguments or variables: the kernel takes no more than three quarters of
/// 8 MiB (execve(2), "Limits on size of arguments and environment").
const LONGEST_STRINGS: usize = 6 * 1024 * 1024;

/// How many arguments or variables are looked at.
const MOST_STRINGS: usize = 64 * 1024;

fn to_page_end(address: usize) -> usize {
    PAGE - address % PAGE
}

/// How many pages one call reads.
const MOST_PAGES: usize = 16;

/// Reads up to `buffer.len()` bytes; fewer where the memory ends.
pub(super) fn read(tid: pid_t, address: u64, buffer: &mut [u8]) -> Result<usize> {
    let address = address as usize;
    let mut done = 0;
    while done < buffer.len() {
        let from = address.wrapping_add(done);
        let length = (to_page_end(from) + (MOST_PAGES - 1) * PAGE).min(buffer.len() - done);
        match read_pages(tid, from, &mut buffer[done..done + length]) {
            Ok(read) if read < length => return Ok(done + read),
            Ok(read) => done += read,
            Err(errno) if done == 0 => return Err(errno),
            _ => return Ok(done),
        }
    }
    Ok(done)
}

/// Reads a few pages with one call, which ends where a page cannot be read: the kernel copies whole
/// elements of the list (process_vm_readv(2), "partial transfers").
fn read_pages(tid: pid_t, address: usize, buffer: &mut [u8]) -> Result<usize> {
    let mut ranges = [Remote {
        address: 0,
        length: 0,
    }; MOST_PAGES];
    let mut count = 0;
    let mut done = 0;
    while done < buffer.len() && count < MOST_PAGES {
        let from = address.wrapping_add(done);
        let length = to_page_end(from).min(buffer.len() - done);
        ranges[count] = Remote {
            address: from,
            length,
        };
        count += 1;
        done += length;
    }
    match sys::read_memory(tid, &mut [IoSliceMut::new(buffer)], &ranges[..count]) {
        Err(errno) if is_refused(errno) => {
            let first = ranges[0].length;
            read_within_page(tid, address, &mut buffer[..first])
        }
        read => read,
    }
}

/// Whether it is not the address that was wrong: there are kernels without process_vm_readv(2), and
/// sandboxes that forbid it.
fn is_refused(errno: Errno) -> bool {
    !matches!(errno, Errno::EFAULT | Errno::ESRCH)
}

/// Reads inside one page, by whichever way the kernel allows.
fn read_within_page(tid: pid_t, address: usize, buffer: &mut [u8]) -> Result<usize> {
    let range = Remote {
        address,
        length: buffer.len(),
    };
    match sys::read_memory(tid, &mut [IoSliceMut::new(buffer)], &[range]) {
        Err(errno) if is_refused(errno) => File::open(format!("/proc/{tid}/mem"))
            .and_then(|memory| memory.read_at(buffer, address as u64))
            .or_else(|_| read_by_words(tid, address, buffer))
            .map_err(|_: Errno| Errno::EFAULT),
        done => done,
    }
}

fn read_by_words(tid: pid_t, address: usize, buffer: &mut [u8]) -> Result<usize> {
    const WORD: usize = size_of::<libc::c_long>();
    let mut done = 0;
    while done < buffer.len() {
        let at = address + done;
        let word = sys::peek(tid, at - at % WORD)?;
        let bytes = &word[at % WORD..];
        let count = bytes.len().min(buffer.len() - done);
        buffer[done..done + count].copy_from_slice(&bytes[..count]);
        done += count;
    }
    Ok(done)
}

/// A string of a tracee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// It is whole: this many bytes were appended.
    Whole(usize),
    /// No NUL within the limit; this many bytes were appended.
    Unended(usize),
    /// Its memory cannot be read to a NUL. Nothing was appended.
    Unreadable,
}

/// How much of a string is read at first: most are shorter.
const FIRST_PIECE: usize = 256;

/// Appends the string at `address`, without its NUL, to `to`; at most `limit` bytes.
pub(super) fn read_text(tid: pid_t, address: u64, limit: usize, to: &mut Vec<u8>) -> Text {
    let start = to.len();
    let mut at = address as usize;
    while to.len() - start < limit {
        let chunk = to.len();
        let piece = if chunk == start { FIRST_PIECE } else { PAGE };
        let length = to_page_end(at).min(limit - (chunk - start)).min(piece);
        to.resize(chunk + length, 0);
        match read_within_page(tid, at, &mut to[chunk..]) {
            Ok(read) if read > 0 => {
                if let Some(end) = to[chunk..chunk + read].find_byte(0) {
                    to.truncate(chunk + end);
                    return Text::Whole(to.len() - start);
                }
                if read < length {
                    to.truncate(start);
                    return Text::Unreadable;
                }
                at = at.wrapping_add(read);
            }
            _ => {
                to.truncate(start);
                return Text::Unreadable;
            }
        }
    }
    Text::Unended(to.len() - start)
}

/// The size of a pointer of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl Width {
    /// How many bytes a pointer takes.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The pointer in the first bytes of `bytes`.
    pub(super) fn pointer(self, bytes: &[u8]) -> Option<u64> {
        match self {
            Self::Four => Some(u64::from(u32::from_ne_bytes(*bytes.first_chunk()?))),
            Self::Eight => Some(u64::from_ne_bytes(*bytes.first_chunk()?)),
        }
    }
}

/// How many pages are kept while an array of strings is read.
const KEPT_PAGES: usize = 8;

/// Pages of a stopped tracee, each read once: the strings of one array lie close together.
#[derive(Debug, Default)]
pub(super) struct Pages {
    tid: pid_t,
    /// Room for pages, of which the first `count` hold one.
    room: Vec<Page>,
    count: usize,
    /// Which one makes room for the next.
    next: usize,
}

#[derive(Debug)]
struct Page {
    address: usize,
    bytes: Box<[u8; PAGE]>,
}

impl Pages {
    pub(super) fn of(tid: pid_t) -> Self {
        Self {
            tid,
            ..Self::default()
        }
    }

    /// Forgets what was read; from now on these are pages of this tracee.
    pub(super) fn begin(&mut self, tid: pid_t) {
        self.tid = tid;
        self.count = 0;
        self.next = 0;
    }

    /// Whose pages these are.
    pub(super) fn tid(&self) -> pid_t {
        self.tid
    }

    /// The memory from an address to the end of its page; none when it cannot be read.
    fn from(&mut self, address: usize) -> Option<&[u8]> {
        let start = address - address % PAGE;
        let known = self.room[..self.count]
            .iter()
            .position(|page| page.address == start);
        let index = match known {
            Some(index) => index,
            None => self.load(start)?,
        };
        Some(&self.room[index].bytes[address % PAGE..])
    }

    /// Where the next page is to be put.
    fn room(&mut self) -> usize {
        if self.count == KEPT_PAGES {
            let index = self.next;
            self.next = (index + 1) % KEPT_PAGES;
            // No page begins there, whatever becomes of what is read.
            self.room[index].address = usize::MAX;
            return index;
        }
        if self.count == self.room.len() {
            self.room.push(Page {
                address: usize::MAX,
                bytes: Box::new([0; PAGE]),
            });
        }
        self.count
    }

    /// The page with this number was read.
    fn is_at(&mut self, index: usize, address: usize) {
        self.room[index].address = address;
        self.count = self.count.max(index + 1);
    }

    fn load(&mut self, start: usize) -> Option<usize> {
        let index = self.room();
        let bytes = &mut self.room[index].bytes[..];
        if read_within_page(self.tid, start, bytes) != Ok(PAGE) {
            return None;
        }
        self.is_at(index, start);
        Some(index)
    }

    /// Like [`read_text`], and reads the page of another address with the same call.
    pub(super) fn read_text_beside(
        &mut self,
        other: u64,
        address: u64,
        limit: usize,
        to: &mut Vec<u8>,
    ) -> Text {
        let (other, at) = (other as usize, address as usize);
        let start = other - other % PAGE;
        if at - at % PAGE == start {
            if let Some(piece) = self.from(at)
                && let Some(end) = piece.find_byte(0).filter(|&end| end < limit)
            {
                to.extend_from_slice(&piece[..end]);
                return Text::Whole(end);
            }
            return read_text(self.tid, address, limit, to);
        }
        let index = self.room();
        let before = to.len();
        let length = to_page_end(at).min(limit).min(FIRST_PIECE);
        to.resize(before + length, 0);
        let mut local = [
            IoSliceMut::new(&mut to[before..]),
            IoSliceMut::new(&mut self.room[index].bytes[..]),
        ];
        let ranges = [(at, length), (start, PAGE)];
        let ranges = ranges.map(|(address, length)| Remote { address, length });
        let read = sys::read_memory(self.tid, &mut local, &ranges).unwrap_or(0);
        if read == length + PAGE {
            self.is_at(index, start);
        }
        let text = &to[before..];
        if let Some(end) = text.find_byte(0).filter(|_| read >= length) {
            to.truncate(before + end);
            return Text::Whole(end);
        }
        to.truncate(before);
        read_text(self.tid, address, limit, to)
    }

    /// Appends the string at `address`, without its NUL; whether it could be read.
    fn append_text(&mut self, address: u64, to: &mut Vec<u8>) -> bool {
        let start = to.len();
        let mut at = address as usize;
        loop {
            let Some(piece) = self.from(at) else {
                to.truncate(start);
                return false;
            };
            let room = LONGEST_STRING - (to.len() - start);
            let end = piece.find_byte(0);
            let length = end.unwrap_or(piece.len()).min(room);
            to.extend_from_slice(&piece[..length]);
            if end.is_some() || length == room {
                return true;
            }
            at = at.wrapping_add(length);
        }
    }

    /// The array of pointers at an address, up to its null pointer; none when it cannot be read.
    pub(super) fn pointers(&mut self, address: u64, width: Width) -> Option<Vec<u64>> {
        let mut pointers = Vec::new();
        let mut at = address as usize;
        while pointers.len() < MOST_STRINGS {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..width.bytes()];
            let mut done = 0;
            // A pointer may lie across the end of a page.
            while done < bytes.len() {
                let piece = self.from(at.wrapping_add(done))?;
                let length = piece.len().min(bytes.len() - done);
                bytes[done..done + length].copy_from_slice(&piece[..length]);
                done += length;
            }
            at = at.wrapping_add(done);
            match width.pointer(bytes)? {
                0 => break,
                pointer => pointers.push(pointer),
            }
        }
        Some(pointers)
    }
}

/// The pointers before the null pointer in these bytes; none when it is not there.
pub(super) fn pointers_within(array: &[u8], width: Width) -> Option<Vec<u64>> {
    let mut pointers = Vec::new();
    for bytes in array.chunks_exact(width.bytes()) {
        match width.pointer(bytes)? {
            0 => return Some(pointers),
            pointer => pointers.push(pointer),
        }
    }
    None
}

/// Appends the strings of a null-terminated array (`argv`), each with its NUL; whether they could
/// be read.
pub(super) fn read_strings(
    pages: &mut Pages,
    address: u64,
    width: Width,
    to: &mut Vec<u8>,
) -> bool {
    // To execute a program without arguments, a null pointer will do (execve(2), "NOTES").
    if address == 0 {
        return true;
    }
    let Some(pointers) = pages.pointers(address, width) else {
        return false;
    };
    let start = to.len();
    for pointer in pointers {
        if !pages.append_text(pointer, to) || to.len() - start > LONGEST_STRINGS {
            return false;
        }
        to.push(0);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Any process may read its own memory, so this one is its own tracee here.
        #[test]
        fn the_strings_of_an_array_are_read_wherever_they_lie(
            strings in prop::collection::vec(prop::collection::vec(1..=u8::MAX, 0..3000), 0..20),
            gaps in prop::collection::vec(0..5000_usize, 20),
            shift in 0..8_usize,
        ) {
            let mut memory = Vec::new();
            let mut offsets = Vec::new();
            for (string, gap) in strings.iter().zip(gaps) {
                memory.resize(memory.len() + gap, b'x');
                offsets.push(memory.len());
                memory.extend_from_slice(string);
                memory.push(0);
            }
            let mut array = vec![0; shift];
            for offset in offsets {
                array.extend((memory.as_ptr().addr() + offset).to_ne_bytes());
            }
            array.extend(0_usize.to_ne_bytes());
            let address = (array.as_ptr().addr() + shift) as u64;
            let mut found = Vec::new();
            let mut pages = Pages::of(sys::own_tid());
            prop_assert!(read_strings(&mut pages, address, Width::Eight, &mut found));
            let mut expected = strings.join(&0);
            if !strings.is_empty() {
                expected.push(0);
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn strings_that_cannot_be_read_are_none() {
        let array = [c"x".as_ptr().addr(), 8, 0];
        let address = array.as_ptr().addr() as u64;
        let mut found = Vec::new();
        let mut pages = Pages::of(sys::own_tid());
        assert!(!read_strings(&mut pages, address, Width::Eight, &mut found));
        assert!(!read_strings(&mut pages, 8, Width::Eight, &mut found));
        assert!(read_strings(&mut pages, 0, Width::Eight, &mut found));
    }

    /// Where the first whole page in this memory begins.
    fn page_in(memory: &[u8]) -> usize {
        let address = memory.as_ptr().addr();
        address.next_multiple_of(PAGE) - address
    }

    #[test]
    fn a_text_and_the_page_beside_it_are_read_wherever_they_lie() {
        let mut memory = vec![b'x'; 3 * PAGE];
        let page = page_in(&memory);
        let start = memory.as_ptr().addr() as u64;
        for (at, length) in [
            (page, 10),
            (page + PAGE - 3, 10),
            (page + PAGE - 300, 280),
            (page, FIRST_PIECE),
            (page + 10, 2 * FIRST_PIECE),
        ] {
            memory.fill(b'x');
            memory[at + length] = 0;
            for other in [page, page + PAGE - 1, page + PAGE] {
                let mut pages = Pages::of(sys::own_tid());
                let mut text = b"/".to_vec();
                let (text_at, beside) = (start + at as u64, start + other as u64);
                let found = pages.read_text_beside(beside, text_at, PATH_MAX, &mut text);
                let case = format!("{length} at {at} beside {other}");
                assert_eq!(found, Text::Whole(length), "{case}");
                assert_eq!(text, [b"/", &memory[at..at + length]].concat(), "{case}");
                let rest = pages.from(beside as usize).unwrap();
                let page_end = other + to_page_end(beside as usize);
                assert!(rest == &memory[other..page_end], "{case}");
            }
        }
    }

    #[test]
    fn where_one_of_two_cannot_be_read_the_other_is() {
        let memory = vec![b'x'; 3 * PAGE];
        let page = memory.as_ptr().addr() + page_in(&memory);
        let mut pages = Pages::of(sys::own_tid());
        let mut text = Vec::new();
        let found = pages.read_text_beside(page as u64, 8, PATH_MAX, &mut text);
        assert_eq!((found, text.len()), (Text::Unreadable, 0));
        assert!(
            pages
                .from(page)
                .is_some_and(|bytes| bytes == &memory[..PAGE])
        );
        let found = pages.read_text_beside(8, page as u64, 10, &mut text);
        assert_eq!((found, &text[..]), (Text::Unended(10), &memory[..10]));
        assert!(pages.from(8).is_none());
    }

    #[test]
    fn pages_are_read_again_for_another_tracee() {
        let mut memory = vec![0; 2 * PAGE];
        let at = page_in(&memory);
        let start = memory.as_ptr().addr() + at;
        let mut pages = Pages::of(sys::own_tid());
        assert_eq!(pages.from(start).map(|bytes| bytes[0]), Some(0));
        memory[at] = 1;
        assert_eq!(pages.from(start).map(|bytes| bytes[0]), Some(0));
        pages.begin(sys::own_tid());
        assert_eq!(pages.from(start).map(|bytes| bytes[0]), Some(1));
    }
}
