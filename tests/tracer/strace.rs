//! Reads what strace writes, as an oracle: which process did what with which file.
//!
//! strace is asked for hexadecimal strings (`-xx`) and for the paths of descriptors (`-y`), so that
//! no name, whatever its bytes, can look like the text around it. What is left to be careful about is
//! time: calls of several processes interleave (`<unfinished ...>`, `<... resumed>`), a child may
//! speak before its parent is told of it, and a thread that executes takes its leader's number.
//!
//! The table of calls is the tests' own: an oracle that shared the tracer's would share its errors.

use crate::everywhere::{ask_strace, run};
use crate::happening::{Happening, join};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls that are compared: all that name files or make processes, and what a descriptor alone
/// says.
const ASKED: &str = "trace=file,process,network,getdents,getdents64,mmap,fchdir,pidfd_getfd";

/// Runs a command under strace in a fresh directory; `how` are further options.
pub(crate) fn observe(
    how: &[&str],
    words: &[String],
    fresh: impl Fn() -> PathBuf,
) -> BTreeSet<Happening> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut directory = PathBuf::new();
    ask_strace(|| {
        directory = fresh();
        let mut command = Command::new("strace");
        command
            .args(["-f", "-q", "-y", "-xx", "--decode-pids=pidns"])
            .args(["-e", ASKED])
            .args(how)
            .arg("-o")
            .arg(log.path())
            .arg("--")
            .args(words);
        run(command, &directory)
    });
    let text = std::fs::read(log.path()).unwrap();
    let start = directory.as_os_str().as_encoded_bytes();
    happenings(&String::from_utf8(text).unwrap(), start)
}

/// A call that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    name: String,
    args: Vec<String>,
    returned: Returned,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Returned {
    /// A number, and the file of a descriptor.
    Value(u64, Option<Vec<u8>>),
    /// The name of an error.
    Error(String),
    /// It never came back, or begins again.
    Nothing,
}

/// What one thread did from its first line to its last.
#[derive(Debug, Default)]
struct Stream {
    /// The number of its first line.
    born: usize,
    /// Each call with the number of the line in which it began.
    calls: Vec<(usize, Call)>,
    /// How it ended.
    end: Option<String>,
}

/// Splits at the commas that are in no string, bracket or descriptor's name.
fn split_arguments(text: &str) -> Vec<String> {
    let mut args = Vec::new();
    let mut arg = String::new();
    let (mut depth, mut quoted, mut comment) = (0, false, false);
    let mut previous = ' ';
    for letter in text.chars() {
        // With -xx no quote is escaped: each begins or ends a string.
        match letter {
            '"' if !comment => quoted = !quoted,
            '*' if previous == '/' && !quoted => comment = true,
            '/' if previous == '*' && comment => comment = false,
            '{' | '[' | '(' if !quoted && !comment => depth += 1,
            '}' | ']' | ')' if !quoted && !comment => depth -= 1,
            ',' if depth == 0 && !quoted && !comment => {
                args.push(std::mem::take(&mut arg).trim().to_owned());
                previous = letter;
                continue;
            }
            _ => {}
        }
        previous = letter;
        arg.push(letter);
    }
    if !arg.trim().is_empty() {
        args.push(arg.trim().to_owned());
    }
    args
}

/// The bytes of hexadecimal escapes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("\\x") {
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    assert!(rest.is_empty(), "strace was to write hexadecimals: {text}");
    bytes
}

/// A string argument; none for a pointer that strace could not follow.
fn string(arg: &str) -> Option<Vec<u8>> {
    // What is longer than a path may be is cut short.
    let text = arg.strip_prefix('"')?.trim_end_matches("...");
    Some(unescaped(text.strip_suffix('"')?))
}

/// The file that a descriptor leads to, if it has one.
fn descriptor(arg: &str) -> Option<Vec<u8>> {
    let (_, rest) = arg.split_once('<')?;
    let (name, _) = rest.split_once('>')?;
    let mut name = unescaped(name);
    // The kernel's mark of what is gone.
    if name.ends_with(b" (deleted)") {
        name.truncate(name.len() - b" (deleted)".len());
    }
    // A memfd's name only looks like a path.
    (name.starts_with(b"/") && !name.starts_with(b"/memfd:")).then_some(name)
}

