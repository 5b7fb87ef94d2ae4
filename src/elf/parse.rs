//! From bytes to an [`Image`], with goblin, piece by piece.
//!
//! goblin's own whole-file parser wants all bytes in memory and reads symbols and relocations,
//! which nobody here asks for. So each table is read by itself, within a limit, and goblin decodes
//! it. What the loader finds by address is found by address here too, through the program headers,
//! so that a file without section headers is no exception.

use super::note;
use super::source::Source;
use super::{
    Class, DlopenNote, Endianness, Error, FileType, Image, Loaded, Malformed, NotElf, VersionNeed,
};
use bstr::{BString, ByteSlice};
use goblin::container::{Container, Ctx, Endian};
use goblin::elf::dynamic::{
    DF_1_NODEFLIB, DF_1_PIE, DT_AUDIT, DT_DEPAUDIT, DT_FLAGS_1, DT_GNU_HASH, DT_HASH, DT_NEEDED,
    DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_VERNEED, DT_VERNEEDNUM, Dynamic,
};
use goblin::elf::header::{self, Header};
use goblin::elf::note::NoteDataIterator;
use goblin::elf::program_header::{PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, ProgramHeader};
use goblin::elf::section_header::{SHT_NOBITS, SectionHeader};
use std::cell::Cell;
use std::io;
use std::path::Path;

/// These two are Sun's, and goblin has no names for them.
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;

/// Linux refuses to run a program whose program headers take more (`ELF_MIN_ALIGN` and
/// `load_elf_phdrs` in fs/binfmt_elf.c).
const PROGRAM_HEADERS: u64 = 64 << 10;
/// 65,536 entries of 64 bits.
const DYNAMIC: u64 = 1 << 20;
/// As PATH_MAX: the kernel refuses a longer interpreter, and the loader could open no longer name.
const NAME: usize = 4096;
/// A list of directories may be longer than a path; store paths make for long ones.
const PATH_LIST: usize = 256 << 10;
/// Notes that are bigger are not ours: core dumps have such.
const NOTES: u64 = 256 << 10;
/// 65,536 sections of 64 bytes.
const SECTION_HEADERS: u64 = 4 << 20;
/// Where none of the first buckets of a hash table is in use, hardly any is.
const BUCKETS: usize = 1024;
/// What all strings and version records of one image may take together.
const BUDGET: usize = 4 << 20;

/// Why there is no image.
pub(super) enum Failure {
    Io(io::Error),
    Malformed(Malformed),
}

impl Failure {
    /// That of bytes in memory, which are read without system calls that could fail.
    pub(super) fn of_slice(self) -> Malformed {
        match self {
            Self::Malformed(malformed) => malformed,
            Self::Io(_) => Malformed::OutOfBounds("file"),
        }
    }

