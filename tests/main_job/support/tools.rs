//! Tests of tools that may not be installed.

use super::home::SYSTEM_PATH;
use std::path::Path;

/// Those of the given commands (on the system's `PATH`) and files (absolute paths) that this
/// machine lacks.
pub(crate) fn missing_tools(tools: &[&str]) -> Vec<String> {
    tools
        .iter()
        .filter(|tool| {
            !SYSTEM_PATH
                .split(':')
                .any(|directory| Path::new(directory).join(tool).exists())
        })
        .map(|tool| (*tool).to_owned())
        .collect()
}

/// Says that the test does not run for want of something. On a build server (`CI` is set) that is
/// a failure: there, everything is to be installed.
pub(crate) fn skip(missing: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "this test needs {missing}: run scripts/test, which installs it"
    );
    eprintln!("skipped: this machine lacks {missing} (scripts/test installs it)");
}
