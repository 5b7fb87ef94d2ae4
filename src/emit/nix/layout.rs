//! Expressions, printed as `nixfmt` (RFC 166) prints them.
//!
//! Not every Nix expression has a form here, only those that the formats write, and for these the
//! layout is the formatter's by construction: a list is on one line when it has at most one item,
//! no comment, and fits; the last argument of a function begins on the function's line; a set with
//! entries has one on each line. What has no place to break it is written whole: nixpkgs has no
//! attribute path that would fill a line. The tests compare with an implementation of nixfmt.

use super::script::{Line, Piece};
use super::{Comment, NixText};

/// Columns of a line, as RFC 166 has it. nixfmt does not count the indentation.
pub(crate) const WIDTH: usize = 100;
/// A comment at the end of a line gets at least this many columns, even if the line grows too long.
const SHORTEST_COMMENT: usize = 40;

/// A Nix expression.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    /// Anything that is never broken: a string, an attribute, a path.
    Atom(NixText),
    /// A string in two single quotes, line by line.
    Lines(Vec<Line>),
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
    /// An expression and the attribute path that is selected from it.
    Select(Box<Expression>, NixText),
    /// The sum of an expression and a string, in parentheses.
    Sum(Box<Expression>, NixText),
    /// `let … in body`
    Let(Vec<Entry>, Box<Expression>),
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
        /// A comment at the end of its line.
        note: Option<Comment>,
    },
    /// `inherit (set) names;`
    Inherit(&'static str, Vec<&'static str>),
    /// Entries that no blank line parts.
    Together(Vec<Entry>),
    /// Comments alone, each with the columns it is indented by after its `#`.
    Comments(Vec<(usize, Comment)>),
}

impl From<NixText> for Expression {
    fn from(text: NixText) -> Self {
        Self::Atom(text)
    }
}

impl Entry {
    /// A binding without comments.
    pub(crate) fn binding(name: &'static str, value: Expression) -> Self {
        Self::named(NixText::constant(name), value)
    }

    /// A binding of a name that is not ours.
    pub(crate) fn named(name: NixText, value: Expression) -> Self {
        Self::Binding {
            comments: Vec::new(),
            name,
            value,
            note: None,
        }
    }

    /// `inherit (set) names;`
    pub(crate) fn inherit(set: &'static str, names: &[&'static str]) -> Self {
        Self::Inherit(set, names.to_vec())
    }

    /// The entry with a comment above it.
    pub(crate) fn below(mut self, comment: Option<Comment>) -> Self {
        if let Self::Binding { comments, .. } = &mut self {
            comments.extend(comment);
        }
        self
    }

    /// The entry with a comment at the end of its line.
    pub(crate) fn noted(mut self, comment: Option<Comment>) -> Self {
        if let Self::Binding { note, .. } = &mut self {
            *note = comment;
        }
        self
    }
}

impl Item {
    /// Whether it is the same value, for whatever reason it is listed.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.value.source(0) == other.value.source(0)
    }
}

impl From<NixText> for Item {
    fn from(text: NixText) -> Self {
        Self {
            value: text.into(),
            comment: None,
        }
    }
}

impl Expression {
    /// A call of a function with one argument.
    pub(crate) fn call(function: NixText, argument: Self) -> Self {
        Self::Apply(function, vec![argument])
    }

    /// The expression in parentheses.
    pub(crate) fn parenthesised(self) -> Self {
        Self::Parenthesised(Box::new(self))
    }

    /// What the expression has at an attribute path.
    pub(crate) fn member(self, path: NixText) -> Self {
        Self::Select(Box::new(self), path)
    }

    /// A list of values without comments.
    pub(crate) fn list(values: impl IntoIterator<Item = NixText>) -> Self {
        Self::List(values.into_iter().map(Item::from).collect())
    }

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

    /// Whether it is a call with several arguments that take more than a line each.
    fn has_long_arguments(&self) -> bool {
        let is_long = |argument: &&Self| argument.on_one_line().is_none();
        matches!(self, Self::Apply(_, arguments) if arguments.iter().filter(is_long).count() > 1)
    }

    /// Whether nixfmt takes it for simple: names, and calls of one or two of them.
    pub(super) fn is_simple(&self) -> bool {
        match self {
            Self::Atom(text) => text.is_simple(),
            Self::Apply(function, arguments) => {
                function.is_simple()
                    && arguments.len() <= 2
                    && arguments.iter().all(Self::is_simple)
            }
            Self::Parenthesised(inner) => inner.is_simple(),
            Self::Select(..)
            | Self::Sum(..)
            | Self::Lines(_)
            | Self::Let(..)
            | Self::List(_)
            | Self::Set { .. }
            | Self::Lambda(..) => false,
        }
    }

