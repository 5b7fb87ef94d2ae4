//! Which names the addresses of a run have, by the answers of DNS servers that were seen in it.

use crate::trace::{Bytes, Endpoint};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The names of addresses, in lower case, as names that differ in nothing else are the same.
#[derive(Clone, Debug, Default)]
pub struct Names {
    of: BTreeMap<IpAddr, BTreeSet<Bytes>>,
    count: usize,
}

impl Names {
    /// Adds a name of an address; whether there was room for it or it was known.
    pub(super) fn add(&mut self, address: IpAddr, name: &Bytes, limit: usize) -> bool {
        let name = Bytes::from(name.as_bytes().to_ascii_lowercase());
        // An IPv4 address may be used as one of IPv6 (RFC 4291, section 2.5.5.2).
        let address = address.to_canonical();
        let is_known = self.of.get(&address).is_some_and(|it| it.contains(&name));
        if is_known {
            return true;
        }
        let has_room = self.count < limit;
        if has_room {
            self.of.entry(address).or_default().insert(name);
            self.count += 1;
        }
        has_room
    }

    /// The names that were asked for and answered with the address of an endpoint, sorted. None for the
    /// address that stands for any (`0.0.0.0`), with which servers answer that there is none.
    pub fn of(&self, endpoint: &Endpoint) -> impl Iterator<Item = &Bytes> {
        let address = match endpoint {
            Endpoint::Inet { address, .. } => Some(address.to_canonical()),
            _ => None,
        };
        let names = address
            .filter(|address| !address.is_unspecified())
            .and_then(|address| self.of.get(&address));
        names.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Endpoint {
        Endpoint::Inet {
            protocol: Some("tcp".to_owned()),
            address: address.parse().unwrap(),
            port: 443,
        }
    }

    fn names(known: &Names, address: &str) -> Vec<String> {
        known.of(&at(address)).map(Bytes::to_string).collect()
    }

    fn known(pairs: &[(&str, &str)]) -> Names {
        let mut known = Names::default();
        for (address, name) in pairs {
            assert!(known.add(address.parse().unwrap(), &(*name).into(), 100));
        }
        known
    }

    #[test]
    fn an_address_has_all_names_that_it_was_answered_for_and_no_other() {
        let known = known(&[
            ("192.0.2.1", "b.test"),
            ("192.0.2.1", "a.test"),
            ("192.0.2.2", "c.test"),
        ]);
        assert_eq!(names(&known, "192.0.2.1"), ["a.test", "b.test"]);
        assert!(names(&known, "192.0.2.3").is_empty());
    }

    #[test]
    fn a_name_is_one_in_whatever_letters_it_is_asked_for() {
        let known = known(&[("192.0.2.1", "WWW.test"), ("192.0.2.1", "www.TEST")]);
        assert_eq!(names(&known, "192.0.2.1"), ["www.test"]);
    }

    #[test]
    fn an_ipv4_address_that_is_used_as_one_of_ipv6_has_its_names() {
        let known = known(&[("192.0.2.1", "a.test")]);
        assert_eq!(names(&known, "::ffff:192.0.2.1"), ["a.test"]);
    }

    #[test]
    fn the_address_that_stands_for_any_has_no_name() {
        let known = known(&[("0.0.0.0", "blocked.test"), ("::", "blocked.test")]);
        assert!(names(&known, "0.0.0.0").is_empty());
        assert!(names(&known, "::").is_empty());
    }

    #[test]
    fn names_beyond_the_limit_are_refused_and_known_ones_are_not() {
        let mut known = Names::default();
        let address = "192.0.2.1".parse().unwrap();
        assert!(known.add(address, &"a".into(), 1));
        assert!(!known.add(address, &"b".into(), 1));
        assert!(known.add(address, &"a".into(), 1));
    }
}
