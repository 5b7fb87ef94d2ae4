//! Rows and numbers survive, and no bytes make reading them panic.

use super::*;
use proptest::prelude::*;

pub(super) fn row() -> impl Strategy<Value = Row> {
    let basis = prop_oneof![
        Just(Basis::Listed),
        Just(Basis::ListedUnderOtherName),
        Just(Basis::CommandTable),
        Just(Basis::NameOnly),
        (1_u8..=4).prop_map(Basis::Guess),
        Just(Basis::Manual),
    ];
    let form = prop_oneof![
        Just(FileForm::Regular),
        Just(FileForm::Link),
        Just(FileForm::ReExport)
    ];
    (
        (
            any::<u32>(),
            any::<Option<u32>>(),
            any::<u32>(),
            basis,
            form,
        ),
        (any::<u8>(), any::<u8>()),
        prop::option::of((2000_u16..2100, 1_u8..=12)),
        any::<[bool; 3]>(),
        (0_u8..64, any::<Option<u32>>()),
    )
        .prop_map(
            |((attr, output, place, basis, form), listings, last_seen, marks, (signs, note))| Row {
                attr,
                output,
                place,
                basis,
                form,
                linux_listings: listings.0,
                darwin_listings: listings.1,
                last_seen,
                in_command_table: marks[0],
                name_from_darwin: marks[1],
                of_the_host: marks[2],
                signs: if matches!(basis, Basis::Guess(_)) {
                    signs
                } else {
                    0
                },
                note,
            },
        )
}

#[test]
fn lengths_that_overflow_are_refused() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for _ in 0..SECTIONS {
        bytes.extend_from_slice(&(u64::MAX / 2).to_le_bytes());
    }
    assert_eq!(
        sections(&bytes),
        Err(FormatError::Length {
            expected: u64::MAX,
            found: HEADER as u64
        })
    );
}

proptest! {
    #[test]
    fn rows_survive(list in prop::collection::vec(row(), 0..6)) {
        let mut bytes = vec![7];
        put_rows(&list, &mut bytes);
        prop_assert_eq!(rows(&bytes, 1).collect::<Vec<_>>(), list);
    }

    #[test]
    fn no_bytes_make_rows_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_u64..90) {
        let _ = rows(&bytes, at).count();
        let _ = numbers(&bytes, at).count();
        let _ = sections(&bytes);
    }

    #[test]
    fn numbers_survive(number: u64) {
        let mut bytes = Vec::new();
        put_varint(number, &mut bytes);
        prop_assert_eq!(take_varint(&mut &bytes[..]), Some(number));
    }
}
