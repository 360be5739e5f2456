//! What the process itself uses, read from /proc: for the daemon's own gauges.

/// Memory and CPU of this process. Zero where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory in bytes.
    pub(crate) resident_bytes: u64,
    /// User and system time since the start, in seconds.
    pub(crate) cpu_seconds: f64,
}

impl Usage {
    /// Now.
    pub(crate) fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The command's name may hold spaces: fields are counted after its closing bracket.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: f64 =
            after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
        Self { resident_bytes: kib * 1024, cpu_seconds: ticks / ticks_per_second() }
    }
}

fn ticks_per_second() -> f64 {
    // Linux reports process times to user space in USER_HZ, which is 100 on every architecture we support.
    100.0
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_uses_memory() {
        let usage = super::Usage::now();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
        assert!(usage.cpu_seconds >= 0.0, "{usage:?}");
    }
}