    pub(super) fn at(self, path: &Path) -> Error {
        match self {
            Self::Io(source) => Error::io(path, source),
            Self::Malformed(Malformed::NotElf(what)) => Error::not_elf(path, what),
            Self::Malformed(source) => Error::Malformed {
                path: path.to_owned(),
                source,
            },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Reads an image.
pub(super) fn image(source: &dyn Source) -> Result<Image, Failure> {
    let reader = Reader {
        source,
        budget: Cell::new(BUDGET),
    };
    let header = header(&reader)?;
    let ctx = context(&header)?;
    let segments = segments(&reader, &header, ctx)?;
    let (section_headers, sections_end) = section_headers(&reader, &header, ctx)?;

    let interpreter = match segments.iter().find(|segment| segment.p_type == PT_INTERP) {
        Some(segment) => {
            let length = usize::try_from(segment.p_filesz).unwrap_or(usize::MAX);
            Some(reader.string(segment.p_offset, length.min(NAME), "interpreter's name")?)
        }
        None => None,
    };

    let mut image = Image {
        class: match ctx.container {
            Container::Little => Class::Elf32,
            Container::Big => Class::Elf64,
        },
        endianness: match ctx.le {
            Endian::Little => Endianness::Little,
            Endian::Big => Endianness::Big,
        },
        os_abi: header.e_ident[header::EI_OSABI],
        machine: header.e_machine,
        file_type: match header.e_type {
            header::ET_REL => FileType::Relocatable,
            header::ET_EXEC => FileType::Executable,
            header::ET_DYN => FileType::SharedObject,
            header::ET_CORE => FileType::Core,
            other => FileType::Other(other),
        },
        entry: header.e_entry != 0,
        interpreter,
        soname: None,
        needed: Vec::new(),
        rpath: None,
        runpath: None,
        filters: Vec::new(),
        auxiliaries: Vec::new(),
        audit: Vec::new(),
        no_default_directories: false,
        pie: false,
        dynamic: false,
        exports: false,
        version_needs: Vec::new(),
        dlopen_notes: dlopen_notes(&reader, &segments, ctx)?,
        section_headers,
        elf_size: segments
            .iter()
            .map(|segment| segment.p_offset.saturating_add(segment.p_filesz))
            .chain([
                header.e_ehsize.into(),
                header
                    .e_phoff
                    .saturating_add(u64::from(header.e_phnum) * u64::from(header.e_phentsize)),
                sections_end,
            ])
            .max()
            .unwrap_or_default()
            .min(source.size()),
        file_size: source.size(),
    };
    if let Some(segment) = segments
        .iter()
        .find(|segment| segment.p_type == PT_DYNAMIC && segment.p_filesz > 0)
    {
        dynamic_section(&reader, &segments, segment, ctx, &mut image)?;
    }
    Ok(image)
}

fn bad_header(error: &goblin::error::Error) -> Malformed {
    Malformed::Header(error.to_string())
}

fn header(reader: &Reader<'_>) -> Result<Header, Failure> {
    // The longer of the two headers; a file may end behind the shorter one.
    let mut bytes = Vec::new();
    reader
        .source
        .read(0, header::header64::SIZEOF_EHDR, &mut bytes)?;
    if !bytes.starts_with(header::ELFMAG) {
        return Err(Malformed::NotElf(what_instead(reader, &bytes)?).into());
    }
    if bytes.len() < header::header32::SIZEOF_EHDR {
        return Err(Malformed::OutOfBounds("ELF header").into());
    }
    goblin::elf::Elf::parse_header(&bytes).map_err(|error| bad_header(&error).into())
}

/// What a file is that does not begin as ELF files do.
fn what_instead(reader: &Reader<'_>, start: &[u8]) -> Result<NotElf, Failure> {
    if start.is_empty() {
        return Ok(NotElf::Empty);
    }
    if start.starts_with(b"!<arch>\n") || start.starts_with(b"!<thin>\n") {
        return Ok(NotElf::Archive);
    }
    if !start.starts_with(b"#!") {
        return Ok(NotElf::Unknown);
    }
    // The kernel reads no further than this (BINPRM_BUF_SIZE).
    let mut line = Vec::new();
    reader.source.read(2, 254, &mut line)?;
    let line = line.lines().next().unwrap_or_default();
    Ok(NotElf::Script {
        interpreter: line.trim_with(|c| c == ' ' || c == '\t').into(),
    })
}

fn segments(reader: &Reader<'_>, header: &Header, ctx: Ctx) -> Result<Vec<ProgramHeader>, Failure> {
    if header.e_phnum == 0 {
        return Ok(Vec::new());
    }
    let size = ProgramHeader::size(ctx);
    if usize::from(header.e_phentsize) != size {
        return Err(Malformed::Header(format!(
            "program headers of {} bytes, where its class has {size}",
            header.e_phentsize
        ))
        .into());
    }
    let length = u64::from(header.e_phnum) * size as u64;
    if length > PROGRAM_HEADERS {
        return Err(Malformed::TooLarge("program header table").into());
    }
    let bytes = reader.bytes(header.e_phoff, length, "program header table")?;
    ProgramHeader::parse(&bytes, 0, header.e_phnum.into(), ctx)
        .map_err(|_| Malformed::OutOfBounds("program header table").into())
}

/// The pieces of a file that are loaded.
pub(super) fn loaded(file: &[u8]) -> Result<Vec<Loaded<'_>>, Failure> {
    let reader = Reader {
        source: &file,
        budget: Cell::new(BUDGET),
    };
    let header = header(&reader)?;
    let headers = segments(&reader, &header, context(&header)?)?;
    let loaded = headers.iter().filter(|header| header.p_type == PT_LOAD);
    loaded
        .map(|header| {
            let bytes = usize::try_from(header.p_offset)
                .ok()
                .zip(usize::try_from(header.p_filesz).ok())
                .and_then(|(start, length)| file.get(start..start.checked_add(length)?))
                .ok_or(Malformed::OutOfBounds("segment"))?;
            Ok(Loaded {
                bytes,
                address: header.p_vaddr,
                is_code: header.p_flags & PF_X != 0,
            })
        })
        .collect()
}

/// How numbers are written in a file with this header.
fn context(header: &Header) -> Result<Ctx, Malformed> {
    Ok(Ctx::new(
        header.container().map_err(|error| bad_header(&error))?,
        header.endianness().map_err(|error| bad_header(&error))?,
    ))
}

/// Whether there are section headers, and where they and the sections end.
///
/// The loader does not read them, so a table that lies elsewhere or is cut off counts as none.
fn section_headers(reader: &Reader<'_>, header: &Header, ctx: Ctx) -> Result<(bool, u64), Failure> {
    let size = SectionHeader::size(ctx) as u64;
    if header.e_shoff == 0 || u64::from(header.e_shentsize) != size {
        return Ok((false, 0));
    }
    let read = |count: u64| -> Result<Vec<SectionHeader>, Failure> {
        let mut bytes = Vec::new();
        // At most SECTION_HEADERS, checked below.
        reader
            .source
            .read(header.e_shoff, (count * size) as usize, &mut bytes)?;
        let whole = bytes.len() / size as usize;
        if whole == 0 || (whole as u64) < count {
            return Ok(Vec::new());
        }
        Ok(SectionHeader::parse_from(&bytes, 0, whole, ctx).unwrap_or_default())
    };
    let count = match header.e_shnum {
        // gABI: more than fit into the header are counted in the first section's size.
        0 => read(1)?.first().map_or(0, |section| section.sh_size),
        count => count.into(),
    };
    if count == 0 || count.saturating_mul(size) > SECTION_HEADERS {
        return Ok((false, 0));
    }
    let sections = read(count)?;
    let end = sections
        .iter()
        .filter(|section| section.sh_type != SHT_NOBITS)
        .map(|section| section.sh_offset.saturating_add(section.sh_size))
        .chain([header.e_shoff.saturating_add(count * size)])
        .max();
    match end {
        Some(end) if !sections.is_empty() => Ok((true, end)),
        _ => Ok((false, 0)),
    }
}

fn dynamic_section(
    reader: &Reader<'_>,
    segments: &[ProgramHeader],
    segment: &ProgramHeader,
    ctx: Ctx,
    image: &mut Image,
) -> Result<(), Failure> {
    const WHAT: &str = "dynamic section";
    if segment.p_filesz > DYNAMIC {
        return Err(Malformed::TooLarge(WHAT).into());
    }
    let bytes = reader.bytes(segment.p_offset, segment.p_filesz, WHAT)?;
    let here = ProgramHeader {
        p_type: PT_DYNAMIC,
        p_offset: 0,
        p_filesz: segment.p_filesz,
        ..ProgramHeader::default()
    };
    let entries = Dynamic::parse(&bytes, &[here], ctx)
        .map_err(|_| Malformed::OutOfBounds(WHAT))?
        .map(|dynamic| dynamic.dyns)
        .unwrap_or_default();
    image.dynamic = true;

    let last = |tag| {
        let matching = entries.iter().rev().find(|entry| entry.d_tag == tag);
        matching.map(|entry| entry.d_val)
    };
    // The loader prefers the GNU table where there are both.
    image.exports = match (last(DT_GNU_HASH), last(DT_HASH)) {
        (Some(address), _) => exports(reader, file_offset(segments, address), true, ctx)?,
        (None, Some(address)) => exports(reader, file_offset(segments, address), false, ctx)?,
        (None, None) => false,
    };
    let strings = match last(DT_STRTAB) {
        Some(address) => Strings {
            reader,
            offset: file_offset(segments, address)
                .ok_or(Malformed::OutOfBounds("dynamic string table"))?,
            size: last(DT_STRSZ).unwrap_or(u64::MAX),
        },
        // Nothing can be named without strings.
        None => return Ok(()),
    };
    let list = |offset| -> Result<Vec<BString>, Failure> {
        let text = strings.get(offset, PATH_LIST, "list of directories")?;
        Ok(text.split_str(":").map(BString::from).collect())
    };
    for entry in &entries {
        let value = entry.d_val;
        match entry.d_tag {
            DT_NEEDED => image.needed.push(strings.name(value)?),
            DT_FILTER => image.filters.push(strings.name(value)?),
            DT_AUXILIARY => image.auxiliaries.push(strings.name(value)?),
            // The loader keeps the last of those that may occur once.
            DT_SONAME => image.soname = Some(strings.name(value)?),
            DT_RPATH => image.rpath = Some(list(value)?),
            DT_RUNPATH => image.runpath = Some(list(value)?),
            DT_AUDIT | DT_DEPAUDIT => image.audit.extend(list(value)?),
            DT_FLAGS_1 => {
                image.no_default_directories = value & DF_1_NODEFLIB != 0;
                image.pie = value & DF_1_PIE != 0;
            }
            _ => {}
        }
    }
    if let (Some(address), Some(count)) = (last(DT_VERNEED), last(DT_VERNEEDNUM)) {
        let offset = file_offset(segments, address).ok_or(Malformed::OutOfBounds(VERSIONS))?;
        image.version_needs = version_needs(&strings, offset, count, ctx.le)?;
    }
    Ok(())
}

/// Where the byte at an address of the loaded image is in the file. Later segments are mapped
/// over earlier ones.
fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<u64> {
    segments
        .iter()
        .rev()
        .filter(|segment| segment.p_type == PT_LOAD)
        .find_map(|segment| {
            let within = address.checked_sub(segment.p_vaddr)?;
            (within < segment.p_filesz).then(|| segment.p_offset.checked_add(within))?
        })
}

/// Whether a hash table of symbols has any. It is advice for telling what a file is, so a table
/// outside the file has none.
///
/// Both kinds begin with the number of buckets. Behind its header of four words, the GNU one has a
/// Bloom filter, whose length in addresses is the third; `DT_HASH` has a header of two words.
fn exports(reader: &Reader<'_>, at: Option<u64>, is_gnu: bool, ctx: Ctx) -> Result<bool, Failure> {
    let Some(at) = at else { return Ok(false) };
    let mut bytes = Vec::new();
    reader.source.read(at, 16, &mut bytes)?;
    let Ok(header) = <[u8; 16]>::try_from(bytes) else {
        return Ok(false);
    };
    let header_size = if is_gnu {
        16 + u64::from(word(&header, 8, ctx.le)) * ctx.size() as u64
    } else {
        8
    };
    let length = (word(&header, 0, ctx.le) as usize).min(BUCKETS) * 4;
    let mut buckets = Vec::new();
    reader
        .source
        .read(at.saturating_add(header_size), length, &mut buckets)?;
    Ok(buckets.iter().any(|byte| *byte != 0))
}

fn half(record: &[u8; 16], at: usize, order: Endian) -> u16 {
    let raw = [record[at], record[at + 1]];
    match order {
        Endian::Little => u16::from_le_bytes(raw),
        Endian::Big => u16::from_be_bytes(raw),
    }
}

fn word(record: &[u8; 16], at: usize, order: Endian) -> u32 {
    let raw = [record[at], record[at + 1], record[at + 2], record[at + 3]];
    match order {
        Endian::Little => u32::from_le_bytes(raw),
        Endian::Big => u32::from_be_bytes(raw),
    }
}

const VERSIONS: &str = "table of needed symbol versions";

/// Walks the linked records of `DT_VERNEED` ("Symbol Versioning" in the LSB Core specification).
/// Both kinds of record are 16 bytes in either class.
fn version_needs(
    strings: &Strings<'_, '_>,
    offset: u64,
    count: u64,
    order: Endian,
) -> Result<Vec<VersionNeed>, Failure> {
    let half = |record: &[u8; 16], at| half(record, at, order);
    let word = |record: &[u8; 16], at| word(record, at, order);
    let mut needs = Vec::new();
    let mut at = offset;
    for _ in 0..count {
        let need = strings.reader.record(at, VERSIONS)?;
        let mut versions = Vec::new();
        let mut version_at = at.saturating_add(word(&need, 8).into());
        for _ in 0..half(&need, 2) {
            let version = strings.reader.record(version_at, VERSIONS)?;
            versions.push(strings.name(word(&version, 8).into())?);
            match word(&version, 12) {
                0 => break,
                next => version_at = version_at.saturating_add(next.into()),
            }
        }
        needs.push(VersionNeed {
            file: strings.name(word(&need, 4).into())?,
            versions,
        });
        match word(&need, 12) {
            0 => break,
            next => at = at.saturating_add(next.into()),
        }
    }
    Ok(needs)
}

fn dlopen_notes(
    reader: &Reader<'_>,
    segments: &[ProgramHeader],
    ctx: Ctx,
) -> Result<Vec<DlopenNote>, Failure> {
    let mut notes = Vec::new();
    for segment in segments.iter().filter(|segment| segment.p_type == PT_NOTE) {
        if segment.p_filesz > NOTES || reader.spend(segment.p_filesz, "notes").is_err() {
            continue;
        }
        let mut bytes = Vec::new();
        // At most NOTES.
        let length = segment.p_filesz as usize;
        reader.source.read(segment.p_offset, length, &mut bytes)?;
        let found = NoteDataIterator {
            data: &bytes,
            size: bytes.len(),
            offset: 0,
            ctx: (usize::try_from(segment.p_align).unwrap_or(4), ctx),
        };
        // Where a note is broken, so is all that follows: advice that cannot be read is no advice.
        for note in found.map_while(Result::ok) {
            if note.n_type == note::TYPE && note.name == note::OWNER {
                notes.extend(note::entries(note.desc));
            }
        }
    }
    Ok(notes)
}

/// Reads within the file and within the budget.
struct Reader<'s> {
    source: &'s dyn Source,
    budget: Cell<usize>,
}

impl Reader<'_> {
    fn spend(&self, length: u64, what: &'static str) -> Result<(), Malformed> {
        let left = usize::try_from(length)
            .ok()
            .and_then(|length| self.budget.get().checked_sub(length))
            .ok_or(Malformed::TooLarge(what))?;
        self.budget.set(left);
        Ok(())
    }

