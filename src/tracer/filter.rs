//! The seccomp filter: a BPF program that lets every call pass but those worth a look.
//!
//! The kernel remembers which calls a filter passes whatever their arguments, and does not run it
//! for them again; argument tests cost nanoseconds. What the filter stops costs microseconds: so
//! the tests are here (seccomp(2); linux/Documentation/userspace-api/seccomp_filter.rst).

use super::abi::{Atom, Call, Condition, Habit, PAGE, Table, X32_BIT};
use libc::sock_filter;

/// What happens to a call that is worth a look.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// It waits for an answer of the filter's listener.
    Notify,
    /// It stops for the tracer; this data tells its stops from those of filters of the program's
    /// own.
    Stop(u16),
}

impl Action {
    fn code(self) -> u32 {
        match self {
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Self::Stop(cookie) => libc::SECCOMP_RET_TRACE | u32::from(cookie),
        }
    }
}

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const GO: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
/// The accumulator's value goes to the index register.
const KEEP: u16 = (libc::BPF_MISC | libc::BPF_TAX) as u16;
/// The index register's value is taken from the accumulator's.
const SUBTRACT_KEPT: u16 = (libc::BPF_ALU | libc::BPF_SUB | libc::BPF_X) as u16;
/// The accumulator's value loses all other bits.
const MASK: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_GREATER_OR_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const IF_ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;

const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const INSTRUCTION: u32 = 8;

/// Where the halves of 64-bit numbers are in them.
const LOW: u32 = if cfg!(target_endian = "big") { 4 } else { 0 };
const HIGH: u32 = 4 - LOW;

/// The place of an argument in `struct seccomp_data`.
fn argument(arg: u8) -> u32 {
    16 + 8 * u32::from(arg)
}

/// The place of an argument's low half in `struct seccomp_data`.
fn low(arg: u8) -> u32 {
    argument(arg) + LOW
}

/// The place of an argument's high half in `struct seccomp_data`.
fn high(arg: u8) -> u32 {
    argument(arg) + HIGH
}

/// A place in the program that jumps go to.
#[derive(Clone, Copy)]
struct Label(usize);

/// A program under construction. Its jumps are by label and may be of any length: conditional ones
/// skip over an unconditional one, whose offset has 32 bits.
#[derive(Default)]
struct Assembler {
    code: Vec<sock_filter>,
    /// Where each label is, once it is known.
    labels: Vec<Option<usize>>,
    /// Jumps whose offset is to be filled in.
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    fn emit(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.code.push(sock_filter { code, jt, jf, k });
    }

    fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.code.len());
    }

    fn go(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.emit(GO, 0, 0, 0);
    }

    fn load(&mut self, place: u32) {
        self.emit(LOAD, place, 0, 0);
    }

    fn go_if(&mut self, test: u16, k: u32, to: Label) {
        self.emit(test, k, 0, 1);
        self.go(to);
    }

    fn go_unless(&mut self, test: u16, k: u32, to: Label) {
        self.emit(test, k, 1, 0);
        self.go(to);
    }

    fn finish(mut self) -> Vec<sock_filter> {
        for (from, to) in self.jumps {
            let to = self.labels[to.0].unwrap_or(from + 1);
            self.code[from].k = (to - from - 1) as u32;
        }
        self.code
    }
}

