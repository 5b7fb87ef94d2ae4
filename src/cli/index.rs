//! `nixtrace index`: makes the user's index and tells what an index holds.

use super::{Exit, Failure, progress};
use crate::atomic::{AtomicFile, Audience, Existing};
use crate::resolve::directories;
use crate::resolve::index::build::{BuildError, Builder};
use crate::resolve::index::{self, About, Index, Input, Progress, tables};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Make an index of nixpkgs of your own, or tell what one holds
///
/// The index is asked before the catalogue inside this program.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make an index from nix-index databases, a channel's table of commands, or both
    Build(Build),
    /// Tell what an index was made from and what it holds
    Info(Info),
}

#[derive(Debug, clap::Args)]
#[command(after_help = BUILD_EXAMPLES)]
struct Build {
    /// A nix-index database; may be given more than once [default: ~/.cache/nix-index/files]
    #[arg(long, value_name = "FILE")]
    nix_index: Vec<PathBuf>,

    /// A channel's `programs.sqlite`, which knows commands only; may be given more than once
    /// [default: that of root's NixOS channel, if it is there]
    #[arg(long, value_name = "FILE")]
    programs: Vec<PathBuf>,

    /// A directory with the tables that the embedded index is made from
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,

    /// Facts written by hand, added to the tables
    #[arg(long, value_name = "FILE", requires = "tables")]
    supplement: Option<PathBuf>,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    /// Where to write the index [default: ~/.cache/nixtrace/index]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const BUILD_EXAMPLES: &str = "\
Examples:
  nixtrace index build                      from ~/.cache/nix-index/files
  nixtrace index build --programs programs.sqlite";

#[derive(Debug, clap::Args)]
#[command(after_help = INFO_EXAMPLES)]
struct Info {
    /// The index [default: the user's, if there is one, and the embedded one]
    file: Option<PathBuf>,

    /// One JSON object instead of words
    #[arg(long)]
    json: bool,
}

const INFO_EXAMPLES: &str = "\
Examples:
  nixtrace index info
  nixtrace index info --json ~/.cache/nixtrace/index";

/// Runs the verb.
///
/// # Errors
/// When an input cannot be read or the index cannot be written; the index that was there before is
/// kept.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    match args.verb {
        Verb::Build(args) => build(args)?,
        Verb::Info(args) => info(args)?,
    }
    Ok(Exit::Success as u8)
}

fn build(args: Build) -> Result<(), Failure> {
    let mut progress = progress::Progress::begin("reading files", args.quiet);
    let output = match args.output {
        Some(output) => output,
        None => index::default_path().ok_or_else(|| {
            Failure::new(
                "cannot tell where the index belongs: neither XDG_CACHE_HOME nor HOME is set",
            )
            .hint("name the file with --output")
        })?,
    };
    let inputs = if args.nix_index.is_empty() && args.programs.is_empty() && args.tables.is_none() {
        Inputs::default_ones()?
    } else {
        Inputs {
            listings: args.nix_index,
            programs: args.programs,
        }
    };
    if let Some(directory) = output.parent() {
        fs::create_dir_all(directory).map_err(|error| {
            Failure::new(format!(
                "cannot make the directory `{}`",
                directory.display()
            ))
            .because(&error)
        })?;
    }
    let cannot_write = |error: &dyn std::error::Error| {
        Failure::new(format!("cannot write the index `{}`", output.display())).because(error)
    };
    // Begun before the work, so that an unwritable place is known at once.
    let mut file = AtomicFile::create(&output, Existing::Replace, Audience::Umask)
        .map_err(|error| cannot_write(&error))?;
    let failed = |error: BuildError| match error {
        BuildError::Write(error) => cannot_write(&error),
        error => Failure::new("cannot make the index").because(&error),
    };

    let mut builder = Builder::new();
    if let Some(directory) = &args.tables {
        tables::add(&mut builder, directory, args.supplement.as_deref()).map_err(failed)?;
    }
    let mut before = 0;
    for path in &inputs.listings {
        let mut read = 0;
        add_listing(&mut builder, path, &mut |done: Progress| {
            read = done.files;
            progress.reach(before + read);
        })
        .map_err(failed)?;
        before += read;
    }
    for path in &inputs.programs {
        add_programs(&mut builder, path, &mut |done: Progress| {
            progress.reach(before + done.files)
        })
        .map_err(failed)?;
    }
    let about = builder.finish(BufWriter::new(&mut file)).map_err(failed)?;
    file.commit().map_err(|error| cannot_write(&error))?;
    if !args.quiet {
        eprintln!(
            "wrote {}: {} keys, {} candidates",
            output.display(),
            about.keys.values().sum::<u64>(),
            about.candidates
        );
    }
    Ok(())
}

/// The databases that an index is made from.
struct Inputs {
    listings: Vec<PathBuf>,
    programs: Vec<PathBuf>,
}

/// Where NixOS keeps the table of commands of root's channel.
const PROGRAMS: &str = "/nix/var/nix/profiles/per-user/root/channels/nixos/programs.sqlite";

