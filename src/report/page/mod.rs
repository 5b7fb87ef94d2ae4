//! A run as one page of HTML that needs nothing else: no network, no other file.
//!
//! The page says what matters without its script; the script adds search, the graph that can be
//! moved, the evidence of a package and the processes on their time line. All that comes from the
//! traced system is escaped here or is JSON that the script puts into text nodes.

mod data;

use super::escape::{escape, json_in_html};
use super::picture::{Picture, SVG_STYLE, svg_inner};
use super::printable;
use super::words::{command_line, counted, duration, ending};
use crate::emit::{Environment, Package};
use crate::graph::chronicle::Chronicle;
use crate::graph::inventory::Inventory;
use crate::graph::resources::Resources;
use crate::resolve::Scored;
use std::fmt::Write as _;

/// One run, with all that the page tells of it.
pub struct PageRun<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it did.
    pub chronicle: &'a Chronicle,
    /// The same by class.
    pub inventory: &'a Inventory,
    /// Which way leads to what.
    pub resources: &'a Resources,
    /// Its picture.
    pub picture: &'a Picture,
}

/// So many open questions are there to read, so many more behind a click: the page is to open as fast
/// whatever a run was of.
const OPEN_SHOWN: usize = 20;
const OPEN_FOLDED: usize = 300;

/// So many sayings of what was not seen are there.
const GAPS: usize = 200;

