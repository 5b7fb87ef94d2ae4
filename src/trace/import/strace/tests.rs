//! Logs by hand, and the records that they must become.

use super::super::Known;
use super::*;
use crate::trace::{ExitStatus, GapKind, Operation, Outcome, Record};
use proptest::prelude::*;
use std::path::PathBuf;

/// A machine with one link and one script.
struct Machine;

impl System for Machine {
    fn real(&mut self, path: &Bytes, _: bool) -> Option<Bytes> {
        match path.strip_prefix(b"/lib/") {
            Some(inner) => Some([b"/usr/lib/", inner].concat().into()),
            None => Some(path.clone()),
        }
    }

    fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        match path.ends_with(b".sh") {
            true => (vec!["/bin/sh".into()], Some("/ld.so".into())),
            false => (Vec::new(), Some("/ld.so".into())),
        }
    }

    fn libraries(&mut self, _: &Bytes, _: Option<&Bytes>, _: &[Bytes]) -> Vec<Bytes> {
        Vec::new()
    }
}

fn import(text: &str, strict: bool) -> Result<(Vec<Record>, Imported), ImportError> {
    let known = Known {
        cwd: Some("/work".into()),
        ..Known::default()
    };
    let options = Options {
        known: &known,
        strict,
    };
    let mut records = Vec::new();
    let imported = read("log", text.as_bytes(), options, &mut Machine, &mut records)?;
    Ok((records, imported))
}

/// The records as short lines.
fn told(text: &str) -> Vec<String> {
    let (records, imported) = import(text, true).unwrap();
    assert_eq!(imported.skipped, 0);
    records.iter().map(short).collect()
}

fn short(record: &Record) -> String {
    match record {
        Record::Header(it) => format!("header {:?} in {}", it.argv, it.cwd),
        Record::Started(it) => {
            let parent = it.parent.map(|parent| parent.0);
            format!("{} started by {parent:?}", it.process.0)
        }
        Record::Executed(it) => format!(
            "{} runs {}",
            it.process.0,
            it.path.as_ref().map_or("?".into(), ToString::to_string)
        ),
        Record::Accessed(it) | Record::Repeated(it) => {
            let real = it
                .real
                .as_ref()
                .map_or(String::new(), |it| format!(" = {it}"));
            let target = it
                .target
                .as_ref()
                .map_or(String::new(), |it| format!(" -> {it}"));
            let outcome = match it.outcome {
                Outcome::Success => String::new(),
                Outcome::Failure(errno) => format!(" {errno}"),
            };
            let again = match record {
                Record::Repeated(_) => format!(" {} more", it.count),
                _ => String::new(),
            };
            format!(
                "{} {:?} {}{target}{real}{outcome}{again}",
                it.process.0, it.operation, it.path
            )
        }
        Record::Contacted(it) => format!("{} {:?} {:?}", it.process.0, it.action, it.endpoint),
        Record::Named(it) => format!("{} {} {:?}", it.process.0, it.name, it.addresses),
        Record::Exited(it) => format!("{} ended {:?}", it.process.0, it.status),
        Record::Gap(it) => format!("gap {:?} {}", it.kind, it.detail),
        Record::Footer(it) => format!("footer {:?} {}", it.status.unwrap(), it.duration.0),
    }
}

const EXEC: &str = "execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n";

#[test]
fn a_run_of_one_process_becomes_its_records() {
    let log = [
        EXEC,
        "openat(AT_FDCWD, \"/lib/libz.so\", O_RDONLY|O_CLOEXEC) = 3\n",
        "read(3, \"\\177ELF\"..., 832) = 832\n",
        "mmap(NULL, 8192, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0) = 0x7f00\n",
        "close(3) = 0\n",
        "mmap(NULL, 8192, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0) = -1 EBADF (Bad file descriptor)\n",
        "chdir(\"sub\") = 0\n",
        "openat(AT_FDCWD, \"x\", O_RDONLY) = 3\n",
        "openat(AT_FDCWD, \"x\", O_RDONLY) = 4\n",
        "exit_group(2) = ?\n",
        "+++ exited with 2 +++\n",
    ];
    assert_eq!(
        told(&log.concat()),
        [
            "header [\"app\"] in /work",
            "0 started by None",
            "0 runs /bin/app",
            "0 Read /lib/libz.so = /usr/lib/libz.so",
            "0 Map /usr/lib/libz.so",
            "0 ChangeDirectory /work/sub",
            "0 Read /work/sub/x",
            "0 Read /work/sub/x 1 more",
            "0 ended Code(2)",
            "footer Code(2) 0",
        ]
    );
}

