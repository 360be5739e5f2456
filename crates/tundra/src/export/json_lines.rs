//! OTLP JSON, one request a line, to standard output or to a file that never grows beyond what it may.
//!
//! What the OpenTelemetry file exporter writes and its receiver reads. Files are written on the collector's thread, streams
//! on one of their own, for they may block.

use super::{ExportError, Exported, Exporter};
use crate::health::Load;
use crate::limits::{FILE_BYTES, FILES_KEPT};
use crate::writer::{Owner, Unwritten, Writer};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tundra_wire::otlp::json::encode;

/// Writes every batch as lines of OTLP JSON: at most one each for traces, logs and metrics.
///
/// ```no_run
/// let file = tundra::JsonLines::file("/var/log/service/telemetry.jsonl").rotate(16 << 20, 5);
/// let _tundra = tundra::builder().exporter(Box::new(file)).install()?;
/// # Ok::<(), tundra::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    target: Target,
    line: String,
    /// Which of traces, logs and metrics are written.
    only: [bool; 3],
}

enum Target {
    Stream(Writer),
    File(Rotating),
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stream(_) => f.write_str("a stream"),
            Self::File(file) => file.path.fmt(f),
        }
    }
}

/// A file, and the older ones beside it: `name.1` is the youngest of them.
struct Rotating {
    path: PathBuf,
    limit: u64,
    kept: usize,
    /// The open file and what it holds; opened with the first line.
    open: Option<(File, u64)>,
}

impl JsonLines {
    /// To standard output. Give [`Builder::no_log_output`](crate::Builder::no_log_output) if log lines shall not come in
    /// between.
    pub fn stdout() -> Self {
        Self::writer(Box::new(std::io::stdout()))
    }

    /// To anything that can be written to, on a thread of its own; what it does not take is lost, and counted.
    pub fn writer(out: Box<dyn Write + Send>) -> Self {
        Self { target: Target::Stream(Writer::new(out)), line: String::new(), only: [true; 3] }
    }

    /// To a file, which is appended to. Default: 64 MiB, then it is renamed to `<name>.1`; three such are kept.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let file = Rotating { path: path.into(), limit: FILE_BYTES, kept: FILES_KEPT, open: None };
        Self { target: Target::File(file), line: String::new(), only: [true; 3] }
    }

    /// Other limits: bytes of one file, and how many full ones are kept. Means nothing to other targets than files.
    pub fn rotate(mut self, bytes: u64, kept: usize) -> Self {
        if let Target::File(file) = &mut self.target {
            (file.limit, file.kept) = (bytes, kept);
        }
        self
    }

    /// Writes only some of traces, logs and metrics.
    pub(crate) fn only(mut self, signals: [bool; 3]) -> Self {
        self.only = signals;
        self
    }

    /// Writes the line, which tells of so many records.
    fn write(&mut self, load: Load) -> std::io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        self.line.push('\n');
        match &mut self.target {
            Target::Stream(out) => {
                out.put(std::mem::take(&mut self.line).into_bytes(), Owner::Exporter(load));
                Ok(())
            }
            Target::File(file) => {
                let written = file.write(self.line.as_bytes());
                self.line.clear();
                written
            }
        }
    }
}

impl Rotating {
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let bytes = line.len() as u64;
        if self.open.as_ref().is_some_and(|(_, held)| *held > 0 && held + bytes > self.limit) {
            self.open = None;
            self.turn()?;
        }
        let (file, held) = match &mut self.open {
            Some(open) => open,
            None => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let held = file.metadata()?.len();
                self.open.insert((file, held))
            }
        };
        file.write_all(line)?;
        *held += bytes;
        Ok(())
    }

    /// Gives each older file the next number; the last one goes.
    fn turn(&self) -> std::io::Result<()> {
        if self.kept == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..self.kept).rev() {
            let from = numbered(&self.path, number);
            if from.exists() {
                std::fs::rename(from, numbered(&self.path, number + 1))?;
            }
        }
        std::fs::rename(&self.path, numbered(&self.path, 1))
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

impl Exporter for JsonLines {
    fn export(&mut self, batch: &Exported<'_>) -> Result<(), ExportError> {
        let records = batch.records();
        let (resource, scope) = (batch.resource(), &records.scope);
        let failed =
            |error: std::io::Error| ExportError::new(format!("a line could not be written: {error}"));
        if self.only[0] && !records.spans.is_empty() {
            encode::traces(resource, scope, &records.spans, &mut self.line);
            self.write([records.spans.len() as u64, 0, 0]).map_err(failed)?;
        }
        if self.only[1] && !records.logs.is_empty() {
            encode::logs(resource, scope, &records.logs, &mut self.line);
            self.write([0, records.logs.len() as u64, 0]).map_err(failed)?;
        }
        if self.only[2] && !records.points.is_empty() {
            encode::metrics(resource, scope, records.points, &mut self.line);
            self.write([0, 0, records.points.len() as u64]).map_err(failed)?;
        }
        Ok(())
    }

    fn after_fork(&mut self) {
        self.line.clear();
        match &mut self.target {
            Target::Stream(out) => out.after_fork(),
            // The parent may put its file aside at any time; the child looks again which one is the current one.
            Target::File(file) => file.open = None,
        }
    }

    fn unwritten(&self) -> Option<Unwritten> {
        match &self.target {
            Target::Stream(out) => Some(out.unwritten()),
            Target::File(_) => None,
        }
    }

    fn shutdown(&mut self, _: Instant) {
        if let Target::Stream(out) = &self.target {
            out.end();
        }
    }
}
