//! Which of a program's variables decide where it searches for files.
//!
//! A program that has just been loaded has them on its stack. Most are given what the one before was
//! given, byte for byte, and to see that takes less time than to look at each variable again.

use super::memory::{self, LONGEST_STRING, PAGE, Pages, Width, pointers_within};
use crate::trace::steering::is_steering;
use bstr::ByteSlice;
use libc::pid_t;
use std::borrow::Cow;

/// How much of a stack is read at first.
const FIRST_PIECE: usize = 4 * PAGE;

/// Reads the variables of programs that have just been loaded.
#[derive(Debug, Default)]
pub(super) struct Environments {
    /// What was read of a stack; kept for its room.
    stack: Vec<u8>,
    last: Variables,
}

impl Environments {
    /// The variables of a stopped tracee that steer where it searches, each with its NUL.
    ///
    /// At `stack_pointer` are, by the ABIs of Linux, the number of arguments, the pointers to them, a
    /// null pointer, and the pointers to the variables; the strings follow each other in one piece, so
    /// that they cost few reads.
    pub(super) fn steering(&mut self, tid: pid_t, stack_pointer: u64, width: Width) -> &[u8] {
        self.stack.resize(FIRST_PIECE, 0);
        let Ok(read) = memory::read(tid, stack_pointer, &mut self.stack) else {
            return &[];
        };
        let stack = Piece {
            at: stack_pointer,
            bytes: Cow::Borrowed(&self.stack[..read]),
        };
        let Some(array) = variables_at(&stack, width) else {
            return &[];
        };
        if !self.last.are_at(array, &stack, width) {
            self.last.clear();
            // What was read until something could not be is all that is known.
            let _ = self.last.read(tid, array, stack, width);
        }
        &self.last.steering
    }
}

/// A piece of a tracee's memory.
struct Piece<'a> {
    at: u64,
    bytes: Cow<'a, [u8]>,
}

impl Piece<'_> {
    /// What there is of it from an address on.
    fn from(&self, address: u64) -> Option<&[u8]> {
        let offset = usize::try_from(address.checked_sub(self.at)?).ok()?;
        self.bytes.get(offset..)
    }
}

/// Where the pointers to the variables begin, on a stack that begins with the number of arguments.
fn variables_at(stack: &Piece<'_>, width: Width) -> Option<u64> {
    width
        .pointer(&stack.bytes)?
        .checked_add(2)?
        .checked_mul(width.bytes() as u64)?
        .checked_add(stack.at)
}

/// The variables of a program.
#[derive(Debug, Default)]
struct Variables {
    /// All of them, each with its NUL.
    block: Vec<u8>,
    /// How many there are; 0 when they do not follow each other in memory, or take more room than is
    /// compared.
    count: usize,
    /// Those that steer, each with its NUL.
    steering: Vec<u8>,
}

impl Variables {
    fn clear(&mut self) {
        self.block.clear();
        self.count = 0;
        self.steering.clear();
    }

    /// Whether the variables to which these pointers lead are the same, and all can be seen here.
    fn are_at(&self, array: u64, stack: &Piece<'_>, width: Width) -> bool {
        let Some(array) = stack.from(array) else {
            return false;
        };
        let mut pointers = array
            .chunks_exact(width.bytes())
            .map(|bytes| width.pointer(bytes).unwrap_or_default());
        let Some(first) = pointers.next().filter(|_| self.count > 0) else {
            return false;
        };
        let has_as_many = pointers
            .by_ref()
            .take(self.count - 1)
            .all(|pointer| pointer != 0)
            && pointers.next() == Some(0);
        // As many strings in the same bytes are the same strings.
        has_as_many
            && stack
                .from(first)
                .is_some_and(|bytes| bytes.starts_with(&self.block))
    }

    /// Reads those to which these pointers lead; none when not all could be read.
    fn read(&mut self, tid: pid_t, array: u64, mut piece: Piece<'_>, width: Width) -> Option<()> {
        let within = piece
            .from(array)
            .and_then(|array| pointers_within(array, width));
        let pointers = match within {
            Some(pointers) => pointers,
            None => Pages::of(tid).pointers(array, width)?,
        };
        let first = *pointers.first()?;
        let mut follow_each_other = true;
        for &pointer in &pointers {
            let variable = read_variable(tid, pointer, &mut piece)?;
            follow_each_other &= pointer == first.wrapping_add(self.block.len() as u64)
                && self.block.len() + variable.len() < FIRST_PIECE;
            if follow_each_other {
                self.block.extend_from_slice(variable);
                self.block.push(0);
            }
            if is_steering(variable) {
                self.steering.extend_from_slice(variable);
                self.steering.push(0);
            }
        }
        if follow_each_other {
            self.count = pointers.len();
        }
        Some(())
    }
}

