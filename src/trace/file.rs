//! The trace file: JSON Lines, as `docs/trace-format.md` describes them.
//!
//! A file whose name ends in `.zst` is compressed with Zstandard. Every record is a line of its
//! own, and the writer hands whole lines to the kernel, so that what a killed run has written
//! is readable to its last whole line.

use super::{FORMAT_VERSION, Header, Record, secrets};
use crate::atomic::{AtomicFile, Audience, Existing};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Takes the records of a run as they come.
pub trait Sink {
    /// Takes the next record.
    ///
    /// # Errors
    /// When it cannot be kept (a full disk); the run goes on without the sink.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// Nothing happens at the moment: a good time to hand on what is held back.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the records in memory.
impl Sink for Vec<Record> {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        self.push(record.clone());
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        (**self).record(record)
    }

    fn idle(&mut self) -> io::Result<()> {
        (**self).idle()
    }
}

/// Writes a trace file.
///
/// The file takes its name with the first record and not before: when the command cannot be started,
/// what was there stays.
pub struct Writer {
    out: Out,
    is_compressed: bool,
    /// Lines not yet handed to the kernel.
    held: Vec<u8>,
    /// Set once a write failed: nothing more is written.
    failed: bool,
}

enum Out {
    /// Nothing was recorded yet.
    Unnamed(Option<AtomicFile>),
    Plain {
        file: File,
        /// How many bytes of whole lines it has.
        whole: u64,
    },
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

/// So many bytes are collected before they are handed to the kernel.
const HELD: usize = 64 << 10;

impl Writer {
    /// Prepares a trace at the path, readable by its owner only.
    ///
    /// # Errors
    /// When the path exists and is to be kept, or cannot be created.
    pub fn create(path: &Path, existing: Existing) -> io::Result<Self> {
        Ok(Self {
            out: Out::Unnamed(Some(AtomicFile::create(path, existing, Audience::Owner)?)),
            is_compressed: path.extension().is_some_and(|it| it == "zst"),
            held: Vec::with_capacity(HELD + 4096),
            failed: false,
        })
    }

    /// Gives the file its name, if it has none yet.
    fn begin(&mut self) -> io::Result<()> {
        let Out::Unnamed(file) = &mut self.out else {
            return Ok(());
        };
        let Some(file) = file.take() else {
            return Ok(());
        };
        let file = file.commit()?;
        self.out = if self.is_compressed {
            Out::Zstd(zstd::stream::write::Encoder::new(BufWriter::new(file), 3)?)
        } else {
            Out::Plain { file, whole: 0 }
        };
        Ok(())
    }

    fn hand_on(&mut self) -> io::Result<()> {
        if self.failed || self.held.is_empty() {
            return Ok(());
        }
        let written = self
            .begin()
            .and_then(|()| write_lines(&mut self.out, &self.held));
        self.held.clear();
        self.failed = written.is_err();
        written
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the last lines cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.hand_on()?;
        match self.out {
            Out::Unnamed(_) | Out::Plain { .. } => Ok(()),
            Out::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

fn write_lines(out: &mut Out, lines: &[u8]) -> io::Result<()> {
    match out {
        Out::Unnamed(_) => Ok(()),
        Out::Plain { file, whole } => {
            if let Err(error) = file.write_all(lines) {
                // Half a line is worse than none. A device cannot be cut, and need not be.
                let _ = file.set_len(*whole);
                return Err(error);
            }
            *whole += lines.len() as u64;
            Ok(())
        }
        Out::Zstd(encoder) => {
            encoder.write_all(lines)?;
            encoder.flush()
        }
    }
}

impl Sink for Writer {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.held, record)?;
        self.held.push(b'\n');
        if self.held.len() >= HELD || matches!(record, Record::Header(_) | Record::Footer(_)) {
            self.hand_on()?;
        }
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.hand_on()
    }
}

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the trace {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no record.
    #[error("{}:{line}: not a record of a trace", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line is longer than any record can be.
    #[error("{}:{line}: the line is longer than {LINE_LIMIT} bytes", path.display())]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
    },
    /// The file does not begin with a header.
    #[error("{} is not a trace of nixtrace: it does not begin with a header", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later nixtrace.
    #[error(
        "{} has trace format {format}, written by nixtrace {version}; this is nixtrace {}, which reads formats up to {FORMAT_VERSION}",
        path.display(), env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// Who wrote it.
        version: String,
    },
}

/// The longest line that is read, in bytes: the kernel's limit for arguments (`ARG_MAX` and more
/// on Linux: 6 MiB) with every byte escaped.
const LINE_LIMIT: usize = 64 << 20;

/// Reads a trace file record by record.
pub struct Reader {
    path: PathBuf,
    lines: Box<dyn BufRead>,
    header: Header,
    line: u64,
    buffer: Vec<u8>,
    truncated: bool,
    ended: bool,
}

