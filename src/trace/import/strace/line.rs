//! One line of strace's output: who, when, and what kind of line it is.

use super::args::{call_end, digits};
use bstr::ByteSlice;

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// The thread, if the line says it.
    pub(super) pid: Option<u32>,
    /// When, if the line says it.
    pub(super) time: Option<Time>,
    /// What.
    pub(super) event: Event<'a>,
}

/// A point in time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Since the epoch (`-ttt`).
    Epoch(u64),
    /// Since midnight (`-t`, `-tt`).
    OfDay(u64),
    /// Since the line before (`-r`).
    Since(u64),
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// A call with its arguments and what follows the parenthesis after them.
    Call {
        name: &'a [u8],
        args: &'a [u8],
        result: &'a [u8],
    },
    /// A call that is of no interest; it has the form of one.
    Passed,
    /// The beginning of a call that goes on in another line: its name and first arguments.
    Unfinished { name: &'a [u8], args: &'a [u8] },
    /// The rest of such a call.
    Resumed { name: &'a [u8], rest: &'a [u8] },
    /// The process exited.
    Exited(i32),
    /// A signal killed it.
    Killed(&'a [u8]),
    /// An exec from another thread made this one its own.
    Superseded(u32),
    /// A signal, a note of strace itself, an empty line.
    Note,
}

/// Reads a line without its end. `interests` tells of which calls more than the form is wanted.
pub(super) fn line<'a>(
    text: &'a [u8],
    interests: impl Fn(&[u8]) -> bool,
) -> Result<Line<'a>, &'static str> {
    let mut rest = text.trim_ascii_end();
    let note = |pid, time| Line {
        pid,
        time,
        event: Event::Note,
    };
    if rest.is_empty() || is_note(rest) {
        return Ok(note(None, None));
    }
    let pid = pid(&mut rest)?;
    let time = time(&mut rest)?;
    let event = match rest.first() {
        Some(b'+') => plus(rest)?,
        Some(b'-') if rest.starts_with(b"--- ") && rest.ends_with(b" ---") => Event::Note,
        Some(b'<') => resumed(rest)?,
        Some(_) => call(rest, interests)?,
        None => return Err("nothing after the time"),
    };
    Ok(Line { pid, time, event })
}

/// What strace says in words of its own.
fn is_note(text: &[u8]) -> bool {
    text.starts_with(b"strace: ")
        || (text.starts_with(b"[ Process PID=") && text.ends_with(b" ]"))
        || (text.starts_with(b"Process ")
            && (text.ends_with(b"attached") || text.ends_with(b"detached")))
}

/// `[pid  123] `, `123   `, or nothing; `-Y` writes `123<make> `.
fn pid(rest: &mut &[u8]) -> Result<Option<u32>, &'static str> {
    let is_bracketed = rest.starts_with(b"[pid ");
    let mut after = match is_bracketed {
        true => rest[b"[pid ".len()..].trim_ascii_start(),
        false => *rest,
    };
    let Some(number) = digits(&mut after) else {
        return if is_bracketed {
            Err("no number after `[pid`")
        } else {
            Ok(None)
        };
    };
    if after.starts_with(b"<") {
        let end = after
            .find_byte(b'>')
            .ok_or("a name of a process without end")?;
        after = &after[end + 1..];
    }
    let mark: &[u8] = if is_bracketed { b"] " } else { b" " };
    match after.strip_prefix(mark) {
        Some(after) => {
            *rest = after.trim_ascii_start();
            u32::try_from(number)
                .map(Some)
                .map_err(|_| "a process number that is too large")
        }
        None if is_bracketed => Err("no `]` after the process number"),
        // `12:30:00`, `1700000000.123456`: that was a time.
        None => Ok(None),
    }
}

