//! No bytes of a traced program make the tracer's own parsers panic. The first byte says which of
//! them gets the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::tracer::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, file)) => fuzzing::image(file),
        Some((1, address)) => fuzzing::socket_address(address),
        Some((3, file)) => fuzzing::loader(file),
        Some((_, text)) => fuzzing::text(text),
        None => {}
    }
});
