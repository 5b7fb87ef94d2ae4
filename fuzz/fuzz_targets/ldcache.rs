//! Whatever the bytes, they are a cache or an error: `cargo +nightly fuzz run ldcache`.
//!
//! Begin with a real one: `mkdir -p corpus/ldcache && cp /etc/ld.so.cache corpus/ldcache`.

#![no_main]

use nixtrace::elf::ldcache::LdCache;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(cache) = LdCache::parse(bytes.to_vec()) {
        for library in cache.iter() {
            cache.find(library.name, library.flags, &[]);
        }
    }
});
