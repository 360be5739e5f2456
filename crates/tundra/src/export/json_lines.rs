//! OTLP JSON, one request a line, to standard output or to a file that never grows beyond what it may.
//!
//! What the OpenTelemetry file exporter writes and its receiver reads. Lines are made on the collector's thread and written
//! on another one, for streams and disks may block.

use super::datadog::llmobs::without_no_parent;
use super::rotating::Rotating;
use super::{ExportError, Exported, Exporter};
use crate::health::Load;
use crate::limits::{FILE_BYTES, FILES_KEPT};
use crate::writer::{Owner, Unwritten, Writer};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;
use tundra_wire::otlp::json::encode;

/// Writes every batch as lines of OTLP JSON: at most one each for traces, logs and metrics.
///
/// ```no_run
/// let file = tundra::JsonLines::file("/var/log/service/telemetry.jsonl").rotate(16 << 20, 5);
/// let _tundra = tundra::builder().exporter(Box::new(file)).install()?;
/// # Ok::<(), tundra::Error>(())
/// ```
pub struct JsonLines {
    out: Writer,
    /// Which file that is, if it is one.
    file: Option<Rotating>,
    line: String,
    /// Which of traces, logs and metrics are written.
    only: [bool; 3],
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines")
            .field("file", &self.file)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

impl JsonLines {
    /// To standard output. Give [`Builder::no_log_output`](crate::Builder::no_log_output) if log lines shall not come in
    /// between.
    pub fn stdout() -> Self {
        Self::writer(Box::new(std::io::stdout()))
    }

    /// To anything that can be written to, on a thread of its own; what it does not take is lost, and counted.
    pub fn writer(out: Box<dyn Write + Send>) -> Self {
        let out = Writer::named("a stream of JSON lines".to_owned(), out);
        Self { out, file: None, line: String::new(), only: [true; 3] }
    }

    /// To a file, which is appended to, on a thread of its own; what it does not take is lost, and counted. Default: 64 MiB,
    /// then it is renamed to `<name>.1`; three such are kept.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let file = Rotating::new(path.into(), FILE_BYTES, FILES_KEPT);
        Self { out: to_file(&file), file: Some(file), line: String::new(), only: [true; 3] }
    }

    /// Other limits: bytes of one file, and how many full ones are kept. Means nothing to other targets than files.
    pub fn rotate(self, bytes: u64, kept: usize) -> Self {
        let Some(file) = &self.file else { return self };
        let file = file.limited(bytes, kept);
        Self { out: to_file(&file), file: Some(file), ..self }
    }

    /// Writes only some of traces, logs and metrics.
    pub(crate) fn only(mut self, signals: [bool; 3]) -> Self {
        self.only = signals;
        self
    }

    /// Hands the line over, which tells of so many records.
    fn put(&mut self, load: Load) {
        if !self.line.is_empty() {
            self.line.push('\n');
            self.out.put(std::mem::take(&mut self.line).into_bytes(), Owner::Exporter(load));
        }
    }
}

/// Opens it anew.
fn to_file(file: &Rotating) -> Writer {
    Writer::named(file.shown(), Box::new(file.anew()))
}

impl Exporter for JsonLines {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let mut records = batch.records();
        records.spans.iter_mut().for_each(without_no_parent);
        let (resource, scope) = (batch.resource(), &records.scope);
        if self.only[0] && !records.spans.is_empty() {
            encode::traces(resource, scope, &records.spans, &mut self.line);
            self.put([records.spans.len() as u64, 0, 0]);
        }
        if self.only[1] && !records.logs.is_empty() {
            encode::logs(resource, scope, &records.logs, &mut self.line);
            self.put([0, records.logs.len() as u64, 0]);
        }
        if self.only[2] && !records.points.is_empty() {
            encode::metrics(resource, scope, records.points, &mut self.line);
            self.put([0, 0, records.points.len() as u64]);
        }
        Ok(())
    }

    fn takes(&self) -> [bool; 2] {
        [self.only[0], self.only[1]]
    }

    fn after_fork(&mut self) {
        self.line.clear();
        self.out.after_fork();
        // The parent may put its file aside at any time, and be writing now: the child looks itself which one is the current one.
        if let Some(file) = &self.file {
            self.out = to_file(file);
        }
    }

    fn unwritten(&self) -> Option<Unwritten> {
        Some(self.out.unwritten())
    }

    fn shutdown(&mut self, _: Instant) {
        self.out.end();
    }
}
