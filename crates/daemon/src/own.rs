//! The daemon's own telemetry: recorded by the SDK, handed to the same way in as everybody's, without a socket.

use intake::path::Protocol;
use intake::{Intake, TakeError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tundra::{ExportError, Exported, Exporter};

/// How long the SDK's thread waits for the way in to be built before it gives a batch up.
const OPENING_MAX: Duration = Duration::from_secs(60);

/// Where the way in appears once it is built: the SDK records from the first line of `main`, the store opens later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opening(Arc<(Mutex<Option<Intake>>, Condvar)>);

impl Opening {
    /// The way in is ready.
    pub(crate) fn open(&self, intake: Intake) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(intake);
        self.0.1.notify_all();
    }

    fn wait(&self) -> Option<Intake> {
        let closed = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(closed, OPENING_MAX, |intake| intake.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// Feeds the SDK's batches into our own intake. Runs on the SDK's thread.
#[derive(Debug)]
pub(crate) struct OwnExporter {
    pub(crate) opening: Opening,
    pub(crate) runtime: Handle,
}

impl Exporter for OwnExporter {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let intake = self.opening.wait().ok_or_else(|| ExportError::new("the store did not open in time"))?;
        let built = intake.build(Protocol::Own, false, |sink| batch.drive(sink));
        let appended: Result<_, TakeError> = self.runtime.block_on(intake.append(built));
        appended.map(drop).map_err(|error| ExportError::new(error.to_string()))
    }
}
