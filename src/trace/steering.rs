//! The variables that steer where files are searched: the only ones whose values a trace keeps.

use bstr::ByteSlice;

const STEERING: [&str; 30] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LD_AUDIT",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5LIB",
    "RUBYLIB",
    "GEM_PATH",
    "GEM_HOME",
    "NODE_PATH",
    "CLASSPATH",
    "JAVA_HOME",
    "GOPATH",
    "GOROOT",
    "PKG_CONFIG_PATH",
    "PKG_CONFIG_LIBDIR",
    "CMAKE_PREFIX_PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "ACLOCAL_PATH",
    "GI_TYPELIB_PATH",
    "GIO_EXTRA_MODULES",
    "XDG_DATA_DIRS",
    "XDG_CONFIG_DIRS",
    "QT_PLUGIN_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "VIRTUAL_ENV",
];

/// Whether a variable (`NAME=value`) is one whose value is kept.
pub(crate) fn is_steering(variable: &[u8]) -> bool {
    variable
        .find_byte(b'=')
        .is_some_and(|end| STEERING.iter().any(|it| it.as_bytes() == &variable[..end]))
}

/// Of variables that each end in NUL, those whose values are kept.
pub(crate) fn steering_of(variables: &[u8]) -> Vec<u8> {
    variables
        .split_inclusive(|&byte| byte == 0)
        .filter(|variable| is_steering(variable))
        .collect::<Vec<_>>()
        .concat()
}
