//! The verbs that run no command.

use super::support::{Home, compile, needs, nixtrace};
use serde_json::Value;

#[test]
fn resolve_answers_in_the_order_of_the_queries() {
    let home = Home::new();
    let finished = home
        .command([nixtrace()])
        .args([
            "resolve",
            "--json",
            "libssl.so.3",
            "git",
            "openssl/ssl.h",
            "zlib.pc",
        ])
        .run()
        .exits(0);
    let answers: Vec<Value> = finished
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let best: Vec<_> = answers
        .iter()
        .map(|answer| {
            ["query", "kind"]
                .map(|key| answer[key].as_str().unwrap())
                .into_iter()
                .chain(answer["best"]["attr"].as_str())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        best,
        [
            ["libssl.so.3", "soname", "openssl"],
            ["git", "command", "git"],
            ["openssl/ssl.h", "header", "openssl"],
            ["zlib.pc", "pkg-config", "zlib"],
        ]
    );
    for answer in &answers {
        assert!(answer["best"]["score"].as_f64().unwrap() > 0.5, "{answer}");
        assert!(!answer["best"]["because"].as_array().unwrap().is_empty());
        assert!(!answer["candidates"].as_array().unwrap().is_empty());
    }
}

#[test]
fn resolve_reads_queries_from_standard_input() {
    let home = Home::new();
    let finished = home
        .command([nixtrace()])
        .args(["resolve", "--json", "--stdin"])
        .stdin("libz.so.1\njq\n")
        .run()
        .exits(0);
    let attrs: Vec<_> = finished
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["best"]["attr"].clone())
        .collect();
    assert_eq!(attrs, ["zlib", "jq"]);
}

#[test]
fn resolve_leaves_open_what_nobody_knows() {
    let home = Home::new();
    let finished = home
        .command([nixtrace()])
        .args(["resolve", "--json", "libno-such-library-at-all.so.1"])
        .run()
        .does_not_panic();
    let answer: Value = serde_json::from_str(&finished.text()).unwrap();
    assert_eq!(answer["best"], Value::Null);
}

#[test]
fn elf_shows_where_each_library_was_found_and_by_which_rule() {
    needs!("cc");
    let home = Home::new();
    compile(
        &home,
        "apps/lib/libanswer.so",
        "int answer(void) { return 42; }",
        &["-shared", "-fPIC"],
    );
    let program = compile(
        &home,
        "apps/ask",
        "int answer(void); int main(void) { return answer(); }",
        &["-L../apps/lib", "-lanswer", "-Wl,-rpath,$ORIGIN/lib"],
    );
    let text = home
        .command([nixtrace(), "elf".as_ref(), &program])
        .run()
        .exits(0)
        .text();
    let line = text.lines().find(|line| line.contains("libanswer.so"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("apps/lib/libanswer.so"), "{text}");
    assert!(line.to_lowercase().contains("runpath"), "{text}");
    assert!(text.contains("libc.so.6"), "{text}");
}

#[test]
fn elf_says_that_a_program_is_static() {
    needs!("cc");
    let home = Home::new();
    let program = compile(&home, "hello", "int main(void) { return 0; }", &["-static"]);
    let text = home
        .command([nixtrace(), "elf".as_ref(), &program])
        .run()
        .exits(0)
        .text();
    assert!(text.contains("static"), "{text}");
}

#[test]
fn help_names_every_verb() {
    let home = Home::new();
    let text = home
        .command([nixtrace()])
        .arg("--help")
        .run()
        .exits(0)
        .text();
    for verb in [
        "run",
        "record",
        "emit",
        "show",
        "why",
        "merge",
        "import",
        "report",
        "doctor",
        "completions",
        "man",
        "elf",
        "resolve",
        "index",
    ] {
        let is_told = |line: &str| line.split_whitespace().next() == Some(verb);
        assert!(text.lines().any(is_told), "{verb}: {text}");
    }
}

#[test]
fn completions_know_every_verb_in_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home
            .command([nixtrace()])
            .args(["completions", shell])
            .run()
            .exits(0)
            .text();
        for word in ["show", "why", "merge", "import", "report", "nixpkgs"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn bash_reads_the_completions_and_completes_a_verb() {
    needs!("bash");
    let home = Home::new();
    let script = format!(
        "source <('{}' completions bash); COMP_WORDS=(nixtrace sh); COMP_CWORD=1; \
         _nixtrace nixtrace sh nixtrace; echo \"${{COMPREPLY[@]}}\"",
        nixtrace().display()
    );
    let finished = home.command(["bash", "-c", &script]).run().exits(0);
    assert_eq!(finished.text().trim(), "show");
}

/// The lines of a text that are commands of nixtrace with these words, as a person copies them.
fn documented(text: &str, beginning: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start_matches(['$', ' ']));
    let commands = lines.filter(|line| line.starts_with(beginning));
    commands
        .map(|line| line.split("  ").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_documented_commands_install_completions_and_manual_pages() {
    needs!("bash");
    let home = Home::new();
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let help = |verb: &str| {
        let help = home.command([nixtrace()]).args([verb, "--help"]).run();
        help.exits(0).text()
    };
    let commands = [
        documented(&readme, "nixtrace completions "),
        documented(&readme, "nixtrace man "),
        documented(&help("completions"), "nixtrace completions "),
        documented(&help("man"), "nixtrace man -o"),
    ];
    assert_eq!(
        commands.each_ref().map(Vec::len),
        [1, 1, 3, 1],
        "{commands:?}"
    );
    let path = format!("{}:/usr/bin:/bin", nixtrace().parent().unwrap().display());
    for command in commands.concat() {
        home.command(["bash", "-c", &command])
            .env("PATH", &path)
            .run()
            .exits(0)
            .prints("");
    }
    let share = home.path().join(".local/share");
    let script = format!(
        "source '{}'; COMP_WORDS=(nixtrace doc); COMP_CWORD=1; \
         _nixtrace nixtrace doc nixtrace; echo \"${{COMPREPLY[@]}}\"",
        share.join("bash-completion/completions/nixtrace").display()
    );
    home.command(["bash", "-c", &script])
        .run()
        .exits(0)
        .prints("doctor\n");
    for (file, text) in [
        (".local/share/man/man1/nixtrace-why.1", ".TH nixtrace-why 1"),
        (
            ".config/fish/completions/nixtrace.fish",
            "complete -c nixtrace",
        ),
        (".zfunc/_nixtrace", "#compdef nixtrace"),
    ] {
        let content = std::fs::read_to_string(home.path().join(file)).unwrap();
        assert!(content.contains(text), "{file}: {content:.500}");
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let home = Home::new();
    let pages = home.outside("man1");
    home.command([nixtrace()])
        .args(["man", "-o"])
        .arg(&pages)
        .run()
        .exits(0);
    for (page, text) in [
        ("nixtrace.1", "Examples:"),
        ("nixtrace-show.1", "class"),
        ("nixtrace-index-build.1", "index"),
    ] {
        let page = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(page.contains(".TH ") && page.contains(text), "{page}");
    }
    assert!(!pages.join("nixtrace-help.1").exists());
}
