//! `report`: the page in a real browser, and the pictures.

use super::support::{Home, needs, nixtrace};
use serde_json::Value;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

fn record(home: &Home, command: &[&str]) -> PathBuf {
    let trace = home.outside("trace.jsonl");
    home.command([nixtrace()])
        .args(["record", "-q", "--force", "-o"])
        .arg(&trace)
        .arg("--")
        .args(command)
        .run();
    trace
}

fn report(home: &Home, trace: &Path, options: &[&str]) -> String {
    home.command([nixtrace().as_os_str(), "report".as_ref(), trace.as_os_str()])
        .args(["-o", "-"])
        .args(options)
        .run()
        .exits(0)
        .text()
}

/// Opens a page in a browser, plays the script on it and gives what that put into `result`.
///
/// Errors of the page (and what is logged as one) are in `result.errors`.
fn browse(home: &Home, page: &str, script: &str) -> Value {
    browse_in(home, page, script, Scheme::Light)
}

/// Which colours the reader prefers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scheme {
    Dark,
    Light,
}

/// The same for a reader who prefers light or dark pages.
fn browse_in(home: &Home, page: &str, script: &str, scheme: Scheme) -> Value {
    let listen = "<script>window.result = { errors: [] };\
                  addEventListener('error', event => result.errors.push(String(event.message)));\
                  addEventListener('securitypolicyviolation', event => result.errors.push(event.violatedDirective));\
                  console.error = (...words) => result.errors.push(words.join(' '));</script>";
    let play = format!(
        "<script>addEventListener('load', async () => {{\
         const later = time => new Promise(done => setTimeout(done, time));\
         try {{ {script} }} catch (error) {{ result.errors.push(String(error)); }}\
         const told = document.createElement('pre'); told.id = 'told';\
         told.textContent = JSON.stringify(result); document.body.append(told); }});</script>"
    );
    let page = page
        .replacen("<head>", &format!("<head>{listen}"), 1)
        .replacen("</body>", &format!("{play}</body>"), 1);
    let file = home.outside("page.html");
    std::fs::write(&file, page).unwrap();
    let profile = home.outside("profile");
    let dom = home
        .command(["chromium"])
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--virtual-time-budget=20000",
            "--window-size=1280,900",
            "--dump-dom",
        ])
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            scheme as u8
        ))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", file.display()))
        .run()
        .text();
    let told = dom
        .split_once("<pre id=\"told\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"))
        .unwrap_or_else(|| panic!("the page did not come to its end: {dom:.3000}"));
    let text = told.0.replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&text.replace("&amp;", "&")).unwrap()
}

