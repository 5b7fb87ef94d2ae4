//! Calls that use socket addresses.

use super::{Entered, Observer, Returned};
use crate::trace::{Bytes, Contact, ContactAction, Endpoint, Named, Outcome, ProcessId, dns};
use crate::tracer::abi::{
    SOCKETCALL_BIND, SOCKETCALL_CONNECT, SOCKETCALL_LISTEN, SOCKETCALL_RECVFROM,
    SOCKETCALL_RECVMSG, SOCKETCALL_SENDMMSG, SOCKETCALL_SENDMSG, SOCKETCALL_SENDTO, Shape,
};
use crate::tracer::facts::Fact;
use crate::tracer::memory;
use crate::tracer::sys;
use crate::tracer::task::{Pending, Receipt, Used};
use hashbrown::HashSet;
use libc::{c_int, pid_t};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

/// The longest socket address (`struct sockaddr_storage`).
const LONGEST_ADDRESS: usize = 128;

/// So many descriptors of a process are known to lead to DNS servers, before the oldest is forgotten.
const MOST_RESOLVERS: usize = 16;

/// How many messages one call sends at most (`UIO_MAXIOV`, sendmmsg(2)).
const MOST_MESSAGES: u32 = 1024;

/// What a call sends: where it is and its length.
#[derive(Clone, Copy)]
struct Payload {
    address: u64,
    length: u64,
}

/// The beginning of a `struct msghdr`: the address, its length, and the array of pieces that the message
/// is put together from.
struct Header {
    address: u64,
    length: u32,
    array: u64,
    elements: u64,
}

/// Where a message goes: the bytes of a `sockaddr`, and the name that it asks a DNS server for.
#[derive(PartialEq, Eq, Hash)]
struct Destination {
    address: Vec<u8>,
    asked: Option<Bytes>,
}

