//! `nixtrace doctor`: what a program lacks here, or a run has looked for in vain, and what to add.

use super::pager::Screen;
use super::resolving::{ResolverArgs, unusable_index};
use super::{Exit, Failure, elf, reading};
use crate::elf::closure::{Interpreter, Outcome};
use crate::elf::{Disk, Error, NotElf};
use crate::emit;
use crate::graph::Thing;
use crate::graph::misses::{Bearing, Sought, sought};
use crate::report::{self, printable};
use crate::resolve::{AttrPath, Resolution, Resolver, Verdict, minimal};
use crate::trace::{Bytes, ExitStatus};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Say what a program lacks here, or what a run looked for in vain, and what would provide it
///
/// For a program nothing is run: its interpreter and libraries are looked for as the loader would,
/// and what is missing is told with the attribute that has it and the line to add. For a trace it is
/// what the run looked for, found nowhere and a package would have: what explains its failure first.
///
/// Exits with 1 when something is missing; what a run that ended well went without is not.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Programs, libraries or scripts
    #[arg(value_name = "FILE", required_unless_present = "trace")]
    files: Vec<PathBuf>,

    /// Look at this trace
    #[arg(long, value_name = "TRACE")]
    trace: Option<PathBuf>,

    /// Write JSON, one object for each thing that is missing, one a line (docs/reading.md)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    resolver: ResolverArgs,
}

const EXAMPLES: &str = "\
Examples:
  nixtrace doctor ./app
  nixtrace record -o build.jsonl -- make; nixtrace doctor --trace build.jsonl";

/// Something that is missing.
struct Finding {
    /// The program or run that lacks it.
    of: String,
    /// Whether that is a run that ended well without it.
    ended_well: bool,
    thing: Thing,
    /// Whether it is what starts the program: an ELF interpreter.
    is_loader: bool,
    /// Whether a compiler or linker looked for it.
    to_build: bool,
    /// What it has to do with how a run ended; none for a program.
    bearing: Option<Bearing>,
    /// Whether the program cannot do without it, or it was looked for by who made the run fail.
    of_failure: bool,
    /// How that showed, for a person.
    why: String,
    answer: Resolution,
}

/// Runs the verb.
///
/// # Errors
/// When a file or the trace cannot be read or the text not be written.
pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let resolver = args.resolver.open()?;
    let mut findings = Vec::new();
    for file in &args.files {
        findings.extend(of_file(file, &resolver)?);
    }
    if let Some(trace) = &args.trace {
        let host = crate::disk::Disk::new();
        let runs = reading::chronicles(std::slice::from_ref(trace))?;
        let is_several = runs.len() > 1;
        for run in runs {
            let ended_well = run.of.run.status == Some(ExitStatus::Code(0));
            let name = match is_several {
                true => run.name,
                false => report::command_line(&run.of.run.header.argv),
            };
            findings.extend(
                sought(&run.of, &host)
                    .into_iter()
                    .filter_map(|it| of_run(it, &name, ended_well, &resolver)),
            );
        }
    }
    if let Some(damage) = resolver.damage() {
        return Err(unusable_index(&damage));
    }
    let told = if args.json {
        findings
            .iter()
            .map(|finding| format!("{}\n", json(finding)))
            .collect()
    } else if findings.is_empty() {
        "nothing is missing\n".to_owned()
    } else {
        text(&findings)
    };
    Screen::of_stdout(false).print(&told)?;
    Ok(if findings.iter().all(|finding| finding.ended_well) {
        Exit::Success
    } else {
        Exit::Negative
    } as u8)
}

