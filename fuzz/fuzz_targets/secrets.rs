//! Whatever the arguments (NUL ends each), hiding secrets keeps their number and marks what it changes,
//! also in arguments in which something is hidden already.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::Bytes;
use nixtrace::trace::secrets::{HIDDEN, redact};

fuzz_target!(|bytes: &[u8]| {
    let given: Vec<Bytes> = bytes.split(|&byte| byte == 0).map(Bytes::from).collect();
    let mut hidden = given.clone();
    for _ in 0..2 {
        redact(&mut hidden);
        assert_eq!(given.len(), hidden.len());
        for (given, hidden) in given.iter().zip(&hidden) {
            assert!(given == hidden || hidden.to_string().contains(HIDDEN));
        }
    }
});