impl Reader {
    /// Opens a trace and reads its header. Compression is told from the file's first bytes.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let io_error = |source| ReadError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = BufReader::new(File::open(path).map_err(io_error)?);
        const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let is_compressed = file.fill_buf().map_err(io_error)?.starts_with(&ZSTD_MAGIC);
        let lines: Box<dyn BufRead> = if is_compressed {
            let decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(io_error)?;
            Box::new(BufReader::new(decoder))
        } else {
            Box::new(file)
        };
        Self::new(path, lines)
    }

    /// Reads a trace from any source of bytes; `path` is for messages.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn new(path: &Path, lines: Box<dyn BufRead>) -> Result<Self, ReadError> {
        let mut reader = Self {
            path: path.to_owned(),
            lines,
            header: Header::empty(),
            line: 0,
            buffer: Vec::new(),
            truncated: false,
            ended: false,
        };
        let no_header = || ReadError::NoHeader {
            path: path.to_owned(),
        };
        if !reader.read_line()? {
            return Err(no_header());
        }
        // The version decides how the rest is to be read, so it is looked at by itself.
        #[derive(serde::Deserialize)]
        struct Version {
            format: u32,
            nixtrace: String,
        }
        let version: Version = serde_json::from_slice(&reader.buffer).map_err(|_| no_header())?;
        if version.format > FORMAT_VERSION {
            return Err(ReadError::Newer {
                path: path.to_owned(),
                format: version.format,
                version: version.nixtrace,
            });
        }
        match serde_json::from_slice(&reader.buffer) {
            Ok(Record::Header(mut header)) => {
                // A trace may come from elsewhere, with its secrets.
                secrets::redact(&mut header.argv);
                for scenario in &mut header.scenarios {
                    secrets::redact(&mut scenario.header.argv);
                }
                reader.header = header;
            }
            Ok(_) => return Err(no_header()),
            Err(source) => {
                return Err(ReadError::Line {
                    path: path.to_owned(),
                    line: 1,
                    source,
                });
            }
        }
        Ok(reader)
    }

    /// The trace's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the trace stops before its footer: the recording was cut short. Known once all
    /// records were read.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Reads the next line into the buffer, without its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.buffer.clear();
        self.line += 1;
        let mut limited = self.lines.by_ref().take(LINE_LIMIT as u64 + 1);
        match limited.read_until(b'\n', &mut self.buffer) {
            Ok(0) => Ok(false),
            Ok(_) if self.buffer.last() == Some(&b'\n') => {
                self.buffer.pop();
                Ok(true)
            }
            Ok(length) if length > LINE_LIMIT => Err(ReadError::LongLine {
                path: self.path.clone(),
                line: self.line,
            }),
            // The last line of a recording that was cut short.
            Ok(_) => Ok(false),
            // A compressed recording that was cut short.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(ReadError::Io {
                path: self.path.clone(),
                source,
            }),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read_line() {
            Ok(true) => {}
            Ok(false) => {
                self.ended = true;
                self.truncated = true;
                return None;
            }
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        }
        match serde_json::from_slice(&self.buffer) {
            Ok(mut record) => {
                if let Record::Executed(executed) = &mut record
                    && let Some(argv) = &mut executed.argv
                {
                    secrets::redact(argv);
                }
                self.ended = matches!(record, Record::Footer(_));
                Some(Ok(record))
            }
            Err(source) => {
                self.ended = true;
                Some(Err(ReadError::Line {
                    path: self.path.clone(),
                    line: self.line,
                    source,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use proptest::prelude::*;

    fn records() -> Vec<Record> {
        vec![
            Record::Header(Header::for_tests()),
            Record::Started(Started {
                process: ProcessId(0),
                pid: 42,
                parent: None,
                at: Micros(0),
            }),
            Record::Accessed(Access {
                process: ProcessId(0),
                at: Micros(7),
                operation: Operation::Read,
                path: b"/tmp/\xff".as_slice().into(),
                real: None,
                root: None,
                target: None,
                outcome: Outcome::Failure(Errno::ENOENT),
                count: 1,
            }),
            Record::Contacted(Contact {
                process: ProcessId(0),
                at: Micros(8),
                action: ContactAction::Connect,
                endpoint: Endpoint::Inet {
                    protocol: Some("tcp".to_owned()),
                    address: [127, 0, 0, 1].into(),
                    port: 80,
                },
                asked: None,
                outcome: Outcome::Success,
            }),
            Record::Named(Named {
                process: ProcessId(0),
                at: Micros(8),
                name: "www.test".into(),
                addresses: vec![[192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap()],
            }),
            Record::Footer(Footer {
                status: Some(ExitStatus::Code(3)),
                duration: Micros(9),
                processes: 1,
                accesses: 1,
                gaps: 0,
            }),
        ]
    }

    fn write(path: &Path, records: &[Record]) {
        let mut writer = Writer::create(path, Existing::Refuse).unwrap();
        for record in records {
            writer.record(record).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn a_written_trace_reads_back_plain_and_compressed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["app.jsonl", "app.jsonl.zst"] {
            let path = directory.path().join(name);
            write(&path, &records());
            let mut reader = Reader::open(&path).unwrap();
            assert_eq!(reader.header(), &Header::for_tests());
            let read: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
            assert_eq!(read, records()[1..]);
            assert!(!reader.truncated());
        }
    }

    #[test]
    fn the_secrets_of_a_trace_from_elsewhere_are_hidden() {
        let lines = [
            r#"{"type":"header","format":1,"nixtrace":"","kernel":"","architecture":"","os":{},"start":0,"argv":["a","--token=x"],"cwd":"/","home":null,"environment":[],"engine":"","exact":false}"#,
            r#"{"type":"executed","process":0,"at":0,"path":"/a","argv":["a","--token","x"],"cwd":"/"}"#,
            "",
        ]
        .join("\n");
        let lines = Box::new(io::Cursor::new(lines));
        let mut reader = Reader::new(Path::new("t"), lines).unwrap();
        assert_eq!(reader.header().argv, ["a".into(), "--token=…".into()]);
        let Some(Ok(Record::Executed(executed))) = reader.next() else {
            panic!("a program ran");
        };
        let expected = ["a", "--token", "…"].map(Bytes::from);
        assert_eq!(executed.argv.unwrap(), expected);
    }

    #[test]
    fn a_record_is_one_flat_line() {
        let line = serde_json::to_string(&records()[3]).unwrap();
        assert_eq!(
            line,
            r#"{"type":"contacted","process":0,"at":8,"action":"connect","family":"inet","protocol":"tcp","address":"127.0.0.1","port":80,"outcome":"ok"}"#
        );
        let line = serde_json::to_string(&records()[2]).unwrap();
        assert_eq!(
            line,
            r#"{"type":"accessed","process":0,"at":7,"op":"read","path":"/tmp/\u0000ff","outcome":"ENOENT"}"#
        );
        let line = serde_json::to_string(&records()[4]).unwrap();
        assert_eq!(
            line,
            r#"{"type":"named","process":0,"at":8,"name":"www.test","addresses":["192.0.2.1","2001:db8::1"]}"#
        );
    }

    #[test]
    fn a_trace_that_was_cut_short_reads_to_its_last_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["app.jsonl", "app.jsonl.zst"] {
            let path = directory.path().join(name);
            let mut writer = Writer::create(&path, Existing::Refuse).unwrap();
            for record in &records()[..3] {
                writer.record(record).unwrap();
            }
            writer.idle().unwrap();
            std::mem::forget(writer);
            let mut bytes = std::fs::read(&path).unwrap();
            if !name.ends_with("zst") {
                bytes.extend(b"{\"type\":\"acc");
                std::fs::write(&path, bytes).unwrap();
            }
            let mut reader = Reader::open(&path).unwrap();
            assert_eq!(reader.by_ref().map(Result::unwrap).count(), 2, "{name}");
            assert!(reader.truncated());
        }
    }

    #[test]
    fn a_broken_line_is_named_by_its_number() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        write(&path, &records()[..2]);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"type\":\"nonsense\"}\n");
        std::fs::write(&path, text).unwrap();
        let error = Reader::open(&path).unwrap().last().unwrap().unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("app.jsonl:3: not a record of a trace")
        );
    }

    #[test]
    fn a_newer_format_and_a_foreign_file_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        std::fs::write(
            &path,
            "{\"type\":\"header\",\"format\":9,\"nixtrace\":\"7.1\",\"x\":1}\n",
        )
        .unwrap();
        let error = Reader::open(&path).err().unwrap().to_string();
        assert!(
            error.contains("trace format 9, written by nixtrace 7.1"),
            "{error}"
        );
        for foreign in ["", "hello\n", "{}\n"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(matches!(
                Reader::open(&path),
                Err(ReadError::NoHeader { .. })
            ));
        }
    }

    #[test]
    fn a_trace_that_never_began_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        std::fs::write(&path, "older").unwrap();
        let writer = Writer::create(&path, Existing::Replace).unwrap();
        drop(writer);
        assert_eq!(std::fs::read(&path).unwrap(), b"older");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failing_disk_is_an_error_and_no_panic() {
        let mut writer = Writer::create(Path::new("/dev/full"), Existing::Replace).unwrap();
        assert!(writer.record(&records()[0]).is_err());
        assert!(writer.record(&records()[1]).is_ok());
        assert!(writer.finish().is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..256), with_header: bool) {
            let mut text = Vec::new();
            if with_header {
                text.extend(serde_json::to_vec(&records()[0]).unwrap());
                text.push(b'\n');
            }
            text.extend(bytes);
            if let Ok(reader) = Reader::new(Path::new("x"), Box::new(io::Cursor::new(text))) {
                for _ in reader {}
            }
        }

        #[test]
        fn every_outcome_survives(errno in 1..4096i32) {
            let outcome = Outcome::Failure(Errno(errno));
            let json = serde_json::to_string(&outcome).unwrap();
            prop_assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
        }
    }
}
