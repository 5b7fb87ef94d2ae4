//! Sorts more records than memory should hold.
//!
//! Records are byte strings. They gather in memory; when there are too many, they are sorted and put
//! aside in a temporary file, and at the end all such runs are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// Gathers records to give them back in order.
pub(super) struct Sorter {
    arena: Vec<u8>,
    /// Where the records in the arena begin and end.
    records: Vec<(usize, usize)>,
    runs: Vec<File>,
    limit: usize,
}

impl Sorter {
    /// A sorter that holds about `limit` bytes of records in memory.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            arena: Vec::new(),
            records: Vec::new(),
            runs: Vec::new(),
            limit,
        }
    }

    /// Takes a record, as its parts.
    ///
    /// # Errors
    /// When a run cannot be put aside (the disk is full).
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let begin = self.arena.len();
        for part in parts {
            self.arena.extend_from_slice(part);
        }
        self.records.push((begin, self.arena.len()));
        let held = self.arena.len() + self.records.len() * size_of::<(usize, usize)>();
        if held > self.limit {
            self.put_aside()?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.records
            .sort_unstable_by(|a, b| arena[a.0..a.1].cmp(&arena[b.0..b.1]));
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for (begin, end) in self.records.drain(..) {
            // A record is a key and a row, far below 4 GiB.
            run.write_all(&((end - begin) as u32).to_le_bytes())?;
            run.write_all(&self.arena[begin..end])?;
        }
        self.arena.clear();
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.seek(SeekFrom::Start(0))?;
        self.runs.push(run);
        Ok(())
    }

    /// Gives all records in order, equal ones once.
    ///
    /// # Errors
    /// When a run cannot be read back, or `each` fails.
    pub(super) fn finish<E: From<io::Error>>(
        mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.runs.is_empty() {
            self.sort();
            let mut last: Option<&[u8]> = None;
            for (begin, end) in &self.records {
                let record = &self.arena[*begin..*end];
                if last != Some(record) {
                    each(record)?;
                    last = Some(record);
                }
            }
            return Ok(());
        }
        self.put_aside()?;
        let mut runs: Vec<_> = self.runs.into_iter().map(BufReader::new).collect();
        let mut heads = BinaryHeap::new();
        for (run, file) in runs.iter_mut().enumerate() {
            if let Some(record) = read(file)? {
                heads.push(Reverse((record, run)));
            }
        }
        let mut last: Option<Vec<u8>> = None;
        while let Some(Reverse((record, run))) = heads.pop() {
            if let Some(next) = read(&mut runs[run])? {
                heads.push(Reverse((next, run)));
            }
            if last.as_deref() != Some(&record) {
                each(&record)?;
                last = Some(record);
            }
        }
        Ok(())
    }
}

fn read(run: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match run.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut record = vec![0; u32::from_le_bytes(length) as usize];
    run.read_exact(&mut record)?;
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn records_come_back_in_order_and_once(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..60),
            limit in 1_usize..4000,
        ) {
            let mut sorter = Sorter::new(limit);
            for record in &records {
                let (a, b) = record.split_at(record.len() / 2);
                sorter.push(&[a, b]).unwrap();
            }
            let mut found = Vec::new();
            sorter.finish(|record| { found.push(record.to_vec()); io::Result::Ok(()) }).unwrap();
            let expected: Vec<_> = BTreeSet::from_iter(records).into_iter().collect();
            prop_assert_eq!(found, expected);
        }
    }
}
