//! A command does not notice that it is watched, and nobody who runs it does either.

use super::support::{Finished, Home, Invocation, compile, needs, nixtrace};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The command under the tracer alone, its trace thrown away with the home.
fn recorded(home: &Home, command: &Invocation) -> Invocation {
    let trace = home.outside("trace.jsonl");
    let _ = std::fs::remove_file(&trace);
    command.clone().recorded(trace, &["-q"])
}

/// Runs the command plainly and recorded; nothing that can be seen of it may differ.
#[track_caller]
fn same(home: &Home, command: &Invocation) -> Finished {
    let plain = command.clone().run();
    let recorded = recorded(home, command).run();
    assert!(
        (plain.status, &plain.stdout, &plain.stderr)
            == (recorded.status, &recorded.stdout, &recorded.stderr),
        "without nixtrace: {plain}\nwith it: {recorded}"
    );
    plain
}

#[test]
fn every_exit_status_is_mirrored() {
    let home = Home::new();
    for status in [0, 1, 2, 42, 124, 125, 126, 127, 128, 129, 254, 255] {
        let exit = format!("exit {status}");
        same(&home, &home.command(["sh", "-c", &exit])).exits(status);
    }
}

#[test]
fn a_death_by_signal_is_128_and_the_signal() {
    let home = Home::new();
    for (signal, number) in [
        ("HUP", 1),
        ("ABRT", 6),
        ("KILL", 9),
        ("SEGV", 11),
        ("TERM", 15),
    ] {
        let command = home.command(["sh", "-c", &format!("ulimit -c 0; kill -{signal} $$")]);
        recorded(&home, &command).run().exits(128 + number);
    }
}

#[test]
fn the_exit_status_is_mirrored_when_a_shell_is_written_too() {
    let home = Home::new();
    let shell = home.outside("shell.nix");
    home.command(["sh", "-c", "exit 42"])
        .under([
            nixtrace().as_os_str(),
            "-o".as_ref(),
            shell.as_os_str(),
            "--".as_ref(),
        ])
        .run()
        .exits(42);
    assert!(shell.exists());
}

#[test]
fn the_options_of_the_command_are_its_own() {
    let home = Home::new();
    same(
        &home,
        &home.command(["printf", "%s.", "-q", "-o", "x", "--", "--help", ""]),
    )
    .prints("-q.-o.x.--.--help..");
}

#[test]
fn arguments_are_any_bytes() {
    let home = Home::new();
    let argument = OsStr::from_bytes(b"\xff\n\x01 '\"${x}");
    same(&home, &home.command(["printf", "%s"]).arg(argument)).prints(argument.as_bytes());
}

#[test]
fn the_environment_is_unchanged() {
    let home = Home::new();
    let command = home
        .command(["env", "-0"])
        .env("LD_BIND_NOW", "1")
        .env("EMPTY", "")
        .env("BYTES", OsStr::from_bytes(b"\xfe\n"));
    same(&home, &command);
}

#[test]
fn standard_input_is_passed_through() {
    let home = Home::new();
    let input: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    same(&home, &home.command(["cat"]).stdin(&input)).prints(&input);
}

#[test]
fn standard_input_that_the_command_does_not_read_is_left_for_others() {
    let home = Home::new();
    let shell = home
        .command(["sh", "-c"])
        .arg("\"$1\" record -q -o \"$2\" -- true; cat")
        .args([OsStr::new("sh"), nixtrace().as_os_str()])
        .arg(home.outside("trace.jsonl"))
        .stdin("for the next command\n");
    shell.run().exits(0).prints("for the next command\n");
}

/// Writes the descriptors that were open at the start to a file, since all three standard ones may
/// be closed.
const DESCRIPTORS: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char open_at_start[256];
    for (int fd = 0; fd < 256; fd++)
        open_at_start[fd] = fcntl(fd, F_GETFD) >= 0;
    FILE *file = fopen(argv[1], "w");
    for (int fd = 0; fd < 256; fd++)
        if (open_at_start[fd])
            fprintf(file, "%d ", fd);
    return fclose(file) != 0;
}
"#;

