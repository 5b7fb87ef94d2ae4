//! The calls that the C library's loader makes for every program, whatever that is.
//!
//! The loader of the GNU C library asks first whether there is `/etc/ld.so.preload`, and opens
//! `/etc/ld.so.cache` as soon as a library is wanted. Both names are texts of its own, and where it
//! asks is in its own code, so that a filter can tell these calls from all others: by how far the text
//! lies from the instruction, wherever the kernel has loaded both. (A preload file that is there is
//! opened by the next call, which is seen.)

use super::{CALLS, Call, x86_64};
use crate::elf::{self, Class, Loaded};
use crate::tracer::image::MACHINE;
use crate::tracer::sys::RawCall;
use bstr::ByteSlice;

/// The calls, each with the end of the name that it is about: nixpkgs' loader has a list of its own, and
/// its cache in the store. Older loaders know only open(2).
const CALLS_OF_LOADERS: [(&str, &[u8]); 4] = [
    ("access", b"/etc/ld.so.preload\0"),
    ("access", b"/etc/ld-nix.so.preload\0"),
    ("open", b"/etc/ld.so.cache\0"),
    ("openat", b"/etc/ld.so.cache\0"),
];

/// `syscall`, and the beginning of `mov $number, %eax`.
const SYSCALL: &[u8] = b"\x0f\x05";
const MOV_TO_EAX: u8 = 0xb8;

/// How far before a `syscall` its number is looked for.
const FAR: usize = 32;

/// The size of a page: a program is loaded at a multiple of it.
pub(in crate::tracer) const PAGE: u64 = 4096;

/// `e_machine` of x86-64 (elf(5)).
const EM_X86_64: u16 = 62;

/// No loader has more of these. Whatever else a file has is its maker's joke.
const MOST_SEGMENTS: usize = 16;
const MOST_TEXTS: usize = 2;
const MOST_PLACES: usize = 8;

/// A call from one place in a loader's code with one text of it as its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tracer) struct Habit {
    /// The call's number.
    pub(in crate::tracer) number: u32,
    /// The argument that is the path.
    pub(in crate::tracer) path: u8,
    /// Where in its page the instruction after the call is.
    pub(in crate::tracer) in_page: u32,
    /// How far after that instruction the text is.
    pub(in crate::tracer) distance: i32,
}

impl Habit {
    /// Whether a call is this one.
    pub(super) fn is(self, call: &RawCall) -> bool {
        let path = call.args[usize::from(self.path)];
        let instruction = call.instruction;
        call.number == u64::from(self.number)
            && instruction % PAGE == u64::from(self.in_page)
            && path as u32 == (instruction as u32).wrapping_add_signed(self.distance)
            && path >> 32 == instruction >> 32
    }
}

/// The habits of a loader with this content; none when it is no ELF file for x86-64, the only
/// machine on which these instructions are known here.
pub(in crate::tracer) fn of_loader(file: &[u8]) -> Option<Vec<Habit>> {
    let image = elf::Image::parse(file).ok()?;
    if Some(image.machine) != MACHINE || image.machine != EM_X86_64 || image.class != Class::Elf64 {
        return None;
    }
    let mut segments = elf::loaded(file).ok()?;
    segments.truncate(MOST_SEGMENTS);
    let mut habits = Vec::new();
    for (name, text) in CALLS_OF_LOADERS {
        let Some((number, call)) = numbered(name) else {
            continue;
        };
        let Some(path) = call.shape.path().map(|at| at.path) else {
            continue;
        };
        let code = segments.iter().filter(|segment| segment.is_code);
        let places: Vec<_> = code
            .flat_map(|segment| after_calls(segment, number))
            .take(MOST_PLACES)
            .collect();
        let texts = segments.iter().flat_map(|segment| texts(segment, text));
        for text in texts.take(MOST_TEXTS) {
            habits.extend(places.iter().filter_map(|&after| {
                Some(Habit {
                    number,
                    path,
                    in_page: (after % PAGE) as u32,
                    distance: i32::try_from(text.wrapping_sub(after).cast_signed()).ok()?,
                })
            }));
        }
    }
    Some(habits)
}

/// A call and its number on x86-64.
fn numbered(name: &str) -> Option<(u32, &'static Call)> {
    let call = CALLS.iter().find(|call| call.name == name)?;
    let (_, number) = x86_64::ABI.numbers().find(|&(known, _)| known == name)?;
    Some((number, call))
}