    /// Exactly these bytes; the caller has checked that they are few.
    fn bytes(&self, offset: u64, length: u64, what: &'static str) -> Result<Vec<u8>, Failure> {
        let out_of_bounds = || Malformed::OutOfBounds(what);
        let length = usize::try_from(length).map_err(|_| out_of_bounds())?;
        if offset.saturating_add(length as u64) > self.source.size() {
            return Err(out_of_bounds().into());
        }
        let mut bytes = Vec::with_capacity(length);
        self.source.read(offset, length, &mut bytes)?;
        if bytes.len() < length {
            return Err(out_of_bounds().into());
        }
        Ok(bytes)
    }

    fn record(&self, offset: u64, what: &'static str) -> Result<[u8; 16], Failure> {
        self.spend(16, what)?;
        let bytes = self.bytes(offset, 16, what)?;
        <[u8; 16]>::try_from(bytes).map_err(|_| Malformed::OutOfBounds(what).into())
    }

    /// The string at an offset, up to its NUL, which must come before `limit` bytes.
    fn string(&self, offset: u64, limit: usize, what: &'static str) -> Result<BString, Failure> {
        const STEP: usize = 128;
        let mut bytes = Vec::new();
        loop {
            let read = bytes.len();
            let step = STEP.max(read).min(limit - read);
            self.source
                .read(offset.saturating_add(read as u64), step, &mut bytes)?;
            if let Some(end) = bytes[read..].find_byte(0) {
                bytes.truncate(read + end);
                self.spend(bytes.len() as u64 + 1, what)?;
                return Ok(bytes.into());
            }
            if bytes.len() == limit {
                return Err(Malformed::TooLarge(what).into());
            }
            if bytes.len() < read + step {
                return Err(Malformed::OutOfBounds(what).into());
            }
        }
    }
}

/// `DT_STRTAB`.
struct Strings<'r, 's> {
    reader: &'r Reader<'s>,
    offset: u64,
    size: u64,
}

impl Strings<'_, '_> {
    fn name(&self, offset: u64) -> Result<BString, Failure> {
        self.get(offset, NAME, "name")
    }

    fn get(&self, offset: u64, limit: usize, what: &'static str) -> Result<BString, Failure> {
        if offset >= self.size {
            return Err(Malformed::OutOfBounds(what).into());
        }
        self.reader
            .string(self.offset.saturating_add(offset), limit, what)
    }
}