fn returned(text: &str) -> Returned {
    let text = text.trim();
    if text.starts_with('?') {
        return Returned::Nothing;
    }
    if let Some(error) = text.strip_prefix("-1 ") {
        let name = error.split(' ').next().unwrap();
        return Returned::Error(name.to_owned());
    }
    // In a pid namespace of its own: `2 /* 4711 in strace's PID NS */`.
    let text = match text.split_once("/* ") {
        Some((_, outside)) if outside.ends_with("in strace's PID NS */") => outside,
        _ => text,
    };
    let digits = text.split(['<', ' ']).next().unwrap();
    let value = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    match value {
        Ok(value) => Returned::Value(value, descriptor(text)),
        Err(error) => panic!("{error}: {text}"),
    }
}

/// `name(arguments) = returned`; strace fills up with blanks before the sign.
fn call(text: &str) -> Call {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("{text}"));
    let (args, result) = rest
        .rsplit_once(" = ")
        .unwrap_or_else(|| panic!("a call without an end: {text}"));
    let args = args.trim_end();
    let args = args.strip_suffix(')').unwrap_or(args);
    Call {
        name: name.to_owned(),
        args: split_arguments(args),
        returned: returned(result),
    }
}

/// The streams of each thread, by its number, in the order in which they began.
fn streams(log: &str) -> HashMap<u32, VecDeque<Stream>> {
    let mut streams: HashMap<u32, VecDeque<Stream>> = HashMap::new();
    let mut begun: HashMap<u32, (usize, String)> = HashMap::new();
    for (number, line) in log.lines().enumerate() {
        let (tid, text) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let tid: u32 = tid
            .parse()
            .unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = text.trim_start();
        let of_thread = streams.entry(tid).or_default();
        if of_thread.back().is_none_or(|stream| stream.end.is_some()) {
            of_thread.push_back(Stream {
                born: number,
                ..Stream::default()
            });
        }
        let stream = of_thread.back_mut().unwrap();
        if let Some(end) = text.strip_prefix("+++ ") {
            let end = end.trim_end_matches(" +++");
            match end.strip_prefix("superseded by execve in pid ") {
                // The thread that executes goes on by this number, and its own is free.
                Some(other) => {
                    let other = other.parse().unwrap();
                    if let Some(call) = begun.remove(&other) {
                        begun.insert(tid, call);
                    }
                    let other = streams.get_mut(&other);
                    other.unwrap().back_mut().unwrap().end = Some(String::new());
                }
                None => stream.end = Some(end.to_owned()),
            }
        } else if let Some((start, new)) = text.split_once(" <pid changed to ") {
            // So it is written when nothing came in between.
            let leader = new.trim_end_matches(" ...>").parse().unwrap();
            begun.insert(leader, (number, start.trim_end().to_owned()));
        } else if let Some(start) = text.strip_suffix(" <unfinished ...>") {
            begun.insert(tid, (number, start.trim_end().to_owned()));
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").unwrap();
            let (began, start) = begun
                .remove(&tid)
                .unwrap_or_else(|| panic!("what never began is resumed: {line}"));
            stream.calls.push((began, call(&format!("{start}{rest}"))));
        } else if !text.starts_with("--- ") {
            stream.calls.push((number, call(text)));
        }
    }
    streams
}

/// Walks the processes from the first on, parents before their children.
struct Walk {
    streams: HashMap<u32, VecDeque<Stream>>,
    /// How many children each process has made.
    children: BTreeMap<String, u32>,
    found: BTreeSet<Happening>,
}

/// A readlink that may be realpath's, by the size of its buffer.
pub(crate) const STEP_OF_REALPATH: &str = "step-of-realpath";
const REALPATH_SIZE: &str = "1023";

fn happenings(log: &str, directory: &[u8]) -> BTreeSet<Happening> {
    let first: u32 = log.split(' ').next().unwrap().parse().unwrap();
    let mut walk = Walk {
        streams: streams(log),
        children: BTreeMap::new(),
        found: BTreeSet::new(),
    };
    walk.thread(first, 0, "0", directory.to_vec(), true);
    let left: Vec<_> = walk.streams.iter().filter(|it| !it.1.is_empty()).collect();
    assert!(left.is_empty(), "of these no parent was found: {left:?}");
    walk.found
}