#[test]
fn the_command_starts_with_the_descriptors_that_were_given_and_no_others() {
    needs!("cc");
    let home = Home::new();
    let program = compile(&home, "descriptors", DESCRIPTORS, &[]);
    let list = home.outside("list");
    let plain = home.command([&program]).arg(&list);
    let recorded = recorded(&home, &plain);
    for redirections in ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-", "7>/dev/null"] {
        let open_in = |command: &Invocation| {
            let _ = std::fs::remove_file(home.outside("trace.jsonl"));
            home.command(["sh", "-c", &format!("exec \"$@\" {redirections}"), "sh"])
                .args(command.argv())
                .run()
                .exits(0);
            std::fs::read_to_string(&list).unwrap()
        };
        assert_eq!(open_in(&recorded), open_in(&plain), "with {redirections:?}");
    }
}

/// What exec keeps of a process: signals, limits, umask, priority.
const START_STATE: &str = r#"
umask
ulimit -a
nice
grep -E '^(SigBlk|SigCgt|CapEff|CapPrm|CapInh)' /proc/self/status
# Without 32 and 33: whether those are ignored is the C library's affair when it starts a program.
ignored=$(sed -n 's/^SigIgn:[[:space:]]*/0x/p' /proc/self/status)
echo $((ignored & 0x7fffffff))
cat /proc/self/oom_score_adj
"#;

#[test]
fn the_command_starts_in_the_state_that_was_given() {
    let home = Home::new();
    same(&home, &home.command(["sh", "-c", START_STATE])).exits(0);
    // The same with a state that is not the usual one.
    let unusual = format!(
        "trap '' USR1 PIPE; umask 027; ulimit -n 200; exec sh -c '{}'",
        START_STATE.replace('\'', "'\\''")
    );
    same(&home, &home.command(["sh", "-c", &unusual])).exits(0);
}

#[test]
fn a_broken_pipe_kills_the_command_as_it_does_without_us() {
    let home = Home::new();
    let pipe = home
        .command(["bash", "-c"])
        .arg("\"$@\" yes | head -n 1; echo ${PIPESTATUS[0]}")
        .arg("bash")
        .args(recorded(&home, &home.command(Vec::<&str>::new())).argv());
    pipe.run().exits(0).prints("y\n141\n");
}

#[test]
fn a_process_in_the_background_does_not_change_the_status() {
    let home = Home::new();
    let marker = home.outside("marker");
    let command = home
        .command([
            "sh",
            "-c",
            "(sleep 0.2; echo done > \"$0\"; exit 9) & exit 4",
        ])
        .arg(&marker);
    recorded(&home, &command).run().exits(4);
    // It was not killed either.
    assert!(super::support::until(|| marker.exists()));
}

#[test]
fn a_stopped_child_can_be_continued() {
    let home = Home::new();
    // The shell waits for its child to be stopped, as a shell with job control would.
    let script = r#"
sh -c 'kill -STOP $$; echo continued; exit 7' &
until grep -q '^State:.[Tt]' /proc/$!/status; do :; done
kill -CONT $!
wait $!
"#;
    same(&home, &home.command(["sh", "-c", script]))
        .exits(7)
        .prints("continued\n");
}

#[test]
fn our_words_come_after_those_of_the_command() {
    let home = Home::new();
    let finished = home
        .command(["sh", "-c", "echo one; echo two >&2; echo three"])
        .under([
            nixtrace(),
            "-o".as_ref(),
            &home.outside("shell.nix"),
            "--".as_ref(),
        ])
        .run()
        .exits(0)
        .prints("one\nthree\n");
    assert!(finished.words().starts_with("two\n"), "{finished}");
    assert!(finished.words().len() > "two\n".len(), "{finished}");
}

#[test]
fn quiet_says_nothing() {
    let home = Home::new();
    let finished = home
        .command(["sh", "-c", "echo two >&2"])
        .under([
            nixtrace(),
            "-q".as_ref(),
            "-o".as_ref(),
            &home.outside("shell.nix"),
            "--".as_ref(),
        ])
        .run()
        .exits(0);
    assert_eq!(finished.words(), "two\n");
}

#[test]
fn the_same_run_gives_the_same_shell() {
    needs!("jq");
    let home = Home::new();
    let shells: Vec<_> = ["one.nix", "two.nix"]
        .map(|name| {
            let shell = home.outside(name);
            home.command(["sh", "-c", "jq -n 1 | cat & jq -n 2; wait"])
                .under([
                    nixtrace(),
                    "-q".as_ref(),
                    "-o".as_ref(),
                    &shell,
                    "--".as_ref(),
                ])
                .run()
                .exits(0);
            std::fs::read_to_string(shell).unwrap()
        })
        .into();
    assert_eq!(shells[0], shells[1]);
}
