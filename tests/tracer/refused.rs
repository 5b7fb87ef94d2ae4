//! What cannot be followed is refused or told of, never lost silently.

use crate::everywhere::Case;
use crate::support::again_as_nobody;
use nixtrace::trace::GapKind;
use std::fs;

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

#[cfg(target_arch = "x86_64")]
#[test]
fn a_call_by_the_x32_table_is_told_of() {
    Case::new("refused", &["x32"]).check(|trace, _| {
        assert_eq!(trace.gap_kinds(), [GapKind::ForeignAbi]);
    });
}

#[test]
fn a_ring_is_refused_as_by_a_kernel_without_rings_and_told_of() {
    Case::new("refused", &["io-uring"]).check(|trace, top| {
        assert_eq!(fs::read_to_string(top.join("report")).unwrap(), "ENOSYS");
        assert_eq!(trace.gap_kinds(), [GapKind::IoUring]);
    });
}

#[test]
fn a_call_that_no_table_knows_is_told_of() {
    Case::new("refused", &["unknown"]).check(|trace, top| {
        assert_eq!(fs::read_to_string(top.join("report")).unwrap(), "ENOSYS");
        assert_eq!(trace.gap_kinds(), [GapKind::UnknownSyscall]);
    });
}
