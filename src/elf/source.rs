//! Bounded reading at offsets, from memory or from a file.
//!
//! Files are read with pread(2), not mapped: a mapped file that shrinks kills the reader with
//! SIGBUS.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any offset.
pub(super) trait Source {
    /// How many there are.
    fn size(&self) -> u64;

    /// Appends the `length` bytes at `offset` to `buffer`, fewer when the end comes first.
    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> io::Result<()>;
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let start = usize::try_from(offset).map_or(self.len(), |start| start.min(self.len()));
        let end = start.saturating_add(length).min(self.len());
        buffer.extend_from_slice(&self[start..end]);
        Ok(())
    }
}

/// A file, read in aligned blocks that are kept: what is asked of an image lies close together,
/// and a system call costs more than a page.
pub(super) struct OpenFile<'f> {
    file: &'f File,
    size: u64,
    blocks: RefCell<Vec<(u64, Box<[u8]>)>>,
}

/// Big enough for the headers, the notes and most string tables of a library in one go.
const BLOCK: u64 = 8 << 10;

/// What is longer is read as it is, and not kept.
const KEPT: usize = 2 * BLOCK as usize;

impl<'f> OpenFile<'f> {
    pub(super) fn new(file: &'f File) -> io::Result<Self> {
        Ok(Self {
            file,
            size: file.metadata()?.len(),
            blocks: RefCell::default(),
        })
    }

    fn read_uncached(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .file
                .read_at(&mut buffer[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Source for OpenFile<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let end = offset.saturating_add(length as u64).min(self.size);
        let mut at = offset;
        if length > KEPT && at < end {
            let start = buffer.len();
            // `end - at` is at most `length`, a usize.
            buffer.resize(start + (end - at) as usize, 0);
            let filled = self.read_uncached(at, &mut buffer[start..])?;
            buffer.truncate(start + filled);
            return Ok(());
        }
        let mut blocks = self.blocks.borrow_mut();
        while at < end {
            let number = at / BLOCK;
            let found = blocks.iter().position(|(kept, _)| *kept == number);
            let index = match found {
                Some(index) => index,
                None => {
                    let mut block = vec![0; BLOCK as usize];
                    let filled = self.read_uncached(number * BLOCK, &mut block)?;
                    block.truncate(filled);
                    blocks.push((number, block.into()));
                    blocks.len() - 1
                }
            };
            let block = &blocks[index].1;
            // Both are offsets within one block.
            let from = (at % BLOCK) as usize;
            let to = ((end - number * BLOCK).min(BLOCK) as usize).min(block.len());
            if from >= to {
                // The file became shorter since its size was asked.
                break;
            }
            buffer.extend_from_slice(&block[from..to]);
            at = number * BLOCK + to as u64;
        }
        Ok(())
    }
}
