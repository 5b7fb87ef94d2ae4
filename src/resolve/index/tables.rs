//! Reads the tables that the embedded index is made from: tab-separated, a header line with the
//! columns' names, one candidate a line. `catalog/README.md` says where they come from.

#[cfg(test)]
mod tests;

use super::Input;
use super::build::{BuildError, Builder};
use super::format::{AliasState, KeyKind, Row, sign_bit};
use super::place;
use crate::resolve::{AttrPath, Basis, FileForm, Sign};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The keys that the supplement answers; what the tables have by hand for them is left out.
type Supplemented = HashSet<(KeyKind, String)>;

/// The kind of a supplement's line that says since when nixpkgs lacks an attribute.
const REMOVED: &str = "removed";

/// Adds the tables in a directory, and a supplement of facts written by hand.
///
/// # Errors
/// When a table is missing or a line makes no sense; the error names both.
pub fn add(
    builder: &mut Builder,
    directory: &Path,
    supplement: Option<&Path>,
) -> Result<(), BuildError> {
    let supplement = supplement.map(Table::read).transpose()?;
    let mut supplemented = Supplemented::new();
    let table = |name: &str| Table::read(&directory.join(name));

    let aliases = table("nixpkgs-aliases.tsv")?;
    aliases.each(|line| alias(builder, line))?;
    if let Some(table) = &supplement {
        table.each(|line| {
            if line.get("kind")? == REMOVED {
                return Ok(());
            }
            let (kind, key) = (key_kind(line.get("kind")?)?, line.get("key")?);
            if kind == KeyKind::Alias {
                // All that the tables have under the old name is read as the new one's.
                builder.alias(attr(key)?, attr(line.get("attr")?)?, "", AliasState::Moved);
            }
            supplemented.insert((kind, key.to_owned()));
            Ok(())
        })?;
    }
    let packages = table("nixpkgs-packages.tsv")?;
    packages.each(|line| package(builder, line))?;
    let popularity = table("nixpkgs-popularity.tsv")?;
    popularity.each(|line| {
        let used_by = line.number("n_package_files")?;
        let name = builder.today(line.get("attr")?);
        let (_, attribute) = builder.attribute(attr(&name)?);
        attribute.used_by = attribute.used_by.max(used_by);
        Ok(())
    })?;
    let removed = table("nixpkgs-removed.tsv")?;
    removed.each(|line| {
        let (_, attribute) = builder.attribute(attr(line.get("attr")?)?);
        attribute.removed_by = line.get("removed_by")?.to_owned();
        Ok(())
    })?;
    let synonyms = table("attr-synonyms.tsv")?;
    synonyms.each(|line| {
        builder.synonym(attr(line.get("attr_a")?)?, attr(line.get("attr_b")?)?);
        Ok(())
    })?;
    let mut read = vec![aliases, packages, popularity, removed, synonyms];

    for (name, kind, key, place) in [
        (
            "soname-attrs.tsv",
            KeyKind::Soname,
            "soname",
            Place::Column("dir"),
        ),
        (
            "command-attrs.tsv",
            KeyKind::Command,
            "command",
            Place::Column("dir"),
        ),
        (
            "header-attrs.tsv",
            KeyKind::Header,
            "header",
            Place::Fixed("include"),
        ),
        (
            "pkgconfig-attrs.tsv",
            KeyKind::PkgConfig,
            "module",
            Place::Column("dir"),
        ),
        (
            "cmake-attrs.tsv",
            KeyKind::CMake,
            "package",
            Place::Column("dir"),
        ),
        (
            "python-module-attrs.tsv",
            KeyKind::Python,
            "module",
            Place::Column("place"),
        ),
        (
            "perl-module-attrs.tsv",
            KeyKind::Perl,
            "module",
            Place::Column("place"),
        ),
        (
            "typelib-attrs.tsv",
            KeyKind::Typelib,
            "typelib",
            Place::Fixed("lib/girepository-1.0"),
        ),
        ("data-attrs.tsv", KeyKind::Data, "path", Place::Parent),
    ] {
        let table = table(name)?;
        table.each(|line| file(builder, line, kind, key, place))?;
        read.push(table);
    }
    for (name, kind, key) in [
        ("soname-guesses.tsv", KeyKind::Soname, "soname"),
        ("pkgconfig-guesses.tsv", KeyKind::PkgConfig, "module"),
    ] {
        let table = table(name)?;
        table.each(|line| guess(builder, line, kind, key, &supplemented))?;
        read.push(table);
    }
    if let Some(table) = supplement {
        table.each(|line| by_hand(builder, line))?;
        builder.made_from(table.input("supplement"));
    }
    for table in read {
        builder.made_from(table.input("table"));
    }
    Ok(())
}

