//! Reads the manifest and commits edits to it. A commit creates the next number or fails; if another writer (or our
//! own lost answer) took that number, its edit is applied first and the next number is tried.

use super::Manifest;
use super::edit::{Edit, Snapshot, decode, encode};
use crate::error::ManifestError;
use crate::limits::{COMMIT_TRIES_MAX, EDITS_PER_SNAPSHOT, MANIFEST_BYTES_MAX, SNAPSHOTS_KEPT};
use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use std::sync::Arc;

const EDITS: &str = "manifest";
const SNAPSHOTS: &str = "snapshot";

fn path(folder: &str, number: u64) -> Path {
    Path::from(format!("{folder}/{number:016}.json"))
}

/// The numbers in a folder, rising.
async fn numbers(objects: &dyn ObjectStore, folder: &str) -> Result<Vec<u64>, ManifestError> {
    let listed: Vec<_> = objects.list(Some(&Path::from(folder))).try_collect().await?;
    let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> = listed.iter().filter_map(|meta| number(&meta.location)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

async fn get(objects: &dyn ObjectStore, path: &Path) -> Result<Bytes, ManifestError> {
    let found = objects.get(path).await?;
    if found.meta.size > MANIFEST_BYTES_MAX {
        let detail = format!("`{}` bytes are too many", found.meta.size);
        return Err(ManifestError::Damaged { path: path.to_string(), detail });
    }
    Ok(found.bytes().await?)
}

/// Reads the latest state. Returns also how many damaged objects were passed over.
pub(crate) async fn load(objects: &dyn ObjectStore) -> Result<(Manifest, u64), ManifestError> {
    let mut damaged = 0;
    let mut manifest = Manifest::default();
    for number in numbers(objects, SNAPSHOTS).await?.into_iter().rev() {
        match decode::<Snapshot>(&get(objects, &path(SNAPSHOTS, number)).await?) {
            Ok(snapshot) => {
                manifest = snapshot.into_manifest();
                break;
            }
            Err(detail) => {
                tracing::warn!(number, detail, "a manifest snapshot is damaged; using an older one");
                damaged += 1;
            }
        }
    }
    let edits = numbers(objects, EDITS).await?;
    let last = edits.last().copied().unwrap_or_default();
    let from = manifest.number;
    for number in edits.into_iter().filter(|number| *number > from) {
        let at = path(EDITS, number);
        match decode::<Edit>(&get(objects, &at).await?) {
            Ok(edit) if number == manifest.number + 1 => manifest.apply(number, &edit),
            Ok(_) => {
                let detail = format!("edit `{}` before it is missing", manifest.number + 1);
                return Err(ManifestError::Damaged { path: at.to_string(), detail });
            }
            // The last edit of a writer that lost power: nobody was told that it counts.
            Err(_) if number == last => {
                objects.delete(&at).await?;
                damaged += 1;
            }
            Err(detail) => return Err(ManifestError::Damaged { path: at.to_string(), detail }),
        }
    }
    Ok((manifest, damaged))
}

/// Applies edits that were made since, by other writers or by us without an answer; `None` if there are none.
pub(crate) async fn refresh(
    objects: &dyn ObjectStore,
    manifest: &Manifest,
) -> Result<Option<Manifest>, ManifestError> {
    let mut newer: Option<Manifest> = None;
    loop {
        let known = newer.as_ref().unwrap_or(manifest);
        let number = known.number + 1;
        let at = path(EDITS, number);
        let bytes = match get(objects, &at).await {
            Err(ManifestError::Objects(Error::NotFound { .. })) => return Ok(newer),
            other => other?,
        };
        let damaged = |detail| ManifestError::Damaged { path: at.to_string(), detail };
        let edit = decode(&bytes).map_err(damaged)?;
        let mut next = known.clone();
        next.apply(number, &edit);
        newer = Some(next);
    }
}

/// The state after a commit.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) manifest: Manifest,
    /// False if the edit was given up, because another one removed a file that this one meant to remove.
    pub(crate) done: bool,
}

/// Commits an edit on top of `manifest`.
pub(crate) async fn commit(
    objects: &Arc<dyn ObjectStore>,
    manifest: &Manifest,
    edit: &Edit,
) -> Result<Outcome, ManifestError> {
    let encoded = encode(edit)
        .map_err(|error| ManifestError::Damaged { path: EDITS.to_owned(), detail: error.to_string() })?;
    let encoded = Bytes::from(encoded);
    let mut manifest = manifest.clone();
    for _ in 0..COMMIT_TRIES_MAX {
        let number = manifest.number + 1;
        let at = path(EDITS, number);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match objects.put_opts(&at, PutPayload::from(encoded.clone()), options).await {
            Ok(_) => {
                manifest.apply(number, edit);
                return Ok(Outcome { manifest, done: true });
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let theirs = get(objects.as_ref(), &at).await?;
                let detail = |detail| ManifestError::Damaged { path: at.to_string(), detail };
                manifest.apply(number, &decode(&theirs).map_err(detail)?);
                // Our own answer was lost on the way: the edit, or an earlier try of it, is there already.
                let flushed = edit.flushed.is_some_and(|mark| manifest.flushed(&edit.node) >= mark);
                if theirs == encoded || flushed {
                    return Ok(Outcome { manifest, done: true });
                }
                if !edit.removed.iter().all(|path| manifest.has(path)) {
                    return Ok(Outcome { manifest, done: false });
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(ManifestError::Contended { tries: COMMIT_TRIES_MAX })
}

/// Whether a snapshot is due.
pub(crate) fn snapshot_is_due(manifest: &Manifest) -> bool {
    manifest.number > 0 && manifest.number.is_multiple_of(EDITS_PER_SNAPSHOT)
}

/// Writes a snapshot, and removes snapshots and edits that older ones made superfluous.
pub(crate) async fn snapshot(objects: &dyn ObjectStore, manifest: &Manifest) -> Result<(), ManifestError> {
    let at = path(SNAPSHOTS, manifest.number);
    let encoded = encode(&Snapshot::of(manifest))
        .map_err(|error| ManifestError::Damaged { path: at.to_string(), detail: error.to_string() })?;
    objects.put(&at, PutPayload::from(encoded)).await?;
    let snapshots = numbers(objects, SNAPSHOTS).await?;
    let Some(oldest_kept) = snapshots.iter().rev().nth(SNAPSHOTS_KEPT - 1).copied() else { return Ok(()) };
    for number in numbers(objects, EDITS).await?.into_iter().filter(|number| *number <= oldest_kept) {
        objects.delete(&path(EDITS, number)).await?;
    }
    for number in snapshots.into_iter().filter(|number| *number < oldest_kept) {
        objects.delete(&path(SNAPSHOTS, number)).await?;
    }
    Ok(())
}
