//! What a wrapper tells a program before it starts: where commands, libraries and data are.

use super::{Ingredients, Slot};
use crate::emit::nix::{Expression, Item, Line, NixText};
use crate::emit::variables::{self, Value};
use crate::graph::surroundings::Toolkit;

/// A wrapper's arguments, each as a function from the line so far.
pub(super) struct Wrapping {
    arguments: Vec<Argument>,
}

enum Argument {
    /// `--prefix NAME : VALUE`
    Prefix(&'static str, Expression),
    /// `--set-default NAME VALUE`
    Default(String, Value),
}

impl Wrapping {
    /// What the subject has to be told; `interpreters` are those that it runs, `libraries` those that
    /// its own interpreter opens.
    pub(super) fn of(
        ingredients: &Ingredients<'_>,
        interpreters: Vec<Item>,
        libraries: Vec<Item>,
    ) -> Self {
        let mut wrapping = Self::of_packages(ingredients, interpreters, libraries);
        for (name, variable) in variables::of_package(ingredients.evidence) {
            let argument = Argument::Default(name, variable.value);
            wrapping.arguments.push(argument);
        }
        wrapping
    }

    /// The same without variables, which a build has set for itself.
    pub(super) fn of_packages(
        ingredients: &Ingredients<'_>,
        interpreters: Vec<Item>,
        libraries: Vec<Item>,
    ) -> Self {
        let evidence = ingredients.evidence;
        let mut arguments = Vec::new();
        let mut commands = interpreters;
        for item in ingredients.parts.items(Slot::Command, evidence) {
            if !commands.iter().any(|it| it.is_same_as(&item)) {
                commands.push(item);
            }
        }
        if !commands.is_empty() {
            let path = Expression::call(
                ingredients.known("lib.makeBinPath"),
                Expression::List(commands),
            );
            arguments.push(Argument::Prefix("PATH", path));
        }
        if !libraries.is_empty() {
            let path = Expression::call(
                ingredients.known("lib.makeLibraryPath"),
                Expression::List(libraries),
            );
            arguments.push(Argument::Prefix("LD_LIBRARY_PATH", path));
        }
        // Found by those who look where XDG says.
        let data = ingredients.parts.items(Slot::Data, evidence);
        if !data.is_empty() {
            let path = Expression::Apply(
                ingredients.known("lib.makeSearchPath"),
                vec![
                    NixText::constant("\"share\"").into(),
                    Expression::List(data),
                ],
            );
            arguments.push(Argument::Prefix("XDG_DATA_DIRS", path));
        }
        Self { arguments }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// The lines of a command that begins so, each argument on a line of its own.
    pub(super) fn lines(self, first: Line, indent: &'static str, sign: &'static str) -> Vec<Line> {
        let mut lines = vec![first];
        for argument in self.arguments {
            if let Some(line) = lines.pop() {
                lines.push(line.then(sign));
            }
            let line = Line::shell(indent);
            lines.push(match argument {
                Argument::Prefix(name, value) => {
                    line.then("--prefix ").then(name).then(" : ").nix(value)
                }
                Argument::Default(name, Value::Text(bytes)) => line
                    .then("--set-default ")
                    .word(name.as_bytes())
                    .then(" ")
                    .word(&bytes),
                Argument::Default(name, Value::Place(package, path)) => line
                    .then("--set-default ")
                    .word(name.as_bytes())
                    .then(" ")
                    .value(package)
                    .then(path),
            });
        }
        lines
    }

    /// The same added to the arguments of a hook that wraps anyway, so that there is one wrapper.
    pub(super) fn added_to(self, array: &'static str) -> Vec<Line> {
        let mut lines = self.lines(Line::shell(array), "  ", "");
        lines.push(Line::shell(")"));
        lines
    }
}

/// The hooks of the toolkits that were used, in the order in which they are listed.
pub(super) fn hooks(ingredients: &Ingredients<'_>) -> Vec<Item> {
    let evidence = ingredients.evidence;
    toolkits(ingredients)
        .into_iter()
        .filter_map(|(toolkit, path)| {
            let hook = match toolkit {
                Toolkit::Glib => "wrapGAppsNoGuiHook",
                Toolkit::Gtk3 => "wrapGAppsHook3",
                Toolkit::Gtk4 => "wrapGAppsHook4",
                Toolkit::Qt5 => "qt5.wrapQtAppsHook",
                Toolkit::Qt6 => "qt6.wrapQtAppsHook",
                Toolkit::Qt5Wayland | Toolkit::Qt6Wayland => return None,
            };
            Some(Item {
                value: ingredients.known(hook).into(),
                comment: evidence.remark(&format!("{} was used", evidence.home.shown(&path))),
            })
        })
        .collect()
}

/// The packages of plug-ins for Wayland.
pub(super) fn wayland(ingredients: &Ingredients<'_>) -> Vec<Item> {
    toolkits(ingredients)
        .into_iter()
        .filter_map(|(toolkit, _)| match toolkit {
            Toolkit::Qt5Wayland => Some(ingredients.known("qt5.qtwayland")),
            Toolkit::Qt6Wayland => Some(ingredients.known("qt6.qtwayland")),
            _ => None,
        })
        .map(Item::from)
        .collect()
}

/// The toolkits, each with the file that shows it.
pub(super) fn toolkits(ingredients: &Ingredients<'_>) -> Vec<(Toolkit, Vec<u8>)> {
    let surroundings = &ingredients.evidence.environment.surroundings;
    surroundings
        .toolkits
        .iter()
        .map(|used| (used.toolkit, used.path.to_vec()))
        .collect()
}