/// The page of some runs; `environment` is what they need together.
pub fn page(runs: &[PageRun<'_>], environment: &Environment) -> String {
    let mut text = String::with_capacity(1 << 16);
    head(&mut text, runs);
    header(&mut text, runs);
    text.push_str("<main>\n");
    packages(&mut text, environment);
    for (number, run) in runs.iter().enumerate() {
        self::run(&mut text, number, run, runs.len() > 1);
    }
    text.push_str("</main>\n");
    let data = json_in_html(&data::data(runs, environment));
    let _ = writeln!(
        text,
        "<script type=\"application/json\" id=\"data\">{data}</script>\n<script>\n{}</script>\n</body>\n</html>",
        include_str!("page.js")
    );
    text
}

fn head(text: &mut String, runs: &[PageRun<'_>]) {
    let title = runs.first().map_or(String::new(), |run| {
        command_line(&run.chronicle.run.header.argv)
    });
    // Nothing may be fetched, whatever is in the page.
    let _ = write!(
        text,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{} · nixtrace</title>\n<style>\n{}{}</style>\n</head>\n<body>\n",
        escape(&title),
        include_str!("page.css"),
        SVG_STYLE,
    );
}

fn header(text: &mut String, runs: &[PageRun<'_>]) {
    text.push_str("<header>\n");
    for run in runs {
        let header = &run.chronicle.run.header;
        let end = match run.chronicle.run.status {
            Some(status) => ending(status),
            None => "its end was not seen".to_owned(),
        };
        let name = match runs.len() {
            1 => String::new(),
            _ => format!("<b>run {}</b> ", escape(&printable(run.name.as_bytes()))),
        };
        let processes = run.chronicle.processes.len() as u64 + run.chronicle.left_out.processes;
        let cwd = run.chronicle.run.territory.shown(header.cwd.as_ref());
        let _ = writeln!(
            text,
            "<h1>{}</h1>\n<p class=\"facts\">{name}<span><b>{}</b></span><span>after <b>{}</b></span>\
             <span><b>{}</b></span><span>in <b>{}</b></span><span>{} {}</span></p>",
            escape(&command_line(&header.argv)),
            escape(&end),
            duration(run.chronicle.end),
            counted(processes, "process", "processes"),
            escape(&printable(cwd.as_bytes())),
            escape(&printable(header.kernel.as_bytes())),
            escape(&printable(header.architecture.as_bytes())),
        );
    }
    text.push_str("</header>\n<div class=\"bar\"><form role=\"search\">\n");
    text.push_str(
        "<input type=\"search\" id=\"search\" aria-label=\"Search\" placeholder=\"Search packages, files, processes…\">\n\
         <span id=\"found\" class=\"soft\" role=\"status\"></span>\n",
    );
    if runs.len() > 1 {
        text.push_str("<select id=\"run\" aria-label=\"Run\">\n");
        for (number, run) in runs.iter().enumerate() {
            let name = escape(&printable(run.name.as_bytes()));
            let _ = writeln!(text, "<option value=\"{number}\">{name}</option>");
        }
        text.push_str("</select>\n");
    }
    text.push_str("</form></div>\n");
}

fn packages(text: &mut String, environment: &Environment) {
    let (listed, implied): (Vec<&Package>, Vec<&Package>) = environment
        .packages
        .iter()
        .partition(|package| package.implied.is_none());
    let _ = writeln!(
        text,
        "<h2>Packages<small>{} listed, {} implied; click one for its evidence</small></h2>",
        listed.len(),
        implied.len()
    );
    text.push_str(
        "<table class=\"packages\"><colgroup><col style=\"width:32%\"><col style=\"width:14%\"><col></colgroup>\n\
         <thead><tr><th>attribute</th><th>as</th><th>why</th></tr></thead>\n<tbody>\n",
    );
    for package in listed.into_iter().chain(implied) {
        let why = match (package.implied.as_deref(), package.because.first()) {
            (Some(by), _) => format!("implied by {by}"),
            (None, Some(why)) => printable(why.as_bytes()),
            (None, None) => String::new(),
        };
        let class = if package.implied.is_some() {
            " class=\"implied\""
        } else {
            ""
        };
        let attr = escape(package.attr.as_str());
        let _ = writeln!(
            text,
            "<tr{class} data-attr=\"{attr}\" tabindex=\"0\" role=\"button\" aria-expanded=\"false\">\
             <td>{attr}</td><td>{}</td><td>{}</td></tr>",
            escape(&data::word(&package.role)),
            escape(&why)
        );
    }
    text.push_str("</tbody></table>\n<div id=\"detail\" hidden aria-live=\"polite\"></div>\n");
    open_questions(text, environment);
}

/// What stayed open, and what was missing.
fn open_questions(text: &mut String, environment: &Environment) {
    let unresolved = environment.unresolved.iter().map(|it| {
        let path = printable(it.path.as_bytes());
        (
            "no certain package",
            path,
            it.why.as_str(),
            it.candidates.as_slice(),
        )
    });
    let missing = environment.missing.iter().map(|it| {
        let name = printable(it.name.as_bytes());
        ("not found", name, it.why.as_str(), it.candidates.as_slice())
    });
    let open: Vec<Question<'_>> = unresolved.chain(missing).collect();
    if open.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<h2>Open<small>{} to decide</small></h2>\n<ul>",
        open.len()
    );
    let (shown, folded) = open.split_at(open.len().min(OPEN_SHOWN));
    shown.iter().for_each(|it| open_question(text, it));
    text.push_str("</ul>\n");
    if folded.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<details><summary>{}</summary>\n<ul>",
        counted(folded.len() as u64, "more", "more")
    );
    let (folded, left_out) = folded.split_at(folded.len().min(OPEN_FOLDED));
    folded.iter().for_each(|it| open_question(text, it));
    text.push_str("</ul>\n");
    if !left_out.is_empty() {
        let _ = writeln!(
            text,
            "<p class=\"soft\">{} more are in the result for programs (emit -f json).</p>",
            left_out.len()
        );
    }
    text.push_str("</details>\n");
}

/// What stayed open: what it is, its name, why, and what it may be.
type Question<'a> = (&'a str, String, &'a str, &'a [Scored]);

fn open_question(text: &mut String, (what, name, why, candidates): &Question<'_>) {
    let names: Vec<&str> = candidates
        .iter()
        .take(3)
        .map(|it| it.attr.as_str())
        .collect();
    let perhaps = match names.is_empty() {
        true => String::new(),
        false => format!(" — perhaps {}", names.join(", ")),
    };
    let _ = writeln!(
        text,
        "<li><b>{what}:</b> <code>{}</code> <span class=\"soft\">{}{}</span></li>",
        escape(name),
        escape(&printable(why.as_bytes())),
        escape(&perhaps)
    );
}

