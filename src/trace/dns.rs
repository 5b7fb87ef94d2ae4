//! What DNS messages tell (RFC 1035, section 4.1): the name that a query asks for, and the addresses
//! that an answer gives for it.

use super::Bytes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port that resolvers are asked at.
pub const PORT: u16 = 53;

/// A query over UDP is no longer (RFC 1035, section 4.2.1).
pub const LONGEST_QUERY: usize = 512;

/// An answer over UDP is not longer than what servers take to arrive whole (RFC 6891, section 6.2.5);
/// what comes after that is not read.
pub const LONGEST_ANSWER: usize = 4096;

/// The length of a message's header.
const HEADER: usize = 12;

/// A name has no more bytes, lengths of its labels included.
const LONGEST_NAME: usize = 255;

/// So many aliases lead from a name to its addresses; resolvers give up sooner.
const MOST_ALIASES: usize = 32;

/// Which kind of message it is: the highest bit marks a response, the four after it say what is wanted.
const KIND: u8 = 0b1111_1000;
const QUERY: u8 = 0;
const RESPONSE: u8 = 0b1000_0000;
/// Where a response says why there is no answer.
const ERROR: u8 = 0b1111;

/// `IN`, the class of the Internet.
const INTERNET: u16 = 1;
/// Types of records (RFC 1035, section 3.2.2; RFC 3596).
const ADDRESS: u16 = 1;
const ALIAS: u16 = 5;
const ADDRESS_6: u16 = 28;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name that was asked for, as [`asked`] writes it.
    pub name: Bytes,
    /// The addresses that it has, each once.
    pub addresses: Vec<IpAddr>,
}

/// The name that a message asks for: `deb.debian.org`, `.` for the root. None for what is no standard
/// query of one name, or cut short.
///
/// What is neither letter, digit, hyphen nor underscore is written as in master files (`\.`, `\032`).
pub fn asked(message: &[u8]) -> Option<Bytes> {
    question(message, QUERY).map(|(name, _)| name.text())
}

/// The addresses that a message gives for the name in its question, be it by aliases (`CNAME`). None for
/// what is no answer to a standard query of one name, and for one without addresses.
///
/// Of an answer that is cut short, the records count that are whole.
pub fn answer(message: &[u8]) -> Option<Answer> {
    let message = &message[..message.len().min(LONGEST_ANSWER)];
    let (name, mut at) = question(message, RESPONSE)?;
    if message[3] & ERROR != 0 {
        return None;
    }
    // An alias comes before what it stands for (RFC 1034, section 4.3.2).
    let mut names = vec![name.folded()];
    let mut addresses = Vec::new();
    for _ in 0..number(message, 6)? {
        let Some(record) = Record::read(message, at) else {
            break;
        };
        at = record.end;
        if record.class != INTERNET || !names.contains(&record.owner.folded()) {
            continue;
        }
        match record.kind {
            ADDRESS | ADDRESS_6 => {
                if let Some(address) = record.address(message)
                    && !addresses.contains(&address)
                {
                    addresses.push(address);
                }
            }
            ALIAS if names.len() <= MOST_ALIASES => {
                names.extend(Name::read(message, record.data).map(|(target, _)| target.folded()));
            }
            _ => {}
        }
    }
    (!addresses.is_empty()).then(|| Answer {
        name: name.text(),
        addresses,
    })
}

/// The name in the only question of a message of some kind, and where the question ends.
fn question(message: &[u8], kind: u8) -> Option<(Name, usize)> {
    let flags = *message.get(2)?;
    if flags & KIND != kind || number(message, 4)? != 1 {
        return None;
    }
    let (name, end) = Name::read(message, HEADER)?;
    // The type and the class that are asked for.
    let end = end + 4;
    (end <= message.len()).then_some((name, end))
}

