//! No file makes opening an index panic; one that opens answers look-ups without panicking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::index::Index;
use nixtrace::resolve::{Kind, Query, Source, SourceKind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = Index::from_bytes(bytes.to_vec(), SourceKind::Index) else {
        return;
    };
    let _ = index.about();
    for (kind, name) in [
        (Kind::Soname, "libz.so.1"),
        (Kind::Header, "gtk/gtk.h"),
        (Kind::Path, "/usr/bin/git"),
    ] {
        std::hint::black_box(index.candidates(&Query::new(kind, name)));
    }
});
