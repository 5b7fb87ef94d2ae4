//! A compressed trace that is cut short or damaged anywhere is read as far as it goes. The first two
//! bytes say where it is damaged, the rest is the trace.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::trace::Reader;

fuzz_target!(|bytes: &[u8]| {
    let Some((damage, trace)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let Ok(mut packed) = zstd::encode_all(trace, 1) else {
        return;
    };
    let at = usize::from(u16::from_le_bytes(*damage)) % packed.len();
    match damage[0] % 3 {
        0 => packed.truncate(at),
        1 => packed[at] ^= damage[1] | 1,
        _ => {}
    }
    let Ok(file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if std::fs::write(file.path(), packed).is_err() {
        return;
    }
    if let Ok(mut reader) = Reader::open(file.path()) {
        std::hint::black_box(reader.by_ref().count());
        std::hint::black_box(reader.truncated());
    }
});
