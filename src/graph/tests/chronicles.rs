//! Scenes of counting: what a chronicle keeps, and how it is sorted into classes.

use super::*;
use crate::graph::builder::GAPS;
use crate::graph::chronicle::{Chronicle, Chronicler, Limits};
use crate::graph::inventory::{Class, Subject, inventory};
use crate::graph::resources::Resources;
use crate::trace::{Contact, Endpoint, Gap, GapKind, Named};
use proptest::prelude::*;

/// A run of records that is told process by process.
pub(super) struct Story {
    chronicler: Chronicler,
    clock: u64,
}

impl Story {
    pub(super) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        Self {
            chronicler: Chronicler::new(Header::for_tests(), limits),
            clock: 0,
        }
    }

    pub(super) fn add(&mut self, record: Record) -> &mut Self {
        self.chronicler.add(&record);
        self
    }

    fn now(&mut self) -> Micros {
        self.clock += 10;
        Micros(self.clock)
    }

    pub(super) fn runs(&mut self, process: u32, parent: Option<u32>, argv: &str) -> &mut Self {
        let Micros(at) = self.now();
        self.runs_at(process, parent, argv, at)
    }

    pub(super) fn ends_at(&mut self, process: u32, at: u64) -> &mut Self {
        self.add(Record::Exited(Exited {
            process: ProcessId(process),
            at: Micros(at),
            status: ExitStatus::Code(0),
        }))
    }

    pub(super) fn runs_at(
        &mut self,
        process: u32,
        parent: Option<u32>,
        argv: &str,
        at: u64,
    ) -> &mut Self {
        let at = Micros(at);
        self.add(Record::Started(Started {
            process: ProcessId(process),
            pid: 100 + process as i32,
            parent: parent.map(ProcessId),
            at,
        }));
        let words: Vec<Bytes> = argv.split(' ').map(Bytes::from).collect();
        self.add(Record::Executed(Executed {
            process: ProcessId(process),
            at,
            path: Some(words[0].clone()),
            root: None,
            real: None,
            argv: Some(words),
            cwd: Some("/home/ada/project".into()),
            interpreters: Vec::new(),
            loader: None,
            env: BTreeMap::new(),
        }))
    }

    pub(super) fn does(&mut self, process: u32, operation: Operation, path: &str) -> &mut Self {
        self.tries(process, operation, path, Outcome::Success)
    }

    pub(super) fn tries(
        &mut self,
        process: u32,
        operation: Operation,
        path: &str,
        outcome: Outcome,
    ) -> &mut Self {
        let at = self.now();
        self.add(Record::Accessed(Access {
            process: ProcessId(process),
            at,
            operation,
            path: path.into(),
            root: None,
            real: None,
            target: None,
            outcome,
            count: 1,
        }))
    }

    pub(super) fn ends(&mut self, process: u32, code: i32) -> &mut Self {
        let at = self.now();
        self.add(Record::Exited(Exited {
            process: ProcessId(process),
            at,
            status: ExitStatus::Code(code),
        }))
    }

    pub(super) fn told(self) -> Chronicle {
        self.chronicler.finish()
    }
}

