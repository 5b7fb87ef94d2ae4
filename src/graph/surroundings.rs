//! What a run wants of its surroundings besides packages: variables, places to write to, the
//! machinery of a desktop toolkit.
//!
//! No system call tells which variable a program reads (T62). So a variable counts only when its
//! value shows: on the command line, or in the name of a file that mattered.

use super::RunKind;
use super::analysis::is_foreign;
use super::classify::{Origin, file_name, is_below, parent};
use super::evidence::Evidence;
use super::program::{Program, Run};
use crate::trace::{Bytes, ContactAction, Endpoint};
use bstr::{BStr, ByteSlice};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a run wants of its surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Surroundings {
    /// Variables of which there is evidence, sorted by name.
    pub variables: Vec<Variable>,
    /// Toolkits whose plug-ins, schemas or caches were used.
    pub toolkits: Vec<ToolkitUse>,
    /// Directories that it wrote to, outside of its own and of those for the moment, sorted.
    pub writes: Vec<Bytes>,
    /// Whether it wrote files for the moment (`/tmp`).
    pub scratch: bool,
    /// The owners of the accounts that it looked up: whether it read `/etc/passwd` or `/etc/group`.
    pub accounts: bool,
    /// Whether it used `/bin/sh` or `/usr/bin/env` by that name.
    pub well_known: BTreeSet<WellKnown>,
    /// Families of addresses that it used besides those of files and of IP, by their numbers.
    pub families: BTreeSet<u16>,
    /// Files below `/etc` that are called like the program, or lie in a directory that is, and that it
    /// read.
    pub configuration: BTreeSet<Bytes>,
}

impl Surroundings {
    /// Adds what another run wants; where both know a variable, what the first said of it stays.
    pub fn absorb(&mut self, other: Self) {
        for variable in other.variables {
            let place = self
                .variables
                .binary_search_by(|it| it.name.cmp(&variable.name));
            if let Err(place) = place {
                self.variables.insert(place, variable);
            }
        }
        self.toolkits.extend(other.toolkits);
        self.toolkits.sort();
        self.toolkits.dedup();
        self.writes.extend(other.writes);
        self.writes.sort();
        self.writes.dedup();
        self.scratch |= other.scratch;
        self.accounts |= other.accounts;
        self.well_known.extend(other.well_known);
        self.families.extend(other.families);
        self.configuration.extend(other.configuration);
    }
}

/// A variable of the environment that mattered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; none when it is the place of data that a package has.
    pub value: Option<Bytes>,
    /// How that showed, for a person.
    pub because: String,
    /// Whether it is whoever ran the program who wants it so (a time zone, a language): no business of the
    /// program's package.
    #[serde(skip)]
    pub is_personal: bool,
}

/// A toolkit, and the file that shows its use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ToolkitUse {
    /// Which.
    pub toolkit: Toolkit,
    /// The file.
    pub path: Bytes,
}

/// A toolkit whose programs nixpkgs wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toolkit {
    /// GLib without a window: schemas, GIO modules, typelibs.
    Glib,
    /// GTK 3.
    Gtk3,
    /// GTK 4.
    Gtk4,
    /// Qt 5.
    Qt5,
    /// Its plug-in for Wayland.
    Qt5Wayland,
    /// Qt 6.
    Qt6,
    /// Its plug-in for Wayland.
    Qt6Wayland,
}

/// A program that is expected at one path everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WellKnown {
    /// `/bin/sh`
    Sh,
    /// `/usr/bin/env`
    Env,
}

/// No more directories are told than these.
const WRITES: usize = 40;

