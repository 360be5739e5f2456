//! An intake over a store in a temporary folder.

use intake::path::{Form, Parts, Received};
use intake::{Ack, Intake, Limits, Protocol, TakeError};
use llm::{Prices, Reader};
use std::path::Path;
use std::sync::Arc;
use store::{Config, FolderObjects, RealFs, Snapshot, Store, Table};
use tundra_record::env::SystemClock;
use tundra_record::redact::{RedactConfig, Redactor};

pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) intake: Intake,
}

impl House {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(SystemClock);
        let files = folder.path().join("files");
        std::fs::create_dir_all(&files).expect("a folder");
        let fs = Arc::new(RealFs);
        let objects = Arc::new(FolderObjects::open(fs.clone(), &files).expect("a folder"));
        let parts = store::Parts { fs, clock: clock.clone(), objects };
        let store = Store::open(Config::new(folder.path()), parts).await.expect("opens");
        let redactor = Arc::new(Redactor::new(&RedactConfig::default()).expect("the built-in rules compile"));
        let reader = Arc::new(Reader::new(Prices::bundled()));
        let parts = Parts { store: store.clone(), redactor, reader, clock };
        let intake = Intake::new(Limits::default(), parts);
        Self { folder, store, intake }
    }

    pub(crate) async fn take(
        &self,
        protocol: Protocol,
        form: Form,
        encoding: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Ack, TakeError> {
        let permit = self.intake.permit(body.len())?;
        let received = Received {
            protocol,
            form,
            encoding: encoding.map(str::to_owned),
            body: body.into(),
            headers: http::HeaderMap::new(),
        };
        Box::pin(self.intake.take(received, permit)).await
    }

    pub(crate) fn rows(&self, table: Table) -> usize {
        let snapshot: Snapshot = self.store.snapshot();
        let hot: usize = snapshot.hot(table).iter().map(arrow_array::RecordBatch::num_rows).sum();
        let sealed: u64 = snapshot.files(table).iter().map(|file| file.rows).sum();
        hot + usize::try_from(sealed).expect("few rows")
    }
}

/// Whether any file below `folder` holds these bytes.
pub(crate) fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(&path).expect("readable");
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}
