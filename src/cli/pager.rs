//! Long text for a person: through a pager on a terminal, as it is everywhere else.

use super::Failure;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

/// How text for standard output is to be laid out and passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Columns and lines; none where the text is not for a terminal.
    size: Option<(usize, usize)>,
    may_page: bool,
}

impl Screen {
    /// The terminal that standard output is, if it is one.
    pub(super) fn of_stdout(may_page: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = is_terminal.then(|| {
            let size = terminal_size::terminal_size_of(io::stdout());
            size.map_or((80, 24), |(columns, lines)| {
                (columns.0.into(), lines.0.into())
            })
        });
        Self { size, may_page }
    }

    /// How wide a line may be: no limit where the text is not for a terminal.
    pub(super) fn width(&self) -> usize {
        self.size.map_or(usize::MAX, |(columns, _)| columns)
    }

    /// Whether headings may be told by the terminal's means (<https://no-color.org>).
    pub(super) fn may_highlight(&self) -> bool {
        let refuses = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|it| it == "dumb");
        self.size.is_some() && !refuses && !is_dumb
    }

    /// Passes text on, through a pager if it is longer than the terminal.
    ///
    /// # Errors
    /// When standard output does not take it. A reader that has read enough is no error.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        if let Some((_, lines)) = self.size
            && self.may_page
            && text.lines().count() >= lines
            && page(text)
        {
            return Ok(());
        }
        stream(|out| out.write_all(text.as_bytes()))
    }
}

/// Writes what is for programs to standard output, as it comes.
///
/// # Errors
/// When standard output does not take it. A reader that has read enough is no error.
pub(super) fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new("cannot write to standard output").because(&error))
        }
        _ => Ok(()),
    }
}

/// Shows text in the user's pager; false when there is none that can be started.
fn page(text: &str) -> bool {
    let chosen = ["NIXTRACE_PAGER", "PAGER"]
        .iter()
        .find_map(std::env::var_os)
        .unwrap_or_else(|| OsString::from("less"));
    if chosen.is_empty() || chosen == "cat" {
        return false;
    }
    // Users write options into the variable, so a shell reads it, as git and man let it.
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(&chosen).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Bold comes through, and a text that fits after all is left on the screen.
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves the pager early closes the pipe; that is no error.
        let _ = stdin.write_all(text.as_bytes());
    }
    // 127: the shell did not find it.
    child
        .wait()
        .is_ok_and(|status| !matches!(status.code(), Some(126 | 127)))
}
