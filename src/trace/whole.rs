//! A trace file that appears whole or not at all: what is made from other files. (What is recorded
//! appears at once, so that a killed recording is readable.)

use super::{Record, Sink};
use crate::atomic::{AtomicFile, Audience, Existing};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a trace that takes its name when it is finished.
pub struct WholeWriter(Out);

enum Out {
    Plain(BufWriter<AtomicFile>),
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<AtomicFile>>>),
}

impl WholeWriter {
    /// Prepares a trace at the path, readable by its owner only; compressed if its name ends in
    /// `.zst`.
    ///
    /// # Errors
    /// When the path exists and is to be kept, or cannot be created.
    pub fn create(path: &Path, existing: Existing) -> io::Result<Self> {
        let file = BufWriter::with_capacity(
            1 << 18,
            AtomicFile::create(path, existing, Audience::Owner)?,
        );
        let is_compressed = path.extension().is_some_and(|it| it == "zst");
        Ok(Self(if is_compressed {
            Out::Zstd(Box::new(zstd::stream::write::Encoder::new(file, 3)?))
        } else {
            Out::Plain(file)
        }))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When the last lines cannot be written, or the path came into being meanwhile.
    pub fn finish(self) -> io::Result<()> {
        let file = match self.0 {
            Out::Plain(file) => file,
            Out::Zstd(encoder) => encoder.finish()?,
        };
        let mut file = file.into_inner().map_err(|failed| failed.into_error())?;
        file.flush()?;
        file.commit().map(drop)
    }
}

impl Write for WholeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Out::Plain(file) => file.write(bytes),
            Out::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Out::Plain(file) => file.flush(),
            Out::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl Sink for WholeWriter {
    fn record(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut *self, record)?;
        self.write_all(b"\n")
    }
}
