//! Programs outside of the run that work for what is observed.

use crate::support::{WAYS, directory, tracee, watch};
use nixtrace::trace::GapKind;
use std::os::unix::net::UnixListener;

#[test]
fn all_that_one_process_asks_to_work_for_it_are_told() {
    let place = directory();
    let paths = ["S.keyboxd", "S.gpg-agent", "S.dirmngr", "S.gpg-agent"];
    let paths = paths.map(|name| place.path().join(name));
    let _served: Vec<_> = paths[..3]
        .iter()
        .map(|path| UnixListener::bind(path).unwrap())
        .collect();
    for way in WAYS {
        let trace = watch(way, tracee("connects"), &paths);
        let gaps = trace.gaps();
        let details: Vec<_> = gaps
            .iter()
            .filter(|gap| gap.kind == GapKind::OutsideHelper)
            .map(|gap| gap.detail.as_str())
            .collect();
        assert_eq!(details.len(), 3, "{way:?}: {details:?}");
        for (detail, who) in details.iter().zip(["keyboxd", "gpg-agent", "dirmngr"]) {
            assert!(detail.contains(who), "{way:?}: {details:?}");
        }
    }
}