fn run(text: &mut String, number: usize, run: &PageRun<'_>, is_one_of_several: bool) {
    let _ = writeln!(text, "<section class=\"run\" data-run=\"{number}\">");
    let of = match is_one_of_several {
        true => format!(" of run {}", escape(&printable(run.name.as_bytes()))),
        false => String::new(),
    };
    let (inner, width, height) = svg_inner(run.picture);
    let _ = writeln!(
        text,
        "<h2>Graph{of}<small>who runs whom, who needs what; drag to move, click a package</small></h2>\n\
         <div class=\"graph\"><svg class=\"picture\" role=\"img\" aria-label=\"Programs and packages\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" preserveAspectRatio=\"xMidYMid meet\">\n{inner}</svg>\
         <div class=\"zoom\"><button type=\"button\" data-zoom=\"in\" aria-label=\"Zoom in\">+</button>\
         <button type=\"button\" data-zoom=\"out\" aria-label=\"Zoom out\">−</button>\
         <button type=\"button\" data-zoom=\"all\">all</button></div></div>\n\
         <p class=\"legend\">▭ program (bold: the command; dotted with ✗: only failed) · rounded: package \
         (dashed: implied) · solid line: runs · dashed line: needs. Ctrl or Shift and the wheel zoom.</p>"
    );
    let left_out = run.chronicle.left_out.processes
        + (run
            .chronicle
            .processes
            .len()
            .saturating_sub(data::PROCESSES)) as u64;
    let more = match left_out {
        0 => String::new(),
        count => format!("; {count} more are not shown"),
    };
    let _ = writeln!(
        text,
        "<h2>Processes{of}<small>on a time line of {}{more}; ◆ and a frame: the run's end waited for it</small></h2>\n\
         <div class=\"processes\" data-run=\"{number}\" tabindex=\"0\" aria-label=\"Processes\"></div>",
        duration(run.chronicle.end)
    );
    let _ = writeln!(
        text,
        "<h2>What was used{of}<small>{} things, the most important first</small></h2>\n\
         <table class=\"used\" data-run=\"{number}\"><colgroup><col style=\"width:52%\">\
         <col style=\"width:14%\"><col style=\"width:10%\"><col></colgroup>\
         <thead><tr><th>name</th><th>class</th><th>times</th><th>by</th></tr></thead><tbody></tbody></table>\
         <p class=\"soft\"></p>",
        run.inventory.rows.len()
    );
    limits(text, run, &of);
    text.push_str("</section>\n");
}

/// What could not be seen, and what the page leaves out.
fn limits(text: &mut String, run: &PageRun<'_>, of: &str) {
    let gaps = &run.inventory.gaps;
    let _ = writeln!(
        text,
        "<h2>Not seen{of}<small>{} kinds</small></h2>",
        gaps.len()
    );
    text.push_str("<ul class=\"gaps\">\n");
    for (gap, count) in gaps.iter().take(GAPS) {
        let times = if *count > 1 {
            format!(" ({count}×)")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "<li><b>{}</b>: {}{times}</li>",
            escape(&data::word(&gap.kind)),
            escape(&printable(gap.detail.as_bytes()))
        );
    }
    if gaps.len() > GAPS {
        let _ = writeln!(text, "<li>{} more</li>", gaps.len() - GAPS);
    }
    if gaps.is_empty() {
        text.push_str("<li>Nothing that the tracer knows of.</li>\n");
    }
    if let Some(calls) = run.chronicle.run.header.unrecorded() {
        let _ = writeln!(
            text,
            "<li class=\"soft\">Not recorded: {}.</li>",
            escape(calls)
        );
    }
    text.push_str(
        "<li class=\"soft\">A trace is evidence of what ran, never proof of what did not: another run can need more.</li>\n</ul>\n",
    );
}
