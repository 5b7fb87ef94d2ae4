//! What a program's arguments say: the script that an interpreter runs, what a linker or a
//! pkg-config is asked for by name, whether something is only tried.
//!
//! Only the words are judged here. A script that they seem to name counts once the trace shows that
//! the interpreter found such a file (see [`super::builder::Builder::finish`]).

use super::classify::{file_name, from_directory, is_library_name, tidy};
use super::command::{self, Language, Part};
use crate::trace::Bytes;
use bstr::{BStr, ByteSlice};
use std::collections::BTreeSet;

/// How an interpreter reads the words before its script.
///
/// Letters stand for options that can be written in one word (`-Bc`), words for those that cannot.
#[derive(Debug)]
struct Grammar {
    /// Letters after which there is no script: the program is given as text, or by a module's name.
    text: &'static [u8],
    /// Letters with a value: the rest of the word or, if that is empty, the next word.
    value: &'static [u8],
    /// Letters whose value, if any, is the rest of the word.
    attached: &'static [u8],
    /// Words after which there is no script.
    text_words: &'static [&'static str],
    /// Words whose value is the next word.
    value_words: &'static [&'static str],
    /// Words before the script itself.
    script_words: &'static [&'static str],
}

/// All options stand alone.
const PLAIN: Grammar = Grammar {
    text: b"",
    value: b"",
    attached: b"",
    text_words: &[],
    value_words: &[],
    script_words: &[],
};

/// dash(1), bash(1), zsh(1), ksh(1), fish(1).
const SHELL: Grammar = Grammar {
    text: b"cs",
    value: b"oO",
    text_words: &["--command"],
    value_words: &["--rcfile", "--init-file", "--init-command"],
    ..PLAIN
};

/// python(1).
const PYTHON: Grammar = Grammar {
    text: b"cm",
    value: b"WXQ",
    value_words: &["--check-hash-based-pycs"],
    ..PLAIN
};

/// perlrun(1).
const PERL: Grammar = Grammar {
    text: b"eE",
    value: b"I",
    attached: b"MmiCDFxVd",
    ..PLAIN
};

/// ruby(1).
const RUBY: Grammar = Grammar {
    text: b"e",
    value: b"ICrE",
    attached: b"FKTWix",
    value_words: &[
        "--encoding",
        "--external-encoding",
        "--internal-encoding",
        "--enable",
        "--disable",
    ],
    ..PLAIN
};

/// node(1).
const NODE: Grammar = Grammar {
    text: b"ep",
    value: b"rC",
    text_words: &["--eval", "--print", "--run"],
    value_words: &[
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "--conditions",
        "--input-type",
        "--title",
        "--icu-data-dir",
        "--openssl-config",
    ],
    script_words: &["inspect"],
    ..PLAIN
};

