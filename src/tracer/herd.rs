//! Keeps what is traced, and the threads that trace it, on one core while they only take turns.
//!
//! To wake a thread on another core, and be woken by it again, costs more than all else about a
//! stop: the other core has gone idle meanwhile, and on a virtual machine must be brought back from
//! the host. It does not help that the tracing thread goes where a tracee is. It is running there
//! when it resumes the tracee, so that the scheduler wakes the tracee on the core that is free, and
//! the two change places for ever. So all of them are held on one core, which nobody misses as long
//! as each waits for the other: a shell and its commands, a program and its tracer.
//!
//! What could run at once is to run at once. A thread looks hundreds of times a second how long the
//! tracees had to wait for their core (schedstat of proc(5)); when that is a good part of the time,
//! all are let go, and held again for a trial some time later, which grows as the trials fail.
//!
//! The tracees are not to notice. Who asks which cores a task may use is told what that is by rights
//! where the tracer can answer; else they are let go first, and a while is waited after the question.
//! Before an order they are let go, and left alone for good.

use super::sys::{Cores, Listener};
use hashbrown::HashMap;
use libc::pid_t;
use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the shepherd looks.
const GLANCE: Duration = Duration::from_millis(4);

/// How much of the time the tracees may wait for the core, all together, before they are let go.
const PATIENCE: f64 = 0.4;

/// How long they are free after they were let go for the first time in a row, and at most.
const SHORT_BREAK: Duration = Duration::from_millis(100);
const LONG_BREAK: Duration = Duration::from_secs(2);

/// How long a trial goes well before the breaks are short again.
const GOOD_TRIAL: Duration = Duration::from_millis(500);

/// So many glances without an event, and they are let go: what is at rest, or only computes, is not
/// made faster by being held.
const AT_REST: u32 = 50;

/// How often the shepherd looks at those.
const SLOW_GLANCE: Duration = Duration::from_millis(200);

/// How long after a change of cores a new tracee may have missed it.
const SETTLING: Duration = Duration::from_secs(1);

/// How long they are left alone after one of them asked which cores it may use.
const AFTER_A_QUESTION: Duration = Duration::from_millis(200);

/// The herd; shared by the threads that trace and the shepherd.
#[derive(Clone, Debug, Default)]
pub(super) struct Herd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// How many events there were.
    events: AtomicU64,
    /// As in the state, to be seen without the lock.
    is_together: Arc<AtomicBool>,
    /// Told when there is no herd any more.
    dissolved: Condvar,
    /// Told when all were let go, and when somebody who waits for that is wanted.
    apart: Condvar,
}

