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
    for verb in ["record", "elf", "resolve", "index"] {
        assert!(text.contains(verb), "{verb}: {text}");
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