/// The classes of the rows with their names, as `class name`.
fn classes(chronicle: &Chronicle, files: &Files) -> Vec<String> {
    let inventory = inventory(chronicle, files);
    let mut rows: Vec<String> = inventory
        .rows
        .iter()
        .map(|row| {
            let name = match &row.subject {
                Subject::File { path, .. } | Subject::Lookup { path, .. } => path.to_string(),
                Subject::Endpoint { endpoint, .. } => format!("{endpoint:?}"),
            };
            format!("{:?} {name}", row.class)
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn every_thing_has_the_class_that_its_use_shows() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/python3 run.py")
        .does(0, Operation::Read, "/home/ada/project/run.py")
        .does(0, Operation::Map, "/usr/lib/libz.so.1")
        .does(0, Operation::Read, "/usr/lib/libz.so.1")
        .does(
            0,
            Operation::Read,
            "/usr/lib/python3/dist-packages/numpy/core.py",
        )
        .does(0, Operation::Read, "/usr/share/dict/words")
        .does(0, Operation::Read, "/etc/hosts")
        .does(0, Operation::Read, "/home/ada/.gitconfig")
        .does(0, Operation::Write, "/home/ada/project/out.txt")
        .does(0, Operation::Write, "/home/ada/project/out.tmp")
        .does(0, Operation::Remove, "/home/ada/project/out.tmp")
        .does(0, Operation::Write, "/tmp/x")
        .does(0, Operation::Read, "/proc/meminfo")
        .does(0, Operation::Stat, "/usr/share/only-looked-at")
        .tries(
            0,
            Operation::ReadLink,
            "/usr/share/no-link",
            Outcome::Failure(Errno(libc::EINVAL)),
        )
        .tries(
            0,
            Operation::Read,
            "/usr/share/missing",
            Outcome::Failure(Errno::ENOENT),
        );
    assert_eq!(
        classes(&story.told(), &Files::default()),
        [
            "Command /home/ada/project/run.py",
            "Command /usr/bin/python3",
            "Configuration /etc/hosts",
            "Configuration /home/ada/.gitconfig",
            "Data /home/ada/project/run.py",
            "Data /usr/share/dict/words",
            "Library /usr/lib/libz.so.1",
            "LookedAt /usr/share/no-link",
            "LookedAt /usr/share/only-looked-at",
            "Module /usr/lib/python3/dist-packages/numpy/core.py",
            "Probe /usr/share/missing",
            "System /proc/meminfo",
            "Temporary /home/ada/project/out.tmp",
            "Temporary /tmp/x",
            "Written /home/ada/project/out.txt",
        ]
    );
}

#[test]
fn libraries_are_sorted_by_who_asked_for_them() {
    let mut files = Files::default();
    for (path, soname, needed) in [
        ("/usr/bin/app", None, &["libneeded.so.1"][..]),
        ("/usr/lib/libneeded.so.1", Some("libneeded.so.1"), &[]),
        (
            "/usr/lib/libopened.so.1",
            Some("libopened.so.1"),
            &["libbelow.so.1"],
        ),
        ("/usr/lib/libbelow.so.1", Some("libbelow.so.1"), &[]),
        ("/usr/lib/gconv/UTF-7.so", Some("UTF-7.so"), &[]),
    ] {
        files.images.insert(path.to_owned(), image(soname, needed));
    }
    let loads_all = |program: &str| {
        let mut story = Story::new();
        story.runs(0, None, program);
        for library in [
            "libneeded.so.1",
            "libopened.so.1",
            "libbelow.so.1",
            "gconv/UTF-7.so",
        ] {
            story.does(0, Operation::Map, &format!("/usr/lib/{library}"));
        }
        let mut rows = classes(&story.told(), &files);
        rows.retain(|row| !row.starts_with("Command"));
        rows
    };
    assert_eq!(
        loads_all("/usr/bin/app"),
        [
            "Dlopen /usr/lib/gconv/UTF-7.so",
            "Dlopen /usr/lib/libopened.so.1",
            "Library /usr/lib/libbelow.so.1",
            "Library /usr/lib/libneeded.so.1",
        ]
    );
    // A `configure` removes what it has tried: how that came by its libraries is not known any more.
    assert_eq!(
        loads_all("/home/ada/project/conftest"),
        [
            "Dlopen /usr/lib/gconv/UTF-7.so",
            "Library /usr/lib/libbelow.so.1",
            "Library /usr/lib/libneeded.so.1",
            "Library /usr/lib/libopened.so.1",
        ]
    );
}

/// The names of the files of a class, what matters most first.
fn ordered(story: Story, class: Class) -> Vec<String> {
    let rows = inventory(&story.told(), &Files::default()).rows;
    let of_class = rows.into_iter().filter(|row| row.class == class);
    of_class
        .map(|row| match row.subject {
            Subject::File { path, .. } | Subject::Lookup { path, .. } => path.to_string(),
            Subject::Endpoint { endpoint, .. } => format!("{endpoint:?}"),
        })
        .collect()
}

#[test]
fn what_is_used_often_comes_before_what_is_used_once() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/app");
    story.does(0, Operation::Read, "/usr/share/a-once");
    for _ in 0..20 {
        story.does(0, Operation::Read, "/usr/share/often");
    }
    assert_eq!(
        ordered(story, Class::Data),
        ["/usr/share/often", "/usr/share/a-once"]
    );
}

#[test]
fn what_many_programs_use_comes_before_what_one_uses_as_often() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/make");
    for (process, program) in ["ar", "as", "ld", "nm"].iter().enumerate() {
        let process = process as u32 + 1;
        story
            .runs(process, Some(0), &format!("/usr/bin/{program}"))
            .does(process, Operation::Read, "/usr/share/shared");
        story.does(1, Operation::Read, "/usr/share/a-private");
    }
    assert_eq!(
        ordered(story, Class::Data),
        ["/usr/share/shared", "/usr/share/a-private"]
    );
}

