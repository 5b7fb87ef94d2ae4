//! module.nix: a NixOS service that runs the program.

use super::Writer;
use crate::emit::nix::{Comment, Entry, Expression, NixText};
use crate::emit::page::{Page, text};
use crate::emit::scope::Scope;
use crate::emit::services::{self, Listening};
use crate::emit::{Environment, Error, Options, template, variables};
use crate::trace::Bytes;
use minijinja::context;
use std::collections::BTreeSet;

pub(super) struct Module;

impl Writer for Module {
    fn write(&self, environment: &Environment, options: &Options) -> Result<String, Error> {
        let page = Page::new(environment, options);
        let listening = Listening::of(environment);
        let name = page.attribute();
        let options_set = Expression::Set {
            entries: declared(&page, &listening),
            spaced: true,
        };
        let config = Expression::call(
            NixText::constant("lib.mkIf cfg.enable"),
            Expression::Set {
                entries: configured(&page, &listening, &name),
                spaced: true,
            },
        );
        template::fill(
            "module.nix.jinja",
            context! {
                header => page.header(),
                name => text(name),
                options => text(options_set.source(2)),
                config => text(config.source(2)),
            },
        )
    }
}

/// The options of the service.
fn declared(page: &Page<'_>, listening: &Listening) -> Vec<Entry> {
    let pname = page.identity().pname;
    let string = NixText::string(pname.as_bytes());
    let call = match page.environment.subject.is_i386() {
        true => "pkgs.pkgsi686Linux.callPackage ./package.nix { }",
        false => "pkgs.callPackage ./package.nix { }",
    };
    // `mkPackageOption` looks in `pkgs`, where this package is not.
    let package = Expression::call(
        NixText::constant("lib.mkOption"),
        Expression::Set {
            entries: vec![
                Entry::binding("type", NixText::constant("lib.types.package").into()),
                Entry::binding("default", NixText::constant(call).into()),
                Entry::binding(
                    "defaultText",
                    Expression::call(
                        NixText::constant("lib.literalExpression"),
                        NixText::string(call.as_bytes()).into(),
                    ),
                ),
                Entry::binding(
                    "description",
                    NixText::constant("\"The package to run.\"").into(),
                ),
            ],
            spaced: false,
        },
    );
    let mut entries = vec![
        Entry::binding(
            "enable",
            Expression::call(NixText::constant("lib.mkEnableOption"), string.into()),
        ),
        Entry::binding("package", package),
    ];
    let (arguments, is_local) = arguments(page);
    let todo = is_local
        .then(|| {
            Comment::new("TODO nixtrace: some arguments are places of the machine that was watched")
        })
        .flatten();
    entries.push(
        Entry::binding(
            "arguments",
            option(
                "lib.types.listOf lib.types.str",
                Expression::list(arguments),
                "Arguments of the program; those of the run that was watched are the default.",
            ),
        )
        .below(todo),
    );
    if !page_ports(listening).is_empty() {
        entries.push(Entry::binding(
            "openFirewall",
            option(
                "lib.types.bool",
                NixText::constant("false").into(),
                "Whether to let others reach the ports that the program listens on.",
            ),
        ));
    }
    entries
}

fn page_ports(listening: &Listening) -> Vec<(&'static str, Vec<NixText>)> {
    [
        ("allowedTCPPorts", &listening.tcp),
        ("allowedUDPPorts", &listening.udp),
    ]
    .into_iter()
    .map(|(name, ports)| {
        let ports: Vec<NixText> = Listening::open(ports).map(NixText::number).collect();
        (name, ports)
    })
    .filter(|(_, ports)| !ports.is_empty())
    .collect()
}

/// `lib.mkOption { … }`
fn option(kind: &'static str, default: Expression, description: &'static str) -> Expression {
    Expression::call(
        NixText::constant("lib.mkOption"),
        Expression::Set {
            entries: vec![
                Entry::binding("type", NixText::constant(kind).into()),
                Entry::binding("default", default),
                Entry::binding(
                    "description",
                    NixText::string(description.as_bytes()).into(),
                ),
            ],
            spaced: false,
        },
    )
}

/// The arguments that can be told, and whether some name places of this machine.
fn arguments(page: &Page<'_>) -> (Vec<NixText>, bool) {
    let mut is_local = false;
    let directory = &page.environment.directory;
    let words = super::program_arguments(page.environment)
        .into_iter()
        .filter(|word| NixText::can_spell(word))
        .map(|word| {
            is_local |= page.home.is_named_in(&word)
                || word.starts_with(b"./")
                || (directory.len() > 1 && word.starts_with(directory.as_bytes()));
            NixText::string(page.home.shown_if_home(&word).as_bytes())
        })
        .collect();
    (words, is_local)
}

