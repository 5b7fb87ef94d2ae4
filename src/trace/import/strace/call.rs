//! The calls that matter to a trace, from their names and arguments.

use super::address::{answer, contact, message, piece, protocol, question};
use super::args::{Descriptor, field, has_flag, number, split, string};
use super::returned::Returned;
use super::table::{Shape, shape};
use crate::trace::{Bytes, ContactAction, Endpoint, Operation, Outcome, dns};
use bstr::ByteSlice;

/// What a path is relative to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Dir {
    /// The working directory; its path, if `-y` shows it.
    Working(Option<Bytes>),
    /// A descriptor.
    Open(Descriptor),
}

/// A path argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) dir: Dir,
    pub(super) path: Bytes,
}

/// A call that matters, with how it ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    /// Names a file.
    Access {
        operation: Operation,
        name: Name,
        target: Option<Target>,
        outcome: Outcome,
        /// The descriptor that an open gave.
        opened: Option<(Descriptor, bool)>,
    },
    /// Uses an open file.
    Descriptor {
        operation: Operation,
        fd: Descriptor,
        outcome: Outcome,
    },
    Execute {
        name: Name,
        argv: Option<Vec<Bytes>>,
        /// Whether strace has shortened an argument.
        is_cut: bool,
        env: Vec<Bytes>,
        outcome: Outcome,
    },
    /// Made a thread or process.
    Clone {
        child: u32,
        is_thread: bool,
    },
    Duplicate {
        from: i32,
        to: i32,
        closes_on_exec: bool,
    },
    Close {
        first: i32,
        last: i32,
    },
    CloseOnExec {
        fd: i32,
        closes: bool,
    },
    /// Names its own working directory.
    WorkingDirectory(Bytes),
    Socket {
        fd: i32,
        protocol: Option<&'static str>,
    },
    Contact {
        action: ContactAction,
        fd: Descriptor,
        /// None where the call does not name it.
        endpoint: Option<Endpoint>,
        /// The name that is asked for, if what is sent is a DNS query.
        asked: Option<Bytes>,
        outcome: Outcome,
    },
    /// Was answered by a DNS server.
    Answer(dns::Answer),
    /// Set up an io_uring.
    Ring,
    /// Does not matter after all.
    Nothing,
}

/// The other path of a call with two.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Name(Name),
    Text(Bytes),
}

/// Something that is read, or what is wrong with it.
pub(super) type Read<T> = Result<T, &'static str>;

