//! Any bytes are a trace or an error; what is read can be written and read again, and judged, though
//! every file it names be gone or hold the same bytes.
#![no_main]

use bstr::BStr;
use libfuzzer_sys::fuzz_target;
use nixtrace::elf::Image;
use nixtrace::graph::{Builder, Host, analyse};
use nixtrace::trace::{Bytes, Reader, Record};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

/// Every text file is the input.
struct Everywhere<'a>(&'a [u8]);

impl Host for Everywhere<'_> {
    fn image(&self, _: &BStr) -> Option<Arc<Image>> {
        None
    }

    fn text(&self, _: &BStr, limit: usize) -> Option<Vec<u8>> {
        Some(self.0[..self.0.len().min(limit)].to_vec())
    }

    fn entries(&self, _: &BStr) -> Vec<Bytes> {
        Vec::new()
    }

    fn real(&self, _: &BStr) -> Option<Bytes> {
        None
    }

    fn mentions(&self, _: &BStr, _: &[u8]) -> bool {
        false
    }
}

fuzz_target!(|bytes: &[u8]| {
    let lines = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(mut reader) = Reader::new(Path::new("trace.jsonl"), lines) else {
        return;
    };
    let mut builder = Builder::new(reader.header().clone());
    let mut take = |record: &Record| {
        let line = serde_json::to_string(record).expect("what was read can be written");
        assert!(!line.contains('\n'));
        let again: Record = serde_json::from_str(&line).expect("what was written can be read");
        assert_eq!(again, *record);
        builder.add(record);
    };
    take(&Record::Header(reader.header().clone()));
    for record in reader.by_ref().flatten() {
        take(&record);
    }
    std::hint::black_box(analyse(&builder.finish(), &Everywhere(bytes)));
});