impl Walk {
    fn thread(&mut self, tid: u32, from: usize, process: &str, mut cwd: Vec<u8>, is_process: bool) {
        let waiting = self.streams.get_mut(&tid);
        let Some(stream) = waiting.and_then(|it| {
            it.iter()
                .position(|it| it.born >= from)
                .and_then(|at| it.remove(at))
        }) else {
            panic!("{tid} was made and never spoke");
        };
        for (began, call) in &stream.calls {
            let makes = ["fork", "vfork", "clone", "clone3"].contains(&call.name.as_str());
            match &call.returned {
                Returned::Nothing => {}
                Returned::Value(child, _) if makes => {
                    let flags = call.args.join(",");
                    let child = *child as u32;
                    if flags.contains("CLONE_THREAD") {
                        self.thread(child, *began, process, cwd.clone(), false);
                    } else {
                        let count = self.children.entry(process.to_owned()).or_default();
                        *count += 1;
                        let name = format!("{process}.{count}");
                        self.thread(child, *began, &name, cwd.clone(), true);
                    }
                }
                Returned::Error(_) if makes => {}
                Returned::Value(..) => {
                    self.happened(process, call, "ok", &cwd);
                    match call.name.as_str() {
                        "chdir" => cwd = join(&cwd, &string(&call.args[0]).unwrap()),
                        // The new root is where it works, and is `/` for it.
                        "pivot_root"
                            if real(&join(&cwd, &string(&call.args[0]).unwrap())) == cwd =>
                        {
                            cwd = b"/".to_vec();
                        }
                        "fchdir" => cwd = descriptor(&call.args[0]).unwrap_or(cwd),
                        _ => {}
                    }
                    // The kernel's own name for it, without links.
                    if call.name == "chdir" {
                        cwd = real(&cwd);
                    }
                }
                Returned::Error(name) => self.happened(process, call, name, &cwd),
            }
        }
        if is_process && let Some(end) = stream.end {
            let outcome = match end.strip_prefix("exited with ") {
                Some(code) => code.to_owned(),
                None => end
                    .trim_start_matches("killed by ")
                    .trim_end_matches(" (core dumped)")
                    .to_owned(),
            };
            self.found
                .insert(Happening::new(process, "exited", b"", &outcome));
        }
    }