#[test]
fn calls_that_other_lines_interrupt_are_put_together() {
    let log = [
        "10 execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n",
        "10 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>\n",
        "11 openat(AT_FDCWD, \"in, child\", O_RDONLY <unfinished ...>\n",
        "10 <... clone resumed>, child_tidptr=0x7f) = 11\n",
        "10 wait4(-1,  <unfinished ...>\n",
        "11 <... openat resumed>) = -1 ENOENT (No such file or directory)\n",
        "11 +++ killed by SIGSEGV (core dumped) +++\n",
        "10 <... wait4 resumed>[{WIFSIGNALED(s)}], 0, NULL) = 11\n",
        "10 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_DUMPED} ---\n",
        "10 +++ exited with 0 +++\n",
    ];
    assert_eq!(
        told(&log.concat())[2..],
        [
            "0 runs /bin/app",
            "1 started by Some(0)",
            "1 Read /work/in, child ENOENT",
            "1 ended Signal(11)",
            "0 ended Code(0)",
            "footer Code(0) 0",
        ]
    );
}

#[test]
fn threads_belong_to_their_process_and_an_exec_ends_them() {
    let log = [
        "10 execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n",
        "10 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0} => {parent_tid=[11]}, 88) = 11\n",
        "11 openat(AT_FDCWD, \"/a\", O_RDONLY) = 3\n",
        "11 execve(\"/bin/other\", [\"other\"], 0x7ffd /* 3 vars */ <unfinished ...>\n",
        "10 +++ superseded by execve in pid 11 +++\n",
        "10 <... execve resumed>) = 0\n",
        "10 +++ exited with 0 +++\n",
    ];
    assert_eq!(
        told(&log.concat())[2..],
        [
            "0 runs /bin/app",
            "0 Read /a",
            "0 runs /bin/other",
            "0 ended Code(0)",
            "footer Code(0) 0",
        ]
    );
}

#[test]
fn descriptors_are_inherited_duplicated_and_closed_on_exec() {
    let log = [
        "1 execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n",
        "1 open(\"/dir\", O_RDONLY|O_DIRECTORY) = 3\n",
        "1 fcntl(3, F_DUPFD_CLOEXEC, 10) = 10\n",
        "1 dup2(3, 4) = 4\n",
        "1 vfork() = 2\n",
        "2 openat(4, \"x\", O_RDONLY) = 5\n",
        "2 execve(\"/bin/sub\", [\"sub\"], 0x7ffd /* 3 vars */) = 0\n",
        "2 openat(10, \"gone\", O_RDONLY) = 6\n",
        "2 getdents64(4, 0x55 /* 3 entries */, 32768) = 80\n",
    ];
    let told = told(&log.concat());
    assert_eq!(
        told[4..],
        [
            "1 started by Some(0)",
            "1 Read /dir/x",
            "1 runs /bin/sub",
            "1 List /dir",
            "gap Unreadable 1 paths are left out: they are relative to a directory that the log \
             does not tell (strace -y does, and so does --cwd for the first)",
        ]
    );
}

#[test]
fn what_y_shows_is_taken_for_the_truth() {
    let log = [
        "execve(\"/bin/app\", [\"app\"], [\"PATH=/bin\", \"SECRET=x\"]) = 0\n",
        "openat(AT_FDCWD</elsewhere>, \"x\", O_RDONLY) = 3</real/x>\n",
        "connect(4<TCP:[123]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"192.0.2.1\")}, 16) = 0\n",
        "bind(5, {sa_family=AF_UNIX, sun_path=\"s\"}, 110) = 0\n",
        "listen(5, 10) = 0\n",
    ];
    let told = told(&log.concat());
    assert_eq!(told[3], "0 Read /elsewhere/x = /real/x");
    assert!(told[4].contains("protocol: Some(\"tcp\")"), "{}", told[4]);
    assert!(
        told[6].contains("Listen") && told[6].contains("/work/s"),
        "{}",
        told[6]
    );
    assert_eq!(
        start_directory(log.concat().as_bytes()),
        Some("/elsewhere".into())
    );
}

