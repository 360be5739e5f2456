//! Which files count. The manifest is a row of numbered edits that are only ever created, never changed, which is
//! safe on a disk and on S3 alike; a snapshot now and then keeps the start fast.
//!
//! `edit` is the format, `log` reads and commits; `Manifest` is the state that the edits lead to.

pub(crate) mod edit;
pub(crate) mod log;

use crate::table::Table;
use edit::Edit;
pub use edit::FileEntry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file that no longer counts and waits to be removed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Gone {
    pub(crate) path: String,
    /// When it stopped to count.
    pub(crate) at_ns: i64,
}

/// The files that count after all edits up to `number`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) number: u64,
    files: BTreeMap<Table, Vec<Arc<FileEntry>>>,
    /// By node: sequences up to this are in files.
    pub(crate) flushed: BTreeMap<String, u64>,
    /// By node: sample rows up to this sequence are gone.
    pub(crate) samples_removed: BTreeMap<String, u64>,
    pub(crate) gone: Vec<Gone>,
}

impl Manifest {
    /// Applies an edit.
    pub(crate) fn apply(&mut self, number: u64, edit: &Edit) {
        self.number = number;
        for path in &edit.removed {
            self.gone.push(Gone { path: path.clone(), at_ns: edit.at_ns });
        }
        if !edit.removed.is_empty() {
            for files in self.files.values_mut() {
                files.retain(|file| !edit.removed.contains(&file.path));
            }
        }
        for file in &edit.added {
            let Some(table) = Table::from_name(&file.table) else { continue };
            let files = self.files.entry(table).or_default();
            if !files.iter().any(|known| known.path == file.path) {
                files.push(Arc::new(file.clone()));
            }
        }
        self.gone.retain(|gone| !edit.forgotten.contains(&gone.path));
        for (marks, mark) in
            [(&mut self.flushed, edit.flushed), (&mut self.samples_removed, edit.samples_removed)]
        {
            if let Some(mark) = mark {
                let known = marks.entry(edit.node.clone()).or_default();
                *known = mark.max(*known);
            }
        }
    }

    /// The files of a table.
    pub(crate) fn files(&self, table: Table) -> &[Arc<FileEntry>] {
        self.files.get(&table).map_or(&[], Vec::as_slice)
    }

    /// Whether a file counts.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.all_files().any(|file| file.path == path)
    }

    /// All files.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = &Arc<FileEntry>> {
        self.files.values().flatten()
    }

    /// Sequences of a node up to this are in files.
    pub(crate) fn flushed(&self, node: &str) -> u64 {
        self.flushed.get(node).copied().unwrap_or_default()
    }

    /// Sample rows of a node up to this sequence are gone.
    pub(crate) fn samples_removed(&self, node: &str) -> u64 {
        self.samples_removed.get(node).copied().unwrap_or_default()
    }
}