#[test]
fn what_is_near_the_command_comes_before_what_is_far() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/make")
        .runs(1, Some(0), "/usr/bin/gcc")
        .runs(2, Some(1), "/usr/bin/ld")
        .does(2, Operation::Read, "/usr/share/a-far")
        .does(0, Operation::Read, "/usr/share/near");
    assert_eq!(
        ordered(story, Class::Data),
        ["/usr/share/near", "/usr/share/a-far"]
    );
}

#[test]
fn a_program_that_the_run_waited_for_comes_before_one_beside_it() {
    let mut story = Story::new();
    story
        .runs_at(0, None, "/usr/bin/make", 0)
        .runs_at(1, Some(0), "/usr/bin/a-quick", 10)
        .runs_at(2, Some(0), "/usr/bin/slow", 10)
        .ends_at(1, 20)
        .ends_at(2, 1000)
        .ends_at(0, 1010);
    assert_eq!(
        ordered(story, Class::Command),
        ["/usr/bin/slow", "/usr/bin/make", "/usr/bin/a-quick"]
    );
}

#[test]
fn what_only_failed_processes_used_comes_last() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/make");
    for (process, file, code) in [(1, "a-failed", 1), (2, "working", 0)] {
        story
            .runs(process, Some(0), "/usr/bin/cat")
            .does(process, Operation::Read, &format!("/usr/share/{file}"))
            .ends(process, code);
    }
    story.ends(0, 0);
    assert_eq!(
        ordered(story, Class::Data),
        ["/usr/share/working", "/usr/share/a-failed"]
    );
}

#[test]
fn of_many_programs_in_one_process_the_first_and_the_last_are_kept() {
    let mut story = Story::new();
    for program in ["env", "nice", "setsid", "nohup", "timeout", "app"] {
        story.runs(0, None, &format!("/usr/bin/{program} x"));
    }
    let chronicle = story.told();
    let ran = |process: &crate::graph::chronicle::Process| {
        let paths = process.ran.iter().map(|ran| ran.argv[0].to_string());
        (paths.collect::<Vec<_>>(), process.ran_more)
    };
    let expected = ["env", "nice", "setsid", "app"].map(|it| format!("/usr/bin/{it}"));
    assert_eq!(ran(&chronicle.processes[0]), (expected.to_vec(), 2));
}

#[test]
fn a_file_that_was_removed_and_written_again_has_stayed() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/sed -i s/a/b/ notes")
        .does(0, Operation::Remove, "/home/ada/project/notes")
        .does(0, Operation::Write, "/home/ada/project/notes");
    let rows = classes(&story.told(), &Files::default());
    assert!(rows.contains(&"Written /home/ada/project/notes".to_owned()));
}