/// `12:30:00`, `12:30:00.123456`, `1700000000.123456`, `     0.000123`, or nothing; with `-r` and
/// `-t` together `12:30:00 (+     0.000123)`.
fn time(rest: &mut &[u8]) -> Result<Option<Time>, &'static str> {
    let mut after = rest.trim_ascii_start();
    let Some(first) = digits(&mut after) else {
        return Ok(None);
    };
    let mut is_of_day = false;
    let mut seconds = first;
    for _ in 0..2 {
        if let Some(mut next) = after.strip_prefix(b":") {
            let part = digits(&mut next).ok_or("a time without minutes or seconds")?;
            seconds = seconds.saturating_mul(60).saturating_add(part);
            after = next;
            is_of_day = true;
        }
    }
    let mut micros = 0;
    if let Some(mut next) = after.strip_prefix(b".") {
        let before = next.len();
        let fraction = digits(&mut next).ok_or("a time with nothing after its point")?;
        // Milliseconds, microseconds or nanoseconds (`--timestamps=ns`).
        micros = match before - next.len() {
            3 => fraction * 1000,
            6 => fraction,
            9 => fraction / 1000,
            _ => return Err("a time with a strange number of digits"),
        };
        after = next;
    } else if !is_of_day && first < 100_000_000 {
        return Err("a number that is no time");
    }
    after = after.strip_prefix(b" ").ok_or("no blank after the time")?;
    if let Some(relative) = after.strip_prefix(b"(+") {
        let end = relative.find(b") ").ok_or("a relative time without end")?;
        after = &relative[end + 2..];
    }
    let whole = seconds.saturating_mul(1_000_000).saturating_add(micros);
    *rest = after.trim_ascii_start();
    Ok(Some(if is_of_day {
        Time::OfDay(whole)
    } else if seconds < 100_000_000 {
        // The epoch's first three years are no time of a trace, and no pause is as long.
        Time::Since(whole)
    } else {
        Time::Epoch(whole)
    }))
}

/// `+++ exited with 0 +++` and its kin.
fn plus(text: &[u8]) -> Result<Event<'_>, &'static str> {
    let inner = text
        .strip_prefix(b"+++ ")
        .and_then(|rest| rest.strip_suffix(b" +++"))
        .ok_or("`+++` without its other side")?;
    if let Some(mut code) = inner.strip_prefix(b"exited with ") {
        let code = digits(&mut code).and_then(|code| i32::try_from(code).ok());
        return code.map(Event::Exited).ok_or("an exit without a status");
    }
    if let Some(signal) = inner.strip_prefix(b"killed by ") {
        let name = signal.fields().next().ok_or("killed by nothing")?;
        return Ok(Event::Killed(name));
    }
    if let Some(mut by) = inner.strip_prefix(b"superseded by execve in pid ") {
        let by = digits(&mut by).and_then(|by| u32::try_from(by).ok());
        return by.map(Event::Superseded).ok_or("superseded by nobody");
    }
    Err("an end that is not known")
}

/// `<... openat resumed>…`.
fn resumed(text: &[u8]) -> Result<Event<'_>, &'static str> {
    let inner = text.strip_prefix(b"<... ").ok_or("an unexpected `<`")?;
    let end = inner
        .find(b" resumed>")
        .ok_or("no `resumed` after `<...`")?;
    let rest = &inner[end + b" resumed>".len()..];
    Ok(Event::Resumed {
        name: &inner[..end],
        rest,
    })
}

fn call<'a>(text: &'a [u8], interests: impl Fn(&[u8]) -> bool) -> Result<Event<'a>, &'static str> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = text.iter().position(|byte| !is_of_name(byte));
    let end = end.filter(|&end| end > 0).ok_or("no call")?;
    let (name, rest) = text.split_at(end);
    let args = rest.strip_prefix(b"(").ok_or("no `(` after a name")?;
    for mark in [
        &b" <unfinished ...>"[..],
        b"<unfinished ...>",
        b" <detached ...>",
    ] {
        if let Some(args) = args.strip_suffix(mark) {
            // A call that never returns ends so as well: `exit_group(0 <unfinished ...>`.
            return Ok(Event::Unfinished { name, args });
        }
    }
    if !interests(name) {
        let equals = args.rfind(b" = ").ok_or("a call without a result")?;
        return match args[..equals].trim_ascii_end().last() {
            Some(b')') => Ok(Event::Passed),
            _ => Err("a call whose arguments do not end"),
        };
    }
    let end = call_end(args)?;
    Ok(Event::Call {
        name,
        args: &args[..end],
        result: result(&args[end + 1..])?,
    })
}

