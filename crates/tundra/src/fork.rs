//! What happens when the process forks: the parent notices nothing, the child begins anew.
//!
//! Before the fork every lock of ours is taken, so that none is left behind locked by a thread that the child does not
//! have; afterwards both sides let go. In the child the parent's states, open spans, counts and waiting records are
//! forgotten; the spans that the forking thread is inside of stay the parents of what it records next. The collector is
//! started by the first record or flush, not before: most children only run another program.
//!
//! If an exporter is at work at that moment and does not come back soon, the child stays silent and counts. If it is log
//! lines that do not come through, the child records and has no console.

#[cfg(unix)]
use crate::collector;
#[cfg(unix)]
use crate::limits::FORK_PATIENCE;
#[cfg(unix)]
use crate::{engine, exit, health, metrics, panic, propagation, sampling, writer};
#[cfg(unix)]
use std::sync::Once;
#[cfg(unix)]
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel};

/// Registers the handlers, once for the process.
#[cfg(not(unix))]
pub(crate) fn watch() {}

/// Registers the handlers, once for the process.
#[cfg(unix)]
#[expect(unsafe_code, reason = "registering fork handlers has no safe form")]
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    // SAFETY: the handlers are plain functions without arguments that live as long as the program.
    ONCE.call_once(|| unsafe {
        libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child));
    });
}

/// Every lock of ours, held across the fork.
#[cfg(unix)]
struct Held {
    pipelines: Option<collector::Home>,
    _incoming: collector::Incoming,
    commands: collector::CommandQueue,
    _writers: writer::Pause,
    parked: engine::Parked,
    _registry: metrics::RegistryLock,
    _carried: propagation::CarriedLock,
    _stacks: panic::StacksLock,
    _samplers: sampling::SamplersLock,
    _rules: collector::RulesLock,
    ailing: health::AilingLock,
    _guests: engine::GuestsLock,
    _open: exit::OpenLock,
    #[cfg(feature = "log")]
    _log: crate::bridge::log::SitesLock,
    #[cfg(feature = "opentelemetry")]
    _open_spans: crate::bridge::opentelemetry::OpenLock,
}

/// Set between the handlers of one fork; the locks keep a second fork waiting.
#[cfg(unix)]
static HELD: AtomicPtr<Held> = AtomicPtr::new(std::ptr::null_mut());

#[cfg(unix)]
extern "C" fn before() {
    let held = Box::new(Held {
        // First, for besides the writers only this one may take a while.
        pipelines: collector::lock_home(FORK_PATIENCE),
        _incoming: collector::lock_incoming(),
        commands: collector::lock_commands(),
        _writers: writer::pause(FORK_PATIENCE),
        parked: engine::lock_parked(),
        _registry: metrics::lock_registry(),
        _carried: propagation::lock_carried(),
        _stacks: panic::lock_stacks(),
        _samplers: sampling::lock_samplers(),
        _rules: collector::lock_rules(),
        ailing: health::lock_ailing(),
        _guests: engine::lock_guests(),
        _open: exit::lock_open(),
        #[cfg(feature = "log")]
        _log: crate::bridge::log::lock_sites(),
        #[cfg(feature = "opentelemetry")]
        _open_spans: crate::bridge::opentelemetry::open(),
    });
    HELD.store(Box::into_raw(held), std::sync::atomic::Ordering::Release);
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the locks cross the fork as a raw pointer")]
fn take() -> Option<Box<Held>> {
    let held = HELD.swap(std::ptr::null_mut(), AcqRel);
    // SAFETY: it came from `Box::into_raw` on this thread, in `before`, and is taken once.
    (!held.is_null()).then(|| unsafe { Box::from_raw(held) })
}

#[cfg(unix)]
extern "C" fn after_in_parent() {
    drop(take());
}

#[cfg(unix)]
extern "C" fn after_in_child() {
    let Some(mut held) = take() else { return engine::silence_child() };
    writer::forget_parent();
    if held.pipelines.is_none() {
        engine::silence_child();
    } else {
        engine::forget_parent(&mut held.parked);
        health::forget_parent(&mut held.ailing);
        metrics::forget_parent();
        collector::forget_parent(&mut held.commands);
    }
}