impl Default for Shared {
    fn default() -> Self {
        let state = State::default();
        Self {
            events: AtomicU64::default(),
            is_together: Arc::clone(&state.is_together),
            state: Mutex::new(state),
            dissolved: Condvar::default(),
            apart: Condvar::default(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// The cores that the command was given, and that each tracee may use by rights.
    own: Option<CpuSet>,
    /// The same, as a tracee is told when it asks.
    own_as_told: Option<Cores>,
    /// The core that all are held on.
    core: Option<usize>,
    /// Whether there is one.
    is_together: Arc<AtomicBool>,
    /// The tracees, with how long each has waited for a core, when that was last looked at.
    tracees: HashMap<pid_t, Option<Duration>>,
    /// The threads of ours that go with them.
    ours: Vec<pid_t>,
    /// Those of them that are not needed while all are held.
    spare: Vec<pid_t>,
    /// Where their calls wait for answers, with the engine that has such a place.
    listener: Option<Arc<Listener>>,
    /// Not to be held before this.
    free_until: Option<Instant>,
    /// How long the next break is.
    next_break: Duration,
    /// When they were last gathered or let go.
    changed: Option<Instant>,
    /// How often in a row nothing had happened.
    quiet: u32,
    is_left_alone: bool,
    is_dissolved: bool,
}

/// A set of one core.
fn only(core: usize) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    // A core beyond what the set has room for cannot be asked for.
    set.set(core).ok().map(|()| set)
}

fn allow(tid: pid_t, set: &CpuSet) {
    // An error says that the task is gone, or has rights that we do not have and stays as it is.
    let _ = sched_setaffinity(Pid::from_raw(tid), set);
}

impl State {
    /// Holds all on the core that the calling thread runs on.
    fn gather(&mut self, now: Instant) {
        let (Some(own), None, false) = (&self.own, self.core, self.is_left_alone) else {
            return;
        };
        let Ok(core) = sched_getcpu() else { return };
        let Some(set) = only(core) else { return };
        if *own == set || own.is_set(core) != Ok(true) {
            return;
        }
        for &tid in self.tracees.keys().chain(&self.ours) {
            allow(tid, &set);
        }
        self.core = Some(core);
        self.is_together.store(true, Ordering::Relaxed);
        self.changed = Some(now);
        // They are to leave what they wait in, and rest.
        for &tid in &self.spare {
            super::sys::ring(tid);
        }
        self.wake_here(true);
        for waited in self.tracees.values_mut() {
            *waited = None;
        }
    }

    /// Lets all go.
    fn scatter(&mut self, now: Instant) {
        let (Some(own), Some(core)) = (&self.own, self.core.take()) else {
            return;
        };
        self.is_together.store(false, Ordering::Relaxed);
        self.changed = Some(now);
        let held = only(core);
        for &tid in self.tracees.keys().chain(&self.ours) {
            // Somebody else may have changed it since.
            if sched_getaffinity(Pid::from_raw(tid)).ok() == held {
                allow(tid, own);
            }
        }
    }

    /// Whether who is woken about a call runs on the core of who wakes it. When more than one of them
    /// has something to do, all would end up on one core.
    fn wake_here(&self, here: bool) {
        if let Some(listener) = &self.listener {
            listener.wake_here(here);
        }
    }

    /// Lets all go until some time after now.
    fn rest(&mut self, now: Instant, pause: Duration) {
        self.scatter(now);
        let until = now + pause;
        self.free_until = Some(self.free_until.map_or(until, |before| before.max(until)));
    }

    /// Looks how it goes; `elapsed` is the time since it last did, `happened` whether there was any
    /// event since, and `time_waited` tells how long a task has had to wait for a core in all.
    fn glance(
        &mut self,
        now: Instant,
        elapsed: Duration,
        happened: bool,
        time_waited: impl Fn(pid_t) -> Option<Duration>,
    ) {
        self.quiet = if happened { 0 } else { self.quiet + 1 };
        if self.core.is_none() {
            if happened && self.free_until.is_none_or(|until| now >= until) {
                self.gather(now);
            }
            return;
        }
        if self.quiet >= AT_REST {
            return self.scatter(now);
        }
        let mut together = Duration::ZERO;
        for (&tid, before) in &mut self.tracees {
            let waited = time_waited(tid);
            if let (Some(before), Some(waited)) = (*before, waited) {
                together += waited.saturating_sub(before);
            }
            *before = waited;
        }
        if together.as_secs_f64() > PATIENCE * elapsed.as_secs_f64() {
            let pause = self.next_break.max(SHORT_BREAK);
            self.next_break = (pause * 2).min(LONG_BREAK);
            self.rest(now, pause);
            self.wake_here(false);
        } else if self
            .changed
            .is_some_and(|changed| now.duration_since(changed) > GOOD_TRIAL)
        {
            self.next_break = SHORT_BREAK;
        }
    }
}

/// How long a task was ready to run and had no core: the second number of its schedstat.
fn time_waited(tid: pid_t) -> Option<Duration> {
    let mut file = File::open(format!("/proc/{tid}/schedstat")).ok()?;
    // Three numbers of 64 bits fit. The kernel gives all of them at once.
    let mut text = [0; 64];
    let length = file.read(&mut text).ok()?;
    let text = std::str::from_utf8(&text[..length]).ok()?;
    let nanoseconds = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// A herd that somebody watches as long as this is there.
pub(super) struct Watched(Herd);

impl Watched {
    pub(super) fn new(herd: &Herd) -> Self {
        Self(herd.clone())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.dissolve();
    }
}

impl Herd {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between two statements of any holder.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the command, which has not run yet.
    pub(super) fn begin(&self, root: pid_t, listener: Option<Arc<Listener>>) {
        let mut state = self.lock();
        state.listener = listener;
        state.own = sched_getaffinity(Pid::from_raw(root)).ok();
        state.own_as_told = Cores::of(root).ok();
        state.tracees.insert(root, None);
        state.gather(Instant::now());
    }

    /// Takes in a thread of ours, the calling one.
    pub(super) fn go_with(&self) {
        super::sys::take_short_turns();
        let tid = super::sys::own_tid();
        let mut state = self.lock();
        state.ours.push(tid);
        // It has inherited what its maker was allowed a moment ago.
        if let Some(set) = state.core.map_or(state.own, only) {
            allow(tid, &set);
        }
    }

    /// The calling thread of ours, which goes with them, is needed only when they are let go.
    pub(super) fn is_spare(&self) {
        self.lock().spare.push(super::sys::own_tid());
    }

    /// Waits as long as all are held, and nobody calls ([`Herd::call`]) and is then `wanted`.
    pub(super) fn rest_while_together(&self, wanted: impl Fn() -> bool) {
        let mut state = self.lock();
        while state.core.is_some() && !wanted() {
            state = self
                .0
                .apart
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has those who rest look whether they are wanted.
    pub(super) fn call(&self) {
        // With the lock, so that nobody is just about to wait.
        drop(self.lock());
        self.0.apart.notify_all();
    }

    /// A tracee made another, which has inherited what its maker may use.
    pub(super) fn joined(&self, tid: pid_t) {
        let mut state = self.lock();
        if state
            .changed
            .is_some_and(|changed| changed.elapsed() < SETTLING)
            && let Some(set) = state.core.map_or(state.own, only)
            // To ask takes a fraction of the time, and mostly it has not missed it.
            && sched_getaffinity(Pid::from_raw(tid)).ok() != Some(set)
        {
            allow(tid, &set);
        }
        state.tracees.insert(tid, None);
    }

    /// Whether all are held on one core.
    pub(super) fn is_together(&self) -> bool {
        self.0.is_together.load(Ordering::Relaxed)
    }

    /// Something happened to a tracee.
    pub(super) fn moves(&self) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
    }

    /// A tracee is held no more.
    pub(super) fn released(&self, tid: pid_t) {
        let mut state = self.lock();
        if state.tracees.remove(&tid).is_some()
            && let (Some(own), Some(core)) = (&state.own, state.core)
            && sched_getaffinity(Pid::from_raw(tid)).ok() == only(core)
        {
            allow(tid, own);
        }
    }

    /// A tracee is gone.
    pub(super) fn left(&self, tid: pid_t) {
        self.lock().tracees.remove(&tid);
    }

    /// Which cores a tracee may use by rights; none when it is not ours to hold, or somebody else has
    /// said which.
    pub(super) fn rights_of(&self, tid: pid_t) -> Option<Cores> {
        let state = self.lock();
        if state.is_left_alone || !state.tracees.contains_key(&tid) {
            return None;
        }
        let now = Cores::of(tid).ok()?;
        let is_held = state.core.is_some_and(|core| now.are_only(core));
        let own = state.own_as_told?;
        (is_held || now == own).then_some(own)
    }

    /// A process has got many threads, which may run at once: each is to begin where there is room.
    /// Whoever watches a call of theirs stays where the caller is.
    pub(super) fn may_spread(&self) {
        let mut state = self.lock();
        state.rest(Instant::now(), SHORT_BREAK);
        self.0.apart.notify_all();
    }

    /// A tracee is about to be told by the kernel which cores a task may use.
    pub(super) fn is_asked(&self) {
        self.lock().rest(Instant::now(), AFTER_A_QUESTION);
        self.0.apart.notify_all();
    }

    /// A tracee is about to say which cores a task may use.
    pub(super) fn is_ordered(&self) {
        let mut state = self.lock();
        state.scatter(Instant::now());
        state.is_left_alone = true;
        state.wake_here(true);
        self.0.apart.notify_all();
    }

    /// There is nobody to hold any more.
    fn dissolve(&self) {
        let mut state = self.lock();
        state.scatter(Instant::now());
        state.is_dissolved = true;
        self.0.apart.notify_all();
        self.0.dissolved.notify_all();
    }

    /// Looks after the herd until it is dissolved.
    pub(super) fn watch(&self) {
        let mut last = Instant::now();
        let mut seen = 0;
        let mut state = self.lock();
        while !state.is_dissolved {
            let pause = if state.quiet >= AT_REST {
                SLOW_GLANCE
            } else {
                GLANCE
            };
            state = self
                .0
                .dissolved
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            let now = Instant::now();
            let events = self.0.events.load(Ordering::Relaxed);
            state.glance(now, now.duration_since(last), events != seen, time_waited);
            if state.core.is_none() {
                self.0.apart.notify_all();
            }
            (last, seen) = (now, events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper() -> (Child, pid_t) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let tid = child.id() as pid_t;
        (child, tid)
    }

    fn cores(tid: pid_t) -> CpuSet {
        sched_getaffinity(Pid::from_raw(tid)).unwrap()
    }

    fn count(set: &CpuSet) -> usize {
        (0..CpuSet::count())
            .filter(|&core| set.is_set(core) == Ok(true))
            .count()
    }

    /// One that the herd may use and is not held on; none where there is only one core.
    fn another_core(herd: &Herd) -> Option<usize> {
        let state = herd.lock();
        let (own, held) = (state.own?, state.core?);
        (0..CpuSet::count()).find(|&core| own.is_set(core) == Ok(true) && held != core)
    }

    #[test]
    fn who_asks_which_cores_it_may_use_is_let_go_before() {
        let (mut child, tid) = sleeper();
        let own = cores(tid);
        let herd = Herd::default();
        herd.begin(tid, None);
        assert_eq!(count(&cores(tid)), 1);
        herd.is_asked();
        assert_eq!(cores(tid), own);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_is_held_has_more_rights_than_one_core_and_whom_others_have_moved_has_what_they_said() {
        let (mut child, tid) = sleeper();
        let own = Cores::of(tid).unwrap();
        let herd = Herd::default();
        assert_eq!(herd.rights_of(tid), None);
        herd.begin(tid, None);
        assert_eq!(herd.rights_of(tid), Some(own));
        assert_eq!(herd.rights_of(std::process::id() as pid_t), None);
        if let Some(other) = another_core(&herd) {
            allow(tid, &only(other).unwrap());
            assert_eq!(herd.rights_of(tid), None);
        }
        herd.is_ordered();
        assert_eq!(herd.rights_of(tid), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_has_many_threads_is_let_go_for_a_while() {
        let (mut child, tid) = sleeper();
        let own = cores(tid);
        let herd = Herd::default();
        herd.begin(tid, None);
        herd.may_spread();
        assert_eq!(cores(tid), own);
        let mut state = herd.lock();
        state.glance(Instant::now(), GLANCE, true, |_| None);
        assert_eq!(state.core, None);
        drop(state);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_somebody_else_has_said_about_cores_is_left_alone() {
        let (mut child, tid) = sleeper();
        let herd = Herd::default();
        herd.begin(tid, None);
        let Some(other) = another_core(&herd) else {
            // One core only: nobody is held.
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        };
        allow(tid, &only(other).unwrap());
        herd.is_ordered();
        assert_eq!(Some(cores(tid)), only(other));
        herd.lock().glance(Instant::now(), GLANCE, true, |_| None);
        assert_eq!(Some(cores(tid)), only(other));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn those_who_wait_for_each_other_are_let_go_and_the_breaks_grow() {
        let (mut child, tid) = sleeper();
        let own = cores(tid);
        let herd = Herd::default();
        herd.begin(tid, None);
        let mut state = herd.lock();
        if state.core.is_some() {
            let mut now = Instant::now();
            let mut waited = Duration::ZERO;
            let mut pauses = Vec::new();
            for _ in 0..3 {
                state.glance(now, GLANCE, true, |_| Some(waited));
                assert!(state.core.is_some(), "nobody has waited yet");
                waited += GLANCE;
                state.glance(now, GLANCE, true, |_| Some(waited));
                assert_eq!(cores(tid), own);
                let until = state.free_until.unwrap();
                pauses.push(until - now);
                now = until;
                state.glance(now, GLANCE, true, |_| Some(waited));
                assert!(state.core.is_some(), "the break is over");
            }
            assert_eq!(pauses, [SHORT_BREAK, SHORT_BREAK * 2, SHORT_BREAK * 4]);
        }
        drop(state);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_is_at_rest_is_free() {
        let (mut child, tid) = sleeper();
        let own = cores(tid);
        let herd = Herd::default();
        herd.begin(tid, None);
        for _ in 0..=AT_REST {
            herd.lock().glance(Instant::now(), GLANCE, false, |_| None);
        }
        assert_eq!(cores(tid), own);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