#[test]
fn the_page_renders_searches_and_shows_evidence() {
    needs!("chromium", "git", "jq");
    let home = Home::new();
    let trace = record(
        &home,
        &[
            "sh",
            "-c",
            "git --version; jq --version; cat '/no/<b>such</b>'; true",
        ],
    );
    let page = report(&home, &trace, &[]);
    let result = browse(
        &home,
        &page,
        "result.ready = document.documentElement.dataset.ready;\
         result.packages = [...document.querySelectorAll('tr[data-attr]')].map(row => row.dataset.attr);\
         result.nodes = document.querySelectorAll('.picture .node').length;\
         result.rows = document.querySelectorAll('.processes .row').length;\
         result.used = document.querySelectorAll('table.used tbody tr').length;\
         document.querySelector('tr[data-attr=\"git\"]').click();\
         result.evidence = document.getElementById('detail').innerText;\
         result.lit = document.querySelectorAll('.picture .node.chosen').length;\
         document.querySelector('.picture .node.package[data-name=\"jq\"]')\
           .dispatchEvent(new MouseEvent('click', { bubbles: true }));\
         result.clicked = document.getElementById('detail').innerText;\
         const before = document.querySelector('.graph svg').getAttribute('viewBox');\
         document.querySelector('[data-zoom=in]').click();\
         result.zoomed = before !== document.querySelector('.graph svg').getAttribute('viewBox');\
         const search = document.getElementById('search');\
         search.value = 'no/<b>such'; search.dispatchEvent(new Event('input'));\
         await later(500);\
         result.found = document.getElementById('found').textContent;\
         result.sought = [...document.querySelectorAll('table.used tbody tr')].map(row => row.innerText);\
         result.bold = document.querySelectorAll('table.used b').length;",
    );
    assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
    assert_eq!(result["ready"], "yes");
    let packages = result["packages"].as_array().unwrap();
    for attr in ["git", "jq"] {
        assert!(packages.contains(&attr.into()), "{result:#}");
    }
    assert!(result["nodes"].as_u64() > Some(4), "{result:#}");
    assert!(result["rows"].as_u64() >= Some(4), "{result:#}");
    assert!(result["used"].as_u64() > Some(10), "{result:#}");
    let evidence = result["evidence"].as_str().unwrap();
    for part in ["git", "run by sh", "the command", "bin/git "] {
        assert!(evidence.contains(part), "{part}: {result:#}");
    }
    // The program and the package are both called so.
    assert_eq!(result["lit"], 2);
    assert!(
        result["clicked"].as_str().unwrap().starts_with("jq"),
        "{result:#}"
    );
    assert_eq!(result["zoomed"], true);
    assert!(
        result["found"].as_str().unwrap().contains("2 processes"),
        "{result:#}"
    );
    assert!(
        result["sought"][0].as_str().unwrap().contains("ENOENT"),
        "{result:#}"
    );
    assert_eq!(result["bold"], 0, "names are no markup");
}

#[test]
fn the_graph_is_zoomed_and_moved_and_packages_are_chosen_with_the_keyboard() {
    needs!("chromium", "git", "jq");
    let home = Home::new();
    let trace = record(&home, &["sh", "-c", "git --version; jq --version"]);
    let page = report(&home, &trace, &[]);
    let result = browse(
        &home,
        &page,
        "const svg = document.querySelector('.graph svg');\
         const view = () => svg.getAttribute('viewBox').split(' ').map(Number);\
         const first = view();\
         const middle = () => { const box = svg.getBoundingClientRect();\
           return { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 }; };\
         const wheel = more => svg.dispatchEvent(new WheelEvent('wheel',\
           { ...middle(), bubbles: true, cancelable: true, ...more }));\
         result.scrolls = wheel({ deltaY: -100 });\
         result.untouched = view().join() === first.join();\
         result.zooms = !wheel({ deltaY: -100, ctrlKey: true });\
         result.nearer = view()[2] / first[2];\
         const before = view();\
         const { clientX, clientY } = middle();\
         const pointer = (kind, by, buttons) => svg.dispatchEvent(new PointerEvent(kind,\
           { clientX: clientX + by, clientY, buttons, bubbles: true }));\
         pointer('pointerdown', 0, 1); pointer('pointermove', 50, 1); pointer('pointerup', 50, 0);\
         result.moved = view()[0] - before[0];\
         pointer('pointermove', 90, 0);\
         result.rests = view()[0] - before[0] === result.moved;\
         document.querySelector('[data-zoom=out]').click();\
         document.querySelector('[data-zoom=all]').click();\
         result.whole = view().join() === first.join();\
         const row = document.querySelector('tr[data-attr=\"jq\"]');\
         row.focus();\
         result.focused = document.activeElement === row;\
         row.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));\
         result.expanded = row.getAttribute('aria-expanded');\
         result.detail = document.getElementById('detail').innerText;\
         row.click();\
         result.closed = document.getElementById('detail').hidden;",
    );
    assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
    for holds in [
        // The wheel alone is the page's.
        "scrolls",
        "untouched",
        "zooms",
        "rests",
        "whole",
        "focused",
        "closed",
    ] {
        assert_eq!(result[holds], true, "{holds}: {result:#}");
    }
    let nearer = result["nearer"].as_f64().unwrap();
    assert!((0.5..0.95).contains(&nearer), "{result:#}");
    // What is dragged to the right shows more of what is on the left.
    assert!(result["moved"].as_f64().unwrap() < 0.0, "{result:#}");
    assert_eq!(result["expanded"], "true");
    assert!(
        result["detail"].as_str().unwrap().starts_with("jq"),
        "{result:#}"
    );
}