/// What follows the ` = ` after a call's arguments.
pub(super) fn result(text: &[u8]) -> Result<&[u8], &'static str> {
    let text = text.trim_ascii_start();
    let result = text.strip_prefix(b"= ").ok_or("a call without a result")?;
    if result.is_empty() {
        return Err("an empty result");
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, pid: Option<u32>, time: Option<Time>) {
        let read = line(text.as_bytes(), |_| false).unwrap();
        assert_eq!((read.pid, read.time), (pid, time), "{text}");
        assert_eq!(read.event, Event::Passed, "{text}");
    }

    #[test]
    fn every_way_to_tell_process_and_time_is_read() {
        let call = "close(3) = 0";
        let day = (12 * 3600 + 30 * 60 + 1) * 1_000_000;
        check(call, None, None);
        check(&format!("123   {call}"), Some(123), None);
        check(&format!("[pid    77] {call}"), Some(77), None);
        check(&format!("77<make> {call}"), Some(77), None);
        check(&format!("12:30:01 {call}"), None, Some(Time::OfDay(day)));
        check(
            &format!("9 12:30:01.000007 {call}"),
            Some(9),
            Some(Time::OfDay(day + 7)),
        );
        check(
            &format!("9 1700000000.000007 {call}"),
            Some(9),
            Some(Time::Epoch(1_700_000_000_000_007)),
        );
        check(
            &format!("     0.000123 {call}"),
            None,
            Some(Time::Since(123)),
        );
        check(
            &format!("9      0.000123 {call}"),
            Some(9),
            Some(Time::Since(123)),
        );
        check(
            &format!("12:30:01 (+     0.000123) {call}"),
            None,
            Some(Time::OfDay(day)),
        );
    }

    #[test]
    fn ends_signals_and_notes_are_told_apart() {
        let event = |text: &'static str| line(text.as_bytes(), |_| true).unwrap().event;
        assert_eq!(event("1 +++ exited with 3 +++"), Event::Exited(3));
        assert_eq!(
            event("+++ killed by SIGSEGV (core dumped) +++"),
            Event::Killed(b"SIGSEGV")
        );
        assert_eq!(
            event("7 +++ superseded by execve in pid 8 +++"),
            Event::Superseded(8)
        );
        assert_eq!(event("--- SIGCHLD {si_signo=SIGCHLD} ---"), Event::Note);
        assert_eq!(event("strace: Process 9 attached"), Event::Note);
        assert_eq!(
            event("3 <... openat resumed>) = 5"),
            Event::Resumed {
                name: b"openat",
                rest: b") = 5"
            }
        );
        assert_eq!(
            event("wait4(-1,  <unfinished ...>"),
            Event::Unfinished {
                name: b"wait4",
                args: b"-1, "
            }
        );
    }

    #[test]
    fn broken_lines_are_not_read() {
        for text in [
            "hello world",
            "openat(AT_FDCWD, \"/x",
            "123 open(\"/x\"",
            "[pid x] close(1) = 0",
            "+++ vanished +++",
            "close(3)",
            "open(\"/x\", O_RDONLY) = ",
            "99999999999 close(3) = 0",
            "<... resumed",
            "12:30 :01 close(1) = 0",
        ] {
            assert!(line(text.as_bytes(), |_| true).is_err(), "{text}");
        }
    }
}
