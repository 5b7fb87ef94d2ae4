//! A socket address in words: protocol, address, port and the service that the port stands for.

use super::printable;
use crate::trace::{Bytes, ContactAction, Endpoint, Errno, Outcome};

/// Ports that tell what is behind them, by the names of IANA's registry.
const SERVICES: &[(u16, &str)] = &[
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (25, "smtp"),
    (53, "domain"),
    (67, "bootps"),
    (80, "http"),
    (110, "pop3"),
    (111, "sunrpc"),
    (123, "ntp"),
    (143, "imap"),
    (389, "ldap"),
    (443, "https"),
    (445, "microsoft-ds"),
    (465, "submissions"),
    (514, "syslog"),
    (587, "submission"),
    (631, "ipp"),
    (636, "ldaps"),
    (853, "domain-s"),
    (873, "rsync"),
    (993, "imaps"),
    (995, "pop3s"),
    (1433, "ms-sql-s"),
    (1883, "mqtt"),
    (2049, "nfs"),
    (2375, "docker"),
    (3128, "squid"),
    (3306, "mysql"),
    (3389, "ms-wbt-server"),
    (5353, "mdns"),
    (5432, "postgresql"),
    (5672, "amqp"),
    (5900, "rfb"),
    (6379, "redis"),
    (6443, "sun-sr-https"),
    (8080, "http-alt"),
    (9418, "git"),
    (11211, "memcache"),
    (27017, "mongodb"),
];

/// So many names of an address are shown.
const NAMED: usize = 3;

/// The service that a port stands for.
pub(crate) fn service(port: u16) -> Option<&'static str> {
    let at = SERVICES.binary_search_by_key(&port, |(port, _)| *port);
    at.ok().map(|at| SERVICES[at].1)
}

/// `tcp 93.184.216.34:443 (https)`, `unix /run/dbus/socket`, `unix @name`.
fn endpoint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Inet {
            protocol,
            address,
            port,
        } => {
            let protocol = match protocol {
                Some(protocol) => printable(protocol.as_bytes()),
                None => "ip".to_owned(),
            };
            let socket = std::net::SocketAddr::new(*address, *port);
            match service(*port) {
                Some(service) => format!("{protocol} {socket} ({service})"),
                None => format!("{protocol} {socket}"),
            }
        }
        Endpoint::Unix { path } => format!("unix {}", printable(path.as_bytes())),
        Endpoint::Abstract { name } => format!("unix @{}", printable(name.as_bytes())),
        Endpoint::Other { number } => format!("address family {number}"),
    }
}

/// The same with the name that was asked for there, or the names that it is the address of.
pub(crate) fn place(address: &Endpoint, asked: Option<&Bytes>, names: &[Bytes]) -> String {
    let address = endpoint(address);
    if let Some(name) = asked {
        return format!("{address}, asked for {}", printable(name.as_bytes()));
    }
    if names.is_empty() {
        return address;
    }
    let shown = names.iter().take(NAMED);
    let mut shown: Vec<String> = shown.map(|name| printable(name.as_bytes())).collect();
    if names.len() > NAMED {
        shown.push(format!("{} more", names.len() - NAMED));
    }
    format!("{address}, address of {}", shown.join(", "))
}

/// What was done with an address.
pub(crate) fn action(action: ContactAction) -> &'static str {
    match action {
        ContactAction::Connect => "connect",
        ContactAction::Bind => "bind",
        ContactAction::Listen => "listen",
        ContactAction::Send => "send",
    }
}

/// How a call ended: nothing where it succeeded. A connect that does not wait is on its way.
pub(crate) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success => String::new(),
        Outcome::Failure(Errno(libc::EINPROGRESS)) => String::new(),
        Outcome::Failure(errno) => errno.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_with_its_service() {
        let address = Endpoint::Inet {
            protocol: Some("tcp".to_owned()),
            address: "2001:db8::1".parse().unwrap(),
            port: 443,
        };
        assert_eq!(endpoint(&address), "tcp [2001:db8::1]:443 (https)");
    }

    #[test]
    fn a_name_is_told_as_what_was_asked_for_and_not_as_an_address() {
        let server = Endpoint::Inet {
            protocol: Some("udp".to_owned()),
            address: [192, 0, 2, 1].into(),
            port: 53,
        };
        assert_eq!(
            place(&server, Some(&"deb.debian.org".into()), &[]),
            "udp 192.0.2.1:53 (domain), asked for deb.debian.org"
        );
    }

    #[test]
    fn an_address_is_told_with_the_names_that_it_is_of_and_with_few_of_many() {
        let address = Endpoint::Inet {
            protocol: Some("tcp".to_owned()),
            address: [192, 0, 2, 2].into(),
            port: 443,
        };
        let told = |count: usize| {
            let names: Vec<Bytes> = (0..count)
                .map(|number| format!("{number}.test").as_str().into())
                .collect();
            place(&address, None, &names)
        };
        assert_eq!(told(0), "tcp 192.0.2.2:443 (https)");
        assert_eq!(told(1), "tcp 192.0.2.2:443 (https), address of 0.test");
        assert_eq!(
            told(5),
            "tcp 192.0.2.2:443 (https), address of 0.test, 1.test, 2.test, 2 more"
        );
    }

    #[test]
    fn ports_are_sorted_so_that_they_are_found() {
        assert!(SERVICES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(service(5432), Some("postgresql"));
        assert_eq!(service(54321), None);
    }
}