fn configured(page: &Page<'_>, listening: &Listening, name: &NixText) -> Vec<Entry> {
    let services = services::services(page.environment);
    let mut entries = vec![Entry::named(
        NixText::joined("systemd.services.", name),
        Expression::Set {
            entries: unit(page, listening),
            spaced: false,
        },
    )];
    for (service, address) in &services {
        let Some(option) = service.option else {
            continue;
        };
        let remark = format!(
            "{}: connected to {}",
            service.name,
            page.home.shown(address)
        );
        entries.push(
            Entry::binding(option, NixText::constant("lib.mkDefault true").into())
                .below(page.comment(&remark)),
        );
        if service.name == "MySQL" {
            entries.push(Entry::binding(
                "services.mysql.package",
                NixText::constant("lib.mkDefault pkgs.mariadb").into(),
            ));
        }
    }
    let ports = page_ports(listening);
    if !ports.is_empty() {
        let set = Expression::Set {
            entries: ports
                .into_iter()
                .map(|(name, ports)| Entry::binding(name, Expression::list(ports)))
                .collect(),
            spaced: false,
        };
        entries.push(Entry::binding(
            "networking.firewall",
            Expression::call(NixText::constant("lib.mkIf cfg.openFirewall"), set),
        ));
    }
    entries
}

/// The unit of the service.
fn unit(page: &Page<'_>, listening: &Listening) -> Vec<Entry> {
    let environment = page.environment;
    let pname = page.identity().pname;
    let mut after = vec![NixText::constant("\"network.target\"")];
    let services = services::services(environment);
    after.extend(
        services
            .keys()
            .map(|it| NixText::string(it.unit.as_bytes())),
    );
    let mut entries = vec![
        Entry::binding("description", NixText::string(pname.as_bytes()).into()),
        Entry::binding(
            "wantedBy",
            Expression::list([NixText::constant("\"multi-user.target\"")]),
        ),
        Entry::binding("after", Expression::list(after)),
    ];
    if !services.is_empty() {
        let wants = services
            .keys()
            .map(|it| NixText::string(it.unit.as_bytes()));
        entries.push(Entry::binding("wants", Expression::list(wants)));
    }
    let scope = Scope::pkgs();
    let evidence = page.evidence(&scope);
    let variables = variables::entries(variables::variables(&evidence));
    if !variables.is_empty() {
        entries.push(Entry::binding(
            "environment",
            Expression::Set {
                entries: variables,
                spaced: false,
            },
        ));
    }
    let unset = variables::unset(&evidence);
    if !unset.is_empty() {
        entries.push(Entry::Comments(
            unset.into_iter().map(|it| (0, it)).collect(),
        ));
    }
    let config = Expression::Set {
        entries: service_config(page, listening, &pname),
        spaced: false,
    };
    entries.push(
        Entry::binding("serviceConfig", config)
            .below(services::configured(environment, "environment.etc")),
    );
    entries
}

fn service_config(page: &Page<'_>, listening: &Listening, pname: &str) -> Vec<Entry> {
    let environment = page.environment;
    let text = |value: &str| Expression::from(NixText::string(value.as_bytes()));
    let yes = || Expression::from(NixText::constant("true"));
    let mut entries = vec![
        Entry::binding(
            "ExecStart",
            NixText::constant(
                "utils.escapeSystemdExecArgs ([ (lib.getExe cfg.package) ] ++ cfg.arguments)",
            )
            .into(),
        ),
        Entry::binding("DynamicUser", yes()),
    ];
    let groups: BTreeSet<&str> = services::services(environment)
        .keys()
        .filter_map(|service| service.group)
        .collect();
    if !groups.is_empty() {
        let groups = groups.iter().map(|group| NixText::string(group.as_bytes()));
        entries.push(Entry::binding(
            "SupplementaryGroups",
            Expression::list(groups),
        ));
    }
    let (mut directories, others) = services::directories(environment);
    if !others.is_empty() {
        // What it wrote where it was started, it writes to its state now.
        directories
            .entry("StateDirectory")
            .or_default()
            .insert(pname.into());
        let shown: Vec<String> = others
            .iter()
            .take(3)
            .map(|it| page.home.shown(it))
            .collect();
        entries.push(
            Entry::binding(
                "WorkingDirectory",
                Expression::from(NixText::string(format!("%S/{pname}").as_bytes())),
            )
            .below(page.comment(&format!("it wrote to {}", shown.join(", ")))),
        );
    }
    for (option, names) in directories {
        let names: Vec<NixText> = names
            .iter()
            .filter(|name| NixText::can_spell(name))
            .map(|name: &Bytes| NixText::string(name))
            .collect();
        let value = match names.as_slice() {
            [] => continue,
            [only] => only.clone().into(),
            _ => Expression::list(names),
        };
        entries.push(Entry::binding(option, value));
    }
    if listening.needs_right() {
        let right = || Expression::list([NixText::constant("\"CAP_NET_BIND_SERVICE\"")]);
        entries.push(Entry::binding("AmbientCapabilities", right()));
        entries.push(Entry::binding("CapabilityBoundingSet", right()));
    }
    if environment.surroundings.scratch {
        entries.push(Entry::binding("PrivateTmp", yes()));
    }
    entries.push(Entry::binding("ProtectHome", yes()));
    entries.push(Entry::binding("ProtectSystem", text("strict")));
    entries.push(Entry::binding("NoNewPrivileges", yes()));
    entries.extend(services::address_families(environment).map(|families| {
        let families = families.iter().map(|it| NixText::string(it.as_bytes()));
        Entry::binding("RestrictAddressFamilies", Expression::list(families))
    }));
    entries
}
