//! A query that is sent to a DNS server is told with the name that it asks for, an answer with the name's
//! addresses, and nothing else is taken for one.

use crate::everywhere::Case;
#[cfg(target_arch = "x86_64")]
use crate::support::compiled;
use nixtrace::trace::{ContactAction, Endpoint, Record};

#[test]
fn names_are_told_of_queries_to_port_53_and_of_nothing_else() {
    Case::new("asks", &[]).check(|trace, _| {
        let mut asked = Vec::new();
        let mut unnamed = Vec::new();
        for record in &trace.records {
            let Record::Contacted(contact) = record else {
                continue;
            };
            let Endpoint::Inet { protocol, port, .. } = &contact.endpoint else {
                panic!("{contact:?}");
            };
            assert_eq!(protocol.as_deref(), Some("udp"));
            assert!(contact.outcome.is_success(), "{contact:?}");
            match (&contact.asked, contact.action) {
                (Some(name), ContactAction::Send) => {
                    assert_eq!(*port, 53);
                    asked.push((contact.process.0, name.to_string()));
                }
                (Some(name), _) => panic!("asked for {name}: {contact:?}"),
                (None, ContactAction::Send) => unnamed.push(*port),
                (None, _) => {}
            }
        }
        let by = |process, name: &str| (process, format!("{name}.test"));
        assert_eq!(
            asked,
            [
                by(0, "sendto"),
                by(0, "sendmsg"),
                by(0, "sendmmsg"),
                by(0, "send"),
                by(1, "inherited")
            ]
        );
        // What is sent with an address is told as before, whatever it is.
        assert_eq!(unnamed, [53, 5301]);
    });
}

#[test]
fn addresses_are_told_of_answers_from_port_53_to_who_asked_and_of_nothing_else() {
    answers_are_told_to(&Case::new("answered", &[]));
}

/// The C library receives through socketcall(2) there.
#[cfg(target_arch = "x86_64")]
#[test]
fn addresses_are_told_to_32_bit_programs_likewise() {
    let narrow = compiled("answered", "answered-32", &["-m32"]);
    answers_are_told_to(&Case::of(narrow, &[""; 0]));
}

#[track_caller]
fn answers_are_told_to(case: &Case) {
    case.check(|trace, _| {
        let named: Vec<(u32, String, String)> = trace
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Named(named) => Some(named),
                _ => None,
            })
            .map(|named| {
                let addresses: Vec<String> =
                    named.addresses.iter().map(ToString::to_string).collect();
                let name = named.name.to_string();
                (named.process.0, name, addresses.join(" "))
            })
            .collect();
        let to = |process, name: &str, host: u8| {
            (process, format!("{name}.test"), format!("192.0.2.{host}"))
        };
        assert_eq!(
            named,
            [
                to(0, "recvfrom", 1),
                to(0, "unconnected", 2),
                to(0, "recvmsg", 3),
                to(0, "without-sender", 4),
                to(0, "late", 5),
                to(2, "inherited", 6),
            ]
        );
    });
}
