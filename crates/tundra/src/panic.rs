//! Panics as records: an `ERROR` event with message, place and stack, inside the span that panicked.
//!
//! The hook runs on the panicking thread, captures the stack's addresses and calls the hook that was there before.
//! Names are looked up by the collector, which asks by number. In a program that aborts on panic the hook also hands
//! everything over before the process ends, within a deadline.

use crate::collector;
use crate::limits::{PANIC_DEADLINE, STACK_BYTES, STACKS};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::time::Instant;
use tracing_core::dispatcher;

/// The field that holds the stack's number.
pub(crate) const STACK_FIELD: &str = "panic.stack";

pub(crate) struct Stack {
    number: u64,
    frames: Backtrace,
    text: OnceLock<String>,
}

/// The latest stacks; the oldest make room.
static LATEST: Mutex<VecDeque<Arc<Stack>>> = Mutex::new(VecDeque::new());

/// Puts the hook in, once for the process, in front of the one that is there.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            match MOOD.get() {
                #[cfg(feature = "opentelemetry")]
                Mood::Quiet => return,
                Mood::Recording => {}
                Mood::Usual => record(info),
            }
            before(info);
        }));
    });
}

/// What the hook does on a thread.
#[derive(Clone, Copy)]
enum Mood {
    Usual,
    /// It is at work: what panics meanwhile is not recorded once more.
    Recording,
    /// Nothing: the panic is one of ours that nobody shall hear of.
    #[cfg(feature = "opentelemetry")]
    Quiet,
}

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::Usual) };
}

/// While it lives, the hook takes no notice of this thread's panics.
#[cfg(feature = "opentelemetry")]
pub(crate) struct Quiet(Mood);

#[cfg(feature = "opentelemetry")]
impl Quiet {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self(MOOD.replace(Mood::Quiet))
    }
}

#[cfg(feature = "opentelemetry")]
impl Drop for Quiet {
    #[inline]
    fn drop(&mut self) {
        MOOD.set(self.0);
    }
}

fn record(info: &PanicHookInfo<'_>) {
    MOOD.set(Mood::Recording);
    tell(info);
    MOOD.set(Mood::Usual);
}

fn tell(info: &PanicHookInfo<'_>) {
    if dispatcher::get_default(|dispatch| dispatch.is::<tracing_core::subscriber::NoSubscriber>()) {
        return;
    }
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text");
    let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line()));
    let thread = std::thread::current();
    tracing::error!(target: "panic", error = message, panic.stack = keep(), code.file.path = file,
        code.line.number = line, thread.name = thread.name(), "panicked");
    if cfg!(panic = "abort") {
        hand_over();
    }
}

/// The stacks, held by whoever forks.
pub(crate) type StacksLock = MutexGuard<'static, VecDeque<Arc<Stack>>>;

/// For whoever forks, and for this module.
pub(crate) fn lock_stacks() -> StacksLock {
    LATEST.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Relaxed);
    let stack = Stack { number, frames: Backtrace::force_capture(), text: OnceLock::new() };
    let mut latest = lock_stacks();
    if latest.len() >= STACKS {
        latest.pop_front();
    }
    latest.push_back(Arc::new(stack));
    number
}

/// The text of a stack; `None` if it had to make room. For the collector: looking names up takes its time.
pub(crate) fn stack(number: u64) -> Option<String> {
    let found = {
        let latest = lock_stacks();
        latest.iter().find(|stack| stack.number == number).map(Arc::clone)
    }?;
    let text = found.text.get_or_init(|| {
        let all = found.frames.to_string();
        let mut text = own_frames(&all).to_owned();
        text.truncate(text.floor_char_boundary(STACK_BYTES));
        text
    });
    Some(text.clone())
}

/// The frames between those that began the thread and those that handle the panic: the same that a panic's message shows.
/// All of them where symbols are missing. They keep their numbers.
fn own_frames(all: &str) -> &str {
    let handled = all.find("__rust_end_short_backtrace").map_or(0, |at| next_frame(all, at));
    let begun = all[handled..].find("__rust_begin_short_backtrace").map_or(all.len(), |at| handled + at);
    // From the beginning of the frame's own line.
    all[handled..begun]
        .rfind('\n')
        .filter(|_| begun < all.len())
        .map_or(&all[handled..], |end| &all[handled..=handled + end])
}

/// Where the frame after this place begins: lines of files are indented deeper than numbers.
fn next_frame(all: &str, at: usize) -> usize {
    let lines = all[at..].match_indices('\n').map(|(end, _)| at + end + 1);
    lines
        .take_while(|start| *start < all.len())
        .find(|start| !all[*start..].trim_start().starts_with("at "))
        .unwrap_or(0)
}

/// The process is about to be aborted: nothing can come after this.
fn hand_over() {
    let until = Instant::now() + PANIC_DEADLINE;
    for pipeline in 0..crate::builder::pipelines() {
        collector::shut_down(pipeline, until, PANIC_DEADLINE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_show_what_panicked() {
        let check = |all: &str, expect: &str| assert_eq!(own_frames(all), expect);
        let hook = "   0: tundra::panic::keep\n             at panic.rs:1\n   1: std::__rust_end_short_backtrace::<F>\n";
        let place = "             at library/std/src/backtrace.rs:182\n";
        let own =
            "   2: core::panic_fmt\n             at core.rs:2\n   3: app::work\n             at app.rs:7\n";
        let thread = "   4: std::__rust_begin_short_backtrace\n             at std.rs:3\n   5: clone3\n";
        check(&[hook, place, own, thread].concat(), own);
        check(&[hook, own, thread].concat(), own);
        check(&[hook, own].concat(), own);
        check(&[own, thread].concat(), own);
        check(own, own);
        check("", "");
        check(hook, hook);
    }

    #[cfg(feature = "opentelemetry")]
    #[test]
    fn quiet_ends_with_its_scope() {
        let is = |expect: fn(Mood) -> bool| assert!(expect(MOOD.get()));
        let outer = Quiet::begin();
        drop(Quiet::begin());
        is(|mood| matches!(mood, Mood::Quiet));
        drop(outer);
        is(|mood| matches!(mood, Mood::Usual));
        MOOD.set(Mood::Recording);
        drop(Quiet::begin());
        is(|mood| matches!(mood, Mood::Recording));
    }
}
