//! No bytes make the reader of nix-index databases panic, hang or take memory without end. The
//! input is the listing; the head and the compression around it are made here, so that the fuzzer
//! need not guess zstd's frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::index::nix_index::Reader;

fuzz_target!(|listing: &[u8]| {
    let Ok(packed) = zstd::encode_all(listing, 1) else {
        return;
    };
    let database = [&b"NIXI\x01\0\0\0\0\0\0\0"[..], &packed].concat();
    let Ok(mut reader) = Reader::new(&database[..]) else {
        return;
    };
    while let Ok(Some(package)) = reader.next_package() {
        for (path, node) in package.entries() {
            std::hint::black_box((path, node));
        }
    }
});
