//! Traces of other programs by hand, and the records that they must become. Those of strace are beside
//! its reader.

use super::*;
use crate::sqlite::tests::make;
use crate::trace::{Executed, ExitStatus, Footer, GapKind, Outcome, Record};
use proptest::prelude::*;
use std::path::Path;

/// A machine with one link to a shell, scripts that name it, one library, and programs in `/bin`.
struct Machine;

impl System for Machine {
    fn real(&mut self, path: &Bytes, _: bool) -> Option<Bytes> {
        Some(match path.as_bytes() {
            b"/bin/sh" => "/bin/dash".into(),
            b"/lib/libz.so.1" => "/usr/lib/libz.so.1.2".into(),
            _ => path.clone(),
        })
    }

    fn runs_with(&mut self, path: &Bytes) -> (Vec<Bytes>, Option<Bytes>) {
        match path.as_bytes() {
            script if script.ends_with(b".sh") => (vec!["/bin/sh".into()], Some("/ld.so".into())),
            program if program.starts_with(b"/bin/") => (Vec::new(), Some("/ld.so".into())),
            _ => (Vec::new(), None),
        }
    }

    fn libraries(&mut self, path: &Bytes, _: Option<&Bytes>, _: &[Bytes]) -> Vec<Bytes> {
        match path.as_bytes() {
            b"/bin/app" => vec!["/usr/lib/libz.so.1.2".into()],
            _ => Vec::new(),
        }
    }
}

/// A record as a short line.
fn short(record: &Record) -> String {
    let words = |argv: &Option<Vec<Bytes>>| match argv {
        Some(argv) => argv
            .iter()
            .map(Bytes::to_string)
            .collect::<Vec<_>>()
            .join(" "),
        None => "?".to_owned(),
    };
    match record {
        Record::Header(it) => format!(
            "{} {} in {}",
            it.engine,
            words(&Some(it.argv.clone())),
            it.cwd
        ),
        Record::Started(it) => {
            let parent = it.parent.map(|parent| parent.0);
            format!("{} pid {} by {parent:?}", it.process.0, it.pid)
        }
        Record::Executed(Executed {
            process,
            path,
            argv,
            env,
            ..
        }) => {
            let path = path.as_ref().map_or("?".into(), Bytes::to_string);
            let env: Vec<String> = env
                .iter()
                .map(|(name, value)| format!(" {name}={value}"))
                .collect();
            format!("{} runs {path}: {}{}", process.0, words(argv), env.concat())
        }
        Record::Accessed(it) | Record::Repeated(it) => {
            let and = |text: &str, it: &Option<Bytes>| {
                it.as_ref()
                    .map_or(String::new(), |it| format!(" {text} {it}"))
            };
            let outcome = match it.outcome {
                Outcome::Success => String::new(),
                Outcome::Failure(errno) => format!(" {errno}"),
            };
            format!(
                "{} {:?} {}{}{}{outcome}",
                it.process.0,
                it.operation,
                it.path,
                and("->", &it.target),
                and("=", &it.real)
            )
        }
        Record::Contacted(it) => format!("{} {:?} {:?}", it.process.0, it.action, it.endpoint),
        Record::Named(it) => format!("{} {} {:?}", it.process.0, it.name, it.addresses),
        Record::Exited(it) => format!("{} ended {:?}", it.process.0, it.status),
        Record::Gap(it) => format!("gap {:?}", it.kind),
        Record::Footer(Footer {
            status, duration, ..
        }) => format!("end {status:?} {}", duration.0),
    }
}

type Read = Result<(Vec<String>, Imported), ImportError>;

