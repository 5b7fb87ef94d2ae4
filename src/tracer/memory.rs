//! Strings and arrays in the memory of a stopped tracee.
//!
//! A read never runs past the end of a page that was not asked for: the next page may not be
//! mapped, and a string that ends before it is whole all the same.

use super::sys::{self, Remote, Result};
use bstr::ByteSlice;
use libc::pid_t;
use nix::errno::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The smallest page size of any Linux architecture; larger pages only make a read shorter.
const PAGE: usize = 4096;

/// The longest path the kernel takes, its final NUL included (limits.h).
pub(super) const PATH_MAX: usize = 4096;

/// What an argument or variable is cut to when it is longer: no fact about files is so long.
const LONGEST_STRING: usize = 128 * 1024;

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
    match sys::read_memory(tid, buffer, &ranges[..count]) {
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
    match sys::read_memory(tid, buffer, &[range]) {
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
struct Pages {
    tid: pid_t,
    /// Their addresses and contents.
    kept: Vec<(usize, Box<[u8; PAGE]>)>,
    /// Which one makes room for the next.
    next: usize,
}

impl Pages {
    fn of(tid: pid_t) -> Self {
        Self {
            tid,
            kept: Vec::new(),
            next: 0,
        }
    }

    /// The memory from an address to the end of its page; none when it cannot be read.
    fn from(&mut self, address: usize) -> Option<&[u8]> {
        let start = address - address % PAGE;
        let known = self.kept.iter().position(|(page, _)| *page == start);
        let index = match known {
            Some(index) => index,
            None => self.load(start)?,
        };
        Some(&self.kept[index].1[address % PAGE..])
    }

    fn load(&mut self, start: usize) -> Option<usize> {
        let mut page = Box::new([0; PAGE]);
        if read_within_page(self.tid, start, &mut page[..]) != Ok(PAGE) {
            return None;
        }
        if self.kept.len() < KEPT_PAGES {
            self.kept.push((start, page));
            return Some(self.kept.len() - 1);
        }
        let index = self.next;
        self.kept[index] = (start, page);
        self.next = (index + 1) % KEPT_PAGES;
        Some(index)
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
    fn pointers(&mut self, address: u64, width: Width) -> Option<Vec<u64>> {
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
fn pointers_within(array: &[u8], width: Width) -> Option<Vec<u64>> {
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
pub(super) fn read_strings(tid: pid_t, address: u64, width: Width, to: &mut Vec<u8>) -> bool {
    // To execute a program without arguments, a null pointer will do (execve(2), "NOTES").
    if address == 0 {
        return true;
    }
    let mut pages = Pages::of(tid);
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

/// Calls `each` with every variable (`NAME=value`) of a program that has just been loaded.
///
/// At `stack_pointer` are, by the ABIs of Linux, the number of arguments, the pointers to them, a
/// null pointer, and the pointers to the variables; the strings follow each other in one piece, so
/// that they cost few reads.
pub(super) fn read_environment(
    tid: pid_t,
    stack_pointer: u64,
    width: Width,
    mut each: impl FnMut(&[u8]),
) -> Option<()> {
    let size = width.bytes();
    let mut piece = vec![0; 4 * PAGE];
    let read_at_once = read(tid, stack_pointer, &mut piece).ok()?;
    piece.truncate(read_at_once);
    let mut piece_at = stack_pointer;
    let skipped = width
        .pointer(&piece)?
        .checked_add(2)?
        .checked_mul(size as u64)?;
    let within = usize::try_from(skipped)
        .ok()
        .and_then(|skipped| piece.get(skipped..))
        .and_then(|array| pointers_within(array, width));
    let pointers = match within {
        Some(pointers) => pointers,
        None => Pages::of(tid).pointers(stack_pointer.checked_add(skipped)?, width)?,
    };
    for pointer in pointers {
        loop {
            let known = pointer
                .checked_sub(piece_at)
                .and_then(|offset| piece.get(offset as usize..))
                .unwrap_or_default();
            if let Some(end) = known.find_byte(0) {
                each(&known[..end]);
                break;
            }
            if piece_at == pointer && piece.len() >= LONGEST_STRING {
                each(&piece);
                break;
            }
            let wanted = if piece_at == pointer {
                piece.len() * 2
            } else {
                0
            };
            piece_at = pointer;
            piece.resize(wanted.clamp(2 * PAGE, LONGEST_STRING), 0);
            let read = read(tid, pointer, &mut piece).ok()?;
            piece.truncate(read);
            if read == 0 || (read < wanted && piece.find_byte(0).is_none()) {
                return None;
            }
        }
    }
    Some(())
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
            prop_assert!(read_strings(sys::own_tid(), address, Width::Eight, &mut found));
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
        assert!(!read_strings(
            sys::own_tid(),
            address,
            Width::Eight,
            &mut found
        ));
        assert!(!read_strings(sys::own_tid(), 8, Width::Eight, &mut found));
        assert!(read_strings(sys::own_tid(), 0, Width::Eight, &mut found));
    }
}
