//! rpm's own database format, `Packages.db`: slots that point to blobs (rpm's
//! `lib/backend/ndb/rpmpkg.c`). All numbers are little-endian.
//!
//! ```text
//! header      32 bytes: magic, version, generation, number of pages with slots, next package
//! slots       16 bytes each, to the end of those pages: magic, package, first block, blocks
//! blobs       in blocks of 16 bytes: magic, package, time, length, the header, a checksum
//! ```

use super::{LONGEST_HEADER, RECORD_LIMIT};
use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8] = b"RpmP";
const VERSION: u32 = 0;
const SLOT_MAGIC: &[u8] = b"Slot";
const BLOB_MAGIC: &[u8] = b"BlbS";
const PAGE: u64 = 4096;
const SLOT: usize = 16;
const BLOCK: u64 = 16;

/// Hands over the headers, in the order of their slots.
pub(super) fn headers(path: &Path, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
    if let Ok(file) = File::open(path) {
        // Damage ends the reading; what was read before it stands.
        let _ = read(&file, visit);
    }
}

fn read(file: &File, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Option<()> {
    let mut head = [0; 2 * SLOT];
    file.read_exact_at(&mut head, 0).ok()?;
    if head[..4] != *MAGIC || number(&head, 4) != VERSION {
        return None;
    }
    let slots = u64::from(number(&head, 12)) * PAGE / SLOT as u64;
    let slots = slots.min(RECORD_LIMIT as u64);
    // Blobs do not overlap, so together they are no longer than the file; slots that all point to
    // one must not keep us busy.
    let mut left = file.metadata().ok()?.len();
    for slot in 2..slots {
        let mut entry = [0; SLOT];
        file.read_exact_at(&mut entry, slot * SLOT as u64).ok()?;
        if entry[..4] != *SLOT_MAGIC {
            return None;
        }
        let (package, block) = (number(&entry, 4), number(&entry, 8));
        // A slot that is free, or whose package is being written right now.
        if block == 0 {
            continue;
        }
        if let Some(header) = blob(file, package, u64::from(block) * BLOCK, &mut left)
            && visit(&header).is_break()
        {
            break;
        }
    }
    Some(())
}

/// The header in a blob; none when it is another package's, or not whole.
fn blob(file: &File, package: u32, at: u64, left: &mut u64) -> Option<Vec<u8>> {
    let mut head = [0; 16];
    file.read_exact_at(&mut head, at).ok()?;
    let length = number(&head, 12) as usize;
    if head[..4] != *BLOB_MAGIC || number(&head, 4) != package || length > LONGEST_HEADER {
        return None;
    }
    *left = left.checked_sub(length as u64)?;
    let mut header = vec![0; length];
    file.read_exact_at(&mut header, at + 16).ok()?;
    Some(header)
}

/// The number at an offset of a buffer that is long enough for it.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