#[test]
fn names_that_a_dns_server_is_asked_for_are_told() {
    const SERVER: &str =
        r#"{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}"#;
    const QUERY: &str = r#""\322\33\1\0\0\1\0\0\0\0\0\0\3deb\6debian\3org\0\0\1\0\1""#;
    let log = [
        EXEC,
        "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_IP) = 3\n",
        // As a query goes to nobody that is known, it is not told.
        &format!("sendto(3, {QUERY}, 32, MSG_NOSIGNAL, NULL, 0) = 32\n"),
        &format!("connect(3, {SERVER}, 16) = 0\n"),
        &format!("sendto(3, {QUERY}, 32, MSG_NOSIGNAL, NULL, 0) = 32\n"),
        &format!(
            "sendmmsg(3, [{{msg_hdr={{msg_name=NULL, msg_namelen=0, msg_iov=[{{iov_base={QUERY}, \
             iov_len=32}}], msg_iovlen=1, msg_controllen=0, msg_flags=0}}, msg_len=32}}, \
             {{msg_hdr={{}}, msg_len=32}}], 2, MSG_NOSIGNAL) = 2\n"
        ),
        &format!("sendto(4, {QUERY}, 32, 0, {SERVER}, 16) = 32\n"),
        &format!("sendto(4, \"no query\", 8, 0, {SERVER}, 16) = 8\n"),
    ];
    let (records, _) = import(&log.concat(), true).unwrap();
    let told: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Contacted(it) => Some((it.action, it.asked.as_ref().map(Bytes::to_string))),
            _ => None,
        })
        .collect();
    use crate::trace::ContactAction::{Connect, Send};
    let name = Some("deb.debian.org".to_owned());
    // The same query on the connected socket twice is one contact; the last two have a socket
    // without a known protocol.
    assert_eq!(
        told,
        [
            (Connect, None),
            (Send, name.clone()),
            (Send, name),
            (Send, None)
        ]
    );
}

#[test]
fn addresses_that_a_dns_server_answers_with_are_told() {
    const SERVER: &str =
        r#"{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}"#;
    const SERVER_6: &str = r#"{sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::53", &sin6_addr), sin6_scope_id=0}"#;
    // For `NAME.test`, whose name has one letter.
    let answer = |name: &str| {
        format!(
            r#""\322\33\204\0\0\1\0\1\0\0\0\0\1{name}\4test\0\0\1\0\1\300\f\0\1\0\1\0\0\0<\0\4\300\0\2\7""#
        )
    };
    let receive = |name: &str, sender: &str| {
        let answer = answer(name);
        format!("recvfrom(3, {answer}, 2048, 0, {sender}, [28 => 16]) = 40\n")
    };
    let message = |name: &str, sender: &str| {
        let answer = answer(name);
        format!(
            "recvmsg(3, {{msg_name={sender}, msg_namelen=16, msg_iov=[{{iov_base={answer}, \
             iov_len=512}}], msg_iovlen=1, msg_controllen=0, msg_flags=0}}, 0) = 40\n"
        )
    };
    let log = [
        EXEC,
        &receive("a", SERVER),
        &receive("a", SERVER),
        &receive("b", SERVER_6),
        &message("c", SERVER),
        // From elsewhere, from nobody that is told, and nothing.
        &receive("d", &SERVER.replace("53)", "5301)")),
        &receive("e", "NULL"),
        &format!(
            "recvfrom(3, 0x7ffc0000, 2048, 0, {SERVER}, [28]) = -1 EAGAIN (Resource temporarily unavailable)\n"
        ),
        &format!("recvfrom(3, \"\", 2048, 0, {SERVER}, [28 => 16]) = 0\n"),
    ];
    let (records, _) = import(&log.concat(), true).unwrap();
    let told: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Named(it) => Some((it.name.to_string(), it.addresses.clone())),
            _ => None,
        })
        .collect();
    let expected = ["a", "b", "c"].map(|name| {
        let address = std::net::IpAddr::from([192, 0, 2, 7]);
        (format!("{name}.test"), vec![address])
    });
    assert_eq!(told, expected);
}

