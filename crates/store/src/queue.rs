//! Appends that wait for the log thread: bounded in bytes, taken many at once.

use crate::error::AppendError;
use crate::limits::QUEUE_BYTES_MAX;
use crate::table::Table;
use arrow_array::RecordBatch;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// One append, encoded and waiting.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its frame, sealed but without a number.
    pub(crate) frame: Vec<u8>,
    pub(crate) tables: Vec<(Table, RecordBatch)>,
    pub(crate) sample: bool,
    pub(crate) answer: oneshot::Sender<Result<u64, AppendError>>,
}

impl Waiting {
    pub(crate) fn refuse(self, error: AppendError) {
        // Nobody listens if the client went away: then nobody was promised anything.
        let _nobody = self.answer.send(Err(error));
    }
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    closed: bool,
    rotate: bool,
    /// Until then a full disk is not tried again.
    paused: Option<Instant>,
}

/// The queue before the log thread.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Queue {
    /// Lets an append wait, unless there is no room or no hope.
    pub(crate) fn push(
        &self,
        waiting: Waiting,
        now: Instant,
        retry_after: Duration,
    ) -> Result<(), AppendError> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(AppendError::Closed);
        }
        if let Some(until) = inner.paused {
            let left = until.saturating_duration_since(now);
            if !left.is_zero() {
                return Err(AppendError::DiskFull { retry_after: left });
            }
        }
        if inner.bytes > 0 && inner.bytes + waiting.frame.len() > QUEUE_BYTES_MAX {
            return Err(AppendError::Overloaded { retry_after });
        }
        inner.bytes += waiting.frame.len();
        inner.waiting.push_back(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for appends, at most `patience`; none at once if there is other work. `None` ends the thread.
    pub(crate) fn take(&self, max: usize, patience: Option<Duration>) -> Option<Vec<Waiting>> {
        let mut inner = self.inner.lock();
        while inner.waiting.is_empty() && !inner.rotate {
            if inner.closed {
                return None;
            }
            match patience {
                None => self.changed.wait(&mut inner),
                Some(patience) => {
                    self.changed.wait_for(&mut inner, patience);
                    break;
                }
            }
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(next) = inner.waiting.front() {
            if bytes > 0 && bytes + next.frame.len() > max {
                break;
            }
            bytes += next.frame.len();
            taken.extend(inner.waiting.pop_front());
        }
        inner.bytes -= bytes;
        Some(taken)
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Asks the log thread to close its segment, so that it can be removed.
    pub(crate) fn rotate(&self) {
        self.inner.lock().rotate = true;
        self.changed.notify_one();
    }

    pub(crate) fn take_rotate(&self) -> bool {
        std::mem::take(&mut self.inner.lock().rotate)
    }

    /// Refuses appends until then.
    pub(crate) fn pause(&self, until: Instant) {
        self.inner.lock().paused = Some(until);
    }

    /// Refuses appends from now on; what waits is still written.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.changed.notify_one();
    }
}
