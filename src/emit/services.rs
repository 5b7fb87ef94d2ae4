//! What a run says of services: which ports it listens on, which services of the machine it talks
//! to, which directories it keeps its state in.
//!
//! A service counts when a connection to it came about, at the socket or the port that it has
//! everywhere. A port alone says little about another machine, so only this machine's count.

use super::Environment;
use super::nix::Comment;
use crate::trace::{Bytes, ContactAction, Endpoint};
use bstr::ByteSlice;
use std::collections::{BTreeMap, BTreeSet};

/// A service that NixOS can run.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Service {
    /// Its name for a person.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// The option that has it run; none where every system does.
    pub(crate) option: Option<&'static str>,
    /// The TCP ports that it has everywhere.
    ports: &'static [u16],
    /// What the path of its socket ends with, or has in it.
    sockets: &'static [&'static str],
    /// The group that may use its socket.
    pub(crate) group: Option<&'static str>,
}

const SERVICES: &[Service] = &[
    Service {
        name: "Avahi",
        unit: "avahi-daemon.service",
        option: Some("services.avahi.enable"),
        ports: &[],
        sockets: &["/avahi-daemon/socket"],
        group: None,
    },
    Service {
        name: "D-Bus",
        unit: "dbus.socket",
        option: None,
        ports: &[],
        sockets: &["/dbus/system_bus_socket"],
        group: None,
    },
    Service {
        name: "Docker",
        unit: "docker.service",
        option: Some("virtualisation.docker.enable"),
        ports: &[],
        sockets: &["/docker.sock"],
        group: Some("docker"),
    },
    Service {
        name: "etcd",
        unit: "etcd.service",
        option: Some("services.etcd.enable"),
        ports: &[2379],
        sockets: &[],
        group: None,
    },
    Service {
        name: "Memcached",
        unit: "memcached.service",
        option: Some("services.memcached.enable"),
        ports: &[11211],
        sockets: &["/memcached.sock"],
        group: None,
    },
    Service {
        name: "MongoDB",
        unit: "mongodb.service",
        option: Some("services.mongodb.enable"),
        ports: &[27017],
        sockets: &["/mongodb-27017.sock"],
        group: None,
    },
    Service {
        name: "Mosquitto",
        unit: "mosquitto.service",
        option: Some("services.mosquitto.enable"),
        ports: &[1883],
        sockets: &[],
        group: None,
    },
    Service {
        name: "MySQL",
        unit: "mysql.service",
        option: Some("services.mysql.enable"),
        ports: &[3306],
        sockets: &["/mysqld.sock", "/mysql.sock"],
        group: None,
    },
    Service {
        name: "NATS",
        unit: "nats.service",
        option: Some("services.nats.enable"),
        ports: &[4222],
        sockets: &[],
        group: None,
    },
    Service {
        name: "PostgreSQL",
        unit: "postgresql.service",
        option: Some("services.postgresql.enable"),
        ports: &[5432],
        sockets: &["/.s.PGSQL.5432"],
        group: None,
    },
    Service {
        name: "RabbitMQ",
        unit: "rabbitmq.service",
        option: Some("services.rabbitmq.enable"),
        ports: &[5672],
        sockets: &[],
        group: None,
    },
    Service {
        name: "Redis",
        unit: "redis.service",
        option: Some("services.redis.servers.\"\".enable"),
        ports: &[6379],
        sockets: &["/redis.sock", "/redis-server.sock"],
        group: None,
    },
];

/// The services that the run talked to, each with the address that shows it.
pub(crate) fn services(environment: &Environment) -> BTreeMap<&'static Service, Bytes> {
    let mut found = BTreeMap::new();
    let own = Listening::of(environment);
    for contact in &environment.network {
        if contact.action != ContactAction::Connect || !contact.succeeded {
            continue;
        }
        // A run that talks to itself needs nobody else.
        let is_own = match &contact.endpoint {
            Endpoint::Inet { port, .. } => own.tcp.contains_key(port),
            Endpoint::Unix { path } => own.sockets.contains(path),
            _ => false,
        };
        if is_own {
            continue;
        }
        for service in SERVICES {
            let address = match &contact.endpoint {
                Endpoint::Unix { path } => service
                    .sockets
                    .iter()
                    .any(|socket| path.ends_with_str(socket))
                    .then(|| path.clone()),
                Endpoint::Inet { address, port, .. } => {
                    let is_its = address.is_loopback() && service.ports.contains(port);
                    is_its.then(|| format!("port {port} of {address}").into())
                }
                Endpoint::Abstract { .. } | Endpoint::Other { .. } => None,
            };
            if let Some(address) = address {
                found.entry(service).or_insert(address);
            }
        }
    }
    found
}

