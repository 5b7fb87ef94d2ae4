//! No bytes make a reader of other programs' traces panic or hang, and what it tells is a trace: nobody
//! does anything before it was started. The first byte says which reader gets the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::import::{
    Imported, ImportError, Known, Options, System, fsatrace, reprozip, strace, tracexec,
};
use nixtrace::trace::{Bytes, Record};
use std::collections::HashSet;
use std::io::Write;

/// A machine on which everything is where it is named, and each third file a script.
struct Machine;

impl System for Machine {
    fn real(&mut self, path: &Bytes, _: bool) -> Option<Bytes> {
        Some(path.clone())
    }

    fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        match path.len() % 3 {
            0 => (vec!["/bin/sh".into()], Some("/ld.so".into())),
            1 => (Vec::new(), Some("/ld.so".into())),
            _ => (Vec::new(), None),
        }
    }

    fn libraries(&mut self, _: &Bytes, _: Option<&Bytes>, _: &[Bytes]) -> Vec<Bytes> {
        vec!["/lib/libz.so".into()]
    }
}

/// SQLite reads files only.
fn database(bytes: &[u8], options: Options<'_>, records: &mut Vec<Record>) -> Result<Imported, ImportError> {
    let mut file = tempfile::NamedTempFile::new().expect("there is room for a file");
    file.write_all(bytes).expect("there is room in it");
    reprozip::read(file.path(), None, options, &mut Machine, records)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, text)) = bytes.split_first() else {
        return;
    };
    let known = Known {
        cwd: Some("/work".into()),
        ..Known::default()
    };
    let options = Options {
        known: &known,
        strict: kind & 0x80 != 0,
    };
    let mut records: Vec<Record> = Vec::new();
    let to = &mut records;
    let read = match kind % 4 {
        0 => strace::read("trace", text, options, &mut Machine, to),
        1 => fsatrace::read("trace", text, options, &mut Machine, to),
        2 => tracexec::read("trace", text, options, &mut Machine, to),
        _ => database(text, options, to),
    };
    if read.is_ok() {
        let mut started = HashSet::new();
        for record in &records {
            match (record, record.process()) {
                (Record::Started(it), _) => {
                    assert!(it.parent.is_none_or(|parent| started.contains(&parent)));
                    assert!(started.insert(it.process));
                }
                (Record::Gap(_), _) | (_, None) => {}
                (_, Some(process)) => assert!(started.contains(&process)),
            }
        }
    }
});
