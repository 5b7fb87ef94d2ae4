//! No text makes the reader of strace's logs panic or hang, and what it tells is a trace: nobody
//! does anything before it was started.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::import::{Known, System, strace};
use nixtrace::trace::{Bytes, Record};
use std::collections::HashSet;

struct Nothing;

impl System for Nothing {
    fn real(&mut self, _: &Bytes, _: bool) -> Option<Bytes> {
        None
    }
    fn runs_with(&mut self, _: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        (Vec::new(), None)
    }
}

fuzz_target!(|text: &[u8]| {
    let known = Known::default();
    let options = strace::Options {
        known: &known,
        strict: false,
    };
    let mut records: Vec<Record> = Vec::new();
    let read = strace::read("log", text, options, &mut Nothing, &mut records);
    if read.is_ok() {
        let mut started = HashSet::new();
        for record in &records {
            match (record, record.process()) {
                (Record::Started(it), _) => assert!(started.insert(it.process)),
                (Record::Gap(_), _) | (_, None) => {}
                (_, Some(process)) => assert!(started.contains(&process)),
            }
        }
    }
});
