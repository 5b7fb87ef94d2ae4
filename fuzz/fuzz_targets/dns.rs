//! No datagram makes the reader of DNS queries panic, and every name that it tells can be printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::dns;

fuzz_target!(|message: &[u8]| {
    if let Some(name) = dns::asked(message) {
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
    }
});
