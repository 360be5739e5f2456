//! The manifest on disk: edits and snapshots as JSON with a checksum, each with a format number.

use super::{Gone, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The format of edits and snapshots.
const FORMAT: u32 = 1;

/// What the manifest says of a file, enough to rule most files out unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The table's name.
    pub table: String,
    /// Where it is in the object store.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The earliest time of its rows.
    pub min_ns: i64,
    /// The latest time of its rows.
    pub max_ns: i64,
    /// The version of the table's columns.
    pub schema_version: u16,
    /// The lowest sequence of its rows.
    pub first_seq: u64,
    /// The highest sequence of its rows.
    pub last_seq: u64,
    /// The services of its rows, sorted; `None` if there are too many to list or the table has none.
    pub services: Option<Vec<String>>,
    /// Whether its rows are sample data. A file holds sample data only, or none.
    pub has_sample: bool,
    /// Whether some of its spans were told by events, so that a trace may tell them again.
    #[serde(default)]
    pub has_events: bool,
    /// How often its rows were merged.
    pub level: u8,
    /// When its youngest row was written; merging files does not make their rows younger.
    pub written_ns: i64,
    /// Who wrote it.
    pub node: String,
    /// In how many row groups its rows lie.
    #[serde(default = "one")]
    pub row_groups: u32,
    /// Whether all its rows are in the order of time, not only those of each row group.
    #[serde(default = "yes")]
    pub sorted: bool,
}

/// What files of before this was written down have.
fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// One step of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edit {
    /// Who makes it.
    pub(crate) node: String,
    pub(crate) at_ns: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) added: Vec<FileEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
    /// Removed files whose objects are gone too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) forgotten: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) flushed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) samples_removed: Option<u64>,
}

/// The whole state after edit `number`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) number: u64,
    files: Vec<FileEntry>,
    flushed: BTreeMap<String, u64>,
    samples_removed: BTreeMap<String, u64>,
    gone: Vec<Gone>,
}

impl Snapshot {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            number: manifest.number,
            files: manifest.all_files().map(|file| file.as_ref().clone()).collect(),
            flushed: manifest.flushed.clone(),
            samples_removed: manifest.samples_removed.clone(),
            gone: manifest.gone.clone(),
        }
    }

    pub(crate) fn into_manifest(self) -> Manifest {
        let mut manifest = Manifest::default();
        manifest.apply(self.number, &Edit { added: self.files, ..Edit::default() });
        manifest.flushed = self.flushed;
        manifest.samples_removed = self.samples_removed;
        manifest.gone = self.gone;
        manifest
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u32,
    crc32c: u32,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The bytes of an edit or snapshot.
pub(crate) fn encode(body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let text = serde_json::to_string(body)?;
    let crc32c = crc32c::crc32c(text.as_bytes());
    let body = RawValue::from_string(text)?;
    serde_json::to_vec(&Envelope { format: FORMAT, crc32c, body: &body })
}

/// Reads what [`encode`] made; a text says what is wrong.
pub(crate) fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if envelope.format != FORMAT {
        return Err(format!("format `{}` is not known", envelope.format));
    }
    let body = envelope.body.get();
    if crc32c::crc32c(body.as_bytes()) != envelope.crc32c {
        return Err("the checksum does not fit".to_owned());
    }
    serde_json::from_str(body).map_err(|error| error.to_string())
}