    /// The form on one line, if it has one.
    pub(super) fn on_one_line(&self) -> Option<String> {
        match self {
            Self::Atom(text) => Some(text.to_string()),
            Self::Lines(_) | Self::Let(..) | Self::Select(..) | Self::Sum(..) => None,
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
            && self.written() + width(&line) + after <= WIDTH
        {
            self.source.push_str(&line);
            return;
        }
        match expression {
            Expression::Atom(text) => self.source.push_str(text.as_str()),
            Expression::Lines(lines) => {
                self.source.push_str("''");
                self.indented(|page| {
                    for line in lines {
                        page.new_line();
                        page.line(line);
                    }
                });
                self.new_line();
                self.source.push_str("''");
            }
            Expression::Let(entries, body) => {
                self.source.push_str("let");
                self.indented(|page| {
                    for entry in entries {
                        page.entry(entry);
                    }
                });
                self.new_line();
                self.source.push_str("in");
                self.new_line();
                self.write(body, after);
            }
            Expression::List(items) => {
                self.source.push('[');
                self.indented(|page| {
                    for item in items {
                        page.new_line();
                        // Of a comment the blank before it counts.
                        page.write(&item.value, usize::from(item.comment.is_some()));
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
                    let rest = &arguments[number + 1..];
                    // What follows can be broken after its bracket.
                    let reach = |it: &Expression| it.on_one_line().map_or(1, |line| width(&line));
                    let follows = rest.iter().map(|it| 1 + reach(it)).sum::<usize>() + after;
                    let operation = match argument {
                        Expression::Atom(text) => text
                            .in_parentheses()
                            .filter(|_| self.written() + width(text.as_str()) + follows > WIDTH),
                        _ => None,
                    };
                    match operation {
                        Some(operation) => self.broken_parentheses(operation),
                        None => self.write(argument, if rest.is_empty() { after } else { 0 }),
                    }
                }
            }
            Expression::Lambda(parameter, body) => {
                self.source.push_str(parameter.as_str());
                self.source.push_str(": ");
                self.write(body, after);
            }
            Expression::Select(inner, path) => {
                let line = inner.on_one_line();
                let is_long = line.is_some_and(|line| {
                    let taken = self.written() + width(&line) + width(path.as_str());
                    taken + ".".len() + after > WIDTH
                });
                let start = self.source.len();
                self.write(inner, 0);
                // Behind what was broken there is room again.
                if is_long && !self.source[start..].contains('\n') {
                    self.new_line();
                }
                self.source.push_str(&format!(".{path}"));
            }
            Expression::Sum(inner, text) => {
                self.source.push('(');
                self.indented(|page| {
                    page.new_line();
                    page.write(inner, 0);
                    page.new_line();
                    page.source.push_str(&format!("+ {text}"));
                });
                self.new_line();
                self.source.push(')');
            }
            Expression::Parenthesised(inner) if inner.has_long_arguments() => {
                self.source.push('(');
                if let Expression::Apply(function, arguments) = &**inner {
                    self.source.push_str(function.as_str());
                    self.indented(|page| {
                        for argument in arguments {
                            page.new_line();
                            page.write(argument, 0);
                        }
                    });
                }
                self.new_line();
                self.source.push(')');
            }
            Expression::Parenthesised(inner) => {
                self.source.push('(');
                self.write(inner, after + 1);
                self.source.push(')');
            }
        }
    }

    fn broken_parentheses(&mut self, inner: &str) {
        self.source.push('(');
        self.indented(|page| {
            page.new_line();
            page.source.push_str(inner);
        });
        self.new_line();
        self.source.push(')');
    }

    /// A line of an indented string. A value that has no form on one line is broken inside its
    /// braces, and so is one that makes the line too long, unless it is short or a plain name.
    fn line(&mut self, line: &Line) {
        let shift = line.indentation();
        let mut column = 0;
        for (number, piece) in line.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => {
                    self.source.push_str(text);
                    column += width(text);
                }
                Piece::Nix(expression) => {
                    self.source.push_str("${");
                    match expression.on_one_line() {
                        Some(text)
                            if !piece.may_break()
                                || column + "${}".len() + width(&text) + line.reach(number + 1)
                                    <= WIDTH =>
                        {
                            self.source.push_str(&text);
                            column += "${}".len() + width(&text);
                        }
                        _ => {
                            self.indent += shift;
                            self.indented(|page| {
                                page.new_line();
                                page.write(expression, 0);
                            });
                            self.new_line();
                            self.indent -= shift;
                            column = "}".len();
                        }
                    }
                    self.source.push('}');
                }
            }
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Binding {
                comments,
                name,
                value,
                note,
            } => {
                let line = value.on_one_line().unwrap_or_default();
                let taken = self.indent + width(name.as_str()) + width(&line) + " = ; ".len();
                // A comment that has no room beside its binding stands above it.
                let (above, beside) = match note {
                    Some(note) if taken + note.width() > WIDTH => (Some(note), None),
                    note => (None, note.as_ref()),
                };
                for comment in comments.iter().chain(above) {
                    self.comment(0, comment);
                }
                self.new_line();
                self.source.push_str(name.as_str());
                self.source.push_str(" =");
                // A selection that takes more than a line begins on one of its own.
                let is_long = match value {
                    Expression::Select(inner, path) => inner.on_one_line().is_none_or(|line| {
                        let selection = width(&line) + width(path.as_str());
                        self.written() + selection + " .;".len() > WIDTH
                    }),
                    _ => false,
                };
                if is_long {
                    self.indented(|page| {
                        page.new_line();
                        page.write(value, 1);
                    });
                } else {
                    self.source.push(' ');
                    self.write(value, 1);
                }
                self.source.push(';');
                if let Some(note) = beside {
                    self.end_line_with(note);
                }
            }
            Entry::Inherit(set, names) => {
                self.new_line();
                let names = names.join(" ");
                self.source.push_str(&format!("inherit ({set}) {names};"));
            }
            Entry::Together(entries) => {
                for entry in entries {
                    self.entry(entry);
                }
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
            .saturating_sub(self.indent + self.written() + 1)
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

    /// The columns of the last line that hold something.
    fn written(&self) -> usize {
        let line = self.source.rsplit('\n').next().unwrap_or_default();
        width(line.trim_start_matches(' '))
    }
}

/// Columns, as nixfmt counts them: characters.
fn width(line: &str) -> usize {
    line.chars().count()
}
