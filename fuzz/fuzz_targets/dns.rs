//! No datagram makes the reader of DNS messages panic, every name that it tells can be printed, and an
//! answer has addresses, each once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::dns;
use std::collections::HashSet;

fuzz_target!(|message: &[u8]| {
    if let Some(name) = dns::asked(message) {
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
    }
    if let Some(answer) = dns::answer(message) {
        assert!(!answer.name.is_empty() && answer.name.iter().all(u8::is_ascii_graphic));
        let distinct: HashSet<_> = answer.addresses.iter().collect();
        assert!(!distinct.is_empty() && distinct.len() == answer.addresses.len());
    }
});