#[test]
fn of_a_merged_trace_one_run_is_seen_at_a_time_and_evidence_says_of_which() {
    needs!("chromium", "git", "jq");
    let home = Home::new();
    let (git, jq) = (home.outside("git.jsonl"), home.outside("jq.jsonl"));
    home.command(["git", "--version"])
        .recorded(&git, &["-q"])
        .run();
    home.command(["jq", "--version"])
        .recorded(&jq, &["-q"])
        .run();
    let both = home.outside("both.jsonl");
    home.command([nixtrace(), "merge".as_ref(), "-q".as_ref(), "-o".as_ref()])
        .args([&both, &git, &jq])
        .run()
        .exits(0);
    let page = report(&home, &both, &[]);
    let result = browse(
        &home,
        &page,
        "const shown = () => [...document.querySelectorAll('section.run')]\
           .filter(it => !it.hidden).map(it => it.innerText.split('\\n')[0]);\
         const pick = document.getElementById('run');\
         result.names = [...pick.options].map(it => it.textContent);\
         result.first = shown();\
         pick.value = '1'; pick.dispatchEvent(new Event('change'));\
         result.second = shown();\
         document.querySelector('tr[data-attr=\"jq\"]').click();\
         result.detail = document.getElementById('detail').innerText;",
    );
    assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
    assert_eq!(
        result["names"],
        serde_json::json!(["git", "jq"]),
        "{result:#}"
    );
    for (shown, run) in [("first", "run git"), ("second", "run jq")] {
        let titles = result[shown].as_array().unwrap();
        assert_eq!(titles.len(), 1, "{result:#}");
        assert!(titles[0].as_str().unwrap().contains(run), "{result:#}");
    }
    let detail = result["detail"].as_str().unwrap();
    assert!(
        detail.contains("run jq") && !detail.contains("run git"),
        "{result:#}"
    );
}

/// Names that mean something in HTML, in its scripts, in SVG, DOT and Mermaid, and that are no text.
const HOSTILE: [&[u8]; 8] = [
    b"</script><script>result.errors.push('script')</script>",
    b"<img src=x onerror=result.errors.push('image')>",
    b"\"><b data-hostile=1>quote</b>",
    b"'&lt;&amp;<!--",
    b"]]></text></svg>",
    b"back\\slash\\",
    b"new\nline\x1b[31m\x7f",
    b"\xff\xfe\xc3",
];

