//! Any text is the form of a byte string in JSON or is refused; what is accepted, and every byte
//! string without NUL, survives being written and read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::Bytes;

fuzz_target!(|bytes: &[u8]| {
    let name: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    let name = Bytes::from(name);
    assert_eq!(Bytes::unescaped(&name.escaped()), Ok(name.clone()));
    let json = serde_json::to_string(&name).expect("any byte string can be written");
    assert_eq!(serde_json::from_str::<Bytes>(&json).ok(), Some(name));
    if let Ok(text) = std::str::from_utf8(bytes) {
        std::hint::black_box(Bytes::unescaped(text).ok());
    }
});