    /// Notes a call that ended.
    fn happened(&mut self, process: &str, call: &Call, outcome: &str, cwd: &[u8]) {
        let mut add = |operation: &str, path: Option<Vec<u8>>| {
            if let Some(path) = path {
                let happening = Happening::new(process, operation, &path, outcome);
                self.found.insert(happening);
            }
        };
        let args = &call.args;
        let path = |at: usize| string(&args[at]).map(|path| join(cwd, &path));
        // An empty name with AT_EMPTY_PATH is the descriptor's file: no name is looked up.
        let empty_is_a_descriptor = args.last().is_some_and(|it| it.contains("AT_EMPTY_PATH"))
            || args.iter().any(|it| it.contains("AT_EMPTY_PATH"));
        let at = |at: usize| {
            let name = string(&args[at + 1])?;
            if name.is_empty() && empty_is_a_descriptor {
                return None;
            }
            if name.starts_with(b"/") {
                return Some(name);
            }
            Some(match descriptor(&args[at]) {
                Some(directory) => join(&directory, &name),
                None => name,
            })
        };
        match call.name.as_str() {
            "open" | "openat" | "openat2" | "creat" => {
                let (path, flags) = match call.name.as_str() {
                    "open" => (path(0), args[1].as_str()),
                    "creat" => (path(0), "O_WRONLY"),
                    _ => (at(0), args[2].as_str()),
                };
                let flags = flags.trim_start_matches("{flags=");
                let flags: Vec<_> = flags.split([',', '}']).next().unwrap().split('|').collect();
                let operation = if flags.contains(&"O_PATH") {
                    "open-path"
                } else if flags.contains(&"O_RDWR") {
                    "read-write"
                } else if flags.contains(&"O_WRONLY") || flags.contains(&"O_TRUNC") {
                    "write"
                } else {
                    "read"
                };
                add(operation, path);
                if let Returned::Value(_, Some(file)) = &call.returned {
                    add("opened-file", Some(file.clone()));
                }
            }
            "stat" | "lstat" => add("stat", path(0)),
            "newfstatat" | "statx" => add("stat", at(0)),
            "access" => add("check", path(0)),
            "faccessat" | "faccessat2" => add("check", at(0)),
            "readlink" if args[2] == REALPATH_SIZE => add(STEP_OF_REALPATH, path(0)),
            "readlink" => add("read-link", path(0)),
            "readlinkat" if args[3] == REALPATH_SIZE => add(STEP_OF_REALPATH, at(0)),
            "readlinkat" => add("read-link", at(0)),
            "chdir" => add("change-directory", path(0)),
            "fchdir" => add("change-directory", descriptor(&args[0])),
            "chroot" | "pivot_root" => add("change-root", path(0)),
            "mkdir" => add("make-directory", path(0)),
            "mkdirat" => add("make-directory", at(0)),
            "mknod" => add("make-node", path(0)),
            "mknodat" => add("make-node", at(0)),
            "unlink" | "rmdir" => add("remove", path(0)),
            "unlinkat" => add("remove", at(0)),
            "truncate" => add("truncate", path(0)),
            "rename" => {
                add("rename", path(0));
                add("rename-target", path(1));
            }
            "renameat" | "renameat2" => {
                add("rename", at(0));
                add("rename-target", at(2));
            }
            "link" => {
                add("link", path(0));
                add("link-target", path(1));
            }
            "linkat" => {
                add("link", at(0));
                add("link-target", at(2));
            }
            "symlink" => {
                add("symlink", path(1));
                add("symlink-target", string(&args[0]));
            }
            "symlinkat" => {
                add("symlink", at(1));
                add("symlink-target", string(&args[0]));
            }
            "chmod" | "chown" | "lchown" | "utime" | "utimes" | "setxattr" | "lsetxattr"
            | "removexattr" | "lremovexattr" => add("set-attributes", path(0)),
            "fchmodat" | "fchmodat2" | "fchownat" | "futimesat" | "utimensat" => {
                add("set-attributes", at(0));
            }
            "getxattr" | "lgetxattr" | "listxattr" | "llistxattr" | "statfs" => {
                add("get-attributes", path(0));
            }
            "name_to_handle_at" => add("get-attributes", at(0)),
            "inotify_add_watch" => add("get-attributes", path(1)),
            "execve" | "execveat" => {
                let path = match call.name.as_str() {
                    "execve" => path(0),
                    _ => at(0).or_else(|| descriptor(&args[0])),
                };
                let operation = if outcome == "ok" {
                    "executed"
                } else {
                    "execute"
                };
                add(operation, path);
            }
            "getdents" | "getdents64" => add("list", descriptor(&args[0])),
            "mmap" if args[2].contains("PROT_EXEC") => add("map", descriptor(&args[4])),
            "connect" | "bind" => add(&call.name, endpoint(&args[1], cwd)),
            "sendto" => add("send", endpoint(&args[4], cwd)),
            // Without a name, or without an address.
            "mmap" | "fork" | "vfork" | "clone" | "clone3" | "wait4" | "waitid" | "kill"
            | "tkill" | "tgkill" | "exit" | "exit_group" | "unshare" | "setns" | "pidfd_open"
            | "pidfd_send_signal" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo" | "socket"
            | "socketpair" | "getsockname" | "getpeername" | "setsockopt" | "getsockopt"
            | "recvfrom" | "recvmsg" | "recvmmsg" | "sendmmsg" | "shutdown" | "listen"
            | "sendfile" | "accept" | "accept4" | "sendmsg" | "getpid" | "getcwd" => {}
            "umount2" => add("set-attributes", path(0)),
            // The source may be a word that says nothing.
            "mount" => {
                add("set-attributes", path(1));
                let source = string(&args[0]).filter(|source| !source.is_empty());
                add("set-attributes-target", source);
            }
            // It names no file; the descriptor that it brings does. The tracee's is open to be read.
            "pidfd_getfd" => {
                if let Returned::Value(_, file) = &call.returned {
                    add("read", file.clone());
                    add("opened-file", file.clone());
                }
            }
            other => panic!("the tests' table has no {other}: {call:?}"),
        }
    }
}

