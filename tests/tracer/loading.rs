//! What the kernel and the loader bring in beside the program is told as well.

use crate::everywhere::Case;
use crate::support::{Trace, compiled, directory, tracee};
use nixtrace::trace::{Access, GapKind, Operation, Outcome};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What was changed before this is taken to show when it changes again.
const LONG_AGO: Duration = Duration::from_millis(1100);

const CACHE: &str = "/etc/ld.so.cache";
const PRELOADS: &str = "/etc/ld.so.preload";

/// This machine's loader, by the name that programs ask for it.
fn loader() -> String {
    let trace = crate::support::watch(crate::support::WAYS[0], tracee("life"), ["exit", "0"]);
    trace.executed()[0].loader.as_ref().unwrap().to_string()
}

#[test]
fn a_program_that_is_given_to_the_loader_is_read_and_mapped() {
    let program = tracee("life");
    let name = program.to_str().unwrap();
    Case::of(loader(), &[name, "mark", "loaded"]).check(|trace, _| {
        let [executed] = trace.executed()[..] else {
            panic!("one program ran: the loader");
        };
        assert_eq!(executed.path.as_ref().unwrap().to_string(), loader());
        assert!(executed.loader.is_none());
        assert!(trace.has(Operation::Read, &program, Outcome::Success));
        assert!(trace.has(Operation::Map, &program, Outcome::Success));
        assert!(trace.failed(Operation::Stat, "/life/loaded").is_some());
    });
}

#[test]
fn a_library_that_is_preloaded_is_mapped() {
    let library = compiled("preloaded", "libpreloaded.so", &["-shared", "-fPIC"]);
    let preload = format!("LD_PRELOAD={}", library.display());
    let program = tracee("life");
    let args = [&preload, program.to_str().unwrap(), "exit", "0"];
    Case::of("/usr/bin/env", &args).check(|trace, _| {
        let executed = trace.executed()[1];
        let value = executed.env["LD_PRELOAD"].as_path();
        assert_eq!(value, library);
        assert!(trace.has(Operation::Map, &library, Outcome::Success));
    });
}

#[test]
fn a_preloaded_library_that_is_missing_is_a_failure() {
    let args = ["LD_PRELOAD=/loading/missing.so", "/bin/true"];
    Case::of("/usr/bin/env", &args).check(|trace, _| {
        let failed = trace.failed(Operation::Read, "/loading/missing.so");
        assert_eq!(failed, Some(libc::ENOENT));
        let mapped = |path: &str| trace.has(Operation::Map, Path::new(path), Outcome::Success);
        assert!(!mapped("/loading/missing.so"));
    });
}

#[test]
fn what_the_loader_looks_for_whatever_the_program_is_told_only_when_all_is_to_be_exact() {
    let looks = |trace: &Trace| {
        let of = |wanted: Operation, path: &str| {
            let is_it =
                |it: &&Access| it.operation == wanted && it.path.as_path() == Path::new(path);
            trace.accesses().filter(is_it).count()
        };
        (of(Operation::Check, PRELOADS), of(Operation::Read, CACHE))
    };
    let program = tracee("life");
    Case::of(&program, &["exit", "0"]).check(|trace, _| {
        let expected = if trace.header().exact { (1, 1) } else { (0, 0) };
        assert_eq!(looks(trace), expected);
    });
    // Given to the loader, the program is still loaded by it.
    Case::of(loader(), &[program.to_str().unwrap(), "exit", "0"]).check(|trace, _| {
        let expected = if trace.header().exact { (1, 1) } else { (0, 0) };
        assert_eq!(looks(trace), expected);
    });
}

#[test]
fn who_else_looks_for_what_the_loader_looks_for_is_told() {
    let script = format!("test -r {PRELOADS}; cat {CACHE} | wc -c");
    Case::of("/bin/sh", &["-c", &script]).check(|trace, _| {
        let is_there = Path::new(PRELOADS).exists();
        let asked = trace.accesses().any(|it| {
            it.path.as_path() == Path::new(PRELOADS) && it.outcome.is_success() == is_there
        });
        assert!(asked);
        assert!(trace.has(Operation::Read, CACHE, Outcome::Success));
    });
}

#[test]
fn what_the_loader_maps_is_told_by_its_path_each_time() {
    let place = directory();
    let top = place.path().canonicalize().unwrap();
    // One file with two names, so that only the way that leads there differs.
    let library = compiled("preloaded", "libpreloaded.so", &["-shared", "-fPIC"]);
    for name in ["one", "other"] {
        fs::create_dir(top.join(name)).unwrap();
    }
    fs::copy(&library, top.join("one/lib.so")).unwrap();
    fs::hard_link(top.join("one/lib.so"), top.join("other/lib.so")).unwrap();
    // A file that was changed a moment ago is looked at anew whatever happens.
    std::thread::sleep(LONG_AGO);
    let top = top.display();
    let run = format!("LD_PRELOAD={top}/way/lib.so /bin/true; ");
    let lead = |to: &str| format!("ln -sfn {to} {top}/way; ");
    let script = format!("{}{run}{run}{run}{}{run}{run}", lead("one"), lead("other"));
    Case::of("/bin/sh", &["-c", &script]).check(|trace, _| {
        let maps_of = |name: &str| {
            let path = format!("{top}/{name}/lib.so");
            let maps = |it: &&Access| {
                it.operation == Operation::Map && it.path.as_path() == Path::new(&path)
            };
            trace.accesses().filter(maps).count()
        };
        assert_eq!((maps_of("one"), maps_of("other")), (3, 2));
    });
}

#[test]
fn a_program_whose_loader_has_gone_a_moment_ago_is_told_to_have_failed() {
    let place = directory();
    let at = place.path().join("loader");
    let asks_for_it = format!("-Wl,--dynamic-linker={}", at.display());
    let program = compiled("life", "life-with-a-loader", &[&asks_for_it]);
    // Of a file that has just been written nothing is foreseen.
    std::thread::sleep(LONG_AGO);
    let (program, loader, at) = (program.display(), loader(), at.display());
    let script = format!(
        "cp {loader} {at} && {program} exit 0 && {program} exit 0 && rm {at} || exit
        {program} exit 0 2>/dev/null; test $? = 127"
    );
    Case::of("/bin/sh", &["-c", &script]).check(|trace, _| {
        let failed = trace.failed(Operation::Execute, program.to_string());
        assert_eq!(failed, Some(libc::ENOENT));
        assert!(!trace.gap_kinds().contains(&GapKind::Outcome));
    });
}
