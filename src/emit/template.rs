//! The templates: the fixed text of each format, with slots for Nix that is already escaped and
//! laid out. The only place that knows minijinja's environment.

use super::Error;
use super::nix::NixText;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};
use std::sync::{Arc, LazyLock};

impl Object for NixText {
    /// One value, not the empty map that an object is unless it says otherwise.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A tag on a line of its own leaves no trace of that line.
static LINE_BY_LINE: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the default delimiters are valid")
});

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::empty();
    templates.set_syntax(LINE_BY_LINE.clone());
    templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    // Escaping is the type's work: a slot that holds anything else is a mistake in the program.
    templates.set_formatter(
        |output, _, value| match value.downcast_object_ref::<NixText>() {
            Some(text) => Ok(output.write_str(text.as_str())?),
            None => Err(minijinja::Error::new(
                ErrorKind::BadSerialization,
                "a slot of a Nix template holds something that is not Nix text",
            )),
        },
    );
    for (name, source) in SOURCES {
        templates
            .add_template(name, source)
            .expect("the templates are part of the program and the tests load them all");
    }
    templates
});

const SOURCES: [(&str, &str); 10] = [
    (
        "arguments.nix.jinja",
        include_str!("../../templates/arguments.nix.jinja"),
    ),
    (
        "arion-compose.nix.jinja",
        include_str!("../../templates/arion-compose.nix.jinja"),
    ),
    (
        "arion-pkgs.nix.jinja",
        include_str!("../../templates/arion-pkgs.nix.jinja"),
    ),
    (
        "default.nix.jinja",
        include_str!("../../templates/default.nix.jinja"),
    ),
    (
        "flake.nix.jinja",
        include_str!("../../templates/flake.nix.jinja"),
    ),
    (
        "image.nix.jinja",
        include_str!("../../templates/image.nix.jinja"),
    ),
    (
        "module.nix.jinja",
        include_str!("../../templates/module.nix.jinja"),
    ),
    (
        "overlay.nix.jinja",
        include_str!("../../templates/overlay.nix.jinja"),
    ),
    (
        "package.nix.jinja",
        include_str!("../../templates/package.nix.jinja"),
    ),
    (
        "shell.nix.jinja",
        include_str!("../../templates/shell.nix.jinja"),
    ),
];

/// Fills the template called `name`.
pub(super) fn fill(name: &str, slots: Value) -> Result<String, Error> {
    Ok(TEMPLATES.get_template(name)?.render(slots)?)
}
