//! What the tests share: a home to run in, commands with a time limit, and judging the result.

mod compiler;
mod home;
mod invocation;
pub(crate) mod nix_file;
mod result;
mod tools;
mod traced;

pub(crate) use compiler::compile;
pub(crate) use home::{Home, SYSTEM_PATH};
pub(crate) use invocation::{Finished, Invocation, Running, nixtrace, until};
pub(crate) use tools::{missing_tools, skip};
pub(crate) use traced::Traced;

/// Leaves the test when one of these commands (or files, when given by an absolute path) is not
/// there; see [`skip`].
macro_rules! needs {
    ($($tool:expr),+ $(,)?) => {
        let missing = $crate::support::missing_tools(&[$($tool),+]);
        if !missing.is_empty() {
            $crate::support::skip(&missing.join(", "));
            return;
        }
    };
}
pub(crate) use needs;
