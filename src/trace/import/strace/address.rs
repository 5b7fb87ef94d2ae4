//! Socket addresses as strace writes them, what is asked of DNS servers, and what they answer.

use super::args::{Descriptor, field, has_flag, string};
use super::call::{Call, Read};
use crate::trace::{Bytes, ContactAction, Endpoint, Outcome, dns};
use bstr::ByteSlice;

/// What an internet socket speaks.
pub(super) fn protocol(family: &[u8], kind: &[u8]) -> Option<&'static str> {
    if !matches!(family, b"AF_INET" | b"AF_INET6" | b"PF_INET" | b"PF_INET6") {
        return None;
    }
    match kind {
        _ if has_flag(kind, "SOCK_STREAM") => Some("tcp"),
        _ if has_flag(kind, "SOCK_DGRAM") => Some("udp"),
        _ => None,
    }
}

/// A message that is sent, from its `struct msghdr`.
pub(super) fn message(fd: Descriptor, header: &[u8], outcome: Outcome) -> Read<Call> {
    let address = field(header, "msg_name").unwrap_or(b"NULL");
    let asked = piece(header).and_then(question);
    contact(ContactAction::Send, fd, address, asked, outcome)
}

/// What a message holds that is in one piece, from its `struct msghdr`.
pub(super) fn piece(header: &[u8]) -> Option<&[u8]> {
    let list = field(header, "msg_iov")?;
    let piece = list.strip_prefix(b"[")?.strip_suffix(b"]")?;
    field(piece, "iov_base")
}

/// What a DNS server has answered, if what came is its answer.
pub(super) fn answer(came: &[u8], sender: &[u8]) -> Option<dns::Answer> {
    let port = field(sender, "sin_port").or_else(|| field(sender, "sin6_port"))?;
    if port != format!("htons({})", dns::PORT).as_bytes() {
        return None;
    }
    // Of what strace has cut, the whole records count.
    let (message, _) = string(came).ok()?;
    dns::answer(&message)
}

/// The name that is asked for by what is sent, if that is a DNS query.
pub(super) fn question(sent: &[u8]) -> Option<Bytes> {
    // A query has no answers: so most of what is sent is told from one without reading it all.
    if !sent.contains_str(r"\0\0\0") && !sent.contains_str(r"\x00\x00\x00") {
        return None;
    }
    match string(sent) {
        Ok((message, false)) => dns::asked(&message),
        _ => None,
    }
}

pub(super) fn contact(
    action: ContactAction,
    fd: Descriptor,
    address: &[u8],
    asked: Option<Bytes>,
    outcome: Outcome,
) -> Read<Call> {
    if !address.starts_with(b"{") {
        // Only to a DNS server is a message without an address of interest.
        return Ok(match &asked {
            Some(_) => Call::Contact {
                action,
                fd,
                endpoint: None,
                asked,
                outcome,
            },
            None => Call::Nothing,
        });
    }
    let family = field(address, "sa_family").ok_or("an address without a family")?;
    let inet = |address: &[u8], port: &[u8]| {
        let address = address.to_str().ok().and_then(|it| it.parse().ok());
        let port = port
            .strip_prefix(b"htons(")
            .and_then(|it| it.strip_suffix(b")"))
            .and_then(|it| it.to_str().ok()?.parse().ok());
        match (address, port) {
            (Some(address), Some(port)) => Ok(Endpoint::Inet {
                protocol: None,
                address,
                port,
            }),
            _ => Err("an internet address that is none"),
        }
    };
    let missing = "an address without its parts";
    let endpoint = match family {
        b"AF_INET" => {
            let text = field(address, "sin_addr").ok_or(missing)?;
            let text = text
                .strip_prefix(b"inet_addr(\"")
                .and_then(|it| it.strip_suffix(b"\")"))
                .ok_or(missing)?;
            inet(text, field(address, "sin_port").ok_or(missing)?)?
        }
        b"AF_INET6" => {
            // `inet_pton(AF_INET6, "::1", &sin6_addr)` stands among the fields.
            let mark = b"inet_pton(AF_INET6, \"";
            let at = address.find(mark).ok_or(missing)?;
            let text = &address[at + mark.len()..];
            let end = text.find_byte(b'"').ok_or(missing)?;
            inet(&text[..end], field(address, "sin6_port").ok_or(missing)?)?
        }
        b"AF_UNIX" => match field(address, "sun_path") {
            None => Endpoint::Abstract {
                name: Bytes::default(),
            },
            Some(path) => match path.strip_prefix(b"@") {
                Some(name) => Endpoint::Abstract {
                    name: string(name)?.0.replace(b"\0", b"@").into(),
                },
                None => Endpoint::Unix {
                    path: string(path)?.0.into(),
                },
            },
        },
        // Netlink and its kin: their numbers are not in the text, and nobody asks for them.
        _ => return Ok(Call::Nothing),
    };
    Ok(Call::Contact {
        action,
        fd,
        endpoint: Some(endpoint),
        asked,
        outcome,
    })
}
