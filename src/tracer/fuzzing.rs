//! The parsers of foreign bytes that are the tracer's own, opened to the fuzzer (`fuzz/`); compiled
//! for nothing else.

use super::{abi, decode, header, ignored, image};
use std::hint::black_box;

/// The beginning of a file that was executed.
pub fn image(file: &[u8]) {
    black_box(image::Image::parse(&image::Memory(file)).wanted());
}

/// A loader, of the traced program's choosing.
pub fn loader(file: &[u8]) {
    black_box(abi::habits_of_loader(file));
}

/// A socket address in a program's memory.
pub fn socket_address(bytes: &[u8]) {
    black_box(decode::endpoint(bytes));
}

/// `/proc/PID/status` of a process that chose its own name, and os-release(5).
pub fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for signal in 1..=64 {
        black_box(ignored::disposition(&text, signal));
    }
    black_box(header::os_release(&text));
}