/// Languages without further knowledge here, by the stem of the interpreter's name.
const OTHERS: &[(&str, Grammar)] = &[
    (
        "php",
        Grammar {
            text: b"rBRES",
            value: b"cdzt",
            text_words: &["--run", "--server"],
            value_words: &["--define", "--php-ini", "--docroot"],
            script_words: &["-f", "--file"],
            ..PLAIN
        },
    ),
    (
        "lua",
        Grammar {
            // Text and a script can go together: lua(1).
            value: b"el",
            ..PLAIN
        },
    ),
    (
        "luajit",
        Grammar {
            value: b"el",
            attached: b"jOb",
            ..PLAIN
        },
    ),
    (
        "guile",
        Grammar {
            text: b"c",
            value: b"LCxle",
            script_words: &["-s"],
            ..PLAIN
        },
    ),
    (
        "gjs",
        Grammar {
            text: b"c",
            value: b"IC",
            text_words: &["--command"],
            value_words: &["--include-path", "--coverage-prefix", "--coverage-output"],
            script_words: &["-m", "--module"],
            ..PLAIN
        },
    ),
    (
        "Rscript",
        Grammar {
            text: b"e",
            ..PLAIN
        },
    ),
    (
        "R",
        Grammar {
            text: b"e",
            value: b"gd",
            text_words: &["CMD", "--args"],
            value_words: &["--encoding", "--gui", "--debugger"],
            script_words: &["-f"],
            ..PLAIN
        },
    ),
    (
        "java",
        Grammar {
            text_words: &["-m", "--module"],
            value_words: &[
                "-cp",
                "-classpath",
                "--class-path",
                "-p",
                "--module-path",
                "--upgrade-module-path",
                "--add-modules",
                "--add-exports",
                "--add-opens",
                "--add-reads",
                "--patch-module",
                "--limit-modules",
            ],
            script_words: &["-jar"],
            ..PLAIN
        },
    ),
    (
        "julia",
        Grammar {
            text: b"eE",
            value: b"LJptCHmi",
            attached: b"Og",
            text_words: &["--eval", "--print"],
            value_words: &["--load", "--sysimage", "--procs", "--threads"],
            ..PLAIN
        },
    ),
    (
        "octave",
        Grammar {
            value: b"p",
            text_words: &["--eval"],
            value_words: &["--path", "--image-path", "--exec-path"],
            ..PLAIN
        },
    ),
    (
        "elixir",
        Grammar {
            text: b"e",
            value: b"r",
            text_words: &["--eval"],
            value_words: &[
                "-pa", "-pz", "-pr", "--erl", "--cookie", "--name", "--sname",
            ],
            ..PLAIN
        },
    ),
    (
        "groovy",
        Grammar {
            text: b"e",
            value: b"c",
            attached: b"Dip",
            value_words: &["-cp", "-classpath", "--classpath", "--encoding"],
            ..PLAIN
        },
    ),
    (
        "deno",
        Grammar {
            value: b"cL",
            attached: b"A",
            text_words: &["eval", "repl", "task"],
            value_words: &["--config", "--import-map", "--lock", "--cert", "--location"],
            script_words: &["run"],
            ..PLAIN
        },
    ),
    (
        "bun",
        Grammar {
            text: b"ep",
            value: b"rc",
            text_words: &["--eval", "--print", "x", "test", "install"],
            value_words: &["--preload", "--config", "--cwd"],
            script_words: &["run"],
            ..PLAIN
        },
    ),
];

fn grammar(name: &BStr, language: Language) -> &'static Grammar {
    match language {
        Language::Shell => &SHELL,
        Language::Python => &PYTHON,
        Language::Perl => &PERL,
        Language::Ruby => &RUBY,
        Language::Node => &NODE,
        Language::Other => {
            let stem = command::stem(name);
            let stem = stem.strip_suffix(b"-cli").unwrap_or(stem).as_bstr();
            OTHERS
                .iter()
                .find(|(known, _)| stem == known)
                .map_or(&PLAIN, |(_, grammar)| grammar)
        }
    }
}

/// The script that an interpreter's arguments seem to name, made absolute.
///
/// An interpreter given its program as text or by a module's name (`-c`, `-e`, `-m`) has none.
pub fn script_argument(name: &BStr, argv: &[Bytes], cwd: Option<&Bytes>) -> Option<Bytes> {
    let Part::Interpreter(language) = command::part(name) else {
        return None;
    };
    let grammar = grammar(name, language);
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        // `--eval=TEXT` is the word `--eval`, and needs no next one.
        let (bare, has_value) = match word.find_byte(b'=') {
            Some(end) if word.starts_with(b"--") => (word[..end].as_bytes(), true),
            _ => (word.as_bytes(), false),
        };
        let is_one_of = |known: &[&str]| known.iter().any(|it| bare == it.as_bytes());
        if is_one_of(grammar.text_words) {
            return None;
        }
        if is_one_of(grammar.value_words) {
            if !has_value {
                words.next();
            }
            continue;
        }
        if is_one_of(grammar.script_words) {
            continue;
        }
        match word.as_bytes() {
            // The program comes on standard input.
            b"-" => return None,
            b"--" => return words.next().map(|script| absolute(script, cwd)),
            long if long.starts_with(b"--") => {}
            [b'-' | b'+', letters @ ..] => match read_letters(grammar, letters) {
                Letters::Text => return None,
                Letters::NeedValue => {
                    words.next();
                }
                Letters::Complete => {}
            },
            _ => return Some(absolute(word, cwd)),
        }
    }
    None
}

