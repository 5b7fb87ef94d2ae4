//! `nixtrace report`: a page or a picture of what a trace holds.

use super::output::Destination;
use super::reading::{self, Named};
use super::resolving::ResolverArgs;
use super::{Exit, Failure, explaining};
use crate::atomic::Existing;
use crate::disk::Disk;
use crate::graph::Chronicle;
use crate::graph::inventory::{Inventory, inventory};
use crate::graph::resources::Resources;
use crate::pipeline;
use crate::report::page::{PageRun, page};
use crate::report::picture::{Picture, dot, mermaid, svg};
use std::path::{Path, PathBuf};

/// Make a page of what a trace holds: packages with their evidence, a graph, processes on a time line
///
/// The page is one file that fetches nothing. It is searched, and a click on a package shows the
/// chains from the command to it. `dot`, `svg` and `mermaid` write the graph alone.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// Where to write it, `-` for standard output [default: ./report.html, or standard output for
    /// a picture]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What to write
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    format: PictureFormat,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    /// Of a merged trace, only the run of this name
    #[arg(long, value_name = "NAME")]
    run: Option<String>,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    resolver: ResolverArgs,
}

/// What can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum PictureFormat {
    /// A page
    #[default]
    Html,
    /// The graph for Graphviz
    Dot,
    /// The graph as a drawing
    Svg,
    /// The graph for Mermaid, as forges draw it in Markdown
    Mermaid,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace report app.jsonl && xdg-open report.html
  nixtrace report app.jsonl -f svg -o app.svg
  nixtrace report app.jsonl -f dot | dot -Tpdf > app.pdf";

/// Runs the verb.
///
/// # Errors
/// When the trace or an index cannot be read, or the page not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let destination = match (&args.output, args.format) {
        (Some(name), _) => Destination::named(name),
        (None, PictureFormat::Html) => Destination::File("report.html".into()),
        (None, _) => Destination::Stdout,
    };
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let prepared = destination.clone().prepare(existing)?;
    let runs = reading::select(reading::chronicles(&[args.trace])?, args.run.as_deref())?;
    let explained = explaining::explained(&runs, &args.resolver)?;
    let pictures: Vec<Picture> = runs
        .iter()
        .zip(&explained.provisions)
        .map(|(run, provisions)| Picture::of(&run.of, &explained.environment, provisions))
        .collect();
    let text = match (args.format, pictures.as_slice()) {
        (PictureFormat::Html, _) => html(&runs, &explained, &pictures),
        (format, [picture]) => match format {
            PictureFormat::Dot => dot(picture),
            PictureFormat::Svg => svg(picture),
            PictureFormat::Mermaid | PictureFormat::Html => mermaid(picture),
        },
        _ => {
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            return Err(
                Failure::new("the trace has several runs, a picture shows one")
                    .hint(format!("choose with --run: {}", names.join(", ")))
                    .exit_with(Exit::Usage),
            );
        }
    };
    prepared.write(&text)?;
    if let (Destination::File(path), false) = (&destination, args.quiet) {
        eprintln!("nixtrace: wrote {}", shown(path));
    }
    Ok(Exit::Success as u8)
}

fn html(
    runs: &[Named<Chronicle>],
    explained: &pipeline::Explained,
    pictures: &[Picture],
) -> String {
    let graphs = explaining::graphs(runs, explained);
    let inventories = runs.iter().map(|run| inventory(&run.of, &Disk::new()));
    let told: Vec<(Inventory, Resources)> = inventories.zip(graphs).collect();
    let pages: Vec<PageRun<'_>> = runs
        .iter()
        .zip(&told)
        .zip(pictures)
        .map(|((run, (inventory, resources)), picture)| PageRun {
            name: &run.name,
            chronicle: &run.of,
            inventory,
            resources,
            picture,
        })
        .collect();
    page(&pages, &explained.environment)
}

fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    crate::report::printable(path.as_os_str().as_bytes())
}
