//! arion-compose.nix: the program and the services that it talks to, for Arion; and the
//! arion-pkgs.nix that Arion takes its nixpkgs from.

use super::Writer;
use super::image::{command, contents, exposed};
use crate::emit::nix::{Entry, Expression, NixText};
use crate::emit::page::{Page, text};
use crate::emit::scope::Scope;
use crate::emit::{Environment, Error, Options, services, template, variables};
use crate::trace::Bytes;
use minijinja::{Value, context};

pub(super) struct Compose;

pub(super) struct Pkgs;

/// The images that stand for services of the machine: what to run, and the port.
const IMAGES: &[(&str, &str, &str)] = &[
    ("Memcached", "memcached", "docker.io/library/memcached"),
    ("MySQL", "mysql", "docker.io/library/mariadb"),
    ("NATS", "nats", "docker.io/library/nats"),
    ("PostgreSQL", "postgresql", "docker.io/library/postgres"),
    ("RabbitMQ", "rabbitmq", "docker.io/library/rabbitmq"),
    ("Redis", "redis", "docker.io/library/redis"),
];

impl Writer for Compose {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        let pname = page.identity().pname;
        let others: Vec<&(&str, &str, &str)> = services::services(environment)
            .keys()
            .filter_map(|service| IMAGES.iter().find(|(name, ..)| *name == service.name))
            .collect();
        let service = Expression::Set {
            entries: service(&page, &others),
            spaced: true,
        };
        let others: Vec<Value> = others
            .iter()
            .map(|(_, name, image)| {
                let image = NixText::string(image.as_bytes());
                text(NixText::service_image(name, &image))
            })
            .collect();
        template::fill(
            "arion-compose.nix.jinja",
            context! {
                header => page.header(),
                set => text(page.set()),
                name => text(NixText::string(pname.as_bytes())),
                attribute => text(page.attribute()),
                service => text(service.source(2)),
                others,
            },
        )
    }
}

fn service(page: &Page<'_>, others: &[&(&str, &str, &str)]) -> Vec<Entry> {
    let environment = page.environment;
    let scope = Scope::pkgs();
    let evidence = page.evidence(&scope);
    let contents = contents(environment);
    let mut entries = vec![
        Entry::binding("image.command", command(page))
            .below(services::configured(environment, "image.contents")),
    ];
    if !contents.is_empty() {
        entries.push(Entry::binding("image.contents", Expression::list(contents)));
    }
    let variables = variables::entries(variables::variables(&evidence));
    if !variables.is_empty() {
        entries.push(Entry::binding(
            "service.environment",
            Expression::Set {
                entries: variables,
                spaced: false,
            },
        ));
    }
    let (passing, kept): (Vec<Bytes>, Vec<Bytes>) = services::kept(environment)
        .into_iter()
        .chain(environment.surroundings.scratch.then(|| "/tmp".into()))
        .partition(|directory| {
            ["/run/", "/var/run/", "/tmp"]
                .iter()
                .any(|place| directory.starts_with(place.as_bytes()))
        });
    for (name, directories, remark) in [
        ("service.volumes", kept, "it keeps files there"),
        ("service.tmpfs", passing, "it writes files for the moment"),
    ] {
        if !directories.is_empty() {
            let directories = directories.iter().map(|it| NixText::string(it));
            let list = Expression::list(directories);
            entries.push(Entry::binding(name, list).below(page.comment(remark)));
        }
    }
    let ports: Vec<NixText> = exposed(environment)
        .iter()
        .map(|port| {
            let number = port.split('/').next().unwrap_or(port);
            NixText::string(format!("{number}:{port}").as_bytes())
        })
        .collect();
    if !ports.is_empty() {
        entries.push(Entry::binding("service.ports", Expression::list(ports)));
    }
    if !others.is_empty() {
        let names = others
            .iter()
            .map(|(_, name, _)| NixText::string(name.as_bytes()));
        entries.push(Entry::binding(
            "service.depends_on",
            Expression::list(names),
        ));
    }
    entries
}

impl Writer for Pkgs {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        template::fill(
            "arion-pkgs.nix.jinja",
            context! {
                header => page.header(),
                nixpkgs => page.nixpkgs()?,
            },
        )
    }
}