/// Imports with some reader.
fn import(
    argv: &[&str],
    strict: bool,
    read: impl FnOnce(Options<'_>, &mut Machine, &mut Vec<Record>) -> Result<Imported, ImportError>,
) -> Read {
    let known = Known {
        cwd: Some("/work".into()),
        argv: argv.iter().map(|&word| word.into()).collect(),
        ..Known::default()
    };
    let options = Options {
        known: &known,
        strict,
    };
    let mut records = Vec::new();
    let imported = read(options, &mut Machine, &mut records)?;
    Ok((records.iter().map(short).collect(), imported))
}

fn fsatrace(text: &str, argv: &[&str], strict: bool) -> Read {
    import(argv, strict, |options, system, to| {
        super::fsatrace::read("trace", text.as_bytes(), options, system, to)
    })
}

fn tracexec(text: &str, strict: bool) -> Read {
    import(&[], strict, |options, system, to| {
        super::tracexec::read("trace", text.as_bytes(), options, system, to)
    })
}

fn reprozip(path: &Path, run: Option<i64>, strict: bool) -> Read {
    import(&[], strict, |options, system, to| {
        super::reprozip::read(path, run, options, system, to)
    })
}

#[test]
fn files_of_fsatrace_belong_to_the_program_that_began_last() {
    let text = "r|/bin/dash\nr|/work/run.sh\nw|/work/out\nr|/bin/cat\nr|/etc/hostname\nm|/work/kept|/work/out\n\
                d|/work/kept\nq|/etc\nt|/work/stamp\nR|<unknown>\n";
    let (told, imported) = fsatrace(text, &["./run.sh"], true).unwrap();
    assert_eq!(imported.entries, 10);
    assert_eq!(
        told,
        [
            "fsatrace ./run.sh in /work",
            "0 pid 1 by None",
            "0 runs /bin/dash: ./run.sh",
            "0 Read /work/run.sh",
            "0 Write /work/out",
            "1 pid 2 by Some(0)",
            "1 runs /bin/cat: ?",
            "1 Read /etc/hostname",
            "1 Rename /work/out -> /work/kept",
            "1 Remove /work/kept",
            "1 Stat /etc",
            "1 SetAttributes /work/stamp",
            "gap NotTold",
            "gap LostProcess",
            "gap Unreadable",
            "end None 0",
        ]
    );
}

#[test]
fn fsatrace_has_the_name_that_links_lead_to_and_the_command_the_one_that_it_was_called_by() {
    let (told, _) = fsatrace("r|/bin/dash\nw|/work/x\n", &["sh", "-c", ">x"], true).unwrap();
    assert_eq!(told[2], "0 runs /bin/sh: sh -c >x");
    let (told, _) = fsatrace("r|/bin/dash\nr|/bin/dash\nr|/x.sh\n", &[], true).unwrap();
    assert_eq!(
        told[2..6],
        [
            "0 runs /bin/dash: ?",
            "1 pid 2 by Some(0)",
            "1 runs /bin/dash: /bin/dash /x.sh",
            "1 Read /x.sh"
        ]
    );
}

#[test]
fn lines_of_fsatrace_that_cannot_be_read_are_refused_by_their_number() {
    for (line, what) in [
        ("nonsense", "no letter and `|` at its beginning"),
        ("x|/a", "a letter that is none of r, w, m, d, q, t"),
        ("r|a", "a path that is not absolute"),
        ("m|/a", "a move without two absolute paths"),
        ("m|/a|/b|/c", "a move whose two names cannot be told apart"),
    ] {
        let text = format!("r|/bin/dash\n{line}\nw|/work/x\n");
        let refused = fsatrace(&text, &[], true).err().unwrap().to_string();
        assert_eq!(refused, format!("line 2: {what}: {line}"));
        let (told, imported) = fsatrace(&text, &[], false).unwrap();
        assert_eq!((imported.skipped, imported.bad.len()), (1, 1));
        assert!(told.contains(&"0 Write /work/x".to_owned()));
    }
    let no_program = fsatrace("w|/x\n", &[], false).err().unwrap().to_string();
    assert!(no_program.contains("no line tells of a file that was read"));
}

const META: &str = r#"{"version":"1.0.0","generator":"tracexec_exporter_json","baseline":{"cwd":"/work","env":{"PATH":"/bin","LD_PRELOAD":"/x.so","HOME":"/h"},"fdinfo":{}}}"#;

fn event(pid: i32, comm: &str, file: &str, result: i64, time: u64) -> String {
    format!(
        r#"{{"id":1,"pid":{pid},"syscall":"execve","exec_pid":{pid},"cwd":"/work","comm_before_exec":"{comm}","result":{result},"filename":"{file}","argv":{{"result":"success","value":["{file}","x"]}},"env":{{"result":"success","value":{{"has_added_or_modified_keys_starting_with_dash":false,"added":{{"PYTHONPATH":"/p"}},"removed":["LD_PRELOAD"],"modified":{{"PATH":"/b"}}}}}},"fdinfo":{{}},"timestamp":{time},"cred":{{"result":"error","value":"x"}},"cgroup":{{"kind":"v2","path":"/"}}}}"#
    )
}

#[test]
fn both_forms_of_tracexec_give_the_same_records() {
    let events = [
        event(7, "tracexec", "run.sh", 0, 5_000_000),
        event(8, "run.sh", "/bin/none", -2, 6_000_000),
        event(8, "run.sh", "/bin/cc", 0, 7_000_000),
        event(9, "cc", "/bin/as", 0, 8_000_000),
        event(10, "other", "/bin/ls", 0, 9_000_000),
    ];
    // The stream has no line end after what tracexec says of itself.
    let stream = format!("{META}{}\n", events.join("\n"));
    let meta = META.strip_suffix('}').unwrap();
    let document = format!("{meta},\"events\":[{}]}}\n", events.join(","));
    let (told, imported) = tracexec(&stream, true).unwrap();
    assert_eq!(imported.entries, 5);
    assert_eq!(tracexec(&document, true).unwrap().0, told);
    let env = "PATH=/b PYTHONPATH=/p";
    assert_eq!(
        told,
        [
            "tracexec run.sh x in /work".to_owned(),
            "0 pid 7 by None".to_owned(),
            format!("0 runs /work/run.sh: run.sh x {env}"),
            "1 pid 8 by Some(0)".to_owned(),
            "1 Execute /bin/none ENOENT".to_owned(),
            format!("1 runs /bin/cc: /bin/cc x {env}"),
            "2 pid 9 by Some(1)".to_owned(),
            format!("2 runs /bin/as: /bin/as x {env}"),
            "3 pid 10 by Some(0)".to_owned(),
            format!("3 runs /bin/ls: /bin/ls x {env}"),
            "gap NotTold".to_owned(),
            "gap LostProcess".to_owned(),
            "end None 4000".to_owned(),
        ]
    );
}

#[test]
fn what_of_tracexec_cannot_be_read_is_refused_by_the_number_of_its_event() {
    for (file, what) in [
        ("[err: failed to inspect]", "tracexec could not read a name"),
        (
            "/a\u{fffd}",
            "a name with bytes that tracexec does not keep",
        ),
    ] {
        let text = format!(
            "{META}{}\n{}\n",
            event(7, "", "/bin/a", 0, 1),
            event(7, "", file, 0, 1)
        );
        let refused = tracexec(&text, true).err().unwrap().to_string();
        assert_eq!(refused, format!("event 2: {what}: {file}"));
        assert_eq!(tracexec(&text, false).unwrap().1.skipped, 1);
    }
    let missing = format!("{META}{{\"filename\":\"/x\"}}");
    let refused = tracexec(&missing, true).err().unwrap().to_string();
    assert_eq!(refused, "event 1: missing field `pid`: /x");
    let other = tracexec("{\"a\": 1}", false).err().unwrap().to_string();
    assert_eq!(other, "trace is no JSON of tracexec: nothing in it says so");
    assert!(tracexec("text", false).is_err());
}

#[test]
fn a_stream_of_tracexec_that_was_cut_short_reads_to_its_last_whole_event() {
    let whole = format!(
        "{META}{}\n{}\n",
        event(7, "", "/bin/a", 0, 1),
        event(7, "a", "/bin/b", 0, 1)
    );
    let (told, imported) = tracexec(&whole[..whole.len() - 40], false).unwrap();
    assert_eq!((imported.entries, imported.skipped), (1, 1));
    assert!(told.iter().any(|it| it.starts_with("0 runs /bin/a")));
    // Without an end a trace says itself that it was cut short.
    assert!(!told.iter().any(|it| it.starts_with("end")));
    assert!(tracexec(&whole[..whole.len() - 40], true).is_err());
}

const TABLES: &str = "\
CREATE TABLE processes(id INTEGER NOT NULL PRIMARY KEY, run_id INTEGER NOT NULL, parent INTEGER,
  timestamp INTEGER NOT NULL, is_thread BOOLEAN NOT NULL, exitcode INTEGER);