impl Inputs {
    /// Those that the system has where their makers put them.
    fn default_ones() -> Result<Self, Failure> {
        let present = |path: Option<PathBuf>| path.into_iter().filter(|path| path.exists());
        let cache = directories::cache();
        let inputs = Self {
            listings: present(cache.map(|cache| cache.join("nix-index/files"))).collect(),
            programs: present(Some(PROGRAMS.into())).collect(),
        };
        if inputs.listings.is_empty() && inputs.programs.is_empty() {
            return Err(Failure::new(
                "there is no nix-index database in the cache directory, and no table of commands",
            )
            .hint(
                "run `nix-index` first, or fetch a database from \
                 https://github.com/nix-community/nix-index-database and name it with --nix-index",
            ));
        }
        Ok(inputs)
    }
}

fn add_listing(
    builder: &mut Builder,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let (file, input) = open_input("nix-index", path)?;
    let file = BufReader::new(file);
    builder.add_database(input, path, file, Index::embedded(), progress)
}

fn add_programs(
    builder: &mut Builder,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let (file, mut input) = open_input("programs", path)?;
    input.crc32 = checksum(file).map_err(|source| cannot_read(path, source))?;
    builder.add_programs(input, path, Index::embedded(), progress)
}

fn cannot_read(path: &Path, source: io::Error) -> BuildError {
    BuildError::Read {
        path: path.to_owned(),
        source,
    }
}

/// Opens a database, with what is to be noted of it.
fn open_input(kind: &str, path: &Path) -> Result<(File, Input), BuildError> {
    let failed = |source| cannot_read(path, source);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    let modified = metadata.modified().map_err(failed)?;
    let input = Input {
        kind: kind.to_owned(),
        name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        modified: modified
            .duration_since(UNIX_EPOCH)
            .ok()
            .map(|age| age.as_secs()),
        ..Input::default()
    };
    Ok((file, input))
}

/// The CRC-32 of a file's bytes, as [`Input::crc32`] has it.
fn checksum(mut file: File) -> io::Result<String> {
    let mut checksum = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(format!("{:08x}", checksum.finalize()));
        }
        checksum.update(&buffer[..read]);
    }
}

fn info(args: Info) -> Result<(), Failure> {
    let unusable = |error: &dyn std::error::Error| {
        Failure::new("cannot tell about the index")
            .because(error)
            .hint("make it anew with `nixtrace index build`")
    };
    let users = match &args.file {
        Some(path) => Some(path.clone()),
        None => index::default_path().filter(|path| path.exists()),
    };
    let mut text = String::new();
    if let Some(path) = &users {
        let index = Index::open(path).map_err(|error| unusable(&error))?;
        let about = index.about().map_err(|error| unusable(&error))?;
        text += &describe(&path.display().to_string(), index.size(), &about, args.json);
    }
    if args.file.is_none() {
        let index = Index::embedded();
        let about = index.about().map_err(|error| unusable(&error))?;
        text += &describe("embedded", index.size(), &about, args.json);
    }
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read us has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|error| Failure::new("cannot write to standard output").because(&error))
        }
    }
}

fn describe(name: &str, size: u64, about: &About, json: bool) -> String {
    if json {
        let object = serde_json::json!({ "index": name, "bytes": size, "about": about });
        return format!("{object}\n");
    }
    let mut lines = vec![
        format!("{name} ({:.1} MB)", size as f64 / 1e6),
        "  made from".to_owned(),
    ];
    lines.extend(about.made_from.iter().map(|input| {
        let date = input
            .modified
            .map(|modified| format!(", {}", date(modified)))
            .unwrap_or_default();
        format!(
            "    {:<10} {} ({} entries{date})",
            input.kind, input.name, input.entries
        )
    }));
    lines.push(format!(
        "  {} attributes, {} candidates for",
        about.attributes, about.candidates
    ));
    lines.extend(
        about
            .keys
            .iter()
            .map(|(kind, count)| format!("    {count:>9} {kind}")),
    );
    lines.join("\n") + "\n"
}

/// The day of a time in seconds since 1970, in the proleptic Gregorian calendar and UTC.
fn date(seconds: u64) -> String {
    // Days since 0000-03-01: with the leap day at the end, a year's months follow one pattern
    // (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_described_by_its_inputs_and_its_coverage() {
        let about = About {
            made_from: vec![Input {
                kind: "nix-index".to_owned(),
                name: "files".to_owned(),
                entries: 815_361,
                crc32: "00000000".to_owned(),
                modified: Some(1_674_086_399),
            }],
            keys: [("command".to_owned(), 5796), ("soname".to_owned(), 10_068)].into(),
            candidates: 16_000,
            attributes: 2448,
        };
        insta::assert_snapshot!(describe("/home/me/.cache/nixtrace/index", 1_242_241, &about, false), @r"
        /home/me/.cache/nixtrace/index (1.2 MB)
          made from
            nix-index  files (815361 entries, 2023-01-18)
          2448 attributes, 16000 candidates for
                 5796 command
                10068 soname
        ");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_674_086_399), "2023-01-18");
        assert_eq!(date(1_674_086_400), "2023-01-19");
    }
}
