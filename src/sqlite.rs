//! SQLite databases that others made: nixpkgs' table of commands, rpm's packages, ReproZip's traces.
//!
//! They are data to be read and nothing else. The file is opened as one that nobody changes, so no
//! journal is made beside it and no lock is taken; a schema made up to keep us busy (a view, a
//! virtual table) is not followed. rusqlite is known only here.

use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The largest value that is believed: a package's header with all its file names stays far below.
const LONGEST_VALUE: i32 = 256 << 20;

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file cannot be opened as a file.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// SQLite cannot read it.
    #[error("{}", plain(.0))]
    Sqlite(#[from] rusqlite::Error),
    /// It is a database of something else.
    #[error("it has no table `{0}`")]
    NoTable(&'static str),
}

/// SQLite's own words, without the statement that failed: it is ours, and says nothing to a person.
fn plain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

/// An open database.
pub(crate) struct Database(Connection);

impl Database {
    /// Opens a file that holds a table.
    ///
    /// # Errors
    /// When it is no regular file, no SQLite database, or has no such table.
    pub(crate) fn open(path: &Path, table: &'static str) -> Result<Self, SqliteError> {
        if !fs::metadata(path)?.is_file() {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file");
            return Err(error.into());
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(unchanging(path), flags)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
        // https://www.sqlite.org/security.html, "Untrusted SQLite Database Files".
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;",
        )?;
        // Views have no pages of their own, nor have virtual tables.
        let found: i64 = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1 AND rootpage > 0",
            [table],
            |row| row.get(0),
        )?;
        if found == 0 {
            return Err(SqliteError::NoTable(table));
        }
        Ok(Self(connection))
    }

    /// Hands over the rows that a query gives.
    ///
    /// # Errors
    /// When the database cannot be read to its end, or those of `visit`.
    pub(crate) fn each<E: From<SqliteError>>(
        &self,
        query: &str,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(SqliteError::from(error));
        let mut statement = self.0.prepare(query).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            visit(&Row(row))?;
        }
        Ok(())
    }
}

/// A row of an answer.
pub(crate) struct Row<'a>(&'a rusqlite::Row<'a>);

impl Row<'_> {
    /// The bytes of a text or blob; none for everything else.
    pub(crate) fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.0.get_ref(column) {
            Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A number; none for everything else.
    pub(crate) fn integer(&self, column: usize) -> Option<i64> {
        match self.0.get_ref(column) {
            Ok(ValueRef::Integer(number)) => Some(number),
            _ => None,
        }
    }
}

/// The file as a URI (https://www.sqlite.org/uri.html) that promises that nobody writes to it.
fn unchanging(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => {
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    uri + "?mode=ro&immutable=1"
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a database by running statements.
    pub(crate) fn make(path: &Path, statements: &str) {
        Connection::open(path)
            .and_then(|connection| connection.execute_batch(statements))
            .expect("the statements are valid");
    }

    fn rows(path: &Path) -> Result<Vec<Vec<u8>>, SqliteError> {
        let mut found = Vec::new();
        Database::open(path, "t")?.each("SELECT a FROM t ORDER BY a", |row| {
            found.extend(row.bytes(0).map(<[u8]>::to_vec));
            Ok::<_, SqliteError>(())
        })?;
        Ok(found)
    }

    #[test]
    fn a_file_of_any_name_is_read_and_nothing_is_made_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("50% of ?name#=\u{e9}.sqlite");
        make(
            &path,
            "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES ('x'), (x'00ff'), (7), (NULL);",
        );
        let names = || std::fs::read_dir(directory.path()).unwrap().count();
        let before = names();
        assert_eq!(rows(&path).unwrap(), [b"x".to_vec(), vec![0, 0xff]]);
        assert_eq!(names(), before);
    }

    #[test]
    fn what_is_no_table_of_the_file_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("view");
        make(
            &path,
            "CREATE VIEW t AS WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT a FROM n;",
        );
        assert_eq!(rows(&path).unwrap_err().to_string(), "it has no table `t`");
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error_in_plain_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        std::fs::write(
            &path,
            "not a database at all, but long enough to be taken for one",
        )
        .unwrap();
        assert_eq!(
            rows(&path).unwrap_err().to_string(),
            "file is not a database"
        );
        assert!(rows(&directory.path().join("absent")).is_err());
        assert!(rows(directory.path()).is_err());
    }

    #[test]
    fn a_damaged_database_never_panics() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("whole");
        let texts: Vec<String> = (0..400).map(|n| format!("('text number {n}')")).collect();
        make(
            &path,
            &format!(
                "CREATE TABLE t (a); INSERT INTO t VALUES {};",
                texts.join(",")
            ),
        );
        let whole = std::fs::read(&path).unwrap();
        for step in 0..200 {
            let mut bytes = whole.clone();
            let at = step * bytes.len() / 200;
            bytes[at..].iter_mut().take(7).for_each(|byte| *byte = 0xff);
            let other = directory.path().join("damaged");
            std::fs::write(&other, &bytes).unwrap();
            let _ = rows(&other);
            std::fs::write(&other, &whole[..at]).unwrap();
            let _ = rows(&other);
        }
    }
}
