//! What cannot be followed is refused or told of, never lost silently.

use crate::everywhere::Case;
use crate::support::again_as_nobody;
use nixtrace::trace::GapKind;

/// `su` belongs to Debian's essential packages, and has rights of its own.
#[test]
fn a_program_that_is_not_given_its_rights_is_told_of() {
    if again_as_nobody("refused::a_program_that_is_not_given_its_rights_is_told_of") {
        Case::of("/bin/su", &["--version"]).check(|trace, _| assert_eq!(trace.gap_kinds(), []));
    } else {
        Case::of("/bin/su", &["--version"])
            .check(|trace, _| assert_eq!(trace.gap_kinds(), [GapKind::Privilege]));
    }
}
