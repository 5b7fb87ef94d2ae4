//! image.nix: a container image that runs the program.

use super::Writer;
use crate::emit::nix::{Entry, Expression, Line, NixText};
use crate::emit::page::{Page, text};
use crate::emit::scope::Scope;
use crate::emit::services::{self, Listening};
use crate::emit::{Environment, Error, Options, template, variables};
use crate::graph::surroundings::WellKnown;
use bstr::ByteSlice;
use minijinja::context;

pub(super) struct Image;

impl Writer for Image {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        let image = Expression::Set {
            entries: entries(&page),
            spaced: true,
        };
        template::fill(
            "image.nix.jinja",
            context! {
                header => page.header(),
                set => text(page.set()),
                nixpkgs => page.nixpkgs()?,
                image => text(image.source(0)),
            },
        )
    }
}

fn entries(page: &Page<'_>) -> Vec<Entry> {
    let environment = page.environment;
    let pname = page.identity().pname;
    let mut entries = vec![Entry::binding(
        "name",
        NixText::string(pname.as_bytes()).into(),
    )];
    let contents = contents(environment);
    if !contents.is_empty() {
        entries.push(Entry::binding("contents", Expression::list(contents)));
    }
    if environment.surroundings.scratch {
        entries.push(
            Entry::binding(
                "extraCommands",
                NixText::constant("\"mkdir -m 1777 tmp\"").into(),
            )
            .below(page.comment("it writes files for the moment")),
        );
    }
    let kept = services::kept(environment);
    if !kept.is_empty() {
        let mut command = Line::shell("install -d -o 65534 -g 65534");
        for directory in kept {
            command = command
                .then(" ")
                .word(directory.trim_start_with(|it| it == '/'));
        }
        entries.push(
            Entry::binding("fakeRootCommands", Expression::Lines(vec![command]))
                .below(page.comment("it keeps files there")),
        );
    }
    let config = Expression::Set {
        entries: config(page),
        spaced: false,
    };
    entries.push(
        Entry::binding("config", config).below(services::configured(environment, "contents")),
    );
    entries
}

/// What the image has besides the program: only what was used.
pub(super) fn contents(environment: &Environment) -> Vec<NixText> {
    let surroundings = &environment.surroundings;
    let has_certificates = environment
        .packages
        .iter()
        .any(|package| package.attr.as_str() == "cacert" && package.implied.is_none());
    [
        (
            surroundings.well_known.contains(&WellKnown::Sh),
            "pkgs.dockerTools.binSh",
        ),
        (has_certificates, "pkgs.dockerTools.caCertificates"),
        (surroundings.accounts, "pkgs.dockerTools.fakeNss"),
        (
            surroundings.well_known.contains(&WellKnown::Env),
            "pkgs.dockerTools.usrBinEnv",
        ),
    ]
    .into_iter()
    .filter(|(used, _)| *used)
    .map(|(_, name)| NixText::constant(name))
    .collect()
}

/// The command line: the program, and the arguments that it was given.
pub(super) fn command(page: &Page<'_>) -> Expression {
    let program = NixText::constant("(pkgs.lib.getExe package)");
    let arguments = super::program_arguments(page.environment)
        .into_iter()
        .filter(|word| NixText::can_spell(word))
        .map(|word| NixText::string(page.home.shown_if_home(&word).as_bytes()));
    Expression::list([program].into_iter().chain(arguments))
}

fn config(page: &Page<'_>) -> Vec<Entry> {
    let mut entries = vec![Entry::binding("Cmd", command(page))];
    let scope = Scope::pkgs();
    let evidence = page.evidence(&scope);
    let variables: Vec<NixText> = variables::variables(&evidence)
        .into_iter()
        .map(|(name, variable)| variable.value.assignment(&name))
        .collect();
    if !variables.is_empty() {
        entries.push(Entry::binding("Env", Expression::list(variables)));
    }
    let ports = exposed(page.environment);
    if !ports.is_empty() {
        let ports = ports
            .iter()
            .map(|port| {
                let empty = NixText::constant("{ }").into();
                Entry::named(NixText::attribute(port), empty)
            })
            .collect();
        entries.push(Entry::binding(
            "ExposedPorts",
            Expression::Set {
                entries: ports,
                spaced: false,
            },
        ));
    }
    entries.push(
        Entry::binding("User", NixText::constant("\"65534:65534\"").into())
            .noted(page.comment("nobody")),
    );
    entries
}

/// The ports that others can reach: `8080/tcp`.
pub(super) fn exposed(environment: &Environment) -> Vec<String> {
    let listening = Listening::of(environment);
    let tcp = Listening::open(&listening.tcp).map(|port| format!("{port}/tcp"));
    let udp = Listening::open(&listening.udp).map(|port| format!("{port}/udp"));
    tcp.chain(udp).collect()
}