#[test]
fn names_of_any_bytes_are_text_on_the_page() {
    needs!("chromium");
    let home = Home::new();
    let mut command = vec![OsStr::new("cat")];
    for name in HOSTILE {
        let name = OsStr::from_bytes(name);
        command.push(name);
        // A name with a slash is one below a directory.
        let file = home.project().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let trace = home.outside("trace.jsonl");
    home.command(command)
        .recorded(&trace, &["-q"])
        .run()
        .exits(0);
    let page = report(&home, &trace, &[]);
    let result = browse(
        &home,
        &page,
        "result.hostile = document.querySelectorAll('[data-hostile], img').length;\
         result.title = document.title;\
         result.used = [...document.querySelectorAll('table.used tbody td:first-child')].map(it => it.textContent);",
    );
    assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
    assert_eq!(result["hostile"], 0, "{result:#}");
    let used = result["used"].as_array().unwrap();
    for name in HOSTILE {
        let shown = format!("./{}", nixtrace::report::printable(name));
        let is_there = used.iter().any(|it| it.as_str() == Some(&shown));
        assert!(is_there, "{shown:?} in {used:#?}");
    }
    let title = result["title"].as_str().unwrap();
    assert!(title.contains("\"><b data-hostile=1>quote</b>"), "{title}");
}

#[test]
fn ten_thousand_processes_stay_usable() {
    needs!("chromium");
    let home = Home::new();
    let trace = home.outside("many.jsonl");
    let mut text = String::from(
        "{\"type\":\"header\",\"format\":1,\"nixtrace\":\"0\",\"kernel\":\"Linux\",\"architecture\":\"x86_64\",\"os\":{},\"start\":0,\"argv\":[\"make\"],\"cwd\":\"/w\",\"home\":null,\"environment\":[],\"engine\":\"test\",\"exact\":true}\n",
    );
    for process in 0..10_000 {
        let parent = match process {
            0 => "null".to_owned(),
            _ => (process / 3).to_string(),
        };
        let at = process * 10;
        text.push_str(&format!(
            "{{\"type\":\"started\",\"process\":{process},\"pid\":{process},\"parent\":{parent},\"at\":{at}}}\n\
             {{\"type\":\"executed\",\"process\":{process},\"at\":{at},\"path\":\"/usr/bin/tool{}\",\"argv\":[\"tool\",\"file{process}.c\"],\"cwd\":\"/w\"}}\n\
             {{\"type\":\"exited\",\"process\":{process},\"at\":{},\"code\":{}}}\n",
            process % 300,
            at + 500,
            i32::from(process % 100 == 7),
        ));
    }
    std::fs::write(&trace, text).unwrap();
    let page = report(&home, &trace, &[]);
    assert!(page.len() < 8 << 20, "{} bytes", page.len());
    let result = browse(
        &home,
        &page,
        "result.rows = document.querySelectorAll('.processes .row').length;\
         result.elements = document.querySelectorAll('*').length;\
         result.open = document.querySelectorAll('main > ul > li').length;\
         result.nodes = document.querySelectorAll('.picture .node').length;\
         const box = document.querySelector('.processes');\
         box.scrollTop = 1e7; await later(300);\
         result.last = box.querySelector('.row:last-child').innerText;\
         const search = document.getElementById('search');\
         search.value = 'file9999.c'; search.dispatchEvent(new Event('input')); await later(500);\
         result.found = document.getElementById('found').textContent;",
    );
    assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
    // Only those in sight exist.
    assert!(
        (10..100).contains(&result["rows"].as_u64().unwrap()),
        "{result:#}"
    );
    assert!(result["nodes"].as_u64().unwrap() <= 500, "{result:#}");
    // All that there is before anybody does anything; how long it takes to paint is for the bench.
    assert!(result["elements"].as_u64().unwrap() <= 4000, "{result:#}");
    assert_eq!(result["open"], 20, "{result:#}");
    assert!(
        result["last"].as_str().unwrap().contains("file"),
        "{result:#}"
    );
    assert!(
        result["found"].as_str().unwrap().contains("1 processes"),
        "{result:#}"
    );
}

/// For each kind of text the least contrast that it has with what is behind it (WCAG 2, 1.4.3).
const CONTRAST: &str = "\
    const light = ([red, green, blue]) => {\
      const [r, g, b] = [red, green, blue].map(part => part / 255)\
        .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);\
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;\
    };\
    const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);\
    const behind = element => {\
      for (; element; element = element.parentElement) {\
        const colour = parts(getComputedStyle(element).backgroundColor);\
        if (colour.length === 3 || colour[3] > 0) return colour;\
      }\
      return [255, 255, 255];\
    };\
    result.dark = matchMedia('(prefers-color-scheme: dark)').matches;\
    result.contrast = {};\
    for (const element of document.querySelectorAll('body *')) {\
      const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());\
      if (!hasText || element.closest('script, style, title, [hidden], #told')) continue;\
      const node = element.closest('.node');\
      const style = getComputedStyle(element);\
      const ink = light(parts(element.closest('svg') ? style.fill : style.color));\
      const paper = light(node ? parts(getComputedStyle(node.querySelector('rect')).fill) : behind(element));\
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);\
      const kind = element.tagName + '.' + (node ? node.getAttribute('class') : element.getAttribute('class'));\
      result.contrast[kind] = Math.min(result.contrast[kind] || 99, contrast);\
    }";

#[test]
fn text_can_be_read_in_light_and_in_dark_and_what_colour_says_is_said_without() {
    needs!("chromium", "git", "jq");
    let home = Home::new();
    let trace = record(
        &home,
        &[
            "sh",
            "-c",
            "git --version; jq --version; sleep 0.1; sh -c 'cat /no/such; exit 3'; true",
        ],
    );
    let page = report(&home, &trace, &[]);
    let script = format!(
        "document.querySelector('tr[data-attr=\"git\"]').click(); {CONTRAST}\
         const dashes = selector => {{\
           const found = document.querySelector('.picture ' + selector);\
           return found && getComputedStyle(found).strokeDasharray;\
         }};\
         result.dashes = ['.program rect', '.failed rect', '.package rect', '.implied rect'].map(dashes);\
         result.round = ['.program rect', '.package rect'].map(it =>\
           document.querySelector('.picture ' + it)?.getAttribute('rx'));\
         result.rows = [...document.querySelectorAll('.processes .row')].map(row => row.innerText);"
    );
    for scheme in [Scheme::Light, Scheme::Dark] {
        let result = browse_in(&home, &page, &script, scheme);
        assert_eq!(result["errors"], serde_json::json!([]), "{result:#}");
        assert_eq!(result["dark"], scheme == Scheme::Dark, "{result:#}");
        let contrast = result["contrast"].as_object().unwrap();
        assert!(contrast.len() > 12, "{result:#}");
        for (kind, contrast) in contrast {
            assert!(
                contrast.as_f64() >= Some(4.5),
                "{kind} in {scheme:?}: {result:#}"
            );
        }
        let rows: Vec<&str> = result["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(
            rows.iter().any(|row| row.contains("✗ exit status 3")),
            "{result:#}"
        );
        assert!(
            rows.iter()
                .any(|row| row.contains("◆") && row.contains("critical")),
            "{result:#}"
        );
        // Failed and implied ones are dashed, each in its way; packages are round.
        let dashes = &result["dashes"];
        assert_ne!(dashes[0], dashes[1], "{result:#}");
        assert_ne!(result["round"][0], result["round"][1], "{result:#}");
    }
}

#[test]
fn pictures_are_written_in_three_languages() {
    let home = Home::new();
    let trace = record(&home, &["sh", "-c", "git --version"]);
    let dot = report(&home, &trace, &["-f", "dot"]);
    assert!(
        dot.starts_with("digraph run {") && dot.contains("label = \"git\""),
        "{dot}"
    );
    let mermaid = report(&home, &trace, &["-f", "mermaid"]);
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains("([\"git\"])"),
        "{mermaid}"
    );
    let svg = report(&home, &trace, &["-f", "svg"]);
    assert!(
        svg.starts_with("<svg xmlns=") && svg.contains("data-name=\"git\""),
        "{svg}"
    );
}

#[test]
fn the_page_fetches_nothing_and_hides_secrets() {
    let home = Home::new();
    let trace = record(&home, &["sh", "-c", "true", "--password", "hunter2"]);
    let page = report(&home, &trace, &[]);
    assert!(!page.contains("hunter2"));
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn an_existing_report_is_kept() {
    let home = Home::new();
    let trace = record(&home, &["true"]);
    let file = home.write("project/report.html", "mine");
    home.command([nixtrace().as_os_str(), "report".as_ref(), trace.as_os_str()])
        .run()
        .exits(125)
        .says("report.html exists");
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
}