#[test]
fn only_search_variables_are_kept_and_secrets_are_hidden() {
    let log =
        "execve(\"/bin/app\", [\"app\", \"--token\", \"abc\"], [\"PATH=/bin\", \"KEY=x\"]) = 0\n";
    let (records, _) = import(log, true).unwrap();
    let Record::Executed(executed) = &records[2] else {
        panic!("{records:?}");
    };
    assert_eq!(executed.env.len(), 1);
    assert_eq!(executed.argv.as_ref().unwrap()[2], "…".into());
    let Record::Header(header) = &records[0] else {
        panic!("{records:?}");
    };
    assert_eq!(header.environment, ["KEY".into(), "PATH".into()]);
    assert_eq!(header.argv[2], "…".into());
}

#[test]
fn times_begin_with_the_first_line_and_pass_midnight() {
    let log = [
        "23:59:59.500000 execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n",
        "00:00:00.250000 +++ exited with 0 +++\n",
    ];
    assert_eq!(told(&log.concat()).last().unwrap(), "footer Code(0) 750000");
    let log = [
        "1700000000.000000 execve(\"/bin/app\", [\"app\"], 0x7ffd /* 3 vars */) = 0\n",
        "1700000001.500000 +++ exited with 0 +++\n",
    ];
    assert_eq!(
        told(&log.concat()).last().unwrap(),
        "footer Code(0) 1500000"
    );
}

#[test]
fn a_log_without_an_end_has_no_footer() {
    assert_eq!(told(EXEC).last().unwrap(), "0 runs /bin/app");
}

#[test]
fn shortened_arguments_are_a_gap() {
    let log = "execve(\"/bin/app\", [\"app\", \"long\"...], 0x7ffd /* 3 vars */) = 0\n";
    let (records, _) = import(log, true).unwrap();
    assert!(
        records
            .iter()
            .any(|it| matches!(it, Record::Gap(gap) if gap.kind == GapKind::Unreadable))
    );
}

#[test]
fn a_broken_line_is_named_by_its_number_and_skipped_or_refused() {
    let log = format!("{EXEC}open(\"/x, O_RDONLY) = 3\nopen(\"/y\", O_RDONLY) = 3\nnonsense\n");
    let (records, imported) = import(&log, false).unwrap();
    let lines: Vec<u64> = imported.bad.iter().map(|bad| bad.number).collect();
    assert_eq!(lines, [2, 4]);
    assert_eq!(imported.entries, 4);
    assert!(records.iter().map(short).any(|it| it == "0 Read /y"));
    let refused = import(&log, true).err().unwrap().to_string();
    assert_eq!(
        refused,
        "line 2: a string without end: open(\"/x, O_RDONLY) = 3"
    );
}

#[test]
fn blocks_are_played_in_their_order() {
    let mut log = EXEC.to_owned();
    let number = 3 * BLOCK / 40;
    for file in 0..number {
        log.push_str(&format!("open(\"/file/{file}\", O_RDONLY) = 3\n"));
    }
    let (records, imported) = import(&log, true).unwrap();
    assert_eq!(imported.entries, number as u64 + 1);
    let paths = records.iter().filter_map(|record| match record {
        Record::Accessed(access) => Some(access.path.to_string()),
        _ => None,
    });
    let expected = (0..number).map(|file| format!("/file/{file}"));
    assert!(paths.eq(expected));
}

#[test]
fn files_of_threads_are_read_where_their_makers_wait() {
    let told = told_of_each(&[
        (
            7,
            format!("{EXEC}vfork() = 9\nopen(\"/after\", O_RDONLY) = 3\n+++ exited with 0 +++\n"),
        ),
        (
            9,
            "open(\"/child\", O_RDONLY) = 3\n+++ exited with 1 +++\n".to_owned(),
        ),
    ]);
    assert_eq!(
        told[2..],
        [
            "0 runs /bin/app",
            "1 started by Some(0)",
            "1 Read /child",
            "1 ended Code(1)",
            "0 Read /after",
            "0 ended Code(0)",
            "footer Code(0) 0",
        ]
    );
}