/// The filter for the calls of these tables.
pub(super) fn program(tables: &[Table], action: Action) -> Vec<sock_filter> {
    let mut assembler = Assembler::default();
    let (allow, look) = (assembler.label(), assembler.label());
    assembler.load(ARCH);
    let starts: Vec<_> = tables
        .iter()
        .map(|table| {
            let start = assembler.label();
            assembler.go_if(IF_EQUAL, table.abi.arch, start);
            start
        })
        .collect();
    assembler.go(allow);
    for (table, start) in tables.iter().zip(starts) {
        assembler.place(start);
        assembler.load(NUMBER);
        if table.abi.name == "x86_64" {
            // -1 is no call: a tracer's or another filter's way to skip one.
            assembler.go_if(IF_EQUAL, u32::MAX, allow);
            assembler.go_if(IF_GREATER_OR_EQUAL, X32_BIT as u32, look);
        }
        for (first, last) in table.unknown() {
            let next = assembler.label();
            assembler.go_unless(IF_GREATER_OR_EQUAL, first, next);
            assembler.go_unless(IF_GREATER_OR_EQUAL, last + 1, look);
            assembler.place(next);
        }
        let calls: Vec<_> = table.calls().collect();
        search(&mut assembler, table, &calls, allow, look);
    }
    assembler.place(look);
    assembler.emit(RETURN, action.code(), 0, 0);
    assembler.place(allow);
    assembler.emit(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
    assembler.finish()
}

/// A binary search for the number that is loaded.
fn search(
    assembler: &mut Assembler,
    table: &Table,
    calls: &[(u32, &Call)],
    allow: Label,
    look: Label,
) {
    match calls {
        [] => assembler.go(allow),
        [(number, call)] => {
            assembler.go_unless(IF_EQUAL, *number, allow);
            for habit in table.habits(*number) {
                pass(assembler, habit, allow);
            }
            test(assembler, call.when, allow, look);
        }
        _ => {
            let (lower, upper) = calls.split_at(calls.len() / 2);
            let right = assembler.label();
            assembler.go_if(IF_GREATER_OR_EQUAL, upper[0].0, right);
            search(assembler, table, lower, allow, look);
            assembler.place(right);
            search(assembler, table, upper, allow, look);
        }
    }
}

/// Goes to `allow` when the call, whose number it has, is this habit of a loader.
fn pass(assembler: &mut Assembler, habit: Habit, allow: Label) {
    let next = assembler.label();
    assembler.load(INSTRUCTION + LOW);
    assembler.emit(KEEP, 0, 0, 0);
    assembler.emit(MASK, PAGE as u32 - 1, 0, 0);
    assembler.go_unless(IF_EQUAL, habit.in_page, next);
    assembler.load(low(habit.path));
    assembler.emit(SUBTRACT_KEPT, 0, 0, 0);
    assembler.go_unless(IF_EQUAL, habit.distance.cast_unsigned(), next);
    assembler.load(INSTRUCTION + HIGH);
    assembler.emit(KEEP, 0, 0, 0);
    assembler.load(high(habit.path));
    assembler.emit(SUBTRACT_KEPT, 0, 0, 0);
    assembler.go_if(IF_EQUAL, 0, allow);
    assembler.place(next);
}

/// Goes to `look` when the condition holds, else to `allow`.
fn test(assembler: &mut Assembler, condition: Condition, allow: Label, look: Label) {
    for atoms in condition {
        let next = assembler.label();
        for atom in *atoms {
            match *atom {
                Atom::Any(arg, bits) => {
                    assembler.load(low(arg));
                    assembler.go_unless(IF_ANY_BIT, bits, next);
                }
                Atom::None(arg, bits) => {
                    assembler.load(low(arg));
                    assembler.go_if(IF_ANY_BIT, bits, next);
                }
                Atom::In(arg, values) => {
                    let found = assembler.label();
                    assembler.load(low(arg));
                    for value in values {
                        assembler.go_if(IF_EQUAL, *value, found);
                    }
                    assembler.go(next);
                    assembler.place(found);
                }
                Atom::NonZero(arg) => {
                    let found = assembler.label();
                    assembler.load(low(arg));
                    assembler.go_unless(IF_EQUAL, 0, found);
                    assembler.load(high(arg));
                    assembler.go_if(IF_EQUAL, 0, next);
                    assembler.place(found);
                }
                Atom::Not(arg, value) => {
                    assembler.load(low(arg));
                    assembler.go_if(IF_EQUAL, value, next);
                }
                Atom::NotPast(from, to, distance) => {
                    assembler.load(low(from));
                    assembler.emit(KEEP, 0, 0, 0);
                    assembler.load(low(to));
                    assembler.emit(SUBTRACT_KEPT, 0, 0, 0);
                    assembler.go_if(IF_EQUAL, distance, next);
                }
            }
        }
        assembler.go(look);
        assembler.place(next);
    }
    assembler.go(allow);
}

#[cfg(test)]
mod tests {
    use super::super::abi::{Detail, Entry, tables};
    use super::super::sys::RawCall;
    use super::*;
    use proptest::prelude::*;

    const COOKIE: u16 = 0x1234;
    /// Their numbers on x86-64.
    const READLINK: u32 = 89;
    const READLINKAT: u32 = 267;
    const ACCESS: u32 = 21;
    const OPENAT: u32 = 257;

    /// How a loader of a known build asks for its preload file and its cache.
    const HABITS: [Habit; 2] = [
        Habit {
            number: ACCESS,
            path: 0,
            in_page: 0xc47,
            distance: 0xa659,
        },
        Habit {
            number: OPENAT,
            path: 1,
            in_page: 0x972,
            distance: -0x873f,
        },
    ];

    fn call(number: u32) -> RawCall {
        RawCall {
            number: number.into(),
            args: [0; 6],
            instruction: 0,
        }
    }

    /// As the loader makes the call, loaded there.
    fn by_habit(habit: Habit, loaded: u64) -> RawCall {
        let mut call = call(habit.number);
        call.instruction = loaded + 0x1f000 + u64::from(habit.in_page);
        call.args[usize::from(habit.path)] =
            call.instruction.wrapping_add_signed(habit.distance.into());
        call
    }

    /// Runs a filter as the kernel would.
    fn run(program: &[sock_filter], arch: u32, call: &RawCall) -> u32 {
        let mut data = Vec::new();
        data.extend((call.number as u32).to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend(call.instruction.to_ne_bytes());
        for arg in call.args {
            data.extend(arg.to_ne_bytes());
        }
        let (mut at, mut accumulator, mut kept) = (0, 0u32, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let mut branch = |taken: bool| at += usize::from(if taken { jt } else { jf });
            match code {
                LOAD => {
                    let bytes = data[k as usize..k as usize + 4].try_into().unwrap();
                    accumulator = u32::from_ne_bytes(bytes);
                }
                IF_EQUAL => branch(accumulator == k),
                IF_GREATER_OR_EQUAL => branch(accumulator >= k),
                IF_ANY_BIT => branch(accumulator & k != 0),
                KEEP => kept = accumulator,
                MASK => accumulator &= k,
                SUBTRACT_KEPT => accumulator = accumulator.wrapping_sub(kept),
                GO => at += k as usize,
                RETURN => return k,
                code => panic!("instruction {code:#x} is not used"),
            }
        }
    }

    #[test]
    fn the_filter_is_short_enough_for_the_kernel() {
        assert!(program(&tables(Detail::Usual, &[]), Action::Stop(COOKIE)).len() < 4096);
    }

    #[test]
    fn an_architecture_without_a_table_passes() {
        let program = program(&tables(Detail::Usual, &[]), Action::Stop(COOKIE));
        assert_eq!(
            run(&program, 0xdead_beef, &call(2)),
            libc::SECCOMP_RET_ALLOW
        );
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_calls_are_worth_a_look() {
        let program = program(&tables(Detail::Usual, &[]), Action::Stop(COOKIE));
        assert_eq!(
            run(&program, 0xc000_003e, &call(X32_BIT as u32 + 2)),
            libc::SECCOMP_RET_TRACE | u32::from(COOKIE)
        );
    }

    #[test]
    fn a_listener_is_told_of_the_same_calls() {
        let (stops, notifies) = (
            program(&tables(Detail::Usual, &[]), Action::Stop(COOKIE)),
            program(&tables(Detail::Usual, &[]), Action::Notify),
        );
        let differ: Vec<_> = stops
            .iter()
            .zip(&notifies)
            .filter(|(stops, notifies)| stops != notifies)
            .collect();
        assert_eq!(stops.len(), notifies.len());
        assert!(
            matches!(differ[..], [(_, notifies)] if notifies.k == libc::SECCOMP_RET_USER_NOTIF)
        );
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_habits_of_a_loader_pass_wherever_it_is_loaded_and_nothing_else_does() {
        let arch = 0xc000_003e;
        let looked_at = libc::SECCOMP_RET_TRACE | u32::from(COOKIE);
        let of = |detail| program(&tables(detail, &HABITS), Action::Stop(COOKIE));
        let (usual, full) = (of(Detail::Usual), of(Detail::Full));
        for habit in HABITS {
            for loaded in [0x7f12_3456_7000, 0x7fff_f7fc_5000, 0x1000_0000] {
                let habitual = by_habit(habit, loaded);
                assert_eq!(run(&usual, arch, &habitual), libc::SECCOMP_RET_ALLOW);
                assert_eq!(run(&full, arch, &habitual), looked_at);
                let mut elsewhere = habitual;
                elsewhere.instruction += 0x10;
                elsewhere.args[usize::from(habit.path)] += 0x10;
                assert_eq!(run(&usual, arch, &elsewhere), looked_at);
                let mut of_another_text = habitual;
                of_another_text.args[usize::from(habit.path)] += 1;
                assert_eq!(run(&usual, arch, &of_another_text), looked_at);
                let mut far = habitual;
                far.args[usize::from(habit.path)] ^= 1 << 32;
                assert_eq!(run(&usual, arch, &far), looked_at);
            }
        }
    }

    proptest! {
        #[test]
        fn the_filter_stops_exactly_what_the_tables_want(
            number in prop_oneof![9 => 0u32..512, 1 => Just(READLINK), 1 => Just(READLINKAT)],
            instruction in any::<u64>(),
            args in prop::array::uniform6(prop_oneof![
                any::<u64>(),
                Just(0),
                0u64..64,
                Just(u64::from(u32::MAX)),
                Just(1 << 32),
                (0u32..32).prop_map(|bit| 1 << bit),
            ]),
            step_of_realpath in proptest::option::of(0usize..2),
            habit in proptest::option::of((prop::sample::select(&HABITS[..]), 0u64..1 << 51)),
        ) {
            let mut raw = RawCall { args, instruction, ..call(number) };
            if let Some(name) = step_of_realpath {
                raw.args[name + 1] = raw.args[name].wrapping_add(2080);
                raw.args[name + 2] = 1023;
            }
            if let Some((habit, page)) = habit {
                let habitual = by_habit(habit, page * 4096);
                let path = usize::from(habit.path);
                raw.args[path] = habitual.args[path];
                raw = RawCall { args: raw.args, ..habitual };
            }
            let tables = tables(Detail::Usual, &HABITS);
            let program = program(&tables, Action::Stop(COOKIE));
            for table in &tables {
                let wanted = match table.entry(raw.number) {
                    Entry::Decoded(call) => table.is_wanted(&call, &raw),
                    Entry::Uninteresting => false,
                    Entry::Unknown => true,
                };
                let expected = if wanted {
                    libc::SECCOMP_RET_TRACE | u32::from(COOKIE)
                } else {
                    libc::SECCOMP_RET_ALLOW
                };
                prop_assert_eq!(run(&program, table.abi.arch, &raw), expected);
            }
        }
    }
}
