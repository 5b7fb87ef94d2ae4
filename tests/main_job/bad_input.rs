//! What is wrong with a run is said in words, with the documented exit status, before the command
//! starts, and leaves nothing behind.

use super::recording::{check_lines, whole_lines};
use super::support::{Finished, Home, Invocation, needs, nixtrace, skip};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A command that leaves a mark when it is started.
struct Marked {
    home: Home,
    mark: PathBuf,
}

impl Marked {
    fn new() -> Self {
        let home = Home::new();
        let mark = home.outside("started");
        Self { home, mark }
    }

    /// `nixtrace OPTIONS -- touch MARK`
    fn with<S: AsRef<std::ffi::OsStr>>(&self, options: impl IntoIterator<Item = S>) -> Invocation {
        self.home
            .command([nixtrace()])
            .args(options)
            .args(["--", "touch"])
            .arg(&self.mark)
    }

    /// That it failed as nixtrace's own failures do, and the command was not started.
    #[track_caller]
    fn refuses(&self, finished: Finished) -> Finished {
        let finished = finished
            .exits(125)
            .says("error")
            .does_not_panic()
            .prints("");
        assert!(!self.mark.exists(), "the command was started: {finished}");
        finished
    }
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn run_in(home: &Home, command: &[&str]) -> Finished {
    let finished = home
        .command(command)
        .under([nixtrace(), "--".as_ref()])
        .run()
        .does_not_panic()
        .prints("");
    assert_eq!(entries(&home.project()), Vec::<String>::new());
    finished
}

#[test]
fn a_missing_command_is_127() {
    let home = Home::new();
    for command in ["no-such-command", "./no-such-command", "/no/such/command"] {
        run_in(&home, &[command, "argument"])
            .exits(127)
            .says(command);
    }
}

#[test]
fn an_empty_command_name_is_127() {
    run_in(&Home::new(), &[""]).exits(127);
}

#[test]
fn no_command_at_all_is_a_usage_error() {
    let home = Home::new();
    home.command([nixtrace()])
        .arg("--")
        .run()
        .exits(2)
        .says("Usage");
}

#[test]
fn a_file_that_cannot_be_executed_is_126() {
    let home = Home::new();
    let file = home.write("data.txt", "no program");
    run_in(&home, &[file.to_str().unwrap()])
        .exits(126)
        .says("data.txt");
}

#[test]
fn a_directory_is_126() {
    run_in(&Home::new(), &["/usr"]).exits(126).says("/usr");
}

#[test]
fn a_program_for_another_machine_is_126() {
    let home = Home::new();
    let program = home.write_program("foreign", foreign_elf());
    run_in(&home, &[program.to_str().unwrap()])
        .exits(126)
        .says("foreign");
}

#[test]
fn a_script_whose_interpreter_is_missing_names_the_interpreter() {
    let home = Home::new();
    let script = home.write_program("script", "#!/no/such/interpreter\n");
    run_in(&home, &[script.to_str().unwrap()])
        .exits(126)
        .says("/no/such/interpreter");
}

#[test]
fn a_program_whose_loader_is_missing_names_the_loader() {
    needs!("cc");
    let home = Home::new();
    let program = super::support::compile(
        &home,
        "program",
        "int main(void) { return 0; }",
        &["-Wl,--dynamic-linker=/no/such/ld.so"],
    );
    run_in(&home, &[program.to_str().unwrap()])
        .exits(126)
        .says("/no/such/ld.so");
}

/// The header of a program for a big-endian SPARC, which no test machine runs.
fn foreign_elf() -> Vec<u8> {
    const EM_SPARCV9: u16 = 43;
    let mut header = b"\x7fELF\x02\x02\x01".to_vec();
    header.resize(16, 0);
    header.extend(2_u16.to_be_bytes()); // ET_EXEC
    header.extend(EM_SPARCV9.to_be_bytes());
    header.extend(1_u32.to_be_bytes()); // EV_CURRENT
    header.extend(0x10000_u64.to_be_bytes()); // entry
    header.extend(0_u64.to_be_bytes()); // no program headers
    header.extend(0_u64.to_be_bytes()); // no section headers
    header.extend(0_u32.to_be_bytes()); // flags
    for field in [64_u16, 56, 0, 64, 0, 0] {
        header.extend(field.to_be_bytes());
    }
    header
}

#[test]
fn an_output_in_a_missing_directory_stops_the_run() {
    let marked = Marked::new();
    let finished = marked.with(["-o", "no/such/directory/shell.nix"]).run();
    marked.refuses(finished).says("no/such/directory/shell.nix");
}

#[test]
fn an_output_that_is_a_directory_stops_the_run() {
    let marked = Marked::new();
    let finished = marked.with(["--force", "-o", "/usr"]).run();
    marked.refuses(finished).says("/usr");
}

#[test]
fn an_existing_output_stops_the_run_and_is_kept() {
    let marked = Marked::new();
    let shell = marked.home.write("project/shell.nix", "mine");
    let finished = marked.with(Vec::<&str>::new()).run();
    marked.refuses(finished).says("shell.nix").says("--force");
    assert_eq!(std::fs::read(&shell).unwrap(), b"mine");

    marked.with(["--force"]).run().exits(0);
    assert_ne!(std::fs::read(&shell).unwrap(), b"mine");
    assert!(marked.mark.exists());
    assert_eq!(entries(&marked.home.project()), ["shell.nix"]);
}

#[test]
fn an_existing_trace_stops_the_recording_and_is_kept() {
    let marked = Marked::new();
    let trace = marked.home.write("trace.jsonl", "mine");
    let finished = marked
        .home
        .command([nixtrace(), "record".as_ref(), "-o".as_ref(), &trace])
        .args(["--", "touch"])
        .arg(&marked.mark)
        .run();
    marked.refuses(finished).says("trace.jsonl").says("--force");
    assert_eq!(std::fs::read(&trace).unwrap(), b"mine");
}

#[test]
fn an_existing_trace_is_kept_when_the_command_cannot_be_started() {
    let home = Home::new();
    let trace = home.write("trace.jsonl", "older");
    for verb in [
        &["record", "--force", "-o"][..],
        &["--force", "-o", "-", "--trace"],
    ] {
        home.command([nixtrace()])
            .args(verb)
            .arg(&trace)
            .args(["--", "no-such-command"])
            .run()
            .exits(127);
        assert_eq!(std::fs::read(&trace).unwrap(), b"older");
    }
    home.command([nixtrace()])
        .args(["-o", "-", "--trace"])
        .arg(&trace)
        .args(["--", "true"])
        .run()
        .exits(125)
        .says("--force");
    assert_eq!(std::fs::read(&trace).unwrap(), b"older");
}

#[test]
fn a_trace_that_cannot_be_written_costs_nothing_of_the_result() {
    needs!("jq");
    let home = Home::new();
    let finished = home
        .command([nixtrace()])
        .args(["-f", "json", "--trace", "/dev/full", "--", "jq", "-n", "1"])
        .run()
        .exits(0)
        .says("/dev/full");
    assert!(finished.text().contains("\"jq\""), "{finished}");
}

#[test]
fn a_pipe_as_output_is_opened_once() {
    let home = Home::new();
    let pipe = home.outside("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap())
    };
    home.command([nixtrace()])
        .arg("-o")
        .arg(&pipe)
        .args(["--", "true"])
        .run()
        .exits(0);
    assert!(reader.join().unwrap().contains("pkgs.mkShell"));
}

#[test]
fn a_corrupt_index_stops_the_run() {
    for content in ["", "not an index", "NIXI\x01\0\0\0\0\0\0\0truncated"] {
        let marked = Marked::new();
        let index = marked.home.write("broken.index", content);
        let finished = marked.with(["--index".as_ref(), index.as_os_str()]).run();
        marked.refuses(finished).says("broken.index");
        assert_eq!(entries(&marked.home.project()), Vec::<String>::new());
    }
}

#[test]
fn a_missing_index_stops_the_run() {
    let marked = Marked::new();
    let finished = marked.with(["--index", "/no/such/index"]).run();
    marked.refuses(finished).says("/no/such/index");
}

#[test]
fn a_broken_nixtrace_yaml_is_named_with_the_position() {
    let marked = Marked::new();
    marked
        .home
        .write("project/nixtrace.yaml", "# our pins\nignore: [\n  - }\n");
    let finished = marked.with(Vec::<&str>::new()).run();
    let finished = marked.refuses(finished).says("nixtrace.yaml");
    let words = finished.words();
    assert!(
        words.contains("line 3") || words.contains(":3:"),
        "{finished}"
    );
    assert_eq!(entries(&marked.home.project()), ["nixtrace.yaml"]);
}

#[test]
fn an_unknown_key_in_nixtrace_yaml_is_named() {
    let marked = Marked::new();
    marked
        .home
        .write("project/nixtrace.yaml", "ignroe:\n  - /etc/hosts\n");
    let finished = marked.with(Vec::<&str>::new()).run();
    marked.refuses(finished).says("ignroe");
}

#[test]
fn pins_that_are_named_and_missing_stop_the_run() {
    let marked = Marked::new();
    let finished = marked.with(["--pins", "/no/such/pins.yaml"]).run();
    marked.refuses(finished).says("/no/such/pins.yaml");
}

#[test]
fn elf_says_what_is_wrong_with_each_file_and_shows_the_others() {
    let home = Home::new();
    let garbage = home.write("garbage", "no ELF file at all");
    let cut = home.write("cut", &std::fs::read("/bin/sh").unwrap()[..40]);
    let finished = home
        .command([nixtrace(), "elf".as_ref(), &garbage, &cut])
        .args(["/no/such/file", "/usr", "/bin/sh"])
        .run()
        .exits(125)
        .does_not_panic();
    for name in ["garbage", "cut", "/no/such/file", "/usr"] {
        assert!(finished.words().contains(name), "{name}: {finished}");
    }
    assert!(finished.text().contains("libc.so.6"), "{finished}");
}

#[test]
fn elf_names_a_file_for_another_machine() {
    let home = Home::new();
    let program = home.write("foreign", foreign_elf());
    let finished = home
        .command([nixtrace(), "elf".as_ref(), &program])
        .run()
        .does_not_panic();
    assert!(
        finished.text().contains("foreign") || finished.words().contains("foreign"),
        "{finished}"
    );
}

#[test]
fn elf_says_that_a_file_may_not_be_read() {
    let home = Home::new();
    if nix::unistd::Uid::effective().is_root() {
        // Root may read everything; its case is the one above.
        return;
    }
    let program = home.write("secret", foreign_elf());
    std::fs::set_permissions(
        &program,
        std::os::unix::fs::PermissionsExt::from_mode(0o000),
    )
    .unwrap();
    home.command([nixtrace(), "elf".as_ref(), &program])
        .run()
        .exits(125)
        .does_not_panic()
        .says("secret")
        .says("ermission denied");
}

#[test]
fn a_corrupt_index_is_named_by_resolve_too() {
    let home = Home::new();
    let index = home.write("broken.index", "not an index");
    home.command([nixtrace(), "resolve".as_ref(), "--index".as_ref(), &index])
        .arg("libssl.so.3")
        .run()
        .exits(125)
        .does_not_panic()
        .says("broken.index");
}

#[test]
fn being_traced_already_is_one_clear_message() {
    needs!("strace");
    let marked = Marked::new();
    let finished = marked
        .with(Vec::<&str>::new())
        .under(["strace", "-f", "-qq", "-o", "/dev/null"])
        .run();
    marked.refuses(finished).says("trace");
    assert_eq!(entries(&marked.home.project()), Vec::<String>::new());
}

#[test]
fn a_run_that_failed_says_so_and_still_writes_its_shell() {
    needs!("jq");
    let home = Home::new();
    home.command(["jq", "no such filter"])
        .under([nixtrace(), "--".as_ref()])
        .run()
        .exits(3)
        .does_not_panic();
    assert_eq!(entries(&home.project()), ["shell.nix"]);
}

#[test]
fn a_name_with_control_characters_does_not_reach_the_terminal_as_it_is() {
    let home = Home::new();
    let finished = home
        .command(["no\u{1b}[31msuch\ncommand"])
        .under([nixtrace(), "--".as_ref()])
        .run()
        .exits(127);
    assert!(!finished.stderr.contains(&0x1b), "{finished}");
}

#[test]
fn a_full_disk_leaves_no_half_written_shell() {
    let Some((home, disk)) = full_disk(0) else {
        skip("the right to mount a tmpfs");
        return;
    };
    let shell = disk.path.join("shell.nix");
    let finished = home
        .command(["true"])
        .under([nixtrace(), "-o".as_ref(), &shell, "--".as_ref()])
        .run()
        .does_not_panic();
    assert_eq!(finished.status, 125, "{finished}");
    assert_eq!(entries(&disk.path), ["filler"]);
}

#[test]
fn a_disk_that_fills_while_recording_does_not_disturb_the_command() {
    let Some((home, disk)) = full_disk(16 << 10) else {
        skip("the right to mount a tmpfs");
        return;
    };
    let trace = disk.path.join("trace.jsonl");
    let script =
        "i=0; while [ $i -lt 3000 ]; do test -e /no/such/file/$i; i=$((i + 1)); done; echo whole";
    let finished = home
        .command(["sh", "-c", script])
        .recorded(&trace, &[])
        .run()
        .does_not_panic()
        .exits(0)
        .prints("whole\n")
        .says("error")
        .says("trace.jsonl");
    assert!(finished.words().contains("space"), "{finished}");
    // What was written before can be read, to the last whole line.
    let text = std::fs::read_to_string(&trace).unwrap();
    check_lines(whole_lines(&text));
}

#[test]
fn a_device_that_is_full_is_reported_at_the_end() {
    let home = Home::new();
    let finished = home
        .command([nixtrace()])
        .args([
            "record",
            "--force",
            "-o",
            "/dev/full",
            "--",
            "sh",
            "-c",
            "echo whole",
        ])
        .run()
        .does_not_panic()
        .exits(0)
        .prints("whole\n")
        .says("error")
        .says("/dev/full");
    assert!(finished.words().contains("space"), "{finished}");
    // It was written to, not replaced.
    let kind = Path::new("/dev/full").metadata().unwrap().file_type();
    assert!(kind.is_char_device());
}

/// A small file system of its own with `room` bytes left; unmounted when dropped.
struct Disk {
    path: PathBuf,
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Invocation::new(["umount"]).arg(&self.path).run();
    }
}

