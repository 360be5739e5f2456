//! CPU clocks of this process and its threads, and its memory.

/// CPU nanoseconds on a clock.
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    if failed { 0 } else { time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 }
}

/// All threads of this process, those that ended included.
pub fn process() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// This thread.
pub fn thread() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// A living thread of this process, by its name.
pub fn thread_called(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let called = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    });
    let ids = called.filter_map(|task| task.file_name().to_str()?.parse::<i32>().ok());
    // Linux: bits 0 and 1 say which time, bit 2 says that it is a thread's, the rest is the id, inverted.
    ids.map(|id| read((!id << 3) | 0b110)).sum()
}

/// A number of /proc/self/status.
pub fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}