/// Reads a call. `args` are its arguments without the parentheses, `result` is what follows `= `.
pub(super) fn call(name: &[u8], args: &[u8], result: &[u8]) -> Read<Call> {
    let shape = shape(name).ok_or("a call that does not matter")?;
    let result = Returned::read(result)?;
    // Most mappings are of no file or not of code: they are told without a look at each argument.
    if shape == Shape::Mapping && (!args.contains_str("PROT_EXEC") || args.contains_str("MAP_ANON"))
    {
        return Ok(Call::Nothing);
    }
    let args = Args(split(args)?);
    // What did not return has done nothing yet: `exit` in the middle, a restarted call.
    let Some(outcome) = result.outcome else {
        return Ok(Call::Nothing);
    };
    let access = |operation, name, target| {
        Ok(Call::Access {
            operation,
            name,
            target,
            outcome,
            opened: None,
        })
    };
    match shape {
        Shape::Path(operation, at) => match args.path(at)? {
            Some(path) => access(operation, Name::of_cwd(path), None),
            None => Ok(Call::Nothing),
        },
        Shape::At(operation, at) => match args.name_at(at)? {
            Some(name) => access(operation, name, None),
            None => Ok(Call::Nothing),
        },
        Shape::Paths(operation) => match (args.path(0)?, args.path(1)?) {
            (Some(from), Some(to)) => {
                let target = Target::Name(Name::of_cwd(to));
                access(operation, Name::of_cwd(from), Some(target))
            }
            _ => Ok(Call::Nothing),
        },
        Shape::Ats(operation) => match (args.name_at(0)?, args.name_at(2)?) {
            (Some(from), Some(to)) => access(operation, from, Some(Target::Name(to))),
            _ => Ok(Call::Nothing),
        },
        Shape::NewLink { has_descriptor } => {
            let name = match has_descriptor {
                true => args.name_at(1)?,
                false => args.path(1)?.map(Name::of_cwd),
            };
            match (args.path(0)?, name) {
                (Some(text), Some(name)) => {
                    access(Operation::Symlink, name, Some(Target::Text(text)))
                }
                _ => Ok(Call::Nothing),
            }
        }
        Shape::Open { is_at, flags } => open(&args, is_at, flags, &result, outcome),
        Shape::Descriptor(operation) => Ok(Call::Descriptor {
            operation,
            fd: args.descriptor(0)?,
            outcome,
        }),
        Shape::Mapping => match args.descriptor(4) {
            // A descriptor that is -1 is no file.
            Ok(fd) if fd.number.is_some_and(|fd| fd >= 0) => Ok(Call::Descriptor {
                operation: Operation::Map,
                fd,
                outcome,
            }),
            Ok(_) => Ok(Call::Nothing),
            Err(error) => Err(error),
        },
        Shape::Run { is_at } => execute(&args, is_at, outcome),
        Shape::Fork | Shape::Clone => {
            let Some(child) = result.number.and_then(|child| u32::try_from(child).ok()) else {
                return Ok(Call::Nothing);
            };
            let has = |flag| args.0.iter().any(|arg| has_flag(arg, flag));
            Ok(Call::Clone {
                child,
                is_thread: has("CLONE_THREAD"),
            })
        }
        Shape::Duplicate => duplicate(&args, &result),
        Shape::Control => control(&args, &result),
        Shape::Close => {
            let fd = args.descriptor(0)?.number;
            Ok(fd.map_or(Call::Nothing, |fd| Call::Close {
                first: fd,
                last: fd,
            }))
        }
        Shape::CloseRange => {
            let first = args.descriptor(0)?.number;
            let last = args.get(1)?;
            let last = number(last).filter(|last| *last >= 0).unwrap_or(i32::MAX);
            let is_flag = args
                .0
                .get(2)
                .is_some_and(|it| has_flag(it, "CLOSE_RANGE_CLOEXEC"));
            match first {
                Some(first) if !is_flag && outcome.is_success() => Ok(Call::Close { first, last }),
                _ => Ok(Call::Nothing),
            }
        }
        Shape::WorkingDirectory => match args.path(0) {
            Ok(Some(path)) if outcome.is_success() => Ok(Call::WorkingDirectory(path)),
            _ => Ok(Call::Nothing),
        },
        Shape::Socket => {
            let fd = result.descriptor.and_then(|fd| fd.number);
            let protocol = protocol(args.get(0)?, args.get(1)?);
            Ok(fd.map_or(Call::Nothing, |fd| Call::Socket { fd, protocol }))
        }
        Shape::Address(action, at) => {
            let address = args.0.get(at).copied().unwrap_or(b"NULL");
            let asked = match action {
                ContactAction::Send => question(args.get(1)?),
                _ => None,
            };
            contact(action, args.descriptor(0)?, address, asked, outcome)
        }
        Shape::Message => message(args.descriptor(0)?, args.get(1)?, outcome),
        Shape::Messages => {
            // Each has an address of its own, if it has one. The call succeeds when the first was
            // sent, so that this one's is told.
            let list = args.get(1)?;
            let inner = list.strip_prefix(b"[").and_then(|it| it.strip_suffix(b"]"));
            let first = inner.map(split).transpose()?.unwrap_or_default();
            match first.first().and_then(|first| field(first, "msg_hdr")) {
                Some(header) => message(args.descriptor(0)?, header, outcome),
                None => Ok(Call::Nothing),
            }
        }
        Shape::Receive => {
            let sender = args.0.get(4).copied().unwrap_or(b"NULL");
            Ok(answer(args.get(1)?, sender).map_or(Call::Nothing, Call::Answer))
        }
        Shape::ReceiveMessage => {
            let header = args.get(1)?;
            let answer = piece(header)
                .zip(field(header, "msg_name"))
                .and_then(|(came, sender)| answer(came, sender));
            Ok(answer.map_or(Call::Nothing, Call::Answer))
        }
        Shape::Listen => Ok(Call::Contact {
            action: ContactAction::Listen,
            fd: args.descriptor(0)?,
            endpoint: None,
            asked: None,
            outcome,
        }),
        Shape::Ring => Ok(Call::Ring),
    }
}