/// What the run wants of its surroundings.
pub fn surroundings(run: &Run, kind: RunKind) -> Surroundings {
    let mut found = Surroundings {
        variables: variables(run),
        ..Surroundings::default()
    };
    if kind == RunKind::Build {
        return found;
    }
    let mut toolkits: BTreeMap<Toolkit, Bytes> = BTreeMap::new();
    let mut writes: BTreeSet<Bytes> = BTreeSet::new();
    for program in &run.programs {
        for path in [Some(&program.executable), program.argv.first()]
            .into_iter()
            .flatten()
        {
            match path.as_bytes() {
                b"/bin/sh" => found.well_known.insert(WellKnown::Sh),
                b"/usr/bin/env" => found.well_known.insert(WellKnown::Env),
                _ => false,
            };
        }
        if let Some(is_users) = program
            .script
            .as_ref()
            .map(|it| !is_foreign(run.territory.origin(it.as_ref())))
            && is_users
            && program.executable.as_bytes() == b"/usr/bin/env"
        {
            found.well_known.insert(WellKnown::Env);
        }
        for (path, usage) in &program.uses {
            if usage.seen.has(Evidence::Written) {
                add_written(run, path, &mut writes, &mut found.scratch);
            }
            if usage.seen.has(Evidence::Read)
                && matches!(path.as_bytes(), b"/etc/passwd" | b"/etc/group")
            {
                found.accounts = true;
            }
        }
        if !is_foreign(program.origin) || program.script.is_some() {
            for (toolkit, path) in toolkits_of(program) {
                toolkits.entry(toolkit).or_insert(path);
            }
        }
    }
    found.configuration = run
        .command()
        .map(configuration)
        .unwrap_or_default()
        .into_iter()
        .take(WRITES)
        .collect();
    // A socket is made where it is bound.
    for (action, endpoint, _, succeeded) in &run.contacts {
        if let (ContactAction::Bind, Endpoint::Unix { path }, true) = (action, endpoint, succeeded)
        {
            add_written(run, path, &mut writes, &mut found.scratch);
        }
    }
    found.families = run
        .contacts
        .iter()
        .filter(|(_, _, _, succeeded)| *succeeded)
        .filter_map(|(_, endpoint, ..)| match *endpoint {
            Endpoint::Other { number } => Some(number),
            _ => None,
        })
        .collect();
    found.writes = writes.into_iter().take(WRITES).collect();
    found.toolkits = toolkits
        .into_iter()
        .map(|(toolkit, path)| ToolkitUse { toolkit, path })
        .collect();
    found
}

/// The configuration of a program: other files below `/etc` are of the system and not told.
fn configuration(program: &Program) -> BTreeSet<Bytes> {
    let name = file_name(program.shown().as_ref());
    let name = name.split_str(".").next().unwrap_or(name);
    // `acmed` has its files in `/etc/acme`.
    let bare = name.strip_suffix(b"d").unwrap_or(name);
    let is_its = |entry: &[u8]| {
        let entry = entry.split_str(".").next().unwrap_or(entry);
        !entry.is_empty() && (entry == name || entry == bare)
    };
    program
        .used(Evidence::Read)
        .into_iter()
        .filter(|(path, usage)| {
            let inner = path.strip_prefix(b"/etc/".as_slice());
            let entry = inner.and_then(|inner| inner.split_str("/").next());
            !usage.own_output && entry.is_some_and(is_its)
        })
        .map(|(path, _)| path.clone())
        .collect()
}

fn add_written(run: &Run, path: &Bytes, writes: &mut BTreeSet<Bytes>, scratch: &mut bool) {
    let path: &BStr = path.as_ref();
    match run.territory.origin(path) {
        Origin::Scratch => *scratch = true,
        Origin::Virtual if !is_below(path, "/run") && !is_below(path, "/var/run") => {}
        Origin::Own | Origin::System | Origin::Virtual => {
            writes.extend(parent(path).map(Bytes::from));
        }
        Origin::Managed | Origin::Store => {}
    }
}

/// The toolkits that a program used, each with the file that shows it.
///
/// The library alone shows nothing: a program that never reads a schema or loads a plug-in works
/// without a wrapper.
fn toolkits_of(program: &Program) -> Vec<(Toolkit, Bytes)> {
    let mut gtk = Toolkit::Glib;
    let mut machinery: Option<&Bytes> = None;
    let mut found = Vec::new();
    for (path, usage) in program.used(Evidence::Mapped) {
        let path_text: &BStr = usage.file(path).as_ref();
        let name = file_name(path_text);
        if name.starts_with(b"libgtk-3.so") {
            gtk = gtk.max(Toolkit::Gtk3);
        } else if name.starts_with(b"libgtk-4.so") {
            gtk = gtk.max(Toolkit::Gtk4);
        } else if path_text.contains_str("/gio/modules/")
            || path_text.contains_str("/gdk-pixbuf-2.0/")
        {
            machinery = machinery.or(Some(path));
        }
        for (place, toolkit, wayland) in [
            ("/qt5/plugins/", Toolkit::Qt5, Toolkit::Qt5Wayland),
            ("/qt6/plugins/", Toolkit::Qt6, Toolkit::Qt6Wayland),
        ] {
            if path_text.contains_str(place) {
                found.push((toolkit, path.clone()));
                if name.starts_with(b"libqwayland") {
                    found.push((wayland, path.clone()));
                }
            }
        }
    }
    for (path, _) in program.used(Evidence::Read) {
        let name = file_name(path.as_ref());
        if name == "gschemas.compiled" || name.ends_with(b".typelib") {
            machinery = machinery.or(Some(path));
        }
    }
    found.extend(machinery.map(|path| (gtk, path.clone())));
    found
}

