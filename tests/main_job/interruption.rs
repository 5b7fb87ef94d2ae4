//! Runs that end before their time: nothing stopped, half-written or orphaned is left.

use super::recording::{check_lines, whole_lines};
use super::support::{Home, Invocation, Running, compile, needs, nixtrace};
use nix::sys::signal::Signal;
use std::path::PathBuf;

/// Says that it runs, and waits for a signal. A shell would not do: a Ctrl-C that meets it between
/// two commands, or its child before that runs another program, is taken note of and not acted on.
const WAIT: &str = r#"
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    FILE *file = fopen(argv[1], "w");
    fprintf(file, "%d\n", getpid());
    fclose(file);
    for (;;)
        pause();
}
"#;

/// A command that says when it runs, and then waits for longer than any test.
struct Waiting {
    home: Home,
    started: PathBuf,
}

impl Waiting {
    fn new() -> Self {
        let home = Home::new();
        let started = home.outside("started");
        Self { home, started }
    }

    /// The command: a shell whose child waits, and which has more to do afterwards.
    fn command(&self) -> Invocation {
        let program = compile(&self.home, "wait", WAIT, &[]);
        self.home
            .command(["sh", "-c", "\"$0\" \"$1\"; exit 9"])
            .arg(program)
            .arg(&self.started)
    }

    fn recorded(&self) -> Invocation {
        self.command().recorded(self.trace(), &[])
    }

    fn trace(&self) -> PathBuf {
        self.home.outside("trace.jsonl")
    }

    /// Starts it and waits until the command has come to its waiting.
    fn start(&self, invocation: Invocation) -> Running {
        let mut running = invocation.start();
        let written = running.wait_until(|| {
            std::fs::read_to_string(&self.started).is_ok_and(|text| text.ends_with('\n'))
        });
        if !written {
            running.signal_group(Signal::SIGKILL);
            panic!("the command did not start: {}", running.wait());
        }
        running
    }
}

#[test]
fn ctrl_c_ends_the_command_and_leaves_a_whole_trace() {
    needs!("cc");
    let waiting = Waiting::new();
    let running = waiting.start(waiting.recorded());
    let group = running.id();
    running.signal_group(Signal::SIGINT);
    running.wait().exits(130).does_not_panic();
    Running::wait_for_empty_group(group);
    let trace = std::fs::read_to_string(waiting.trace()).unwrap();
    let last = check_lines(&trace).pop().unwrap();
    assert_eq!(last["type"], "footer", "{trace}");
}

#[test]
fn ctrl_c_leaves_a_whole_shell_or_none() {
    needs!("cc");
    let waiting = Waiting::new();
    let shell = waiting.home.project().join("shell.nix");
    let command = waiting.command().under([nixtrace(), "--".as_ref()]);
    let running = waiting.start(command);
    let group = running.id();
    running.signal_group(Signal::SIGINT);
    running.wait().exits(130).does_not_panic();
    Running::wait_for_empty_group(group);
    let left: Vec<_> = std::fs::read_dir(waiting.home.project())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty() || left == [shell.clone()], "{left:?}");
    if let Ok(text) = std::fs::read_to_string(shell) {
        assert!(text.ends_with("}\n"), "{text}");
    }
}

#[test]
fn a_command_that_handles_ctrl_c_ends_as_it_likes() {
    let waiting = Waiting::new();
    let script = "trap 'echo handled; exit 5' INT; echo $$ > \"$0\"; while :; do sleep 0.05; done";
    let command = waiting
        .home
        .command(["sh", "-c", script])
        .arg(&waiting.started);
    let trace = waiting.trace();
    let running = waiting.start(command.recorded(&trace, &[]));
    running.signal_group(Signal::SIGINT);
    running.wait().exits(5).prints("handled\n");
}

#[test]
fn a_request_to_end_is_passed_on_to_the_command() {
    for (signal, status) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let waiting = Waiting::new();
        let script = "echo $$ > \"$0\"; exec sleep 1000";
        let command = waiting
            .home
            .command(["sh", "-c", script])
            .arg(&waiting.started);
        let trace = waiting.trace();
        let running = waiting.start(command.recorded(&trace, &[]));
        let group = running.id();
        running.signal(signal);
        running.wait().exits(status).does_not_panic();
        Running::wait_for_empty_group(group);
        check_lines(&std::fs::read_to_string(trace).unwrap());
    }
}

#[test]
fn when_nixtrace_is_killed_no_process_is_left() {
    needs!("cc");
    let waiting = Waiting::new();
    let running = waiting.start(waiting.recorded());
    let group = running.id();
    running.signal(Signal::SIGKILL);
    running.wait().exits(137);
    Running::wait_for_empty_group(group);
}

#[test]
fn what_was_recorded_before_nixtrace_is_killed_can_be_read() {
    needs!("cc");
    let waiting = Waiting::new();
    let mut running = waiting.start(waiting.recorded());
    // The command has come to its waiting, so what it did before is written without its doing more.
    let recorded = running.wait_until(|| {
        std::fs::read_to_string(waiting.trace()).is_ok_and(|text| text.contains("\"executed\""))
    });
    assert!(recorded, "nothing was recorded");
    running.signal(Signal::SIGKILL);
    running.wait().exits(137);
    let trace = std::fs::read_to_string(waiting.trace()).unwrap();
    let records = check_lines(whole_lines(&trace));
    assert!(records.iter().any(|record| record["type"] == "executed"));
}

#[test]
fn ctrl_z_stops_the_command_and_fg_resumes_it() {
    let waiting = Waiting::new();
    let script = "echo $$ > \"$0\"; until [ -e \"$1\" ]; do sleep 0.05; done; echo resumed";
    let go = waiting.home.outside("go");
    let command = waiting
        .home
        .command(["sh", "-c", script])
        .arg(&waiting.started)
        .arg(&go);
    let trace = waiting.trace();
    let running = waiting.start(command.recorded(&trace, &[]));
    running.signal_group(Signal::SIGSTOP);
    std::fs::write(&go, "").unwrap();
    running.signal_group(Signal::SIGCONT);
    running.wait().exits(0).prints("resumed\n");
}