#[test]
fn what_only_failed_processes_used_is_told_apart() {
    let mut story = Story::new();
    story
        .runs(0, None, "/usr/bin/make")
        .runs(1, Some(0), "/usr/bin/cat x")
        .does(1, Operation::Read, "/usr/share/failed-only")
        .does(1, Operation::Read, "/usr/share/both")
        .ends(1, 1)
        .runs(2, Some(0), "/usr/bin/cat y")
        .does(2, Operation::Read, "/usr/share/both")
        .ends(2, 0)
        .runs(3, Some(0), "/usr/bin/cat z")
        .does(3, Operation::Read, "/usr/share/not-seen-to-end")
        .ends(0, 0);
    let chronicle = story.told();
    let failed: Vec<String> = chronicle
        .uses
        .iter()
        .filter(|usage| usage.tally.only_failed)
        .map(|usage| usage.path.to_string())
        .collect();
    assert_eq!(failed, ["/usr/share/failed-only"]);
}

#[test]
fn a_tally_has_counts_times_and_the_first_processes() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/make");
    for process in 1..=20 {
        story
            .runs(process, Some(0), "/usr/bin/cat x")
            .does(process, Operation::Read, "/usr/share/x")
            .ends(process, 0);
    }
    let chronicle = story.told();
    let usage = &chronicle.uses[0];
    assert_eq!(usage.tally.count, 20);
    assert!(usage.tally.first < usage.tally.last);
    assert_eq!(usage.tally.processes[0], ProcessId(1));
    assert!(usage.tally.processes.len() < 20 && usage.tally.more);
    assert_eq!(chronicle.executions.len(), 2, "programs are folded");
    assert_eq!(chronicle.processes.len(), 21, "processes are not");
}

#[test]
fn what_is_beyond_the_limits_is_counted_and_not_kept() {
    let mut story = Story::with_limits(Limits {
        processes: 2,
        uses: 3,
        others: 2,
    });
    story.runs(0, None, "/usr/bin/make");
    for number in 1..10 {
        story.runs(number, Some(0), "/usr/bin/cat x");
        story.does(number, Operation::Read, &format!("/usr/share/{number}"));
        story.tries(
            number,
            Operation::Read,
            &format!("/usr/share/no-{number}"),
            Outcome::Failure(Errno::ENOENT),
        );
    }
    let chronicle = story.told();
    assert_eq!(chronicle.processes.len(), 2);
    assert_eq!(chronicle.left_out.processes, 8);
    assert_eq!(chronicle.uses.len(), 3);
    assert_eq!(chronicle.left_out.uses, 6);
    assert_eq!(chronicle.probes.len(), 2);
    assert_eq!(chronicle.left_out.others, 7);
}

#[test]
fn a_long_list_of_arguments_is_kept_short_and_says_so() {
    let mut story = Story::new();
    let argv = format!(
        "/usr/bin/ld{}",
        " /home/ada/project/an-object.o".repeat(1000)
    );
    story.runs(0, None, &argv);
    let chronicle = story.told();
    let ran = &chronicle.processes[0].ran[0];
    assert!(ran.argv.len() < 50);
    assert_eq!(ran.argv.len() + ran.more_arguments, 1001);
}

#[test]
fn gaps_are_kept_with_the_process_to_blame() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/db");
    for _ in 0..3 {
        story.add(Record::Gap(Gap {
            process: Some(ProcessId(0)),
            at: Micros(5),
            kind: GapKind::IoUring,
            detail: "io_uring was set up".to_owned(),
            count: 1,
        }));
    }
    let chronicle = story.told();
    assert_eq!(chronicle.gaps.len(), 1);
    assert_eq!(chronicle.gaps[0].1, 3);
    assert_eq!(chronicle.gaps[0].0.process, Some(ProcessId(0)));
}

#[test]
fn addresses_are_told_and_questions_to_the_kernel_are_not() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/curl x");
    for endpoint in [
        Endpoint::Other { number: 16 },
        Endpoint::Abstract { name: "".into() },
        Endpoint::Inet {
            protocol: None,
            address: [127, 0, 0, 1].into(),
            port: 80,
        },
    ] {
        story.add(Record::Contacted(Contact {
            process: ProcessId(0),
            at: Micros(1),
            action: crate::trace::ContactAction::Connect,
            endpoint,
            asked: None,
            outcome: Outcome::Success,
        }));
    }
    let rows = inventory(&story.told(), &Files::default()).rows;
    let told = rows.iter().filter(|row| row.class == Class::Network);
    assert_eq!(told.count(), 1);
}

