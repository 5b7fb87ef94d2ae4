//! Traces of builds of any length: a make that starts a compiler for each source.

use nixtrace::atomic::Existing;
use nixtrace::trace::{
    Access, Bytes, Errno, Executed, ExitStatus, Exited, Footer, Header, Micros, Operation, Outcome,
    ProcessId, Record, Sink, Started, WholeWriter,
};
use std::io;
use std::path::Path;

/// Headers of the system that each compiler reads.
const SYSTEM: u32 = 30;
/// Headers of the project.
const OWN: u32 = 20;

/// Writes the trace of a build with so many compilers, of sources of these names; how long it is.
/// With one name for all of them they have the same files, else each has files of its own.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(
    path: &Path,
    processes: u32,
    source: impl Fn(u32) -> String,
) -> io::Result<u64> {
    let mut trace = WholeWriter::create(path, Existing::Replace)?;
    trace.record(&Record::Header(header()?))?;
    begin(&mut trace, ProcessId(0), None, Micros(0), "make", &["make"])?;
    for number in 1..=processes {
        let process = ProcessId(number);
        let at = Micros(u64::from(number) * 1000);
        let name = source(number);
        let source = format!("src/{name}.c");
        begin(
            &mut trace,
            process,
            Some(ProcessId(0)),
            at,
            "cc",
            &["cc", "-c", &source],
        )?;
        let mut access = |operation, path: &str, outcome| {
            trace.record(&Record::Accessed(Access {
                process,
                at,
                operation,
                path: path.into(),
                real: None,
                root: None,
                target: None,
                outcome,
                count: 1,
            }))
        };
        access(
            Operation::Read,
            &format!("/home/ada/project/{source}"),
            Outcome::Success,
        )?;
        for header in 0..SYSTEM {
            let missing = format!("/usr/local/include/system-{header}.h");
            access(Operation::Read, &missing, Outcome::Failure(Errno::ENOENT))?;
            access(
                Operation::Read,
                &format!("/usr/include/system-{header}.h"),
                Outcome::Success,
            )?;
        }
        for header in 0..OWN {
            let path = format!("/home/ada/project/include/{name}/{header}.h");
            access(Operation::Read, &path, Outcome::Success)?;
        }
        let object = format!("/home/ada/project/build/{name}.o");
        access(Operation::Write, &object, Outcome::Success)?;
        end(&mut trace, process, at)?;
    }
    let at = Micros(u64::from(processes) * 1000 + 1);
    end(&mut trace, ProcessId(0), at)?;
    trace.record(&Record::Footer(Footer {
        status: Some(ExitStatus::Code(0)),
        duration: at,
        processes: u64::from(processes) + 1,
        accesses: u64::from(processes) * u64::from(2 * SYSTEM + OWN + 2),
        gaps: 0,
    }))?;
    trace.finish()?;
    Ok(path.metadata()?.len())
}

/// The header, as a line of a trace: a header is made by whoever records.
fn header() -> io::Result<Header> {
    serde_json::from_str(
        r#"{"format":1,"nixtrace":"0.0.0","kernel":"Linux 6","architecture":"x86_64","os":{},"start":0,
            "argv":["make"],"cwd":"/home/ada/project","home":"/home/ada","environment":[],
            "engine":"notify","exact":false}"#,
    )
    .map_err(io::Error::from)
}

fn begin(
    trace: &mut impl Sink,
    process: ProcessId,
    parent: Option<ProcessId>,
    at: Micros,
    program: &str,
    argv: &[&str],
) -> io::Result<()> {
    trace.record(&Record::Started(Started {
        process,
        pid: process.0 as i32 + 100,
        parent,
        at,
    }))?;
    trace.record(&Record::Executed(Executed {
        process,
        at,
        path: Some(Bytes::from(format!("/usr/bin/{program}").as_str())),
        real: None,
        root: None,
        argv: Some(argv.iter().map(|&word| word.into()).collect()),
        cwd: Some("/home/ada/project".into()),
        interpreters: Vec::new(),
        loader: None,
        env: [("PATH".to_owned(), "/usr/bin".into())].into(),
    }))
}

fn end(trace: &mut impl Sink, process: ProcessId, at: Micros) -> io::Result<()> {
    trace.record(&Record::Exited(Exited {
        process,
        at,
        status: ExitStatus::Code(0),
    }))
}
