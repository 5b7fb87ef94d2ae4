//! The name that a DNS query asks for (RFC 1035, section 4.1).
//!
//! Only the question is read, which is all that a query has to tell; what an answer says is no part
//! of a trace, for nobody sees what a program receives.

use super::Bytes;

/// The port that resolvers are asked at.
pub const PORT: u16 = 53;

/// A query over UDP is no longer (RFC 1035, section 4.2.1).
pub const LONGEST_QUERY: usize = 512;

/// The length of a message's header.
const HEADER: usize = 12;

/// A name has no more bytes, lengths of its labels included.
const LONGEST_NAME: usize = 255;

/// The name that a message asks for: `deb.debian.org`, `.` for the root. None for what is no standard
/// query of one name, or cut short.
///
/// What is neither letter, digit, hyphen nor underscore is written as in master files (`\.`, `\032`).
pub fn asked(message: &[u8]) -> Option<Bytes> {
    let (header, mut rest) = message.split_at_checked(HEADER)?;
    // The highest bit marks a response, the four after it say which kind of query it is.
    let is_query = header[2] & 0b1111_1000 == 0;
    let questions = u16::from_be_bytes([header[4], header[5]]);
    if !is_query || questions != 1 {
        return None;
    }
    let mut name = Vec::new();
    let mut length = 0;
    loop {
        let (&label, after) = rest.split_first()?;
        if label == 0 {
            rest = after;
            break;
        }
        // A longer one would be a pointer to an earlier name, and there is none before the question.
        if label > 63 {
            return None;
        }
        let (label, after) = after.split_at_checked(usize::from(label))?;
        length += label.len() + 1;
        if length >= LONGEST_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        label.iter().for_each(|&byte| push(&mut name, byte));
        rest = after;
    }
    // The type and the class that are asked for.
    rest.split_at_checked(4)?;
    if name.is_empty() {
        name.push(b'.');
    }
    Some(name.into())
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

    proptest! {
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
        }
    }
}
