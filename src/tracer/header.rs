//! The first record of a trace: what is known before the command runs.

use super::{Command, Options};
use crate::trace::{Bytes, FORMAT_VERSION, Header};
use nix::sys::utsname::uname;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;
use std::{env, fs};

/// Collects it; the engine is filled in once it is known.
pub(super) fn collect(command: &Command, options: &Options) -> Header {
    let system = uname().ok();
    let system = system.as_ref();
    let name = |get: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        system.map_or_else(String::new, |system| {
            get(system).to_string_lossy().into_owned()
        })
    };
    let mut environment: Vec<_> = env::vars_os().map(|(name, _)| Bytes::from(name)).collect();
    environment.sort();
    Header {
        format: FORMAT_VERSION,
        nixtrace: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: format!(
            "{} {}",
            name(nix::sys::utsname::UtsName::sysname),
            name(nix::sys::utsname::UtsName::release)
        ),
        architecture: name(nix::sys::utsname::UtsName::machine),
        os: fs::read_to_string("/etc/os-release")
            .map(|text| os_release(&text))
            .unwrap_or_default(),
        start: SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        argv: std::iter::once(&command.program)
            .chain(&command.args)
            .map(|arg| Bytes::from(arg.as_bytes()))
            .collect(),
        cwd: env::current_dir().map(Bytes::from).unwrap_or_default(),
        home: env::var_os("HOME").map(Bytes::from),
        environment,
        engine: String::new(),
        exact: options.exact,
    }
}

/// `ID` and `VERSION_ID` of an os-release(5) file.
fn os_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| matches!(*name, "ID" | "VERSION_ID"))
        .map(|(name, value)| {
            let value = value.trim_matches(['"', '\'']);
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_identity_of_the_system_is_kept() {
        let os = os_release("NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n");
        assert_eq!(os.len(), 2);
        assert_eq!(os["VERSION_ID"], "12");
    }
}