/// A program that is given to an interpreter in place of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given<'a> {
    /// By its text.
    Text(&'a [u8]),
    /// By the name of a module.
    Module(&'a [u8]),
}

/// What `-c` or `-m` gives to Python: python(1).
pub fn given_to_python(argv: &[Bytes]) -> Option<Given<'_>> {
    let mut words = argv.iter().skip(1);
    loop {
        // What is no option is a script.
        let letters = words.next()?.strip_prefix(b"-")?;
        if letters.starts_with(b"-") {
            continue;
        }
        let ends = [PYTHON.text, PYTHON.value].concat();
        let Some(at) = letters.find_byteset(ends) else {
            continue;
        };
        let value = match &letters[at + 1..] {
            b"" => words.next()?.as_bytes(),
            rest => rest,
        };
        match letters[at] {
            b'c' => return Some(Given::Text(value)),
            b'm' => return Some(Given::Module(value)),
            _ => {}
        }
    }
}

/// What a word of options in letters asks of the words after it.
enum Letters {
    /// Nothing.
    Complete,
    /// The next word is a value.
    NeedValue,
    /// The program is no file.
    Text,
}

fn read_letters(grammar: &Grammar, letters: &[u8]) -> Letters {
    for (at, letter) in letters.iter().enumerate() {
        if grammar.text.contains(letter) {
            return Letters::Text;
        }
        if grammar.value.contains(letter) {
            return if at + 1 == letters.len() {
                Letters::NeedValue
            } else {
                Letters::Complete
            };
        }
        if grammar.attached.contains(letter) {
            return Letters::Complete;
        }
    }
    Letters::Complete
}

/// The program in the arguments of a loader that was started by hand (ld.so(8)).
pub fn loader_argument(argv: &[Bytes], cwd: Option<&Bytes>) -> Option<Bytes> {
    const WITH_VALUE: &[&[u8]] = &[
        b"--library-path",
        b"--inhibit-rpath",
        b"--audit",
        b"--preload",
        b"--argv0",
        b"--glibc-hwcaps-prepend",
        b"--glibc-hwcaps-mask",
    ];
    let mut arguments = argv.iter().skip(1);
    while let Some(argument) = arguments.next() {
        if WITH_VALUE.contains(&argument.as_bytes()) {
            arguments.next();
        } else if !argument.starts_with(b"-") {
            return Some(absolute(argument, cwd));
        }
    }
    None
}

/// The path as seen from the root, where the directory it starts in is known.
pub(super) fn absolute(path: &Bytes, cwd: Option<&Bytes>) -> Bytes {
    let Some(cwd) = cwd else {
        return tidy(path);
    };
    let path = if path.starts_with(b"/") {
        tidy(path)
    } else {
        tidy(&[cwd.as_bytes(), b"/", path.as_bytes()].concat().into())
    };
    from_directory(path, cwd)
}

