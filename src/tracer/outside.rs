//! Programs that work for others who ask them over a socket: what they do is done by processes that are
//! not part of the run, unless it started them itself.
//!
//! Only those are known here that read or make files for who asks, or run programs. Who only shows or
//! stores something (X11, D-Bus, a database) does its own work.

use crate::trace::{Contact, ContactAction, Endpoint};
use hashbrown::HashSet;
use libc::pid_t;

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

/// What the run itself serves.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// The processes that asked to listen, as they are numbered here. They may have left that to their
    /// children and ended.
    listeners: HashSet<pid_t>,
    ports: HashSet<u16>,
}

impl Served {
    /// A process of the run asks to listen at a socket. If that fails, no connection will lead to it.
    pub(super) fn listens(&mut self, process: pid_t) {
        self.listeners.insert(process);
    }

    /// A contact that succeeded; the name of who is asked, if that is no part of the run. `listener` says
    /// who listens at a socket that was connected to: one socket has as many names as there are links to
    /// it and views of it.
    pub(super) fn asks(
        &mut self,
        contact: &Contact,
        listener: impl FnOnce() -> Option<pid_t>,
    ) -> Option<&'static str> {
        match (contact.action, &contact.endpoint) {
            (ContactAction::Bind, Endpoint::Inet { port, .. }) => {
                self.ports.insert(*port);
                None
            }
            (ContactAction::Connect, Endpoint::Unix { path }) => {
                let is_theirs =
                    |(end, _): &&(&str, &str)| path.as_bytes().ends_with(end.as_bytes());
                let (_, who) = SOCKETS.iter().find(is_theirs)?;
                let is_own = listener().is_some_and(|process| self.listeners.contains(&process));
                (!is_own).then_some(*who)
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
    use crate::trace::{Bytes, Micros, Outcome, ProcessId};

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

    fn asked(served: &mut Served, path: &str, listener: Option<pid_t>) -> Option<&'static str> {
        let path = Bytes::from(path);
        let connect = contact(ContactAction::Connect, Endpoint::Unix { path });
        served.asks(&connect, || listener)
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
            assert_eq!(asked(&mut served, path, Some(1)), who, "{path}");
        }
    }

    #[test]
    fn who_was_started_by_the_run_is_a_part_of_it() {
        let mut served = Served::default();
        served.listens(12);
        let mut asked = |listener| asked(&mut served, "/home/me/.gnupg/S.gpg-agent", listener);
        assert_eq!(asked(Some(12)), None);
        assert_eq!(asked(Some(11)), Some("gpg-agent"));
        assert_eq!(asked(None), Some("gpg-agent"));
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
            served.asks(&contact(action, endpoint), || None)
        };
        assert_eq!(asked(ContactAction::Connect, 3632), Some("distcc"));
        assert_eq!(asked(ContactAction::Connect, 443), None);
        asked(ContactAction::Bind, 4226);
        assert_eq!(asked(ContactAction::Connect, 4226), None);
    }
}
