//! A nix-index database of any size, made up but shaped like a real one.
//!
//! Most paths of nixpkgs are documentation, translations and modules' files; a few are what programs
//! ask for. The same size gives the same bytes.

use std::io::{self, Write};

/// Files of one store path, on average; x86_64-linux had some 20 million in 100,000 in 2024.
const FILES: u64 = 200;

/// The names that the database has something for, to ask about.
pub(crate) fn names(packages: u64, count: u64) -> Vec<String> {
    (0..count)
        .map(|at| {
            let word = word(at * packages / count);
            match at % 5 {
                0 => format!("lib{word}.so.1"),
                1 => word,
                2 => format!("{word}/{word}.h"),
                3 => format!("{word}.pc"),
                _ => format!("lib{word}.so"),
            }
        })
        .collect()
}

/// Writes a database with about so many paths; gives the number of its store paths.
pub(crate) fn write(paths: u64, out: impl Write) -> io::Result<u64> {
    let packages = (paths / FILES).max(1);
    let mut out = out;
    out.write_all(b"NIXI\x01\0\0\0\0\0\0\0")?;
    let mut packed = zstd::Encoder::new(out, 1)?;
    for package in 0..packages {
        listing(package, &mut packed)?;
    }
    packed.finish()?;
    Ok(packages)
}

fn listing(package: u64, out: &mut impl Write) -> io::Result<()> {
    let word = word(package);
    let mut paths: Vec<(String, bool)> = Vec::new();
    let mut directory = |path: String| paths.push((path, true));
    for name in [
        "",
        "/bin",
        "/include",
        "/lib",
        "/lib/pkgconfig",
        "/share",
        "/share/doc",
    ] {
        directory(name.to_owned());
    }
    directory(format!("/include/{word}"));
    directory(format!("/share/doc/{word}"));
    directory(format!("/share/{word}"));
    let mut file = |path: String| paths.push((path, false));
    file(format!("/bin/{word}"));
    file(format!("/bin/{word}-config"));
    file(format!("/lib/lib{word}.so"));
    file(format!("/lib/lib{word}.so.1"));
    file(format!("/lib/pkgconfig/{word}.pc"));
    file(format!("/include/{word}/{word}.h"));
    for header in 0..24 {
        file(format!("/include/{word}/part{header}.h"));
    }
    for module in 0..30 {
        file(format!("/lib/python3.12/site-packages/{word}/m{module}.py"));
    }
    let rest = FILES.saturating_sub(paths.len() as u64);
    for page in 0..rest {
        paths.push((format!("/share/doc/{word}/page{page}.html"), false));
    }
    paths.sort();
    let mut last = String::new();
    let mut shared = 0;
    for (path, is_directory) in &paths {
        let same = last
            .bytes()
            .zip(path.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let kind = if *is_directory { "1d" } else { "1r" };
        record(
            out,
            kind.as_bytes(),
            same as i64 - shared,
            &path.as_bytes()[same..],
        )?;
        shared = same as i64;
        last.clone_from(path);
    }
    let footer = format!(
        "{{\"store_dir\":\"/nix/store\",\"hash\":\"{package:0>32}\",\"name\":\"{word}-1.0\",\"origin\":\
         {{\"attr\":\"{word}\",\"output\":\"out\",\"toplevel\":true,\"system\":\"x86_64-linux\"}}}}"
    );
    record(out, b"p", -shared, footer.as_bytes())
}

/// What it is about, a NUL, by how much the shared prefix grew, the rest, a newline.
fn record(out: &mut impl Write, about: &[u8], grown: i64, rest: &[u8]) -> io::Result<()> {
    out.write_all(about)?;
    out.write_all(&[0])?;
    match i8::try_from(grown) {
        Ok(grown) if grown != i8::MIN => out.write_all(&grown.to_be_bytes())?,
        // Paths here are shorter than 32 KiB.
        _ => {
            out.write_all(&[0x80])?;
            out.write_all(&(grown as i16).to_be_bytes())?;
        }
    }
    out.write_all(rest)?;
    out.write_all(b"\n")
}

/// A word for each number, none of which is the beginning of most others.
fn word(number: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "co", "di", "fu", "ga", "he", "jo", "ka", "li", "mo", "nu", "pe", "qua", "ri", "su",
        "ta",
    ];
    // An odd factor makes the numbers of neighbours far apart and each still its own.
    let mut rest = number.wrapping_mul(0x9e37_79b1) % (1 << 32);
    let mut word = String::new();
    for _ in 0..8 {
        word.push_str(SYLLABLES[(rest % 16) as usize]);
        rest /= 16;
    }
    word
}