fn of_file(file: &Path, resolver: &Resolver) -> Result<Vec<Finding>, Failure> {
    let shown = printable(file.as_os_str().as_bytes());
    let finding = |thing: Thing, is_loader, why| Finding {
        of: shown.clone(),
        answer: minimal::provider(&thing, |query| Resolution::clone(&resolver.resolve(query))),
        ended_well: false,
        thing,
        is_loader,
        to_build: false,
        bearing: None,
        of_failure: true,
        why,
    };
    if let Some(interpreter) = interpreter_of_script(file) {
        let name = interpreter.as_path().file_name().map(Bytes::from);
        return Ok(match (interpreter.as_path().exists(), name) {
            (false, Some(name)) => {
                let why = format!("the interpreter {interpreter} of its `#!` line is not there");
                vec![finding(Thing::Command(name), false, why)]
            }
            _ => Vec::new(),
        });
    }
    let conditions = elf::conditions_here(std::env::var_os("LD_LIBRARY_PATH").map(Bytes::from))?;
    let closure = elf::look(&Disk::new(), &conditions, file, None)?.closure;
    let mut findings = Vec::new();
    if let Interpreter::Missing(path) = &closure.interpreter
        && let Some(name) = path.as_path().file_name()
    {
        let why = format!("its interpreter {path} is not there");
        findings.push(finding(Thing::Library(Bytes::from(name)), true, why));
    }
    let mut told = BTreeSet::new();
    for need in &closure.needs {
        if let Outcome::Missing(_) = need.outcome
            && told.insert(need.name.clone())
        {
            let by = &closure.object(need.from).path;
            let why = format!("needed by {by}");
            findings.push(finding(Thing::Library(need.name.clone()), false, why));
        }
    }
    Ok(findings)
}

/// The interpreter that a script's `#!` line names.
fn interpreter_of_script(file: &Path) -> Option<Bytes> {
    match crate::elf::Image::read(file) {
        Err(Error::NotElf {
            what: NotElf::Script { interpreter },
            ..
        }) => {
            let program = bstr::ByteSlice::fields(interpreter.as_slice()).next()?;
            Some(program.into())
        }
        _ => None,
    }
}

/// What a run missed, if a package has it or it explains that the run failed.
fn of_run(sought: Sought, run: &str, ended_well: bool, resolver: &Resolver) -> Option<Finding> {
    let answer = minimal::provider(&sought.thing, |query| {
        Resolution::clone(&resolver.resolve(query))
    });
    let of_failure = sought.is_of_failure();
    let is_provided = answer.verdict == Verdict::Package;
    // A command that nobody has is one of the names that a `configure` tries for many.
    let is_command = matches!(sought.thing, Thing::Command(_));
    let is_telling = match sought.bearing {
        Bearing::Explains => true,
        Bearing::Last => !is_command,
        Bearing::Asked | Bearing::Probed => false,
    };
    if !is_provided && !is_telling {
        return None;
    }
    let by: Vec<String> = sought.by.into_iter().take(3).collect();
    let mut why = format!("looked for by {}", by.join(", "));
    why.push_str(match sought.bearing {
        Bearing::Explains => "; the run failed without it",
        Bearing::Last => "; the last that was looked for before the run failed",
        Bearing::Asked => "",
        Bearing::Probed => ", which only tried",
    });
    Some(Finding {
        of: run.to_owned(),
        ended_well,
        thing: sought.thing,
        is_loader: false,
        to_build: sought.to_build,
        bearing: Some(sought.bearing),
        of_failure,
        why,
        answer,
    })
}

