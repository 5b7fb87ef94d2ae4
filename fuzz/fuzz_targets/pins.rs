//! No content of `nixtrace.yaml` makes reading it panic or take long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::Query;
use nixtrace::resolve::pins::Pins;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pins) = Pins::parse(bytes, Path::new("nixtrace.yaml")) {
        for query in [
            Query::parse(b"libz.so.1"),
            Query::for_path(b"/opt/acme/lib/libx.so"),
        ] {
            std::hint::black_box((pins.pinned(&query), pins.role(&query), pins.ignored(&query)));
        }
    }
});
