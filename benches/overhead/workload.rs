//! What is run to see what watching it costs.

use super::observer::Observer;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// So little that it only shows that everything runs.
    Quick,
    /// What the results are about.
    Full,
}

impl Size {
    fn choose(self, quick: u32, full: u32) -> u32 {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// A command, and what has to be done before each of its runs.
pub(crate) struct Workload {
    pub(crate) name: String,
    /// The ratio to untraced that nixtrace is to stay below.
    pub(crate) goal: f64,
    command: Vec<String>,
    clean: Option<Vec<String>>,
    directory: PathBuf,
}

impl Workload {
    /// Prepares all workloads below a directory of their own.
    pub(crate) fn all(directory: &Path, size: Size) -> Vec<Self> {
        [
            configure(directory, size),
            make_lua(directory, size),
            Some(Self::make(directory, size)),
            cargo_build(directory, size),
            Some(python(directory, size)),
            Some(shell_loop(directory, size)),
            Some(stat_storm(directory, size)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// `make -j2` of a C project.
    pub(crate) fn make(directory: &Path, size: Size) -> Self {
        let files = size.choose(4, 60);
        let directory = directory.join("project");
        fs::create_dir_all(&directory).unwrap();
        for file in 0..files {
            fs::write(directory.join(format!("part{file}.c")), part(file)).unwrap();
        }
        fs::write(directory.join("main.c"), main_of(files)).unwrap();
        let objects: Vec<_> = (0..files).map(|file| format!("part{file}.o")).collect();
        fs::write(
            directory.join("Makefile"),
            format!(
                "CFLAGS = -O1\nprogram: main.o {}\n\t$(CC) -o $@ $^\nclean:\n\trm -f *.o program\n",
                objects.join(" ")
            ),
        )
        .unwrap();
        Self {
            name: format!("make -j2 of {} tiny C files", files + 1),
            goal: 1.15,
            command: words(&["make", "-s", "-j2"]),
            clean: Some(words(&["make", "-s", "clean"])),
            directory,
        }
    }

    /// Runs it once and gives the time it took.
    ///
    /// # Panics
    /// When it fails: the time of a failure says nothing.
    pub(crate) fn time(&self, observer: Observer) -> Duration {
        let mut command = self.start(observer);
        let start = Instant::now();
        let status = command.status().unwrap();
        let elapsed = start.elapsed();
        assert!(
            status.success(),
            "{} under {observer:?}: {status}",
            self.name
        );
        elapsed
    }

    /// The command, ready to be started, with all clean for it.
    pub(crate) fn start(&self, observer: Observer) -> Command {
        if let Some(clean) = &self.clean {
            let status = self
                .command(clean.iter().map(Into::into).collect())
                .status();
            assert!(status.unwrap().success());
        }
        let trace = self.directory.join("trace.jsonl");
        let _ = fs::remove_file(&trace);
        let mut argv = observer.prefix(&trace);
        argv.extend(self.command.iter().map(Into::into));
        self.command(argv)
    }

    fn command(&self, argv: Vec<std::ffi::OsString>) -> Command {
        let mut command = Command::new(&argv[0]);
        command
            .args(&argv[1..])
            .current_dir(&self.directory)
            // The same tools for everyone: a version manager's shims would drown what they start.
            .env("PATH", path())
            .env("LC_ALL", "C")
            // Cargo's own: every program would first look for its libraries among the bench's.
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

/// Where the tools are found, those of Rust beside the cargo that runs this.
fn path() -> std::ffi::OsString {
    let cargo = std::env::var_os("CARGO").map(PathBuf::from);
    let beside = cargo.as_deref().and_then(Path::parent).map(Path::to_owned);
    let usual = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
    // No directory that cargo was started from has a colon in its name.
    std::env::join_paths(beside.into_iter().chain(usual)).unwrap_or_default()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Unpacks a source that `scripts/test` fetches; none without it, nor in the quick size.
fn unpack(name: &str, directory: &Path, size: Size) -> Option<PathBuf> {
    if size == Size::Quick {
        return None;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fixtures");
    let archive = fs::read_dir(fixtures)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{name}_")) && file.ends_with(".orig.tar.gz")
        });
    let Some(archive) = archive else {
        eprintln!("no source of {name} (scripts/test fetches it): what needs it is left out");
        return None;
    };
    let directory = directory.join(name);
    fs::create_dir_all(&directory).unwrap();
    let unpacked = Command::new("tar")
        .args(["--strip-components=1", "-xzC"])
        .arg(&directory)
        .stdin(File::open(archive).unwrap())
        .status()
        .unwrap();
    assert!(unpacked.success());
    Some(directory)
}

/// `make -j2` of Lua: some thirty C files of some size.
fn make_lua(directory: &Path, size: Size) -> Option<Workload> {
    let directory = unpack("lua5.4", directory, size)?.join("src");
    Some(Workload {
        name: "make -j2 of Lua".to_owned(),
        goal: 1.15,
        command: words(&["make", "-s", "-j2", "posix"]),
        clean: Some(words(&["make", "-s", "clean"])),
        directory,
    })
}

/// `cargo build` of a crate of a few modules; none without cargo, nor in the quick size.
fn cargo_build(directory: &Path, size: Size) -> Option<Workload> {
    if size == Size::Quick {
        return None;
    }
    let directory = directory.join("crate");
    fs::create_dir_all(directory.join("src")).unwrap();
    fs::write(
        directory.join("Cargo.toml"),
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n",
    )
    .unwrap();
    let mut main = String::new();
    for module in 0..20 {
        main.push_str(&format!("mod part{module};\n"));
        fs::write(
            directory.join(format!("src/part{module}.rs")),
            "use std::collections::BTreeMap;\n\
             pub fn run(text: &str) -> BTreeMap<String, usize> {\n\
             \tlet mut counts = BTreeMap::new();\n\
             \tfor word in text.split_whitespace() {\n\
             \t\t*counts.entry(word.to_lowercase()).or_default() += 1;\n\t}\n\tcounts\n}\n",
        )
        .unwrap();
    }
    main.push_str("fn main() {\n\tlet text = std::env::args().collect::<Vec<_>>().join(\" \");\n");
    for module in 0..20 {
        main.push_str(&format!(
            "\tprintln!(\"{{:?}}\", part{module}::run(&text));\n"
        ));
    }
    main.push_str("}\n");
    fs::write(directory.join("src/main.rs"), main).unwrap();
    // What runs the benches is cargo itself, and says where it is.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    Some(Workload {
        name: "cargo build of a small crate".to_owned(),
        goal: 1.15,
        command: words(&[&cargo, "build", "--quiet", "--offline"]),
        clean: Some(words(&["rm", "-rf", "target"])),
        directory,
    })
}

/// `./configure` of GNU hello.
fn configure(directory: &Path, size: Size) -> Option<Workload> {
    let directory = unpack("hello", directory, size)?;
    Some(Workload {
        name: "configure of GNU hello".to_owned(),
        goal: 1.25,
        command: words(&["./configure", "-q"]),
        clean: Some(words(&[
            "rm",
            "-f",
            "config.status",
            "config.log",
            "Makefile",
        ])),
        directory,
    })
}

/// One file of the C project: the headers are what makes a compiler open files.
fn part(number: u32) -> String {
    format!(
        "#include <errno.h>\n#include <math.h>\n#include <pthread.h>\n#include <signal.h>\n\
         #include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n\
         #include <sys/stat.h>\n#include <time.h>\n#include <unistd.h>\n\
         int part{number}(int x)\n{{\n\tchar text[64];\n\
         \tsnprintf(text, sizeof text, \"%d\", x * {number});\n\treturn atoi(text) + errno;\n}}\n"
    )
}

fn main_of(files: u32) -> String {
    let mut text = String::new();
    for file in 0..files {
        text.push_str(&format!("int part{file}(int);\n"));
    }
    text.push_str("int main(void)\n{\n\tint sum = 0;\n");
    for file in 0..files {
        text.push_str(&format!("\tsum += part{file}(sum);\n"));
    }
    text.push_str("\treturn sum == 1;\n}\n");
    text
}

/// Starts of python3 with modules of its standard library.
fn python(directory: &Path, size: Size) -> Workload {
    let starts = size.choose(2, 20);
    let imports = "import argparse, asyncio, csv, email.message, http.client, json, logging, \
                   multiprocessing, sqlite3, ssl, subprocess, unittest, urllib.request, xml.dom.minidom";
    Workload {
        name: format!("{starts} starts of python3"),
        goal: 1.15,
        command: words(&[
            "sh",
            "-c",
            &format!(
                "i=0; while [ $i -lt {starts} ]; do python3 -c '{imports}'; i=$((i + 1)); done"
            ),
        ]),
        clean: None,
        directory: directory.to_owned(),
    }
}

/// A shell that starts the smallest program over and over.
fn shell_loop(directory: &Path, size: Size) -> Workload {
    let times = size.choose(100, 2000);
    Workload {
        name: format!("shell loop of {times} /bin/true"),
        goal: 1.15,
        command: words(&[
            "sh",
            "-c",
            &format!("i=0; while [ $i -lt {times} ]; do /bin/true; i=$((i + 1)); done"),
        ]),
        clean: None,
        directory: directory.to_owned(),
    }
}

/// Nothing but system calls.
fn stat_storm(directory: &Path, size: Size) -> Workload {
    let calls = size.choose(1000, 200_000);
    let source = directory.join("storm.c");
    fs::write(
        &source,
        format!(
            "#include <sys/stat.h>\nint main(void)\n{{\n\tstruct stat s;\n\
             \tfor (int i = 0; i < {calls}; i++)\n\t\tstat(\"/no/such/file\", &s);\n\treturn 0;\n}}\n"
        ),
    )
    .unwrap();
    let program = directory.join("storm");
    let compiled = Command::new("cc")
        .arg("-O1")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .status()
        .unwrap();
    assert!(compiled.success());
    Workload {
        name: format!("{calls} stats of a missing path"),
        goal: 15.0,
        command: vec![program.to_str().unwrap().to_owned()],
        clean: None,
        directory: directory.to_owned(),
    }
}