CREATE TABLE opened_files(id INTEGER NOT NULL PRIMARY KEY, run_id INTEGER NOT NULL, name TEXT NOT NULL,
  timestamp INTEGER NOT NULL, mode INTEGER NOT NULL, is_directory BOOLEAN NOT NULL, process INTEGER NOT NULL);
CREATE TABLE executed_files(id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, run_id INTEGER NOT NULL,
  timestamp INTEGER NOT NULL, process INTEGER NOT NULL, argv TEXT NOT NULL, envp TEXT NOT NULL,
  workingdir TEXT NOT NULL);";

/// A run of a script that makes a thread and a program, as ReproZip 1.3 writes it.
const ROWS: &str = "\
INSERT INTO processes VALUES (1, 0, NULL, 1000000, 0, 3), (2, 0, 1, 4000000, 1, 0), (3, 0, 1, 5000000, 0, 267);
INSERT INTO executed_files VALUES
  (1, '/work/run.sh', 0, 2000000, 1, './run.sh' || char(0), 'PATH=/bin' || char(0) || 'KEY=x' || char(0), '/work'),
  (2, '/bin/app', 0, 6000000, 3, 'app' || char(0), '', '/work');
INSERT INTO opened_files VALUES
  (1, 0, '/work', 1000001, 4, 1, 1),
  (2, 0, '/bin/sh', 2000001, 1, 0, 1), (3, 0, '/bin/dash', 2000002, 1, 0, 1), (4, 0, '/ld.so', 2000003, 1, 0, 1),
  (5, 0, '/work/run.sh', 3000000, 1, 0, 1), (6, 0, '/ld.so', 3000001, 1, 0, 1),
  (7, 0, '/etc', 4000001, 8, 1, 2), (8, 0, '/work/d', 4000002, 2, 1, 2),
  (9, 0, '/work', 5000001, 4, 1, 3), (10, 0, '/work/d', 5000002, 4, 1, 3),
  (11, 0, '/lib/libz.so.1', 6000001, 1, 0, 3), (12, 0, '/lib/libother.so', 6000002, 1, 0, 3),
  (13, 0, '/work/a', 6000003, 17, 0, 3), (14, 0, '/work/b', 6000004, 18, 0, 3),
  (15, 0, '/work/c', 6000005, 18, 0, 3), (16, 0, '/run/x.socket', 6000006, 34, 0, 3),
  (17, 0, '', 6000007, 34, 0, 3), (18, 0, '/work/e', 6000008, 3, 0, 3), (19, 0, '/work/f', 6000009, 2, 0, 3);";

