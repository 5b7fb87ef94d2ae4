//! No file given as a channel's table of commands makes the making of an index panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::index::build::Builder;
use nixtrace::resolve::index::{Index, Input};

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if std::fs::write(file.path(), bytes).is_err() {
        return;
    }
    let mut builder = Builder::new();
    let read = builder.add_programs(
        Input::default(),
        file.path(),
        Index::embedded(),
        &mut |_| (),
    );
    if read.is_ok() {
        let _ = std::hint::black_box(builder.finish(std::io::sink()));
    }
});