/// The records of the files of `-ff`, by thread number.
fn told_of_each(files: &[(u32, String)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let files: BTreeMap<u32, PathBuf> = files
        .iter()
        .map(|(pid, text)| {
            let path = directory.path().join(format!("log.{pid}"));
            std::fs::write(&path, text).unwrap();
            (*pid, path)
        })
        .collect();
    let known = Known::default();
    let options = Options {
        known: &known,
        strict: true,
    };
    let mut records = Vec::new();
    read_each(files, options, &mut Machine, &mut records).unwrap();
    records.iter().map(short).collect()
}

#[test]
fn files_of_threads_with_times_are_read_in_the_order_of_the_times() {
    // A child that goes on beside its maker, past midnight, and one that is made then.
    let told = told_of_each(&[
        (
            7,
            format!(
                "23:59:58.000000 {EXEC}23:59:58.100000 fork() = 9\n\
                 23:59:58.300000 open(\"/after\", O_RDONLY) = 3\n\
                 00:00:01.000000 fork() = 8\n\
                 00:00:03.000000 +++ exited with 0 +++\n"
            ),
        ),
        (
            9,
            "23:59:58.200000 open(\"/first\", O_RDONLY) = 3\n\
             00:00:00.500000 open(\"/second\", O_RDONLY) = 3\n\
             00:00:02.500000 +++ exited with 1 +++\n"
                .to_owned(),
        ),
        (
            8,
            "00:00:01.000000 open(\"/third\", O_RDONLY) = 3\n\
             00:00:02.000000 +++ exited with 2 +++\n"
                .to_owned(),
        ),
    ]);
    assert_eq!(
        told[2..],
        [
            "0 runs /bin/app",
            "1 started by Some(0)",
            "1 Read /first",
            "0 Read /after",
            "1 Read /second",
            "2 started by Some(0)",
            "2 Read /third",
            "2 ended Code(2)",
            "1 ended Code(1)",
            "0 ended Code(0)",
            "footer Code(0) 5000000",
        ]
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_importer_panic(lines in prop::collection::vec(
        prop_oneof![
            "\\PC{0,60}",
            "[0-9]{1,3} (open|clone|execve|mmap|connect|dup2)\\([\"/a-z0-9,\\[\\]{}<> ]{0,40}\\) = -?[0-9]{1,3}",
            "[0-9]{1,3} <... (open|clone|execve) resumed>[\"/a-z, ]{0,20}\\) = [0-9]{1,3}",
            "[0-9]{1,3} (clone|execve)\\([\"/a-z, ]{0,20} <unfinished ...>",
            "[0-9]{1,3} \\+\\+\\+ (exited with [0-9]|superseded by execve in pid [0-9]) \\+\\+\\+",
        ],
        0..40,
    )) {
        let (records, imported) = import(&lines.join("\n"), false).unwrap();
        prop_assert!(imported.skipped <= imported.entries);
        // Whatever was told is a trace: nobody does anything before it was started.
        let mut started = std::collections::HashSet::new();
        for record in &records {
            match (record, record.process()) {
                (Record::Started(it), _) => {
                    prop_assert!(started.insert(it.process));
                    prop_assert!(it.parent.is_none_or(|parent| started.contains(&parent)));
                }
                (Record::Gap(_), _) | (_, None) => {}
                (_, Some(process)) => prop_assert!(started.contains(&process)),
            }
        }
    }
}

#[test]
fn operations_that_fail_are_told_with_their_error() {
    let log = format!("{EXEC}rename(\"/a\", \"/b\") = -1 EACCES (Permission denied)\n");
    let (records, _) = import(&log, true).unwrap();
    let Some(Record::Accessed(access)) = records.last() else {
        panic!("{records:?}");
    };
    assert_eq!(access.operation, Operation::Rename);
    assert!(!access.outcome.is_success());
    let killed = format!("{EXEC}+++ killed by SIGKILL +++\n");
    let (records, _) = import(&killed, true).unwrap();
    let ended = records
        .iter()
        .any(|it| matches!(it, Record::Exited(it) if it.status == ExitStatus::Signal(9)));
    assert!(ended);
}