/// The number at a place of a message.
fn number(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

/// A record of an answer.
struct Record {
    owner: Name,
    kind: u16,
    class: u16,
    /// Where its data begin.
    data: usize,
    /// Where it ends.
    end: usize,
}

impl Record {
    /// The record at a place of a message; none when it is not whole.
    fn read(message: &[u8], at: usize) -> Option<Self> {
        let (owner, at) = Name::read(message, at)?;
        // How long it may be kept is of no interest: four bytes.
        let data = at + 10;
        let end = data + usize::from(number(message, at + 8)?);
        (end <= message.len()).then_some(Self {
            owner,
            kind: number(message, at)?,
            class: number(message, at + 2)?,
            data,
            end,
        })
    }

    /// The address that it holds, if it has the length of one.
    fn address(&self, message: &[u8]) -> Option<IpAddr> {
        let data = message.get(self.data..self.end)?;
        if self.kind == ADDRESS {
            let octets: [u8; 4] = data.try_into().ok()?;
            return Some(Ipv4Addr::from(octets).into());
        }
        let octets: [u8; 16] = data.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    }
}

/// A name: its labels, each behind its length.
struct Name(Vec<u8>);

impl Name {
    /// The name at a place of a message, and where what is written of it there ends; none when it is
    /// too long, or cut short.
    fn read(message: &[u8], mut at: usize) -> Option<(Self, usize)> {
        let mut name = Vec::new();
        let mut end = None;
        // Where the labels begin that are being read.
        let mut start = at;
        loop {
            let length = *message.get(at)?;
            at += 1;
            match length {
                0 => return Some((Self(name), end.unwrap_or(at))),
                1..=63 => {
                    let label = message.get(at..at + usize::from(length))?;
                    at += label.len();
                    name.push(length);
                    name.extend_from_slice(label);
                    if name.len() >= LONGEST_NAME {
                        return None;
                    }
                }
                // The rest is an earlier name (RFC 1035, section 4.1.4): since each is earlier than the
                // one before, that comes to an end.
                0xc0.. => {
                    let low = *message.get(at)?;
                    end.get_or_insert(at + 1);
                    at = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if !(HEADER..start).contains(&at) {
                        return None;
                    }
                    start = at;
                }
                _ => return None,
            }
        }
    }

    /// The same in lower case: names that differ in nothing else are the same (RFC 4343).
    fn folded(&self) -> Vec<u8> {
        // No length of a label is a letter's number.
        self.0.to_ascii_lowercase()
    }

    fn text(&self) -> Bytes {
        let mut text = Vec::new();
        let mut rest = self.0.as_slice();
        while let Some((&length, after)) = rest.split_first() {
            let (label, after) = after.split_at(usize::from(length));
            if !text.is_empty() {
                text.push(b'.');
            }
            label.iter().for_each(|&byte| push(&mut text, byte));
            rest = after;
        }
        if text.is_empty() {
            text.push(b'.');
        }
        text.into()
    }
}

fn push(name: &mut Vec<u8>, byte: u8) {
    match byte {
        b'.' | b'\\' => name.extend([b'\\', byte]),
        b'!'..=b'~' => name.push(byte),
        _ => name.extend(format!("\\{byte:03}").into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(labels: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            message.push(label.len() as u8);
            message.extend(*label);
        }
        message.extend([0, 0, 1, 0, 1]);
        message
    }

    /// A record whose owner and data are given as they are written.
    fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let mut record = owner.to_vec();
        record.extend(kind.to_be_bytes());
        record.extend([0, 1, 0, 0, 0, 60]);
        record.extend((data.len() as u16).to_be_bytes());
        record.extend(data);
        record
    }

    /// The answer with these records to a query for `www.test`.
    fn answering(records: &[Vec<u8>]) -> Vec<u8> {
        let mut message = query(&[b"www", b"test"]);
        message[2] |= RESPONSE;
        message[7] = records.len() as u8;
        message.extend(records.concat());
        message
    }

    fn addresses(records: &[Vec<u8>]) -> Vec<String> {
        let answer = answer(&answering(records));
        let addresses = answer.into_iter().flat_map(|it| it.addresses);
        addresses.map(|it| it.to_string()).collect()
    }

    /// Where the question's name is, as a pointer.
    const QUESTION: &[u8] = &[0xc0, 12];
    const OTHER: &[u8] = b"\x05other\x04test\0";

    fn name(labels: &[&[u8]]) -> Option<String> {
        asked(&query(labels)).map(|name| name.to_string())
    }

    #[test]
    fn the_name_of_a_query_is_told() {
        assert_eq!(
            name(&[b"deb", b"debian", b"org"]).unwrap(),
            "deb.debian.org"
        );
        assert_eq!(name(&[]).unwrap(), ".");
    }

    #[test]
    fn a_query_may_have_more_than_its_question() {
        let mut message = query(&[b"a"]);
        // EDNS: a root name, type 41, size 1232, no flags, no data.
        message[11] = 1;
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        assert_eq!(asked(&message).unwrap(), "a".into());
    }

    #[test]
    fn what_would_mislead_is_escaped() {
        assert_eq!(name(&[b"a.b", b"c\\"]).unwrap(), "a\\.b.c\\\\");
        assert_eq!(name(&[b"a b\n\xff"]).unwrap(), "a\\032b\\010\\255");
    }

    #[test]
    fn an_answer_another_request_and_a_pointer_are_no_question() {
        let mut answer = query(&[b"a"]);
        answer[2] |= 0x80;
        assert_eq!(asked(&answer), None);
        let mut update = query(&[b"a"]);
        update[2] |= 5 << 3;
        assert_eq!(asked(&update), None);
        let mut two = query(&[b"a"]);
        two[5] = 2;
        assert_eq!(asked(&two), None);
        let mut pointer = query(&[]);
        pointer[12] = 0xc0;
        assert_eq!(asked(&pointer), None);
    }

    #[test]
    fn a_query_that_is_cut_short_tells_no_name() {
        let message = query(&[b"deb", b"debian", b"org"]);
        for length in 0..message.len() {
            assert_eq!(asked(&message[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_dns_is_none() {
        let label = [b'a'; 63];
        assert!(name(&[&label[..], &label, &label]).is_some());
        assert_eq!(name(&[&label[..], &label, &label, &label]), None);
    }

    #[test]
    fn an_answer_tells_the_addresses_of_both_families_each_once() {
        let six: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let message = answering(&[
            record(QUESTION, ADDRESS, &[192, 0, 2, 1]),
            record(QUESTION, ADDRESS, &[192, 0, 2, 2]),
            record(QUESTION, ADDRESS, &[192, 0, 2, 1]),
            record(QUESTION, ADDRESS_6, &six.octets()),
        ]);
        let answer = answer(&message).unwrap();
        assert_eq!(answer.name, "www.test".into());
        let expected: [IpAddr; 3] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into(), six.into()];
        assert_eq!(answer.addresses, expected);
    }

    #[test]
    fn the_addresses_of_an_alias_are_those_of_the_name_that_was_asked_for() {
        // `real.test`, the end of which is that of the question.
        let real = b"\x04real\xc0\x10";
        assert_eq!(
            addresses(&[
                record(QUESTION, ALIAS, OTHER),
                record(OTHER, ALIAS, real),
                record(real, ADDRESS, &[192, 0, 2, 3]),
            ]),
            ["192.0.2.3"]
        );
    }

    #[test]
    fn upper_and_lower_case_make_no_other_name() {
        let owner = b"\x03WwW\x04TEST\0";
        assert_eq!(
            addresses(&[record(owner, ADDRESS, &[192, 0, 2, 4])]),
            ["192.0.2.4"]
        );
    }

    #[test]
    fn what_is_said_of_another_name_is_not_the_answer() {
        assert!(addresses(&[record(OTHER, ADDRESS, &[192, 0, 2, 5])]).is_empty());
    }

    #[test]
    fn another_class_and_an_address_of_another_length_are_no_address() {
        let mut chaos = record(QUESTION, ADDRESS, &[192, 0, 2, 6]);
        chaos[5] = 3;
        let short = record(QUESTION, ADDRESS, &[192, 0, 2]);
        assert!(addresses(&[chaos, short]).is_empty());
    }

    #[test]
    fn a_query_and_an_error_give_no_address() {
        let mut message = answering(&[record(QUESTION, ADDRESS, &[192, 0, 2, 7])]);
        assert!(answer(&message).is_some());
        message[3] |= 3;
        assert_eq!(answer(&message), None);
        message[3] = 0;
        message[2] &= !RESPONSE;
        assert_eq!(answer(&message), None);
    }

    #[test]
    fn of_an_answer_that_is_cut_short_the_whole_records_count() {
        let message = answering(&[
            record(QUESTION, ADDRESS, &[192, 0, 2, 8]),
            record(QUESTION, ADDRESS, &[192, 0, 2, 9]),
        ]);
        let first = message.len() - 16;
        for length in 0..message.len() {
            let told = answer(&message[..length]).map_or(0, |it| it.addresses.len());
            assert_eq!(told, usize::from(length >= first), "{length}");
        }
    }

    #[test]
    fn a_pointer_that_does_not_lead_back_makes_no_name() {
        let own = answering(&[]).len() as u8;
        for target in [0, 11, own, own + 1, 0xff] {
            let owner = [0xc0, target];
            assert!(addresses(&[record(&owner, ADDRESS, &[192, 0, 2, 1])]).is_empty());
        }
        // A label before the pointer does not make the name an earlier one.
        let owner = [1, b'a', 0xc0, own];
        assert!(addresses(&[record(&owner, ADDRESS, &[192, 0, 2, 1])]).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_addresses_are_answered_are_told(
            octets in prop::collection::btree_set(any::<[u8; 4]>(), 1..20)
        ) {
            let records: Vec<_> = octets.iter().map(|it| record(QUESTION, ADDRESS, it)).collect();
            let expected: Vec<_> = octets.iter().map(|&it| IpAddr::from(it)).collect();
            prop_assert_eq!(answer(&answering(&records)).unwrap().addresses, expected);
        }

        /// The question is whole, so that what comes after it is read.
        #[test]
        fn no_answer_makes_it_panic(
            count in any::<u8>(),
            rest in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..40, Just(0xc0)], 0..600),
        ) {
            let mut message = answering(&[]);
            message[7] = count;
            message.extend(rest);
            prop_assert!(answer(&message).is_none_or(|it| it.name == "www.test".into()));
        }

        #[test]
        fn any_name_is_told_in_printable_letters(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..10)
        ) {
            let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
            let name = name(&labels).unwrap();
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn no_message_makes_it_panic(message in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = asked(&message);
            let _ = answer(&message);
        }
    }
}
