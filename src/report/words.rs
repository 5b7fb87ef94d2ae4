//! Small things in words: times, command lines, how a process ended.

use super::printable;
use crate::trace::{Bytes, ExitStatus, Micros};
use bstr::ByteSlice;
use nix::sys::signal::Signal;

/// A length of time with the digits that matter: `3.2 ms`, `0.31 s`, `2 min 5 s`.
pub(crate) fn duration(time: Micros) -> String {
    let micros = time.0;
    let seconds = micros as f64 / 1e6;
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..100_000 => format!("{:.1} ms", micros as f64 / 1e3),
        100_000..60_000_000 => format!("{seconds:.2} s"),
        _ => format!("{} min {} s", micros / 60_000_000, micros / 1_000_000 % 60),
    }
}

/// How a process ended: `exit status 2`, `killed by SIGSEGV`.
pub(crate) fn ending(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(signal) => match Signal::try_from(signal) {
            Ok(signal) => format!("killed by {signal}"),
            // Real-time signals have no names of their own.
            Err(_) => format!("killed by signal {signal}"),
        },
    }
}

/// Arguments on one line, quoted as a shell wants them.
pub(crate) fn command_line(arguments: &[Bytes]) -> String {
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    words.join(" ")
}

fn quoted(argument: &Bytes) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "_-./:=@%+,~…".contains(it);
    let text = printable(argument.as_bytes());
    if !text.is_empty() && argument.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `1 process`, `3 processes`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_that_matter() {
        let shown = |micros| duration(Micros(micros));
        assert_eq!(
            [7, 3_217, 312_000, 125_000_000].map(shown),
            ["7 µs", "3.2 ms", "0.31 s", "2 min 5 s"]
        );
    }

    #[test]
    fn an_end_is_told_by_the_signals_name() {
        assert_eq!(ending(ExitStatus::Signal(11)), "killed by SIGSEGV");
        assert_eq!(ending(ExitStatus::Signal(40)), "killed by signal 40");
    }

    #[test]
    fn arguments_are_quoted_for_a_shell() {
        let words = ["sh", "-c", "echo it's", ""].map(Bytes::from);
        assert_eq!(command_line(&words), r"sh -c 'echo it'\''s' ''");
    }
}