impl Name {
    fn of_cwd(path: Bytes) -> Self {
        Self {
            dir: Dir::Working(None),
            path,
        }
    }
}

/// The arguments of a call.
struct Args<'a>(Vec<&'a [u8]>);

impl<'a> Args<'a> {
    fn get(&self, at: usize) -> Read<&'a [u8]> {
        self.0.get(at).copied().ok_or("too few arguments")
    }

    /// A path; none when it is NULL or an address that could not be read.
    fn path(&self, at: usize) -> Read<Option<Bytes>> {
        let arg = self.get(at)?;
        if arg == b"NULL" || arg.starts_with(b"0x") {
            return Ok(None);
        }
        let (path, is_cut) = string(arg)?;
        match is_cut {
            true => Err("a path that was cut"),
            false => Ok(Some(path.into())),
        }
    }

    fn descriptor(&self, at: usize) -> Read<Descriptor> {
        Descriptor::read(self.get(at)?)
    }

    /// A descriptor and a path relative to it. An empty path is about the open file, which is no
    /// name.
    fn name_at(&self, at: usize) -> Read<Option<Name>> {
        let descriptor = self.descriptor(at)?;
        let Some(path) = self.path(at + 1)?.filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let dir = match descriptor.number {
            None => Dir::Working(descriptor.path().map(Bytes::from)),
            Some(_) => Dir::Open(descriptor),
        };
        Ok(Some(Name { dir, path }))
    }
}

fn open(
    args: &Args<'_>,
    is_at: bool,
    flags: usize,
    result: &Returned,
    outcome: Outcome,
) -> Read<Call> {
    let name = match is_at {
        true => args.name_at(0)?,
        false => args.path(0)?.map(Name::of_cwd),
    };
    let Some(name) = name else {
        return Ok(Call::Nothing);
    };
    let is_creat = flags == usize::MAX;
    let flags = match is_creat {
        true => &b"O_WRONLY|O_CREAT|O_TRUNC"[..],
        false => args.get(flags)?,
    };
    let operation = if has_flag(flags, "O_PATH") {
        Operation::OpenPath
    } else if has_flag(flags, "O_RDWR") {
        Operation::ReadWrite
    } else if has_flag(flags, "O_WRONLY") || has_flag(flags, "O_TRUNC") {
        Operation::Write
    } else {
        Operation::Read
    };
    let opened = result.descriptor.clone().filter(|_| outcome.is_success());
    Ok(Call::Access {
        operation,
        name,
        target: None,
        outcome,
        opened: opened.map(|fd| (fd, has_flag(flags, "O_CLOEXEC"))),
    })
}