#[test]
fn rows_of_reprozip_are_told_in_the_order_of_their_times() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace.sqlite3");
    make(&path, &[TABLES, ROWS].concat());
    let (told, imported) = reprozip(&path, None, true).unwrap();
    assert_eq!(imported.entries, 24);
    assert_eq!(
        told,
        [
            "reprozip ./run.sh in /work",
            "0 pid 1 by None",
            "0 runs /work/run.sh: ./run.sh PATH=/bin",
            // What the kernel opened for the script is in its record; what the program opened is not.
            "0 Read /work/run.sh",
            "0 Read /ld.so",
            "0 Stat /etc",
            "0 MakeDirectory /work/d",
            "1 pid 3 by Some(0)",
            "1 ChangeDirectory /work/d",
            "1 runs /bin/app: app",
            "1 Read /lib/libz.so.1 = /usr/lib/libz.so.1.2",
            "1 Map /usr/lib/libz.so.1.2",
            "1 Read /lib/libother.so",
            "1 Link /work/a -> /work/b",
            "1 Symlink /work/c",
            "1 Connect Unix { path: \"/run/x.socket\" }",
            "1 ReadWrite /work/e",
            "1 Write /work/f",
            "gap NotTold",
            "1 ended Signal(11)",
            "0 ended Code(3)",
            "end Some(Code(3)) 5000",
        ]
    );
}

