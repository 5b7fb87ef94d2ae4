//! What a person has decided that a package is for, whatever the run used it as.

use serde::{Deserialize, Serialize};

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForcedRole {
    /// It is run while the package is built: `nativeBuildInputs`.
    Native,
    /// It is linked into what is built: `buildInputs`.
    Build,
    /// It has to be there when the program runs: a command on its `PATH`, a library where its
    /// loader looks.
    Runtime,
    /// It is run only while the package is tested: `nativeCheckInputs`.
    Test,
    /// Its files are read when the program runs: found by way of `XDG_DATA_DIRS`.
    Data,
}
