//! Any bytes are a query, and every query has a resolution.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixtrace::resolve::index::Index;
use nixtrace::resolve::{Query, Resolver};

fuzz_target!(|text: &[u8]| {
    let resolver = Resolver::new().with_index(Index::embedded());
    std::hint::black_box(resolver.resolve(&Query::parse(text)));
    std::hint::black_box(resolver.resolve(&Query::for_path(text)));
});