#[test]
fn an_address_has_the_names_that_were_answered_with_it_before_or_after_it_was_used() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/sh x");
    story.runs(1, Some(0), "/usr/bin/getent hosts www.test");
    let name = |name: &str, address: [u8; 4]| {
        Record::Named(Named {
            process: ProcessId(1),
            at: Micros(1),
            name: name.into(),
            addresses: vec![address.into()],
        })
    };
    story.add(name("www.test", [192, 0, 2, 1]));
    for (port, asked) in [(443, None), (53, Some("asked.test".into()))] {
        story.add(Record::Contacted(Contact {
            process: ProcessId(0),
            at: Micros(2),
            action: crate::trace::ContactAction::Connect,
            endpoint: Endpoint::Inet {
                protocol: None,
                address: [192, 0, 2, 1].into(),
                port,
            },
            asked,
            outcome: Outcome::Success,
        }));
    }
    story.add(name("cdn.test", [192, 0, 2, 1]));
    story.add(name("other.test", [192, 0, 2, 2]));
    let chronicle = story.told();
    let names = |subject: &Subject| match subject {
        Subject::Endpoint { names, asked, .. } => (asked.is_some(), names.clone()),
        _ => panic!("{subject:?}"),
    };
    let rows = inventory(&chronicle, &Files::default()).rows;
    let of_network = rows.iter().filter(|row| row.class == Class::Network);
    let mut told: Vec<_> = of_network.map(|row| names(&row.subject)).collect();
    told.sort();
    let both = vec!["cdn.test".into(), "www.test".into()];
    assert_eq!(told, [(false, both), (true, Vec::new())]);

    // A server that was asked is found by that name, and not by those that its machine has.
    let resources = Resources::of(&chronicle);
    let found = |name| resources.named(&chronicle, name).len();
    assert_eq!(found("www.test"), 1);
    assert_eq!(found("WWW.Test"), 1);
    assert_eq!(found("asked.test"), 1);
    assert_eq!(found("other.test"), 0);
}

proptest! {
    /// Processes that run side by side are written in any order; their own lines stay in theirs.
    #[test]
    fn how_processes_interleave_changes_no_class_and_no_need(order in prop::collection::vec(1u32..4, 0..60)) {
        let files = Files::default();
        let paths = ["/usr/share/a", "/etc/b", "/home/ada/project/c", "/usr/share/d"];
        let tell = |order: &[u32]| {
            let mut story = Story::new();
            story.runs(0, None, "/usr/bin/make");
            for process in 1..4 {
                story.runs(process, Some(0), "/usr/bin/cat x");
            }
            for (step, process) in order.iter().enumerate() {
                let so_far = order[..step].iter().filter(|it| *it == process).count();
                let path = paths[(so_far + *process as usize) % paths.len()];
                story.does(*process, Operation::Read, path);
            }
            let chronicle = story.told();
            (classes(&chronicle, &files), analyse(&chronicle.run, &files).needs)
        };
        let mut one_after_the_other = order.clone();
        one_after_the_other.sort_unstable();
        prop_assert_eq!(tell(&order), tell(&one_after_the_other));
    }
}

#[test]
fn gaps_without_end_are_counted_and_not_kept() {
    let mut story = Story::new();
    story.runs(0, None, "/usr/bin/app");
    for number in 0..GAPS + 2 {
        story.add(Record::Gap(Gap {
            process: Some(ProcessId(0)),
            at: Micros(5),
            kind: GapKind::Unreadable,
            detail: number.to_string(),
            count: 3,
        }));
    }
    let chronicle = story.told();
    assert_eq!(chronicle.gaps.len(), GAPS);
    assert_eq!(chronicle.left_out.others, 6);
}