/// Reads the string at an address, if it is not in a piece that was read already.
fn read_variable<'a>(tid: pid_t, pointer: u64, piece: &'a mut Piece<'_>) -> Option<&'a [u8]> {
    let length = loop {
        let known = piece.from(pointer).unwrap_or_default();
        if let Some(end) = known.find_byte(0) {
            break end;
        }
        if piece.at == pointer && known.len() >= LONGEST_STRING {
            break known.len();
        }
        let wanted = if piece.at == pointer {
            known.len() * 2
        } else {
            0
        };
        let mut bytes = vec![0; wanted.clamp(2 * PAGE, LONGEST_STRING)];
        let read = memory::read(tid, pointer, &mut bytes).ok()?;
        bytes.truncate(read);
        if read == 0 || (read < wanted && bytes.find_byte(0).is_none()) {
            return None;
        }
        *piece = Piece {
            at: pointer,
            bytes: Cow::Owned(bytes),
        };
    };
    piece.from(pointer).map(|known| &known[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracer::sys;
    use proptest::prelude::*;

    /// A stack as the kernel leaves it: any process may read its own memory, so this one is its own
    /// tracee here.
    struct Stack {
        memory: Vec<u8>,
        at: usize,
    }

    impl Stack {
        /// With these variables, `gap` bytes from each other, of a program without arguments.
        fn of(variables: &[&[u8]], gap: usize) -> Self {
            let words = variables.len() + 3;
            let mut memory = vec![0; words * 8 + FIRST_PIECE];
            let at = 8 - memory.as_ptr().addr() % 8;
            let start = memory.as_ptr().addr();
            let mut end = at + words * 8;
            for (index, variable) in variables.iter().enumerate() {
                let word = at + (2 + index) * 8;
                memory[word..word + 8].copy_from_slice(&(start + end).to_ne_bytes());
                memory[end..end + variable.len()].copy_from_slice(variable);
                end += variable.len() + 1 + gap;
            }
            Self { memory, at }
        }

        fn steering(&self, environments: &mut Environments) -> Vec<u8> {
            let pointer = self.memory.as_ptr().addr() + self.at;
            environments
                .steering(sys::own_tid(), pointer as u64, Width::Eight)
                .to_vec()
        }
    }

    fn kept(variables: &[&[u8]]) -> Vec<u8> {
        let mut kept = Vec::new();
        for variable in variables.iter().filter(|it| is_steering(it)) {
            kept.extend_from_slice(variable);
            kept.push(0);
        }
        kept
    }

    #[test]
    fn fewer_or_more_variables_than_before_are_others() {
        let mut environments = Environments::default();
        let all: [&[u8]; 4] = [b"PATH=/bin", b"A=1", b"LD_PRELOAD=x", b"CPATH=/c"];
        for count in [4, 2, 3, 4, 1, 4] {
            let variables = &all[..count];
            let found = Stack::of(variables, 0).steering(&mut environments);
            assert_eq!(found, kept(variables), "{count}");
        }
    }

    #[test]
    fn the_same_variables_are_known_again_and_only_those() {
        let variables: [&[u8]; 2] = [b"PATH=/bin", b"A=1"];
        let mut environments = Environments::default();
        let first = Stack::of(&variables, 0);
        first.steering(&mut environments);
        let is_known = |stack: &Stack, environments: &Environments| {
            let piece = Piece {
                at: stack.at as u64,
                bytes: Cow::Borrowed(&stack.memory[stack.at..]),
            };
            let at_zero = stack.memory.as_ptr().addr() as u64;
            let piece = Piece {
                at: piece.at + at_zero,
                ..piece
            };
            let array = variables_at(&piece, Width::Eight).unwrap();
            environments.last.are_at(array, &piece, Width::Eight)
        };
        assert!(is_known(&Stack::of(&variables, 0), &environments));
        for others in [
            &[&b"PATH=/bin"[..], b"A=2"][..],
            &[b"PATH=/bin", b"A=", b"1"],
            &[b"PATH=/bin\0A=1"],
            &[b"PATH=/bin"],
            &[],
        ] {
            assert!(
                !is_known(&Stack::of(others, 0), &environments),
                "{others:?}"
            );
        }
        // What does not follow each other is looked at each time.
        let apart = Stack::of(&variables, 5);
        assert_eq!(apart.steering(&mut environments), kept(&variables));
        assert!(!is_known(&apart, &environments));
    }

    proptest! {
        #[test]
        fn what_was_before_makes_no_difference(
            stacks in prop::collection::vec(
                (prop::collection::vec("(PATH|CPATH|HOME|X)=[ab]{0,3}", 0..5), 0..3_usize), 1..6),
        ) {
            let mut environments = Environments::default();
            for (variables, gap) in stacks {
                let variables: Vec<_> = variables.iter().map(String::as_bytes).collect();
                let found = Stack::of(&variables, gap).steering(&mut environments);
                prop_assert_eq!(found, kept(&variables));
            }
        }

        #[test]
        fn long_variables_are_read_whole(length in 0..60_000_usize, before in 0..9000_usize) {
            let long = [&b"PATH="[..], &vec![b'x'; length]].concat();
            let padding = vec![b'y'; before];
            let memory = [&padding, &long[..], b"\0"].concat();
            let start = memory.as_ptr().addr();
            let stack: Vec<usize> = vec![0, 0, start + before, 0];
            let mut environments = Environments::default();
            let at = stack.as_ptr().addr() as u64;
            for _ in 0..2 {
                let found = environments.steering(sys::own_tid(), at, Width::Eight);
                prop_assert_eq!(found, [&long[..], b"\0"].concat());
            }
        }
    }
}