/// What a run listened on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listening {
    /// TCP ports, and whether others can reach them.
    pub(crate) tcp: BTreeMap<u16, bool>,
    /// UDP ports, likewise.
    pub(crate) udp: BTreeMap<u16, bool>,
    /// Sockets in the file system.
    pub(crate) sockets: BTreeSet<Bytes>,
}

impl Listening {
    /// What the run listened on.
    pub(crate) fn of(environment: &Environment) -> Self {
        let mut found = Self::default();
        for contact in environment.network.iter().filter(|it| it.succeeded) {
            match (&contact.endpoint, contact.action) {
                (
                    Endpoint::Inet {
                        protocol,
                        address,
                        port,
                    },
                    ContactAction::Listen | ContactAction::Bind,
                ) if *port != 0 => {
                    let is_udp = protocol.as_deref() == Some("udp");
                    let ports = match contact.action {
                        // A datagram socket receives as soon as it is bound.
                        ContactAction::Bind if is_udp => &mut found.udp,
                        ContactAction::Listen => &mut found.tcp,
                        _ => continue,
                    };
                    let is_open = !address.is_loopback();
                    *ports.entry(*port).or_default() |= is_open;
                }
                (Endpoint::Unix { path }, ContactAction::Listen) => {
                    found.sockets.insert(path.clone());
                }
                _ => {}
            }
        }
        found
    }

    /// Whether it serves anybody.
    pub(crate) fn is_service(&self) -> bool {
        !(self.tcp.is_empty() && self.udp.is_empty() && self.sockets.is_empty())
    }

    /// Whether a port is one for which a right is needed.
    pub(crate) fn needs_right(&self) -> bool {
        self.tcp
            .keys()
            .chain(self.udp.keys())
            .any(|port| *port < 1024)
    }

    /// The ports that others can reach.
    pub(crate) fn open(ports: &BTreeMap<u16, bool>) -> impl Iterator<Item = u16> {
        ports
            .iter()
            .filter(|(_, open)| **open)
            .map(|(port, _)| *port)
    }
}

/// The families of addresses that the run used, as systemd names them; none when one of them has no
/// name here, because to restrict a service to the others would break it.
pub(crate) fn address_families(environment: &Environment) -> Option<BTreeSet<&'static str>> {
    let mut families = BTreeSet::from(["AF_UNIX"]);
    let network = environment.network.iter();
    if network
        .into_iter()
        .any(|it| matches!(it.endpoint, Endpoint::Inet { .. }))
    {
        // A resolver asks for both.
        families.extend(["AF_INET", "AF_INET6"]);
    }
    for number in &environment.surroundings.families {
        let known = FAMILIES.iter().find(|(family, _)| family == number);
        families.insert(known?.1);
    }
    Some(families)
}

/// Numbers of address families (`linux/socket.h`).
const FAMILIES: &[(u16, &str)] = &[
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (29, "AF_CAN"),
    (31, "AF_BLUETOOTH"),
    (38, "AF_ALG"),
    (40, "AF_VSOCK"),
];

/// Where a service keeps what, with the option of systemd that makes a directory there.
const PLACES: &[(&str, &str)] = &[
    ("/var/lib/", "StateDirectory"),
    ("/var/cache/", "CacheDirectory"),
    ("/var/log/", "LogsDirectory"),
    ("/var/run/", "RuntimeDirectory"),
    ("/run/", "RuntimeDirectory"),
];

/// The place that a directory is in, its option, and the name below it.
fn place(directory: &Bytes) -> Option<(&'static str, &'static str, &[u8])> {
    PLACES.iter().find_map(|&(place, option)| {
        let inner = directory.strip_prefix(place.as_bytes())?;
        let first = inner.split_str("/").next()?;
        // systemd splits the names at blanks, and a colon or a percent sign means something.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(byte);
        (!first.is_empty() && first.iter().all(is_plain)).then_some((place, option, first))
    })
}

