//! What goes wrong, in the form a person reads it.

use super::Exit;
use crate::report::printable;
use std::error::Error;
use std::fmt;

/// A failure of a verb: what happened, while doing what, and what to do now.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure of nixtrace itself (exit status 125).
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failure,
            what: what.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// A failure that an error tells by itself, and all that it came from as the cause.
    pub fn of(error: &dyn Error) -> Self {
        let failure = Self::new(error.to_string());
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }

    /// The same with an error and all that it came from as the cause.
    pub fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self
    }

    /// The same with a line on what to do now.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another exit status.
    pub fn exit_with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The status to exit with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in it can be any bytes; what it says stays one line that steers nothing.
        let shown = |text: &str| printable(text.as_bytes());
        write!(f, "nixtrace: error: {}", shown(&self.what))?;
        for cause in &self.causes {
            write!(f, ": {}", shown(cause))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", shown(hint))?;
        }
        Ok(())
    }
}
