//! Expressions, printed as `nixfmt` (RFC 166) prints them.
//!
//! Not every Nix expression has a form here, only those that the formats write, and for these the
//! layout is the formatter's by construction: a list is on one line when it has at most one item,
//! no comment, and fits; the last argument of a function begins on the function's line; a set with
//! entries has one on each line. The tests compare with an implementation of nixfmt.

use super::{Comment, NixText};

/// Columns of a line, as RFC 166 has it.
pub(crate) const WIDTH: usize = 100;
/// A comment at the end of a line gets at least this many columns, even if the line grows too long.
const SHORTEST_COMMENT: usize = 40;

/// A Nix expression.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// Anything that is never broken: a string, an attribute, a path.
    Atom(NixText),
    /// `[ … ]`
    List(Vec<Item>),
    /// `{ … }`
    Set {
        /// Its bindings and the comments between them.
        entries: Vec<Entry>,
        /// Whether a blank line separates the entries.
        spaced: bool,
    },
    /// A function and its arguments.
    Apply(NixText, Vec<Expression>),
    /// `parameter: body`
    Lambda(NixText, Box<Expression>),
    /// An expression in parentheses.
    Parenthesised(Box<Expression>),
}

/// An item of a list.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// What.
    pub(crate) value: Expression,
    /// A comment at the end of its line.
    pub(crate) comment: Option<Comment>,
}

/// A line or more of a set.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// `name = value;`, below comments of its own.
    Binding {
        /// Comments above it.
        comments: Vec<Comment>,
        /// The attribute.
        name: NixText,
        /// Its value.
        value: Expression,
    },
    /// Comments alone, each with the columns it is indented by after its `#`.
    Comments(Vec<(usize, Comment)>),
}

impl From<NixText> for Expression {
    fn from(text: NixText) -> Self {
        Self::Atom(text)
    }
}

impl Expression {
    /// The source, when its first line begins at column `indent` and the following ones are
    /// indented by as much.
    pub(crate) fn source(&self, indent: usize) -> NixText {
        let mut page = Page {
            source: String::new(),
            indent,
        };
        page.write(self, 0);
        NixText::assembled(page.source)
    }

    /// The form on one line, if it has one.
    fn on_one_line(&self) -> Option<String> {
        match self {
            Self::Atom(text) => Some(text.to_string()),
            Self::List(items) => match items.as_slice() {
                [] => Some("[ ]".to_owned()),
                [
                    Item {
                        value,
                        comment: None,
                    },
                ] => Some(format!("[ {} ]", value.on_one_line()?)),
                _ => None,
            },
            Self::Set { entries, .. } => entries.is_empty().then(|| "{ }".to_owned()),
            Self::Apply(function, arguments) => {
                let mut line = function.to_string();
                for argument in arguments {
                    line.push(' ');
                    line.push_str(&argument.on_one_line()?);
                }
                Some(line)
            }
            Self::Lambda(parameter, body) => Some(format!("{parameter}: {}", body.on_one_line()?)),
            Self::Parenthesised(inner) => Some(format!("({})", inner.on_one_line()?)),
        }
    }
}

/// Source as it grows.
struct Page {
    source: String,
    /// The columns before every line.
    indent: usize,
}

impl Page {
    /// Writes the expression where the page ends; `after` columns of the same line follow it.
    fn write(&mut self, expression: &Expression, after: usize) {
        if let Some(line) = expression.on_one_line()
            && self.column() + width(&line) + after <= WIDTH
        {
            self.source.push_str(&line);
            return;
        }
        match expression {
            Expression::Atom(text) => self.source.push_str(text.as_str()),
            Expression::List(items) => {
                self.source.push('[');
                self.indented(|page| {
                    for item in items {
                        page.new_line();
                        page.write(&item.value, 0);
                        if let Some(comment) = &item.comment {
                            page.end_line_with(comment);
                        }
                    }
                });
                self.new_line();
                self.source.push(']');
            }
            Expression::Set { entries, spaced } => {
                self.source.push('{');
                self.indented(|page| {
                    for (number, entry) in entries.iter().enumerate() {
                        if *spaced && number > 0 {
                            page.source.push('\n');
                        }
                        page.entry(entry);
                    }
                });
                self.new_line();
                self.source.push('}');
            }
            Expression::Apply(function, arguments) => {
                self.source.push_str(function.as_str());
                for (number, argument) in arguments.iter().enumerate() {
                    self.source.push(' ');
                    let last = number + 1 == arguments.len();
                    self.write(argument, if last { after } else { 0 });
                }
            }
            Expression::Lambda(parameter, body) => {
                self.source.push_str(parameter.as_str());
                self.source.push_str(": ");
                self.write(body, after);
            }
            Expression::Parenthesised(inner) => {
                self.source.push('(');
                self.write(inner, after + 1);
                self.source.push(')');
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Binding {
                comments,
                name,
                value,
            } => {
                for comment in comments {
                    self.comment(0, comment);
                }
                self.new_line();
                self.source.push_str(name.as_str());
                self.source.push_str(" = ");
                self.write(value, 1);
                self.source.push(';');
            }
            Entry::Comments(comments) => {
                for (indent, comment) in comments {
                    self.comment(*indent, comment);
                }
            }
        }
    }

    fn comment(&mut self, indent: usize, comment: &Comment) {
        self.new_line();
        let room = WIDTH - self.indent.min(WIDTH / 2);
        self.source.push_str(&comment.line(indent, room));
    }

    fn end_line_with(&mut self, comment: &Comment) {
        let room = WIDTH
            .saturating_sub(self.column() + 1)
            .max(SHORTEST_COMMENT);
        self.source.push(' ');
        self.source.push_str(&comment.line(0, room));
    }

    fn indented(&mut self, body: impl FnOnce(&mut Self)) {
        self.indent += 2;
        body(self);
        self.indent -= 2;
    }

    fn new_line(&mut self) {
        self.source.push('\n');
        self.source.push_str(&" ".repeat(self.indent));
    }

    /// The column at which the page ends.
    fn column(&self) -> usize {
        match self.source.rsplit_once('\n') {
            Some((_, line)) => width(line),
            None => self.indent + width(&self.source),
        }
    }
}

/// Columns, as nixfmt counts them: characters.
fn width(line: &str) -> usize {
    line.chars().count()
}