/// Variables whose values show.
fn variables(run: &Run) -> Vec<Variable> {
    let mut found: BTreeMap<String, Variable> = BTreeMap::new();
    for (name, value) in assigned(&run.header.argv) {
        let variable = Variable {
            name: name.clone(),
            value: Some(value),
            because: "set on the command line".to_owned(),
            is_personal: false,
        };
        found.entry(name).or_insert(variable);
    }
    let mut add = |name: &str, value: Option<Bytes>, because: String| {
        found.entry(name.to_owned()).or_insert_with(|| Variable {
            name: name.to_owned(),
            // A time zone and a language are what the caller wants; the data for it has no text here.
            is_personal: value.is_some(),
            value,
            because,
        });
    };
    // What the caller had not set, a program of the run chose by itself.
    let given = |is_it: fn(&[u8]) -> bool| run.header.environment.iter().any(|name| is_it(name));
    let has_zone = given(|name| name == b"TZ");
    let has_locale = given(|name| name == b"LANG" || name.starts_with(b"LC_"));
    let mut archive: Option<&Bytes> = None;
    let mut is_c_locale = false;
    for program in &run.programs {
        if program.probing {
            continue;
        }
        for (path, _) in program.used(Evidence::Read) {
            if let Some(zone) = zone(path.as_ref()) {
                if has_zone {
                    add("TZ", Some(zone), format!("{path} was read"));
                }
            } else if path.as_bytes() == b"/usr/lib/locale/locale-archive" {
                archive = Some(path);
            } else if let Some(locale) = locale(path.as_ref()) {
                match locale.strip_prefix(b"C.") {
                    Some(_) => is_c_locale = true,
                    None => {
                        if has_locale {
                            add("LANG", Some(locale), format!("{path} was read"));
                        }
                        add("LOCALE_ARCHIVE", None, format!("{path} was read"));
                    }
                }
            }
        }
    }
    // glibc opens the archive whenever a locale is asked for, and finds nothing in it for C.UTF-8,
    // which has a directory of its own (T47).
    if let Some(path) = archive
        && !is_c_locale
    {
        add("LOCALE_ARCHIVE", None, format!("{path} was read"));
    }
    found.into_values().collect()
}

/// What `env NAME=VALUE … COMMAND` assigns.
fn assigned(argv: &[Bytes]) -> Vec<(String, Bytes)> {
    let is_env = argv
        .first()
        .is_some_and(|command| file_name(command.as_ref()) == "env");
    if !is_env {
        return Vec::new();
    }
    argv.iter()
        .skip(1)
        .map_while(|word| {
            let (name, value) = word.split_once_str("=")?;
            let name = name.to_str().ok().filter(|name| is_variable(name))?;
            Some((name.to_owned(), Bytes::from(value)))
        })
        // A secret was hidden where the trace was written.
        .filter(|(_, value)| !value.contains_str("…"))
        .collect()
}

fn is_variable(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// The zone that was asked for by name: `Europe/Berlin`.
fn zone(path: &BStr) -> Option<Bytes> {
    let name = ["/usr/share/zoneinfo/", "/etc/zoneinfo/"]
        .iter()
        .find_map(|place| path.strip_prefix(place.as_bytes()))?;
    let name = name.strip_prefix(b"posix/").unwrap_or(name);
    // The tables that programs read to list the zones are no zone.
    let is_zone = name.first().is_some_and(u8::is_ascii_uppercase)
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/_-+".contains(byte));
    is_zone.then(|| name.into())
}

/// The locale whose directory a file lies in, as `LANG` names it: `de_AT.UTF-8`.
fn locale(path: &BStr) -> Option<Bytes> {
    let rest = path.strip_prefix(b"/usr/lib/locale/")?;
    let (name, file) = rest.split_once_str("/")?;
    if !file.starts_with(b"LC_") {
        return None;
    }
    Some(match name.strip_suffix(b".utf8") {
        Some(language) => [language, b".UTF-8"].concat().into(),
        None => name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_env_assigns_before_its_command_is_set_by_the_caller() {
        let argv: Vec<Bytes> = ["env", "A=1", "B_2=x y", "TOKEN=…", "app", "C=3"]
            .map(Bytes::from)
            .into();
        let assigned = assigned(&argv);
        let names: Vec<&str> = assigned.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B_2"]);
        assert!(super::assigned(&argv[4..]).is_empty());
    }

    #[test]
    fn zones_and_locales_are_read_off_paths() {
        let text = |it: Option<Bytes>| it.map(|it| it.to_string());
        assert_eq!(
            text(zone("/usr/share/zoneinfo/Europe/Vienna".into())).as_deref(),
            Some("Europe/Vienna")
        );
        assert_eq!(zone("/usr/share/zoneinfo/zone1970.tab".into()), None);
        assert_eq!(
            text(locale("/usr/lib/locale/de_AT.utf8/LC_CTYPE".into())).as_deref(),
            Some("de_AT.UTF-8")
        );
        assert_eq!(locale("/usr/lib/locale/locale-archive".into()), None);
    }
}