/// A directory as the kernel names it; as it is when it is gone by now.
fn real(path: &[u8]) -> Vec<u8> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real.into_os_string().into_vec()
}

/// A socket's address, in the words of [`crate::happening`].
fn endpoint(arg: &str, cwd: &[u8]) -> Option<Vec<u8>> {
    let field = |name: &str| {
        let (_, rest) = arg.split_once(name)?;
        Some(rest.split([',', '}', ')']).next().unwrap().to_owned())
    };
    let port = || field("port=htons(").unwrap();
    let quoted = |text: String| {
        let text = text.trim_matches('"');
        let bytes = if text.starts_with("\\x") {
            unescaped(text)
        } else {
            text.as_bytes().to_vec()
        };
        String::from_utf8(bytes).unwrap()
    };
    match field("sa_family=")?.as_str() {
        "AF_UNIX" => match field("sun_path=") {
            Some(path) => match path.strip_prefix('@') {
                Some(name) => Some([b"@", &string(name)?[..]].concat()),
                None => Some(join(cwd, &string(&path)?)),
            },
            None => Some(b"@".to_vec()),
        },
        "AF_INET" => {
            let address = quoted(field("inet_addr(")?);
            Some(format!("{address} {}", port()).into_bytes())
        }
        "AF_INET6" => {
            let address = arg.split("inet_pton(AF_INET6, ").nth(1)?;
            let address = quoted(address.split(')').next().unwrap().to_owned());
            Some(format!("{address} {}", port()).into_bytes())
        }
        _ => Some(b"other".to_vec()),
    }
}

#[test]
fn calls_that_interleave_are_put_together() {
    let log = "\
7 vfork( <unfinished ...>
8 execve(\"\\x2f\\x62\", [\"\\x62\"], 0x7ffe /* 2 vars */ <unfinished ...>
7 <... vfork resumed>)              = 8
8 <... execve resumed>)             = 0
8 +++ exited with 3 +++
7 +++ killed by SIGTERM +++
";
    let found: Vec<_> = happenings(log, b"/").into_iter().collect();
    assert_eq!(
        found,
        [
            Happening::new("0", "exited", b"", "SIGTERM"),
            Happening::new("0.1", "executed", b"/b", "ok"),
            Happening::new("0.1", "exited", b"", "3"),
        ]
    );
}

#[test]
fn a_thread_that_executes_goes_on_by_its_leaders_number() {
    for how in ["unfinished", "pid changed to 7"] {
        executes_as_leader(how);
    }
}

fn executes_as_leader(how: &str) {
    let log = "\
7 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7f}, 88) = 8
8 execve(\"\\x2f\\x62\", [\"\\x62\"], 0x7ffe /* 2 vars */ <HOW ...>
7 +++ superseded by execve in pid 8 +++
7 <... execve resumed>) = 0
7 access(\"\\x78\", R_OK) = -1 ENOENT (No such file or directory)
7 +++ exited with 0 +++
";
    let log = log.replace("HOW", how);
    let found: Vec<_> = happenings(&log, b"/w").into_iter().collect();
    assert_eq!(
        found,
        [
            Happening::new("0", "check", b"/w/x", "ENOENT"),
            Happening::new("0", "executed", b"/b", "ok"),
            Happening::new("0", "exited", b"", "0"),
        ]
    );
}

#[test]
fn no_byte_of_a_name_looks_like_the_text_around_it() {
    let log = "\
7 openat(AT_FDCWD<\\x2f\\x2c\\x3e\\x29>, \"\\x29\\x20\\x3d\\x22\\xff\", O_RDONLY) = 3<\\x2f\\x2c\\x3e\\x29\\x2f\\x29\\x20\\x3d\\x22\\xff>
7 +++ exited with 0 +++
";
    let found: Vec<_> = happenings(log, b"/").into_iter().collect();
    let file = b"/,>)/) =\"\xff";
    assert_eq!(
        found,
        [
            Happening::new("0", "exited", b"", "0"),
            Happening::new("0", "opened-file", file, "ok"),
            Happening::new("0", "read", file, "ok"),
        ]
    );
}