fn text(findings: &[Finding]) -> String {
    let rows: Vec<[String; 3]> = findings
        .iter()
        .map(|finding| {
            let attr = match (&finding.answer.best, finding.answer.candidates.first()) {
                (Some(best), _) => best.attr.to_string(),
                (None, Some(first)) => format!("perhaps {}", first.attr),
                (None, None) => "no package is known".to_owned(),
            };
            [shown(finding), attr, printable(finding.why.as_bytes())]
        })
        .collect();
    let mut text = String::new();
    let mut last = None;
    for (finding, row) in findings.iter().zip(&rows) {
        if last.replace(&finding.of) != Some(&finding.of) {
            let lacks = match finding.ended_well {
                true => "went without",
                false => "lacks",
            };
            let of = printable(finding.of.as_bytes());
            text.push_str(&format!("{of} {lacks}\n"));
        }
        text.push_str(&report::show::three_columns(row, &rows));
    }
    for (place, lines) in advice(findings) {
        text.push_str(&format!("\n{place}\n"));
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// What a person calls the thing: as it was asked for, but the module `zlib` of pkg-config `zlib.pc`.
fn shown(finding: &Finding) -> String {
    let name = printable(name(finding).as_bytes());
    match finding.thing {
        Thing::PkgConfig(_) => format!("{name}.pc"),
        _ => name,
    }
}

/// The thing's name as it was asked for.
fn name(finding: &Finding) -> Bytes {
    finding.answer.query.name.clone()
}

/// The lines to add, by where; only for what has a certain answer, and not for what a run, or a program
/// in it that did not make it fail, could do without.
fn advice(findings: &[Finding]) -> Vec<(&'static str, Vec<String>)> {
    let lacking = || {
        let findings = findings.iter();
        findings.filter(|finding| !finding.ended_well && finding.of_failure)
    };
    let tried = |finding: &Finding| finding.bearing == Some(Bearing::Probed);
    // A program or run that only tried has nothing better to tell.
    let tell: BTreeSet<&str> = lacking()
        .filter(|finding| !tried(finding))
        .map(|finding| finding.of.as_str())
        .collect();
    let findings: Vec<&Finding> = lacking()
        .filter(|finding| !tried(finding) || !tell.contains(finding.of.as_str()))
        .collect();
    let attrs = |wanted: fn(&Finding) -> bool| -> Vec<String> {
        let attrs: BTreeSet<&AttrPath> = findings
            .iter()
            .filter(|finding| wanted(finding))
            .filter_map(|finding| Some(&finding.answer.best.as_ref()?.attr))
            .collect();
        emit::packages(attrs)
    };
    let list = |attrs: &[String]| format!("[ {} ]", attrs.join(" "));
    let has_loader = findings.iter().any(|finding| finding.is_loader);
    let libraries =
        attrs(|it| matches!(it.thing, Thing::Library(_)) && !it.is_loader && !it.to_build);
    let built_with =
        attrs(|it| it.to_build || matches!(it.thing, Thing::Header(_) | Thing::PkgConfig(_)));
    let commands = attrs(|it| matches!(it.thing, Thing::Command(_) | Thing::Module { .. }));
    let mut nixos = Vec::new();
    let mut elsewhere = Vec::new();
    if has_loader || !libraries.is_empty() {
        nixos.push("programs.nix-ld.enable = true;".to_owned());
        elsewhere.push("nativeBuildInputs = [ pkgs.autoPatchelfHook ];".to_owned());
    }
    if !libraries.is_empty() {
        nixos.push(format!("programs.nix-ld.libraries = {};", list(&libraries)));
    }
    if !commands.is_empty() {
        nixos.push(format!("environment.systemPackages = {};", list(&commands)));
        elsewhere.push(format!("packages = {};", list(&commands)));
    }
    let inputs: BTreeSet<String> = [libraries, built_with].concat().into_iter().collect();
    if !inputs.is_empty() {
        let inputs: Vec<String> = inputs.into_iter().collect();
        elsewhere.push(format!("buildInputs = {};", list(&inputs)));
    }
    [
        ("on NixOS, in configuration.nix:", nixos),
        ("elsewhere, in its shell.nix or package.nix:", elsewhere),
    ]
    .into_iter()
    .filter(|(_, lines)| !lines.is_empty())
    .collect()
}

fn json(finding: &Finding) -> serde_json::Value {
    serde_json::json!({
        "of": finding.of,
        "name": name(finding),
        "kind": finding.answer.query.kind,
        "loader": finding.is_loader,
        "bearing": finding.bearing,
        "ended_well": finding.ended_well,
        "why": finding.why,
        "best": finding.answer.best,
        "candidates": finding.answer.candidates.iter().take(5).collect::<Vec<_>>(),
    })
}