/// How a table says in which directory the file lies.
#[derive(Clone, Copy)]
enum Place {
    Column(&'static str),
    Fixed(&'static str),
    /// It is the key's own parent.
    Parent,
}

fn alias(builder: &mut Builder, line: &Line<'_>) -> Result<(), String> {
    let state = match line.get("state")? {
        "alias" => AliasState::Alias,
        "renamed-throw" => AliasState::Renamed,
        "replaced" => AliasState::Replaced,
        "default" => AliasState::Default,
        other => return Err(format!("unknown state `{other}`")),
    };
    builder.alias(
        attr(line.get("old_attr")?)?,
        attr(line.get("new_attr")?)?,
        line.get("since")?,
        state,
    );
    Ok(())
}

fn package(builder: &mut Builder, line: &Line<'_>) -> Result<(), String> {
    let name = &*today(builder, line)?;
    let used_by = line.number("used_by")?;
    let pname = line.get("pname")?;
    let main_program = line.get("main_program")?;
    let homepage = place::normal_homepage(line.get("homepage")?);
    let outputs = line.get("outputs")?;
    let unfree = line.get("unfree")? == "1";
    let (number, attribute) = builder.attribute(name);
    attribute.pname = pname.to_owned();
    attribute.main_program = main_program.to_owned();
    attribute.outputs = outputs.to_owned();
    attribute.unfree = unfree;
    attribute.homepage = homepage.unwrap_or_default();
    attribute.used_by = attribute.used_by.max(used_by);
    for (set, kind) in [
        ("rubyPackages.", KeyKind::Gem),
        ("luaPackages.", KeyKind::Lua),
        ("ocamlPackages.", KeyKind::OCaml),
    ] {
        if let Some(member) = name.strip_prefix(set) {
            add_row(builder, kind, member, &Row::new(number, Basis::NameOnly))?;
        }
    }
    if let Some(member) = name.strip_prefix("python3Packages.") {
        let mut row = Row::new(number, Basis::NameOnly);
        row.place = builder.text("site");
        for name in [pname, member] {
            if let Some(key) = place::normal_distribution(name.as_bytes()) {
                add_row(builder, KeyKind::Distribution, &key, &row)?;
            }
        }
    }
    Ok(())
}

fn file(
    builder: &mut Builder,
    line: &Line<'_>,
    kind: KeyKind,
    key: &str,
    place: Place,
) -> Result<(), String> {
    let key = line.get(key)?;
    let pname = line.get("pname")?;
    let name = today(builder, line)?;
    let (number, attribute) = builder.attribute(&name);
    if attribute.pname.is_empty() {
        attribute.pname = pname.split(',').next().unwrap_or_default().to_owned();
    }
    let linux = line.number("n_i686")?;
    let darwin = line.number("n_darwin")?;
    let in_command_table = line.optional("in_programs_sqlite") == Some("1");
    let basis = match line.get("evidence")? {
        "direct" if in_command_table && linux == 0 && darwin == 0 => Basis::CommandTable,
        "direct" => Basis::Listed,
        "pname" => Basis::ListedUnderOtherName,
        "name2020" => Basis::NameOnly,
        "manual" => Basis::Manual,
        other => return Err(format!("unknown evidence `{other}`")),
    };
    let mut row = Row::new(number, basis);
    row.form = match line.optional("kind") {
        None | Some("file") => FileForm::Regular,
        Some("link") => FileForm::Link,
        Some("reexport") => FileForm::ReExport,
        Some(other) => return Err(format!("unknown kind `{other}`")),
    };
    row.output = match line.get("output")? {
        "" => None,
        output => Some(builder.text(output)),
    };
    row.place = builder.text(match place {
        Place::Column(column) => line.get(column)?,
        Place::Fixed(place) => place,
        Place::Parent => key.rsplit_once('/').map_or("", |(parent, _)| parent),
    });
    row.linux_listings = u8::try_from(linux).unwrap_or(u8::MAX);
    row.darwin_listings = u8::try_from(darwin).unwrap_or(u8::MAX);
    row.last_seen = month(line.get("last_seen")?)?;
    row.in_command_table = in_command_table;
    row.name_from_darwin = line.optional("mapped").is_some_and(|how| !how.is_empty());
    add_row(builder, kind, key, &row)?;
    if kind == KeyKind::Data && line.optional("what") == Some("file") {
        // A file that the table knows by its path may have a name of its own: a schema, an archive.
        let mut result = Ok(());
        place::known_by(key.as_bytes(), place::Form::File, |kind, name, _| {
            if kind != KeyKind::Data
                && result.is_ok()
                && let Ok(name) = std::str::from_utf8(name)
            {
                result = add_row(builder, kind, name, &row);
            }
        });
        result?;
    }
    if kind == KeyKind::Python && line.get("attr")?.starts_with("python3Packages.") {
        for name in pname.split(',') {
            if let Some(key) = place::normal_distribution(name.as_bytes()) {
                add_row(builder, KeyKind::Distribution, &key, &row)?;
            }
        }
    }
    Ok(())
}

fn guess(
    builder: &mut Builder,
    line: &Line<'_>,
    kind: KeyKind,
    key: &str,
    supplemented: &Supplemented,
) -> Result<(), String> {
    let key = line.get(key)?;
    let evidence = line.get("evidence")?;
    let name = today(builder, line)?;
    let (number, _) = builder.attribute(&name);
    if let Some(why) = evidence.strip_prefix("manual") {
        if supplemented.contains(&(kind, key.to_owned())) {
            return Ok(());
        }
        let mut row = Row::new(number, Basis::Manual);
        row.note = Some(builder.text(why.trim_start_matches(':').trim()));
        return add_row(builder, kind, key, &row);
    }
    let mut signs = 0;
    for word in evidence.split(' ') {
        signs |= sign_bit(match word {
            "package~" => Sign::PackageName,
            "source" => Sign::SourceName,
            "source~" => Sign::SourceStem,
            "stem" => Sign::LibraryName,
            "stem~" => Sign::LibraryStem,
            "homepage" => Sign::HomePage,
            other => return Err(format!("unknown sign `{other}`")),
        });
    }
    let agreements = u8::try_from(signs.count_ones()).unwrap_or(u8::MAX).min(4);
    let mut row = Row::new(number, Basis::Guess(agreements));
    row.signs = signs;
    let package = line.get("debian_package")?;
    let source = line.get("debian_source")?;
    row.note = Some(builder.text(&if source == package {
        format!("Debian has it in {package}")
    } else {
        format!("Debian has it in {package} (source {source})")
    }));
    add_row(builder, kind, key, &row)
}

fn by_hand(builder: &mut Builder, line: &Line<'_>) -> Result<(), String> {
    let why = line.get("why")?;
    if why.is_empty() {
        return Err("a fact written by hand needs its reason in the column `why`".to_owned());
    }
    if line.get("kind")? == REMOVED {
        let (_, attribute) = builder.attribute(attr(line.get("attr")?)?);
        attribute.removed_by = line.get("key")?.to_owned();
        return Ok(());
    }
    let kind = key_kind(line.get("kind")?)?;
    if kind == KeyKind::Alias {
        return Ok(());
    }
    let (number, _) = builder.attribute(attr(line.get("attr")?)?);
    let mut row = Row::new(number, Basis::Manual);
    row.output = match line.get("output")? {
        "" => None,
        output => Some(builder.text(output)),
    };
    row.place = builder.text(line.get("place")?);
    row.of_the_host = match line.get("owner")? {
        "" => false,
        "host" => true,
        other => return Err(format!("unknown owner `{other}` (it is empty or `host`)")),
    };
    row.note = Some(builder.text(why));
    add_row(builder, kind, line.get("key")?, &row)
}

fn add_row(builder: &mut Builder, kind: KeyKind, key: &str, row: &Row) -> Result<(), String> {
    builder
        .add(kind, key.as_bytes(), row)
        .map_err(|error| format!("the rows cannot be put aside: {error}"))
}

fn key_kind(word: &str) -> Result<KeyKind, String> {
    KeyKind::ALL
        .into_iter()
        .find(|(_, known)| *known == word)
        .map(|(kind, _)| kind)
        .ok_or_else(|| format!("unknown kind `{word}`"))
}

/// The attribute that a row is about, in today's name.
fn today(builder: &Builder, line: &Line<'_>) -> Result<String, String> {
    Ok(builder.today(attr(line.get("attr")?)?))
}

fn attr(name: &str) -> Result<&str, String> {
    AttrPath::new(name).map_err(|error| error.to_string())?;
    Ok(name)
}

/// `2023-01` as year and month; empty is none.
fn month(text: &str) -> Result<Option<(u16, u8)>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.split_once('-')
        .and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)))
        .filter(|(_, month)| (1..=12).contains(month))
        .map(Some)
        .ok_or_else(|| format!("`{text}` is not a month like 2023-01"))
}