impl Observer {
    pub(super) fn network(&mut self, call: &Entered, shape: Shape) -> Option<Pending> {
        let arg = |index: u8| call.args[usize::from(index)];
        let used = match shape {
            Shape::Address(action, fd, address, length) => {
                let sent = (action == ContactAction::Send).then(|| Payload {
                    address: arg(fd + 1),
                    length: arg(fd + 2),
                });
                let fd = arg(fd) as c_int;
                self.address(call, action, fd, arg(address), arg(length), sent)
            }
            Shape::Message(fd, header) => self.message(call, arg(fd) as c_int, arg(header)),
            Shape::Messages(fd, headers, count) => {
                return self.messages(call, arg(fd) as c_int, arg(headers), arg(count) as u32);
            }
            Shape::Receive(fd, buffer, length, sender) => {
                return self.receive(
                    call.tid,
                    Receipt {
                        fd: arg(fd) as c_int,
                        buffer: arg(buffer),
                        room: arg(length),
                        sender: arg(sender),
                    },
                );
            }
            Shape::ReceiveMessage(fd, header) => {
                let receipt = self.receipt(call, arg(fd) as c_int, arg(header));
                return receipt.map(Pending::Answer);
            }
            Shape::Listen(fd) => self.listen(call, arg(fd) as c_int),
            Shape::SocketCall(number, array) => {
                let mut words = [0; 24];
                let read = self.read(call.tid, arg(array), &mut words)?;
                let word = |index: usize| {
                    words[..read]
                        .get(4 * index..)
                        .and_then(<[u8]>::first_chunk)
                        .map(|bytes| u64::from(u32::from_ne_bytes(*bytes)))
                };
                let fd = word(0)? as c_int;
                match arg(number) as u32 {
                    SOCKETCALL_BIND => {
                        self.address(call, ContactAction::Bind, fd, word(1)?, word(2)?, None)
                    }
                    SOCKETCALL_CONNECT => {
                        self.address(call, ContactAction::Connect, fd, word(1)?, word(2)?, None)
                    }
                    SOCKETCALL_SENDTO => {
                        let sent = Payload {
                            address: word(1)?,
                            length: word(2)?,
                        };
                        let action = ContactAction::Send;
                        self.address(call, action, fd, word(4)?, word(5)?, Some(sent))
                    }
                    SOCKETCALL_RECVFROM => {
                        return self.receive(
                            call.tid,
                            Receipt {
                                fd,
                                buffer: word(1)?,
                                room: word(2)?,
                                sender: word(4)?,
                            },
                        );
                    }
                    SOCKETCALL_LISTEN => self.listen(call, fd),
                    SOCKETCALL_RECVMSG => {
                        return self.receipt(call, fd, word(1)?).map(Pending::Answer);
                    }
                    SOCKETCALL_SENDMSG => self.message(call, fd, word(1)?),
                    SOCKETCALL_SENDMMSG => {
                        return self.messages(call, fd, word(1)?, word(2)? as u32);
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        used.map(|used| Pending::Contact(Box::new(used)))
    }

    fn message(&mut self, call: &Entered, fd: c_int, header: u64) -> Option<Used> {
        let to = self.destination(call, fd, header)?;
        self.contact(call.tid, ContactAction::Send, fd, &to.address, to.asked)
    }

    /// Something is received by who wants to know the sender.
    fn receive(&mut self, tid: pid_t, receipt: Receipt) -> Option<Pending> {
        let may_be_answer = receipt.sender != 0 && self.asks_resolvers(tid, receipt.fd);
        may_be_answer.then_some(Pending::Answer(receipt))
    }

    /// Where a message comes to be that may be an answer.
    fn receipt(&mut self, call: &Entered, fd: c_int, header: u64) -> Option<Receipt> {
        if !self.asks_resolvers(call.tid, fd) {
            return None;
        }
        let header = self.header(call, header)?;
        if header.address == 0 {
            self.resolver(call.tid, fd)?;
        }
        let room = first_element(call, header.array, header.elements)?;
        Some(Receipt {
            fd,
            buffer: room.address,
            room: room.length,
            sender: header.address,
        })
    }

    /// What came is told if it is a DNS server's answer.
    pub(super) fn answered(
        &mut self,
        tid: pid_t,
        process: ProcessId,
        receipt: Receipt,
        returned: Returned,
    ) {
        let came = u64::try_from(returned.value).unwrap_or(0);
        if came == 0 {
            return;
        }
        let is_of_resolver = receipt.sender == 0 || {
            let mut bytes = [0; LONGEST_ADDRESS];
            memory::read(tid, receipt.sender, &mut bytes)
                .is_ok_and(|read| is_resolver(&bytes[..read]))
        };
        if !is_of_resolver {
            // The descriptor has become another one: what else comes by it is not to be waited for.
            self.leads(tid, receipt.fd, false);
            return;
        }
        let mut message = [0; dns::LONGEST_ANSWER];
        let length = came.min(receipt.room).min(message.len() as u64) as usize;
        let Ok(read) = memory::read(tid, receipt.buffer, &mut message[..length]) else {
            return;
        };
        if let Some(answer) = dns::answer(&message[..read]) {
            let named = Named {
                process,
                at: self.now(),
                name: answer.name,
                addresses: answer.addresses,
            };
            self.outbox
                .write(|batch| batch.push(Fact::Named(Box::new(named))));
        }
    }

    /// Reads the `struct msghdr` of a message.
    fn header(&mut self, call: &Entered, header: u64) -> Option<Header> {
        let size = call.width.bytes();
        let mut head = [0; 4 * 8];
        let wanted = 4 * size;
        if self.read(call.tid, header, &mut head[..wanted])? != wanted {
            self.is_unread = true;
            return None;
        }
        let word = |index: usize| call.width.pointer(&head[index * size..]);
        Some(Header {
            address: word(0)?,
            length: u32::from_ne_bytes(*head[size..].first_chunk()?),
            array: word(2)?,
            elements: word(3)?,
        })
    }

    /// Where a message goes. Of a message without an address, the address is told that the socket is
    /// connected to where that is a DNS server's.
    fn destination(&mut self, call: &Entered, fd: c_int, header: u64) -> Option<Destination> {
        let Header {
            address,
            length,
            array,
            elements,
        } = self.header(call, header)?;
        if address == 0 || length == 0 {
            let server = self.resolver(call.tid, fd)?;
            let sent = first_element(call, array, elements)?;
            let asked = question(call.tid, sent)?;
            return Some(Destination {
                address: server,
                asked: Some(asked),
            });
        }
        let mut bytes = [0; LONGEST_ADDRESS];
        let bytes = self.read_address(call.tid, address, u64::from(length), &mut bytes)?;
        let sent = is_resolver(bytes).then(|| first_element(call, array, elements));
        let asked = sent.flatten().and_then(|sent| question(call.tid, sent));
        Some(Destination {
            address: bytes.to_vec(),
            asked,
        })
    }

    /// The DNS server that a descriptor is connected to, as the bytes of its `sockaddr`.
    ///
    /// Only a descriptor by which the process asks one is looked up: what other programs send costs
    /// nothing.
    fn resolver(&mut self, tid: pid_t, fd: c_int) -> Option<Vec<u8>> {
        if !self.asks_resolvers(tid, fd) {
            return None;
        }
        let tgid = self.tasks.tgid_of(tid)?;
        let socket = sys::borrow_descriptor(tgid, fd).ok()?;
        let mut bytes = [0; LONGEST_ADDRESS];
        let peer = sys::socket_peer(socket.as_fd(), &mut bytes).ok()?;
        is_resolver(peer).then(|| peer.to_vec())
    }

    /// Whether a process asks DNS servers by a descriptor, as far as that was seen.
    fn asks_resolvers(&mut self, tid: pid_t, fd: c_int) -> bool {
        let process = self.tasks.process_of(tid);
        process.is_some_and(|process| process.resolvers.contains(&fd))
    }

    /// Remembers which descriptors lead to DNS servers.
    fn leads(&mut self, tid: pid_t, fd: c_int, to_resolver: bool) {
        let Some(process) = self.tasks.process_of(tid) else {
            return;
        };
        process.resolvers.retain(|&other| other != fd);
        if to_resolver {
            if process.resolvers.len() == MOST_RESOLVERS {
                process.resolvers.remove(0);
            }
            process.resolvers.push(fd);
        }
    }

    /// Several messages are sent, each to an address of its own if it has one.
    fn messages(&mut self, call: &Entered, fd: c_int, headers: u64, count: u32) -> Option<Pending> {
        // `struct mmsghdr`: a `struct msghdr` of seven words, and the number of bytes that were sent.
        let size = 8 * call.width.bytes() as u64;
        let mut known = HashSet::new();
        let mut contacts = Vec::new();
        for index in 0..count.min(MOST_MESSAGES) {
            let header = headers.wrapping_add(u64::from(index) * size);
            let Some(to) = self.destination(call, fd, header) else {
                // The kernel cannot read it either, and sends none that follows.
                if self.is_unread {
                    break;
                }
                continue;
            };
            if known.contains(&to) {
                continue;
            }
            let asked = to.asked.clone();
            if let Some(used) = self.contact(call.tid, ContactAction::Send, fd, &to.address, asked)
            {
                contacts.push((index, used.contact));
            }
            known.insert(to);
        }
        (!contacts.is_empty()).then_some(Pending::Messages(contacts))
    }

    /// A socket address in a tracee's memory.
    fn read_address<'a>(
        &mut self,
        tid: pid_t,
        address: u64,
        length: u64,
        buffer: &'a mut [u8; LONGEST_ADDRESS],
    ) -> Option<&'a [u8]> {
        let length = (length as usize).min(LONGEST_ADDRESS);
        let read = self.read(tid, address, &mut buffer[..length])?;
        Some(&buffer[..read])
    }

    /// An address is used. What is sent without one is told like a message without one.
    fn address(
        &mut self,
        call: &Entered,
        action: ContactAction,
        fd: c_int,
        address: u64,
        length: u64,
        sent: Option<Payload>,
    ) -> Option<Used> {
        if address == 0
            && let Some(sent) = sent
        {
            let server = self.resolver(call.tid, fd)?;
            let asked = question(call.tid, sent)?;
            return self.contact(call.tid, action, fd, &server, Some(asked));
        }
        let mut bytes = [0; LONGEST_ADDRESS];
        let bytes = self.read_address(call.tid, address, length, &mut bytes)?;
        let sent = sent.filter(|_| is_resolver(bytes));
        let asked = sent.and_then(|sent| question(call.tid, sent));
        self.contact(call.tid, action, fd, bytes, asked)
    }

    fn listen(&mut self, call: &Entered, fd: c_int) -> Option<Used> {
        let tgid = self.tasks.tgid_of(call.tid)?;
        self.served.listens(tgid);
        let socket = sys::borrow_descriptor(tgid, fd).ok()?;
        let mut bytes = [0; LONGEST_ADDRESS];
        let name = sys::socket_name(socket.as_fd(), &mut bytes).ok()?;
        let name = name.to_vec();
        self.contact(call.tid, ContactAction::Listen, fd, &name, None)
    }

    fn contact(
        &mut self,
        tid: pid_t,
        action: ContactAction,
        fd: c_int,
        address: &[u8],
        asked: Option<Bytes>,
    ) -> Option<Used> {
        let at = self.now();
        let mut endpoint = endpoint(address)?;
        if action == ContactAction::Connect {
            self.leads(tid, fd, is_of_resolver(&endpoint));
        } else if asked.is_some() {
            self.leads(tid, fd, true);
        }
        let tgid = self.tasks.tgid_of(tid)?;
        let process = self.tasks.process_of(tid)?;
        match &mut endpoint {
            Endpoint::Inet { protocol, .. } => *protocol = protocol_of(tgid, fd),
            Endpoint::Unix { path } if !path.as_bytes().starts_with(b"/") => {
                if let Some(cwd) = &process.working(tid) {
                    let mut absolute = cwd.path.clone();
                    absolute.push(b'/');
                    absolute.extend_from_slice(path.as_bytes());
                    *path = Bytes::from(absolute);
                }
            }
            _ => {}
        }
        Some(Used {
            socket: fd,
            contact: Contact {
                process: process.id,
                at,
                action,
                endpoint,
                asked,
                outcome: Outcome::Success,
            },
        })
    }
}

/// The first of the pieces that a message is put together from (`struct iovec`); a query is in one
/// piece.
fn first_element(call: &Entered, array: u64, elements: u64) -> Option<Payload> {
    let size = call.width.bytes();
    let mut element = [0; 2 * 8];
    let wanted = 2 * size;
    if elements == 0 || memory::read(call.tid, array, &mut element[..wanted]) != Ok(wanted) {
        return None;
    }
    Some(Payload {
        address: call.width.pointer(&element)?,
        length: call.width.pointer(&element[size..])?,
    })
}

/// Whether a `sockaddr` is one at which a DNS server would answer.
fn is_resolver(address: &[u8]) -> bool {
    endpoint(address).is_some_and(|endpoint| is_of_resolver(&endpoint))
}

fn is_of_resolver(endpoint: &Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Inet {
            port: dns::PORT,
            ..
        }
    )
}

/// The name that a query in a tracee's memory asks for.
fn question(tid: pid_t, sent: Payload) -> Option<Bytes> {
    let mut query = [0; dns::LONGEST_QUERY];
    let length = usize::try_from(sent.length).ok()?.min(query.len());
    let read = memory::read(tid, sent.address, &mut query[..length]).ok()?;
    dns::asked(&query[..read])
}

/// The process that listens at the other end of a tracee's socket, as far as that is known.
pub(super) fn listener(pid: pid_t, fd: c_int) -> Option<pid_t> {
    let socket = sys::borrow_descriptor(pid, fd).ok()?;
    sys::socket_listener(socket.as_fd()).ok()
}

/// What protocol a tracee's socket speaks.
fn protocol_of(pid: pid_t, fd: c_int) -> Option<String> {
    let socket = sys::borrow_descriptor(pid, fd).ok()?;
    let protocol = sys::socket_protocol(socket.as_fd()).ok()?;
    Some(match protocol {
        libc::IPPROTO_TCP => "tcp".to_owned(),
        libc::IPPROTO_UDP => "udp".to_owned(),
        other => other.to_string(),
    })
}

/// Reads a `struct sockaddr` (ip(7), ipv6(7), unix(7)); none when it is too short to be one, or of
/// the family that means "none".
pub(in crate::tracer) fn endpoint(address: &[u8]) -> Option<Endpoint> {
    let (family, rest) = address.split_first_chunk()?;
    let family = u16::from_ne_bytes(*family);
    Some(match c_int::from(family) {
        libc::AF_UNSPEC => return None,
        libc::AF_INET => {
            let (port, rest) = rest.split_first_chunk()?;
            let octets: [u8; 4] = *rest.first_chunk()?;
            Endpoint::Inet {
                protocol: None,
                address: IpAddr::V4(Ipv4Addr::from(octets)),
                port: u16::from_be_bytes(*port),
            }
        }
        libc::AF_INET6 => {
            let (port, rest) = rest.split_first_chunk()?;
            let octets: [u8; 16] = *rest.get(4..)?.first_chunk()?;
            Endpoint::Inet {
                protocol: None,
                address: IpAddr::V6(Ipv6Addr::from(octets)),
                port: u16::from_be_bytes(*port),
            }
        }
        libc::AF_UNIX => match rest.split_first() {
            None => Endpoint::Abstract {
                name: Bytes::default(),
            },
            Some((0, name)) => Endpoint::Abstract {
                name: Bytes::from(
                    name.iter()
                        .map(|&byte| if byte == 0 { b'@' } else { byte })
                        .collect::<Vec<_>>(),
                ),
            },
            Some(_) => {
                let end = rest.iter().position(|&byte| byte == 0);
                Endpoint::Unix {
                    path: Bytes::from(&rest[..end.unwrap_or(rest.len())]),
                }
            }
        },
        _ => Endpoint::Other { number: family },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(family: c_int, rest: &[u8]) -> Vec<u8> {
        let mut bytes = (family as u16).to_ne_bytes().to_vec();
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn an_internet_address_is_read_in_network_order() {
        let bytes = address(libc::AF_INET, &[0x01, 0xbb, 127, 0, 0, 1, 0, 0]);
        assert_eq!(
            endpoint(&bytes),
            Some(Endpoint::Inet {
                protocol: None,
                address: "127.0.0.1".parse().unwrap(),
                port: 443,
            })
        );
    }

    #[test]
    fn the_scope_of_an_ipv6_address_is_no_part_of_it() {
        let mut rest = vec![0, 53, 9, 9, 9, 9];
        rest.extend_from_slice(&[0; 15]);
        rest.extend_from_slice(&[1, 7, 7, 7, 7]);
        assert_eq!(
            endpoint(&address(libc::AF_INET6, &rest)),
            Some(Endpoint::Inet {
                protocol: None,
                address: "::1".parse().unwrap(),
                port: 53,
            })
        );
    }

    #[test]
    fn a_unix_path_ends_at_its_nul_and_an_abstract_name_begins_with_one() {
        assert_eq!(
            endpoint(&address(libc::AF_UNIX, b"/run/x\0junk")),
            Some(Endpoint::Unix {
                path: Bytes::from("/run/x")
            })
        );
        assert_eq!(
            endpoint(&address(libc::AF_UNIX, b"\0a\0b")),
            Some(Endpoint::Abstract {
                name: Bytes::from("a@b")
            })
        );
    }

    #[test]
    fn a_short_address_is_none() {
        for length in 0..8 {
            let bytes = address(libc::AF_INET, &[0; 6]);
            assert_eq!(endpoint(&bytes[..length.min(7)]), None);
        }
    }
}
