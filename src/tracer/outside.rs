//! Programs that work for others who ask them over a socket: what they do is done by processes that are
//! not part of the run, unless it started them itself.
//!
//! Only those are known here that read or make files for who asks, or run programs. Who only shows or
//! stores something (X11, D-Bus, a database) does its own work.

use crate::trace::{Bytes, Contact, ContactAction, Endpoint};
use std::collections::HashSet;

/// Names of sockets, as the end of a path, with who listens there.
const SOCKETS: [(&str, &str); 11] = [
    ("/docker.sock", "the Docker daemon"),
    ("/podman.sock", "Podman"),
    ("/containerd.sock", "containerd"),
    ("/buildkitd.sock", "BuildKit"),
    ("/daemon-socket/socket", "the Nix daemon"),
    ("/systemd/private", "systemd"),
    ("/snapd.socket", "snapd"),
    ("/S.gpg-agent", "gpg-agent"),
    ("/S.dirmngr", "dirmngr"),
    ("/S.keyboxd", "keyboxd"),
    ("/.watchman/sock", "Watchman"),
];

/// Ports, with who listens there.
const PORTS: [(u16, &str); 2] = [(3632, "distcc"), (4226, "sccache")];

/// So many addresses that the run itself serves are remembered.
const MOST_SERVED: usize = 1024;

/// The addresses that the run itself serves.
#[derive(Debug, Default)]
pub(super) struct Served {
    paths: HashSet<Bytes>,
    ports: HashSet<u16>,
}

impl Served {
    /// A contact that succeeded; the name of who is asked, if that is no part of the run.
    pub(super) fn asks(&mut self, contact: &Contact) -> Option<&'static str> {
        match (contact.action, &contact.endpoint) {
            (ContactAction::Bind, Endpoint::Unix { path }) if self.paths.len() < MOST_SERVED => {
                self.paths.insert(path.clone());
                None
            }
            (ContactAction::Bind, Endpoint::Inet { port, .. }) => {
                self.ports.insert(*port);
                None
            }
            (ContactAction::Connect, Endpoint::Unix { path }) if !self.paths.contains(path) => {
                let is_theirs =
                    |(end, _): &&(&str, &str)| path.as_bytes().ends_with(end.as_bytes());
                SOCKETS.iter().find(is_theirs).map(|(_, who)| *who)
            }
            (ContactAction::Connect, Endpoint::Inet { port, .. }) if !self.ports.contains(port) => {
                let is_theirs = |(theirs, _): &&(u16, &str)| theirs == port;
                PORTS.iter().find(is_theirs).map(|(_, who)| *who)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Micros, Outcome, ProcessId};

    fn contact(action: ContactAction, endpoint: Endpoint) -> Contact {
        Contact {
            process: ProcessId(0),
            at: Micros(0),
            action,
            endpoint,
            asked: None,
            outcome: Outcome::Success,
        }
    }

    fn asked(served: &mut Served, action: ContactAction, path: &str) -> Option<&'static str> {
        let path = Bytes::from(path);
        served.asks(&contact(action, Endpoint::Unix { path }))
    }

    #[test]
    fn who_works_for_others_is_known_by_the_end_of_the_path() {
        let mut served = Served::default();
        for (path, who) in [
            ("/run/docker.sock", Some("the Docker daemon")),
            ("/nix/var/nix/daemon-socket/socket", Some("the Nix daemon")),
            ("/home/me/.gnupg/S.gpg-agent", Some("gpg-agent")),
            ("/run/nscd/socket", None),
            ("/tmp/.X11-unix/X0", None),
        ] {
            assert_eq!(
                asked(&mut served, ContactAction::Connect, path),
                who,
                "{path}"
            );
        }
    }

    #[test]
    fn who_was_started_by_the_run_is_a_part_of_it() {
        let mut served = Served::default();
        let path = "/home/me/.gnupg/S.gpg-agent";
        assert_eq!(asked(&mut served, ContactAction::Bind, path), None);
        assert_eq!(asked(&mut served, ContactAction::Connect, path), None);
    }

    #[test]
    fn a_port_says_who_compiles_for_others() {
        let mut served = Served::default();
        let mut asked = |action, port| {
            let endpoint = Endpoint::Inet {
                protocol: None,
                address: "127.0.0.1".parse().unwrap(),
                port,
            };
            served.asks(&contact(action, endpoint))
        };
        assert_eq!(asked(ContactAction::Connect, 3632), Some("distcc"));
        assert_eq!(asked(ContactAction::Connect, 443), None);
        asked(ContactAction::Bind, 4226);
        assert_eq!(asked(ContactAction::Connect, 4226), None);
    }
}