/// None without the right to mount.
fn full_disk(room: usize) -> Option<(Home, Disk)> {
    const SIZE: usize = 256 << 10;
    let home = Home::new();
    let path = home.outside("disk");
    std::fs::create_dir(&path).unwrap();
    let mount = home
        .command(["mount", "-t", "tmpfs", "-o"])
        .args([&format!("size={SIZE}"), "tmpfs"])
        .arg(&path)
        .run();
    if mount.status != 0 {
        return None;
    }
    let disk = Disk { path };
    let pages = vec![0; SIZE - room];
    std::fs::write(disk.path.join("filler"), pages).unwrap();
    Some((home, disk))
}

#[test]
fn a_full_disk_is_told_by_every_verb_that_reads_a_trace() {
    let home = Home::new();
    let trace = home.outside("trace.jsonl");
    home.command(["cat", "/etc/hosts"])
        .recorded(&trace, &["-q"])
        .run();
    for words in [
        &["show"][..],
        &["show", "--json"],
        &["show", "--tree"],
        &["why"],
        &["report", "-o", "-"],
        &["emit", "-o", "-"],
        &["doctor", "/bin/sh", "--trace"],
    ] {
        home.command(["sh", "-c", "exec \"$@\" > /dev/full", "sh"])
            .arg(nixtrace())
            .args(words)
            .arg(&trace)
            .run()
            .exits(125)
            .does_not_panic()
            .says("standard output");
    }
}