/// Whether a program only tries what the system has: autoconf's `configure` and its helpers, and
/// the test projects of CMake and Meson. What they find is used, if at all, by the build proper.
/// Probes are also questions that may as well find no answer: those of go to git, of anybody to ldconfig.
///
/// `by` is the name of who runs it.
pub fn is_probe(
    by: Option<&BStr>,
    script: Option<&Bytes>,
    argv: &[Bytes],
    cwd: Option<&Bytes>,
) -> bool {
    const SCRIPTS: &[&str] = &["configure", "config.guess", "config.sub", "config.status"];
    const PLACES: &[&[u8]] = &[
        b"CMakeFiles/CMakeTmp",
        b"CMakeFiles/CMakeScratch",
        b"/CompilerIdC",
        b"meson-private/tmp",
    ];
    // Commands of the build proper name files in that directory, but run elsewhere.
    let is_mesons_own = cwd.is_some_and(|cwd| {
        cwd.split_str("/")
            .any(|component| component == b"meson-private")
    });
    // Meson turns to CMake for what pkg-config does not know, and asks for its version first.
    let is_mesons_question = by.is_some_and(|by| by == "meson" || by == "meson.py")
        && matches!(argv, [name, argument]
            if command::is_cmake(file_name(name.as_ref())) && argument.as_bytes() == b"--version");
    // `go build` asks which commit it builds, and goes without where there is no git or no
    // repository; what it fetches goes through `$GOMODCACHE/cache/vcs`.
    let is_stamp = by.is_some_and(|by| by == "go")
        && argv
            .first()
            .is_some_and(|name| file_name(name.as_ref()) == "git")
        && !cwd.is_some_and(|cwd| cwd.contains_str("/cache/vcs/"));
    // What Python's `ctypes.util.find_library` asks, and its like: what nixpkgs builds has no such
    // cache, and does without the question.
    let is_of_loader_cache = argv
        .first()
        .is_some_and(|name| file_name(name.as_ref()) == "ldconfig");
    is_mesons_own
        || is_mesons_question
        || is_stamp
        || is_of_loader_cache
        || script.is_some_and(|script| {
            SCRIPTS
                .iter()
                .any(|name| file_name(script.as_ref()) == *name)
        })
        || argv
            .iter()
            .any(|argument| argument.starts_with(b"conftest") || argument.contains_str("/conftest"))
        || argv
            .iter()
            .chain(cwd)
            .any(|text| PLACES.iter().any(|place| text.contains_str(place)))
}

