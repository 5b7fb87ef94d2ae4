//! Adds a release's table of commands to an index in the making: `programs.sqlite`, which every
//! NixOS channel carries for `command-not-found`.
//!
//! It knows of each command that Hydra built in which attribute it is, and nothing else: no output,
//! no place. So it is a second opinion beside a listing, and a first one where there is none.

use super::build::{BuildError, Builder};
use super::format::{KeyKind, Row};
use super::listing::today_of;
use super::{Index, Input, Progress};
use crate::resolve::Basis;
use crate::sqlite::{Database, SqliteError};
use bstr::ByteSlice;
use std::io;
use std::path::Path;

/// What ends the reading of a table.
enum Stop {
    Database(SqliteError),
    Aside(io::Error),
}

impl From<SqliteError> for Stop {
    fn from(error: SqliteError) -> Self {
        Self::Database(error)
    }
}

impl Builder {
    /// Adds a table of commands. `known` gives what the table does not say, as for
    /// [`Builder::add_database`].
    ///
    /// # Errors
    /// When it is no such table or cannot be read to its end, or a run cannot be put aside.
    pub fn add_programs(
        &mut self,
        input: Input,
        path: &Path,
        known: &Index,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BuildError> {
        let stopped = |stop| match stop {
            Stop::Database(source) => BuildError::Programs {
                path: path.to_owned(),
                source,
            },
            Stop::Aside(error) => BuildError::Write(error),
        };
        let mut done = Progress::default();
        let database = Database::open(path, "Programs").map_err(|error| stopped(error.into()))?;
        database
            // A package that only Darwin has does not help a program that runs here.
            .each(
                "SELECT DISTINCT name, package FROM Programs WHERE system LIKE '%-linux' \
                 ORDER BY name, package",
                |row| {
                    done.files += 1;
                    progress(done);
                    let (Some(command), Some(package)) = (row.bytes(0), row.bytes(1)) else {
                        return Ok(());
                    };
                    self.add_program(command, package, known)
                        .map_err(Stop::Aside)
                },
            )
            .map_err(stopped)?;
        self.made_from(Input {
            entries: done.files,
            ..input
        });
        Ok(())
    }

    fn add_program(&mut self, command: &[u8], package: &[u8], known: &Index) -> io::Result<()> {
        // A wrapper's own program begins with a dot: nobody types it.
        if command.starts_with(b".") || command.contains(&b'/') {
            return Ok(());
        }
        let Some(attr) = package
            .to_str()
            .ok()
            .and_then(|package| today_of(package, known))
        else {
            return Ok(());
        };
        let member = attr.parts().last().unwrap_or_default().to_owned();
        let number = self.describe(&attr, &member, known);
        let mut row = Row::new(number, Basis::CommandTable);
        row.place = self.text("bin");
        row.in_command_table = true;
        self.add(KeyKind::Command, command, &row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{Candidate, Kind, Query, Source, SourceKind};
    use crate::sqlite::tests::make;

    const TABLE: &str = "CREATE TABLE Programs (name text not null, system text not null, \
        package text not null, primary key (name, system, package));";

    fn index_of(statements: &str) -> Result<Index, BuildError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("programs.sqlite");
        make(&path, statements);
        let mut builder = Builder::new();
        builder.add_programs(Input::default(), &path, Index::embedded(), &mut |_| ())?;
        let mut bytes = Vec::new();
        builder.finish(&mut bytes)?;
        Ok(Index::from_bytes(bytes, SourceKind::Index).unwrap())
    }

    fn ask(index: &Index, name: &str) -> Vec<Candidate> {
        index.candidates(&Query::new(Kind::Command, name))
    }

    #[test]
    fn a_table_of_commands_answers_for_commands_in_today_s_names() {
        let index = index_of(&format!(
            "{TABLE} INSERT INTO Programs VALUES
            ('jq', 'x86_64-linux', 'jq'), ('jq', 'i686-linux', 'jq'),
            ('f2py', 'x86_64-linux', 'python311Packages.numpy'),
            ('mdls', 'x86_64-darwin', 'darwin.mdls'), ('.jq-wrapped', 'x86_64-linux', 'jq'),
            ('odd', 'x86_64-linux', 'no attribute')"
        ))
        .unwrap();
        let found = ask(&index, "jq");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].basis, Basis::CommandTable);
        assert!(found[0].facts.is_main_program && found[0].popularity > 0);
        assert_eq!(
            ask(&index, "f2py")[0].attr.as_str(),
            "python3Packages.numpy"
        );
        for left_out in ["mdls", ".jq-wrapped", "odd"] {
            assert_eq!(ask(&index, left_out), [], "{left_out}");
        }
        assert_eq!(index.about().unwrap().made_from[0].entries, 4);
    }

    #[test]
    fn a_database_of_something_else_is_refused_by_name() {
        let Err(BuildError::Programs { source, .. }) = index_of("CREATE TABLE other (a)") else {
            panic!("it was read");
        };
        assert_eq!(source.to_string(), "it has no table `Programs`");
    }

    #[test]
    fn a_table_whose_rows_are_no_texts_gives_no_answer_and_no_panic() {
        let index = index_of(
            "CREATE TABLE Programs (name, system, package);
            INSERT INTO Programs VALUES (1, 'x86_64-linux', NULL), (x'ff00', 'x86_64-linux', x'ff'),
            ('a/b', 'x86_64-linux', 'jq'), ('', 'x86_64-linux', 'jq')",
        )
        .unwrap();
        assert_eq!(index.about().unwrap().candidates, 0);
    }
}