fn execute(args: &Args<'_>, is_at: bool, outcome: Outcome) -> Read<Call> {
    let first = usize::from(is_at);
    let name = match is_at {
        true => args.name_at(0)?,
        false => args.path(0)?.map(Name::of_cwd),
    };
    let Some(name) = name else {
        return Ok(Call::Nothing);
    };
    let (argv, is_cut) = match args.0.get(first + 1) {
        Some(arg) => strings(arg)?,
        None => (None, false),
    };
    // Without `-v` only their number is there.
    let env = match args.0.get(first + 2) {
        Some(arg) if arg.starts_with(b"[") => strings(arg)?.0.unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(Call::Execute {
        name,
        argv,
        is_cut,
        env,
        outcome,
    })
}

/// A list of strings; none when it is an address. A string that was cut ends in an ellipsis.
fn strings(arg: &[u8]) -> Read<(Option<Vec<Bytes>>, bool)> {
    let Some(inner) = arg.strip_prefix(b"[") else {
        return Ok((None, false));
    };
    let inner = inner.strip_suffix(b"]").ok_or("a list without end")?;
    let mut is_cut = false;
    let mut list = Vec::new();
    for word in split(inner)? {
        // More than `-s` allows: `...` for the rest.
        if word == b"..." {
            is_cut = true;
            break;
        }
        if word.starts_with(b"NULL") || word.starts_with(b"0x") || word.starts_with(b"/*") {
            continue;
        }
        let (mut text, cut) = string(word)?;
        if cut {
            text.extend("…".as_bytes());
            is_cut = true;
        }
        list.push(text.into());
    }
    Ok((Some(list), is_cut))
}

fn duplicate(args: &Args<'_>, result: &Returned) -> Read<Call> {
    let from = args.descriptor(0)?.number;
    let to = result.descriptor.as_ref().and_then(|fd| fd.number);
    let closes_on_exec = args.0.get(2).is_some_and(|it| has_flag(it, "O_CLOEXEC"));
    Ok(match (from, to) {
        (Some(from), Some(to)) => Call::Duplicate {
            from,
            to,
            closes_on_exec,
        },
        _ => Call::Nothing,
    })
}

fn control(args: &Args<'_>, result: &Returned) -> Read<Call> {
    let Some(fd) = args.descriptor(0)?.number else {
        return Ok(Call::Nothing);
    };
    let to = result.descriptor.as_ref().and_then(|fd| fd.number);
    Ok(match (args.get(1)?, to) {
        (command @ (b"F_DUPFD" | b"F_DUPFD_CLOEXEC"), Some(to)) => Call::Duplicate {
            from: fd,
            to,
            closes_on_exec: command == b"F_DUPFD_CLOEXEC",
        },
        (b"F_SETFD", _) => Call::CloseOnExec {
            fd,
            closes: has_flag(args.get(2)?, "FD_CLOEXEC"),
        },
        _ => Call::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::super::line::{Event, line};
    use super::super::table::matters;
    use super::*;

    /// Reads the call of a line.
    fn read(text: &str) -> Read<Call> {
        match line(text.as_bytes(), matters)?.event {
            Event::Call { name, args, result } => call(name, args, result),
            other => panic!("{other:?}"),
        }
    }

    /// An access as `operation path outcome`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match read(text) {
            Ok(Call::Access {
                operation,
                name,
                outcome,
                target,
                ..
            }) => {
                let target = match target {
                    Some(Target::Name(name)) => format!(" -> {}", name.path),
                    Some(Target::Text(text)) => format!(" = {text}"),
                    None => String::new(),
                };
                format!("{operation:?} {}{target} {outcome:?}", name.path)
            }
            Ok(other) => format!("{other:?}"),
            Err(what) => what.to_owned(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn what_is_done_with_a_name_is_told_by_call_and_flags() {
        check(r#"open("/a", O_RDONLY) = 3"#, "Read /a Success");
        check(
            r#"openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)"#,
            "Read /a Failure(Errno(2))",
        );
        check(
            r#"openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</a> <0.000010>"#,
            "Write /a Success",
        );
        check(
            r#"openat2(AT_FDCWD, "/a", {flags=O_RDWR, resolve=0}, 24) = 3"#,
            "ReadWrite /a Success",
        );
        check(r#"creat("/a", 0644) = 3"#, "Write /a Success");
        check(
            r#"newfstatat(AT_FDCWD, "/a", {st_mode=S_IFREG|0644, st_size=1, ...}, 0) = 0"#,
            "Stat /a Success",
        );
        check(r#"rename("/a", "/b") = 0"#, "Rename /a -> /b Success");
        check(
            r#"symlinkat("text", AT_FDCWD, "/l") = 0"#,
            "Symlink /l = text Success",
        );
        check(
            r#"readlink("/proc/self/exe", "/usr/bin/x", 4096) = 10"#,
            "ReadLink /proc/self/exe Success",
        );
        check(
            r#"newfstatat(3, "", {st_mode=S_IFREG}, AT_EMPTY_PATH) = 0"#,
            "Nothing",
        );
        check(
            r#"openat(AT_FDCWD, "/a", O_RDONLY) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)"#,
            "Nothing",
        );
    }

    #[test]
    fn the_descriptor_of_an_open_is_read_with_its_path() {
        let Ok(Call::Access { opened, .. }) =
            read(r#"openat(AT_FDCWD</w>, "x", O_RDONLY|O_CLOEXEC) = 5</real path/x> <0.1>"#)
        else {
            panic!("an open is an access");
        };
        let (fd, closes_on_exec) = opened.unwrap();
        assert_eq!(fd.number, Some(5));
        assert_eq!(fd.path(), Some(&b"/real path/x"[..]));
        assert!(closes_on_exec);
    }

    #[test]
    fn only_code_of_files_is_mapped() {
        let map = |arg: &str| read(&format!("mmap(NULL, 4096, {arg}) = 0x7f0000000000")).unwrap();
        assert!(matches!(
            map("PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_DENYWRITE, 3, 0x1000"),
            Call::Descriptor {
                operation: Operation::Map,
                ..
            }
        ));
        assert_eq!(map("PROT_READ, MAP_PRIVATE, 3, 0"), Call::Nothing);
        assert_eq!(
            map("PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"),
            Call::Nothing
        );
    }

    #[test]
    fn addresses_of_every_family_are_read() {
        let endpoint = |address: &str| match read(&format!("connect(3, {address}, 16) = 0")) {
            Ok(Call::Contact { endpoint, .. }) => endpoint.unwrap(),
            other => panic!("{other:?}"),
        };
        let inet = |address: &str, port| Endpoint::Inet {
            protocol: None,
            address: address.parse().unwrap(),
            port,
        };
        assert_eq!(
            endpoint(r#"{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}"#),
            inet("192.0.2.1", 80)
        );
        assert_eq!(
            endpoint(
                r#"{sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}"#
            ),
            inet("2001:db8::1", 443)
        );
        assert_eq!(
            endpoint(r#"{sa_family=AF_UNIX, sun_path="/run/x"}"#),
            Endpoint::Unix {
                path: "/run/x".into()
            }
        );
        assert_eq!(
            endpoint(r#"{sa_family=AF_UNIX, sun_path=@"abc"}"#),
            Endpoint::Abstract { name: "abc".into() }
        );
    }

    #[test]
    fn arguments_of_a_program_are_read_and_cuts_are_known() {
        let Ok(Call::Execute {
            argv, is_cut, env, ..
        }) = read(
            r#"execve("/bin/sh", ["sh", "-c", "echo \"x\", y"...], ["PATH=/bin", "A=b"]) = 0"#,
        )
        else {
            panic!("a program ran");
        };
        let expected = ["sh", "-c", "echo \"x\", y…"].map(Bytes::from);
        assert_eq!(argv.unwrap(), expected);
        assert!(is_cut);
        assert_eq!(env.len(), 2);
    }

    #[test]
    fn what_is_broken_inside_is_refused() {
        for text in [
            r#"open(/a, O_RDONLY) = 3"#,
            r#"open("/a", O_RDONLY) = -1 EWRONG (x)"#,
            r#"open("/a"..., O_RDONLY) = 3"#,
            r#"openat("/a", O_RDONLY) = 3"#,
            r#"open("/a", O_RDONLY) = three"#,
            r#"connect(3, {sa_family=AF_INET, sin_port=htons(x)}, 16) = 0"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
