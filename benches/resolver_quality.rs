//! How often the resolver's first answer is right, by kind of thing, over the labelled tables in
//! `tests/data/labels`; and how many of the sonames that most of Debian needs it answers.
//!
//! ```text
//! cargo bench --bench resolver_quality
//! ```

#[path = "../tests/resolver_quality/tally.rs"]
mod tally;

use tally::{GOALS, debian, tally};

fn main() {
    println!("| kind | labels | precision | coverage |");
    println!("|---|---:|---:|---:|");
    let mut remarks = Vec::new();
    for (kind, table, ..) in GOALS {
        let tally = tally(*kind, table);
        println!(
            "| {kind} | {} | {:.1} % | {:.1} % |",
            tally.labels,
            tally.precision() * 100.0,
            tally.coverage() * 100.0
        );
        let of = |what: &str, names: &[String]| -> Vec<String> {
            let remark = |name: &String| format!("{what} {kind} {name}");
            names.iter().map(remark).collect()
        };
        remarks.extend(of("wrong", &tally.wrong));
        remarks.extend(of("open", &tally.open));
    }
    let debian = debian();
    println!(
        "\nOf the {} sonames of Debian's 300 most-depended-on library packages, {:.1} % are answered.\n",
        debian.labels,
        debian.coverage() * 100.0
    );
    for remark in remarks {
        println!("{remark}");
    }
    println!("open {}", debian.open.join(" "));
}