/// Where the texts begin that end so.
fn texts<'a>(segment: &'a Loaded<'_>, end: &'static [u8]) -> impl Iterator<Item = u64> + 'a {
    let bytes = segment.bytes;
    bytes.find_iter(end).map(move |at| {
        let start = bytes[..at].rfind_byte(0).map_or(0, |before| before + 1);
        segment.address.wrapping_add(start as u64)
    })
}

/// The instructions after those that make a call with this number.
fn after_calls<'a>(segment: &'a Loaded<'_>, number: u32) -> impl Iterator<Item = u64> + 'a {
    let bytes = segment.bytes;
    let mut before = 0;
    bytes.find_iter(SYSCALL).filter_map(move |at| {
        let from = before.max(at.saturating_sub(FAR));
        let after = at + SYSCALL.len();
        before = after;
        let sets_number = |it: &[u8]| it[0] == MOV_TO_EAX && it[1..] == number.to_le_bytes();
        bytes[from..at]
            .windows(1 + size_of::<u32>())
            .any(sets_number)
            .then(|| segment.address.wrapping_add(after as u64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where the code of the file below is loaded to, and its texts.
    const CODE_AT: u64 = 0x2000;
    const TEXTS_AT: u64 = 0x9000;

    const ET_DYN: u16 = 3;
    const PT_LOAD: u32 = 1;
    const PF_X: u32 = 1;

    /// An ELF file of two segments.
    fn elf(code: &[u8], texts: &[u8]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([ET_DYN, EM_X86_64].map(u16::to_le_bytes).concat());
        file.extend(1u32.to_le_bytes());
        file.extend([0u64, 64, 0].map(u64::to_le_bytes).concat());
        file.extend(0u32.to_le_bytes());
        file.extend([64u16, 56, 2, 0, 0, 0].map(u16::to_le_bytes).concat());
        let mut start = 64 + 2 * 56;
        for (bytes, flags, address) in [(code, PF_X, CODE_AT), (texts, 0, TEXTS_AT)] {
            let length = bytes.len() as u64;
            file.extend([PT_LOAD, flags].map(u32::to_le_bytes).concat());
            let numbers = [start, address, address, length, length, PAGE];
            file.extend(numbers.map(u64::to_le_bytes).concat());
            start += length;
        }
        file.extend([code, texts].concat());
        file
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_habit_is_a_call_with_its_number_and_the_text_that_it_is_about() {
        let code = [
            &b"\x90\xb8\x15\x00\x00\x00\x0f\x05"[..],    // access
            b"\xb8\x01\x01\x00\x00\x48\x89\xfe\x0f\x05", // openat
            b"\xb8\x03\x00\x00\x00\x0f\x05",             // close
        ];
        let texts = b"\0/etc/ld.so.preload\0/nix/store/x/etc/ld.so.cache\0etc/ld.so.conf\0";
        let after_access = CODE_AT + 8;
        let after_openat = CODE_AT + 18;
        let expected = |number, path, after: u64, text: u64| Habit {
            number,
            path,
            in_page: (after % PAGE) as u32,
            distance: (text - after) as i32,
        };
        assert_eq!(
            of_loader(&elf(&code.concat(), texts)).unwrap(),
            [
                expected(21, 0, after_access, TEXTS_AT + 1),
                expected(257, 1, after_openat, TEXTS_AT + 20),
            ]
        );
    }

    #[test]
    fn a_loader_without_such_texts_has_no_habits() {
        let file = elf(
            b"\xb8\x15\x00\x00\x00\x0f\x05",
            b"/etc/ld-musl-x86_64.path\0",
        );
        assert_eq!(of_loader(&file).unwrap_or_default(), []);
    }

    #[test]
    fn a_file_for_another_machine_has_no_habits() {
        let mut file = elf(b"\xb8\x15\x00\x00\x00\x0f\x05", b"/etc/ld.so.preload\0");
        file[18] = 0xf3;
        assert_eq!(of_loader(&file), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_there_is_room_for(
            code in prop::collection::vec(
                prop::sample::select(&b"\xb8\x15\x01\x00\x00\x00\x0f\x05"[..]),
                0..400,
            ),
            texts in prop::collection::vec(
                prop::sample::select(vec!["/etc/ld.so.preload\0", "/etc/ld.so.cache\0", "\0", "x"]),
                0..20,
            ),
            changes in prop::collection::vec((0usize..176, any::<u8>()), 0..6),
        ) {
            let mut file = elf(&code, texts.concat().as_bytes());
            for (at, byte) in changes {
                file[at] = byte;
            }
            let most = CALLS_OF_LOADERS.len() * MOST_TEXTS * MOST_PLACES;
            prop_assert!(of_loader(&file).unwrap_or_default().len() <= most);
        }
    }
}