/// The directories that systemd makes for a service, by the option that asks for each, with the
/// name below it; and those that it has no option for.
pub(crate) fn directories(
    environment: &Environment,
) -> (BTreeMap<&'static str, BTreeSet<Bytes>>, Vec<Bytes>) {
    let mut made: BTreeMap<&'static str, BTreeSet<Bytes>> = BTreeMap::new();
    let mut others = Vec::new();
    for directory in &environment.surroundings.writes {
        // To make a directory is to write to the one above it.
        if PLACES
            .iter()
            .any(|(place, _)| place.trim_end_matches('/').as_bytes() == directory.as_bytes())
        {
            continue;
        }
        match place(directory) {
            Some((_, option, name)) => {
                made.entry(option).or_default().insert(name.into());
            }
            None => others.push(directory.clone()),
        }
    }
    (made, others)
}

/// What is to be done about the configuration that a program read, if it read any; `how` names the
/// option for that.
pub(crate) fn configured(environment: &Environment, how: &str) -> Option<Comment> {
    let files = &environment.surroundings.configuration;
    let first = files.first()?;
    let others = match files.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Comment::new(&format!(
        "TODO nixtrace: it reads {first}{others}; provide it by {how}"
    ))
}

/// The directories that a service writes to where every system has a place for them, as they are
/// called there: `/var/lib/acme`.
pub(crate) fn kept(environment: &Environment) -> BTreeSet<Bytes> {
    let writes = environment.surroundings.writes.iter();
    writes
        .filter_map(place)
        .map(|(place, _, name)| [place.as_bytes(), name].concat().into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::{NetworkUse, RunKind};

    fn contact(action: ContactAction, endpoint: Endpoint, succeeded: bool) -> NetworkUse {
        NetworkUse {
            action,
            endpoint,
            by: None,
            succeeded,
        }
    }

    fn inet(address: &str, port: u16, protocol: &str) -> Endpoint {
        Endpoint::Inet {
            protocol: Some(protocol.to_owned()),
            address: address.parse().unwrap(),
            port,
        }
    }

    fn environment(network: Vec<NetworkUse>) -> Environment {
        Environment {
            network,
            ..Environment::new(RunKind::Binary, Vec::new())
        }
    }

    #[test]
    fn a_service_is_known_by_the_address_that_it_has_everywhere() {
        let unix = |path: &str| Endpoint::Unix { path: path.into() };
        let environment = environment(vec![
            contact(
                ContactAction::Connect,
                unix("/run/postgresql/.s.PGSQL.5432"),
                true,
            ),
            contact(ContactAction::Connect, inet("127.0.0.1", 6379, "tcp"), true),
            // Somebody else's MySQL, and a RabbitMQ that was not there.
            contact(ContactAction::Connect, inet("10.0.0.7", 3306, "tcp"), true),
            contact(
                ContactAction::Connect,
                inet("127.0.0.1", 5672, "tcp"),
                false,
            ),
        ]);
        let names: Vec<&str> = services(&environment).keys().map(|it| it.name).collect();
        assert_eq!(names, ["PostgreSQL", "Redis"]);
    }

    #[test]
    fn a_port_is_open_unless_only_this_machine_reaches_it() {
        let listening = Listening::of(&environment(vec![
            contact(ContactAction::Bind, inet("0.0.0.0", 8080, "tcp"), true),
            contact(ContactAction::Listen, inet("0.0.0.0", 8080, "tcp"), true),
            contact(ContactAction::Listen, inet("127.0.0.1", 9000, "tcp"), true),
            contact(ContactAction::Bind, inet("::", 53, "udp"), true),
            contact(ContactAction::Bind, inet("0.0.0.0", 0, "udp"), true),
        ]));
        assert_eq!(listening.tcp, BTreeMap::from([(8080, true), (9000, false)]));
        assert_eq!(listening.udp, BTreeMap::from([(53, true)]));
        assert!(listening.needs_right());
    }

    #[test]
    fn a_service_is_restricted_to_the_families_that_it_used_if_all_have_names() {
        let mut environment = environment(vec![contact(
            ContactAction::Listen,
            inet("0.0.0.0", 80, "tcp"),
            true,
        )]);
        environment.surroundings.families = [16].into();
        let families = address_families(&environment).unwrap();
        let expected = ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"];
        assert_eq!(families.into_iter().collect::<Vec<_>>(), expected);
        environment.surroundings.families = [16, 9999].into();
        assert_eq!(address_families(&environment), None);
    }

    #[test]
    fn every_service_of_the_table_has_evidence_and_they_are_sorted() {
        for service in SERVICES {
            assert!(
                !(service.ports.is_empty() && service.sockets.is_empty()),
                "{}",
                service.name
            );
        }
        assert!(SERVICES.is_sorted_by_key(|service| service.name.to_lowercase()));
    }
}
