//! `nixtrace index`: makes the user's index and tells what an index holds.

use super::{Exit, Failure, progress};
use crate::atomic::{AtomicFile, Audience, Existing};
use crate::resolve::index::build::{BuildError, Builder, Progress};
use crate::resolve::index::{self, About, Index, Input, tables};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make an index from nix-index databases
    Build(Build),
    /// Tell what an index was made from and what it holds
    Info(Info),
}

#[derive(Debug, clap::Args)]
struct Build {
    /// A nix-index database; may be given more than once [default: ~/.cache/nix-index/files]
    #[arg(long, value_name = "FILE")]
    nix_index: Vec<PathBuf>,

    /// A directory with the tables that the embedded index is made from
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,

    /// Facts written by hand, added to the tables
    #[arg(long, value_name = "FILE", requires = "tables")]
    supplement: Option<PathBuf>,

    /// Where to write the index [default: ~/.cache/nixtrace/index]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Info {
    /// The index [default: the user's, if there is one; always also the embedded one]
    file: Option<PathBuf>,

    /// One JSON object instead of words
    #[arg(long)]
    json: bool,
}

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
    let mut progress = progress::Progress::begin("reading files", false);
    let output = match args.output {
        Some(output) => output,
        None => index::default_path().ok_or_else(|| {
            Failure::new(
                "cannot tell where the index belongs: neither XDG_CACHE_HOME nor HOME is set",
            )
            .hint("name the file with --output")
        })?,
    };
    let databases = if args.nix_index.is_empty() && args.tables.is_none() {
        vec![default_database()?]
    } else {
        args.nix_index
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
    for path in &databases {
        add_database(&mut builder, path, &mut |done: Progress| {
            progress.reach(done.files)
        })
        .map_err(failed)?;
    }
    let about = builder.finish(BufWriter::new(&mut file)).map_err(failed)?;
    file.commit().map_err(|error| cannot_write(&error))?;
    eprintln!(
        "wrote {}: {} keys, {} candidates",
        output.display(),
        about.keys.values().sum::<u64>(),
        about.candidates
    );
    Ok(())
}

fn default_database() -> Result<PathBuf, Failure> {
    let path = index::cache_directory()
        .map(|cache| cache.join("nix-index/files"))
        .filter(|path| path.exists());
    path.ok_or_else(|| {
        Failure::new("there is no nix-index database in the cache directory").hint(
            "run `nix-index` first, or fetch a database from \
             https://github.com/nix-community/nix-index-database and name it with --nix-index",
        )
    })
}

fn add_database(
    builder: &mut Builder,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BuildError> {
    let cannot_read = |source| BuildError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot_read)?;
    let modified = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .map_err(cannot_read)?;
    let input = Input {
        kind: "nix-index".to_owned(),
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
    builder.add_database(
        input,
        path,
        BufReader::new(file),
        Index::embedded(),
        progress,
    )
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
    if let Some(path) = &users {
        let index = Index::open(path).map_err(|error| unusable(&error))?;
        let about = index.about().map_err(|error| unusable(&error))?;
        print(&path.display().to_string(), index.size(), &about, args.json);
    }
    if args.file.is_none() {
        let index = Index::embedded();
        let about = index.about().map_err(|error| unusable(&error))?;
        print("embedded", index.size(), &about, args.json);
    }
    Ok(())
}

fn print(name: &str, size: u64, about: &About, json: bool) {
    if json {
        let object = serde_json::json!({ "index": name, "bytes": size, "about": about });
        println!("{object}");
        return;
    }
    println!("{name} ({:.1} MB)", size as f64 / 1e6);
    println!("  made from");
    for input in &about.made_from {
        println!(
            "    {:<10} {} ({} entries)",
            input.kind, input.name, input.entries
        );
    }
    println!(
        "  {} attributes, {} candidates for",
        about.attributes, about.candidates
    );
    for (kind, count) in &about.keys {
        println!("    {count:>9} {kind}");
    }
}
