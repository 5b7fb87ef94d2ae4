//! The first record of a trace: what is known before the command runs.

use super::{Command, Options, inherited, proc};
use crate::trace::{Bytes, FORMAT_VERSION, Header, Inherited, secrets};
use nix::sys::utsname::uname;
use nix::unistd::{Uid, User};
use procfs::process::{FDTarget, Process};
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
    let mut argv: Vec<_> = std::iter::once(&command.program)
        .chain(&command.args)
        .map(|arg| Bytes::from(arg.as_bytes()))
        .collect();
    secrets::redact(&mut argv);
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
        argv,
        cwd: env::current_dir().map(Bytes::from).unwrap_or_default(),
        home: home(),
        environment,
        inherited: inherited_files(),
        engine: String::new(),
        exact: options.exact,
        scenarios: Vec::new(),
    }
}

/// The home directory as the environment says or, if it does not, as the user database does:
/// `env -i` and services leave `HOME` unset.
fn home() -> Option<Bytes> {
    let from_database = || Some(User::from_uid(Uid::current()).ok()??.dir.into_os_string());
    env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .or_else(from_database)
        .map(Bytes::from)
}

/// The files that we were given open and that the command will be given in turn.
fn inherited_files() -> Vec<Inherited> {
    let descriptors = Process::myself().and_then(|process| process.fd());
    let Ok(descriptors) = descriptors else {
        return Vec::new();
    };
    let mut files: Vec<Inherited> = descriptors
        .flatten()
        .filter(|it| survives_exec(it.fd) && !inherited::closed_descriptors().any(|fd| fd == it.fd))
        .filter_map(|it| match it.target {
            FDTarget::Path(path) => Some(Inherited {
                fd: it.fd,
                path: path.into(),
            }),
            _ => None,
        })
        .collect();
    files.sort_by_key(|file| file.fd);
    files
}

/// Whether a descriptor of ours stays open across an exec, by the flags in proc_pid_fdinfo(5).
fn survives_exec(fd: i32) -> bool {
    let flags = proc::open_flags(std::process::id().cast_signed(), fd);
    flags.is_some_and(|flags| flags & libc::O_CLOEXEC == 0)
}

/// `ID`, `ID_LIKE` and `VERSION_ID` of an os-release(5) file.
pub(super) fn os_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| matches!(*name, "ID" | "ID_LIKE" | "VERSION_ID"))
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
    fn a_file_of_our_own_is_not_given_to_the_command() {
        use std::os::fd::AsRawFd;
        let own = fs::File::open("/etc/passwd").unwrap();
        assert!(!survives_exec(own.as_raw_fd()));
        let is_own = |file: &Inherited| file.fd == own.as_raw_fd();
        assert!(!inherited_files().iter().any(is_own));
    }

    #[test]
    fn only_the_identity_of_the_system_is_kept() {
        let os = os_release("NAME=\"Debian\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"12\"\n");
        assert_eq!(os.len(), 3);
        assert_eq!(os["ID_LIKE"], "debian");
        assert_eq!(os["VERSION_ID"], "12");
    }
}
