//! Where a person's files belong (XDG Base Directory Specification).

use std::path::PathBuf;

/// Caches: `$XDG_CACHE_HOME` if that is an absolute path, else `~/.cache`.
pub fn cache() -> Option<PathBuf> {
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}

/// Configuration: `$XDG_CONFIG_HOME` if that is an absolute path, else `~/.config`.
pub fn config() -> Option<PathBuf> {
    absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))
}

fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