#[test]
fn rows_of_reprozip_that_make_no_sense_are_refused_by_their_table_and_id() {
    let directory = tempfile::tempdir().unwrap();
    for (number, (row, said)) in [
        (
            "INSERT INTO opened_files VALUES (77, 0, '/x', 9000000, 1, 0, 9)",
            "row 77 of opened_files: of a process that has no row: /x",
        ),
        (
            "INSERT INTO opened_files VALUES (77, 0, 'x', 9000000, 1, 0, 1)",
            "row 77 of opened_files: a path that is not absolute: x",
        ),
        (
            "INSERT INTO opened_files VALUES (77, 0, '/x', 9000000, 64, 0, 1)",
            "row 77 of opened_files: a mode that is not known: /x",
        ),
        (
            "INSERT INTO processes VALUES (77, 0, 88, 9000000, 0, 0)",
            "row 77 of processes: of a parent that has no row before it",
        ),
        (
            "INSERT INTO executed_files VALUES (77, 'x', 0, 9000000, 1, '', '', '')",
            "row 77 of executed_files: a path that is not absolute: x",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(number.to_string());
        make(&path, &[TABLES, ROWS, row].concat());
        assert_eq!(reprozip(&path, None, true).err().unwrap().to_string(), said);
        assert_eq!(reprozip(&path, None, false).unwrap().1.skipped, 1);
    }
}

#[test]
fn one_of_several_runs_of_reprozip_has_to_be_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("two");
    let second = "INSERT INTO processes VALUES (9, 1, NULL, 9000000, 0, 0);
        INSERT INTO executed_files VALUES (9, '/bin/ls', 1, 9000001, 9, 'ls' || char(0), '', '/work');";
    make(&path, &[TABLES, ROWS, second].concat());
    let said = reprozip(&path, None, true).err().unwrap().to_string();
    assert!(
        said.ends_with("is no trace of ReproZip: it has several runs: 0, 1 (--run says which)"),
        "{said}"
    );
    let said = reprozip(&path, Some(5), true).err().unwrap().to_string();
    assert!(said.contains("it has no run 5, but 0, 1"), "{said}");
    let (told, _) = reprozip(&path, Some(1), true).unwrap();
    assert_eq!(
        told[..3],
        [
            "reprozip ls in /work",
            "0 pid 9 by None",
            "0 runs /bin/ls: ls"
        ]
    );
    let other = directory.path().join("other");
    make(&other, "CREATE TABLE processes(id)");
    let said = reprozip(&other, None, true).err().unwrap().to_string();
    assert!(said.ends_with("it has no table `opened_files`"), "{said}");
}

#[test]
fn a_gap_says_what_a_kind_of_trace_does_not_carry() {
    let known = Known::default();
    let options = Options {
        known: &known,
        strict: true,
    };
    let mut records: Vec<Record> = Vec::new();
    super::fsatrace::read(
        "x",
        &b"r|/bin/dash\n"[..],
        options,
        &mut Machine,
        &mut records,
    )
    .unwrap();
    let details = records.iter().filter_map(|record| match record {
        Record::Gap(gap) if gap.kind == GapKind::NotTold => Some(gap.detail.as_str()),
        _ => None,
    });
    let details: Vec<&str> = details.collect();
    assert!(matches!(details[..], [detail] if detail.contains("which libraries were loaded")));
    assert!(
        records
            .iter()
            .all(|it| !matches!(it, Record::Exited(it) if it.status == ExitStatus::Code(0)))
    );
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        lines in prop::collection::vec("[rwmdqtRxX]?\\|?/?[a-z./|]{0,12}|\\PC{0,20}", 0..20),
        documents in prop::collection::vec("\\{(\"(pid|filename|baseline|events)\":(1|\"/x\"|\\{\\}|\\[\\]|null),?){0,4}\\}?", 0..6),
    ) {
        let _ = fsatrace(&lines.join("\n"), &[], false);
        let _ = tracexec(&documents.join(""), false);
        let _ = tracexec(&format!("{META}{}", documents.join("")), false);
    }
}