/// Adds what the arguments of a run ask for by name: modules of pkg-config, libraries of linkers,
/// modules of perl.
pub fn collect_asked(name: &BStr, argv: &[Bytes], asked: &mut BTreeSet<Bytes>) {
    if command::is_pkg_config(name) {
        // `pkg-config --libs 'gtk+-3.0 >= 3.20' zlib`: words that are no options, comparisons or
        // versions.
        let words = argv.iter().skip(1).filter(|it| !it.starts_with(b"-"));
        for word in words.flat_map(|word| word.fields_with(|c| c.is_whitespace() || c == ',')) {
            let is_comparison = word.iter().all(|b| b"<>=!".contains(b));
            let is_version =
                word[0].is_ascii_digit() && word.iter().all(|b| b.is_ascii_digit() || *b == b'.');
            if !is_comparison && !is_version {
                asked.insert(word.into());
            }
        }
    } else if command::is_linker(name) {
        let mut arguments = argv.iter().skip(1);
        while let Some(argument) = arguments.next() {
            let library = if argument.as_bytes() == b"-l" {
                arguments.next().map(|it| it.as_bytes())
            } else if let Some(library) = argument.strip_prefix(b"-l") {
                Some(library)
            } else if is_library_name(file_name(argument.as_ref())) {
                Some(file_name(argument.as_ref()).as_bytes())
            } else {
                None
            };
            // `-l:libz.a` names the file itself (ld(1)).
            asked.extend(library.map(|it| it.strip_prefix(b":").unwrap_or(it).into()));
        }
    } else if command::part(name) == Part::Interpreter(Language::Perl) {
        for argument in argv.iter().skip(1) {
            if let Some(module) = argument
                .strip_prefix(b"-M")
                .or(argument.strip_prefix(b"-m"))
            {
                let module = module.split_str("=").next().unwrap_or(module);
                asked.insert(module.trim_start_with(|c| c == '-').into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script in a command line, whose words are parted by single spaces.
    fn script(line: &str) -> Option<String> {
        let argv: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
        let cwd = Bytes::from("/w");
        script_argument(argv[0].as_ref(), &argv, Some(&cwd)).map(|it| it.to_string())
    }

    #[test]
    fn the_script_follows_the_options_and_their_values() {
        for line in [
            "bash s",
            "bash -eux s x",
            "bash -euo pipefail s",
            "bash +e -o posix s",
            "bash --norc --rcfile /etc/rc s",
            "sh -- s",
            "python3 -W ignore s",
            "python3 -Wignore -X dev -B s",
            "perl -w -I lib s",
            "perl -Ilib -MJSON::XS s",
            "perl -0777 -i.bak s",
            "ruby -I lib -r set s",
            "ruby -W0 s",
            "node --require ./hook s",
            "node --require=./hook s",
            "php -d memory_limit=-1 -f s",
            "lua5.4 -l socket s",
            "guile -L . -s s",
            "java -Xmx1g -cp x -jar s",
            "deno run --allow-net s",
            "octave-cli --path p s",
        ] {
            assert_eq!(script(line).as_deref(), Some("/w/s"), "{line}");
        }
    }

    #[test]
    fn a_program_given_as_text_or_by_name_has_no_script() {
        for line in [
            "bash -c CODE x",
            "bash -euo pipefail -c CODE",
            "bash -eu -o pipefail -c CODE",
            "sh -ec CODE",
            "sh -s",
            "sh -",
            "python3 -Bc CODE",
            "python3 -m http.server",
            "python3 -cCODE",
            "perl -ne CODE file",
            "perl -pe CODE file",
            "perl -0777ne CODE file",
            "perl -MJSON::XS -e1 file",
            "ruby -rjson -e CODE",
            "node -pe CODE",
            "node --eval=CODE x",
            "php -r CODE",
            "guile -c CODE",
            "Rscript -e CODE",
            "julia -e CODE",
            "octave --eval CODE",
            "java -cp x -m module",
            "deno eval CODE",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    #[test]
    fn python_is_given_a_text_or_a_module() {
        let given = |line: &str| {
            let argv: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
            given_to_python(&argv).map(|given| match given {
                Given::Text(text) => format!("text {}", text.as_bstr()),
                Given::Module(name) => format!("module {}", name.as_bstr()),
            })
        };
        for (line, what) in [
            ("python3 -W ignore -Bc CODE", Some("text CODE")),
            ("python3 -cCODE -m x", Some("text CODE")),
            (
                "python3 -Xdev -m http.server -c x",
                Some("module http.server"),
            ),
            ("python3 s -m x", None),
            ("python3 -", None),
            ("python3", None),
        ] {
            assert_eq!(given(line).as_deref(), what, "{line}");
        }
    }

    #[test]
    fn what_meson_runs_in_its_private_directory_is_a_probe_and_what_names_a_file_in_it_is_none() {
        let is_probe = |line: &str, cwd: &str| {
            let argv: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
            is_probe(Some("meson".into()), None, &argv, Some(&cwd.into()))
        };
        assert!(is_probe(
            "cc sanitycheckc.c -o sanitycheckc.exe",
            "/w/b/meson-private"
        ));
        assert!(is_probe("cmake -G Ninja .", "/w/b/meson-private/cmake_fmt"));
        assert!(is_probe("/usr/bin/cmake --version", "/w"));
        assert!(!is_probe("git --version", "/w"));
        assert!(!is_probe(
            "meson --internal exe --unpickle meson-private/meson_exe_gen.dat",
            "/w/b"
        ));
    }

    #[test]
    fn git_is_a_probe_where_go_only_asks_for_the_commit_and_none_where_it_fetches() {
        let is_probe = |by: &str, line: &str, cwd: &str| {
            let argv: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
            is_probe(Some(by.into()), None, &argv, Some(&cwd.into()))
        };
        assert!(is_probe("go", "git status --porcelain", "/w"));
        assert!(!is_probe("make", "git status --porcelain", "/w"));
        assert!(!is_probe(
            "go",
            "git fetch -f https://example.org/x",
            "/home/ada/go/pkg/mod/cache/vcs/1f"
        ));
    }

    #[test]
    fn a_linker_can_be_asked_for_a_file_by_its_name() {
        let argv: Vec<Bytes> = ["ld", "-l:libz.a", "-l", ":libm.a", "-lssl", "/x/libq.so.1"]
            .map(Bytes::from)
            .into();
        let mut asked = BTreeSet::new();
        collect_asked("ld".into(), &argv, &mut asked);
        let expected = ["libm.a", "libq.so.1", "libz.a", "ssl"].map(Bytes::from);
        assert_eq!(asked, BTreeSet::from(expected));
    }
}