/// A table in memory.
struct Table {
    path: PathBuf,
    text: String,
}

impl Table {
    fn read(path: &Path) -> Result<Self, BuildError> {
        let text = fs::read_to_string(path).map_err(|source| BuildError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// Calls for every row. Empty lines and those that begin with `#` are comments.
    fn each(&self, mut row: impl FnMut(&Line<'_>) -> Result<(), String>) -> Result<(), BuildError> {
        let mut columns = None;
        for (index, text) in self.text.lines().enumerate() {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = text.split('\t').collect();
            let failed = |what| BuildError::Table {
                path: self.path.clone(),
                line: index + 1,
                what,
            };
            let Some(columns) = &columns else {
                columns = Some(HashMap::from_iter(
                    fields.into_iter().enumerate().map(|(at, name)| (name, at)),
                ));
                continue;
            };
            if fields.len() != columns.len() {
                return Err(failed(format!(
                    "{} fields where the header has {}",
                    fields.len(),
                    columns.len()
                )));
            }
            row(&Line { columns, fields }).map_err(failed)?;
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .count()
            .saturating_sub(1)
    }

    fn input(&self, kind: &str) -> Input {
        Input {
            kind: kind.to_owned(),
            name: self
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            entries: self.rows() as u64,
            crc32: format!("{:08x}", crc32fast::hash(self.text.as_bytes())),
            modified: None,
        }
    }
}

/// A row of a table.
struct Line<'a> {
    columns: &'a HashMap<&'a str, usize>,
    fields: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn optional(&self, column: &str) -> Option<&'a str> {
        self.columns.get(column).map(|at| self.fields[*at])
    }

    fn get(&self, column: &str) -> Result<&'a str, String> {
        self.optional(column)
            .ok_or_else(|| format!("the table has no column `{column}`"))
    }

    /// A number; empty is 0.
    fn number(&self, column: &str) -> Result<u32, String> {
        match self.get(column)? {
            "" => Ok(0),
            text => text
                .parse()
                .map_err(|_| format!("`{text}` in the column `{column}` is not a number")),
        }
    }
}
