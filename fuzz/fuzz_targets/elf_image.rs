//! Whatever the bytes, they are an image or an error: `cargo +nightly fuzz run elf_image`.
//!
//! Begin with real files: `mkdir -p corpus/elf_image && cp /bin/true corpus/elf_image`.

#![no_main]

use nixtrace::elf::Image;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = Image::parse(bytes) {
        assert!(image.elf_size <= image.file_size);
        image.form();
    }
});
