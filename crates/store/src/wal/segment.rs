//! Segment files of the log: their names, and reading their frames past any damage.

use super::frame::{Found, Header, find};
use crate::fs::Fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a segment begins with.
pub(crate) const MAGIC: &[u8; 16] = b"tundra log 1\n\0\0\0";

/// A segment that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// The lowest sequence that may be in it.
    pub(crate) first: u64,
    /// The highest sequence that may be in it; below `first` if it is empty.
    pub(crate) last: u64,
    pub(crate) bytes: u64,
    /// Whether nothing will be added to it.
    pub(crate) closed: bool,
}

pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.wal"))
}

/// The numbers of the segments in a folder, rising.
pub(crate) fn numbers(fs: &dyn Fs, dir: &Path) -> io::Result<Vec<u64>> {
    let names = fs.list(dir)?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".wal")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What reading a segment met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Frames with a good header and a damaged payload, and stretches without any header before a good frame.
    pub(crate) damaged: u64,
    /// Whether it ends in the middle of something.
    pub(crate) torn: bool,
}

/// Walks the frames of a segment's bytes. `visit` gets each good frame with the offset behind it and says whether to
/// go on. A damaged frame's header still tells `seen` its sequence.
pub(crate) fn walk<'a>(
    bytes: &'a [u8],
    mut at: usize,
    mut seen: impl FnMut(u64),
    mut visit: impl FnMut(&Header, &'a [u8], usize) -> bool,
) -> Damage {
    let mut damage = Damage::default();
    while at < bytes.len() {
        match find(&bytes[at..]) {
            Found::Frame(header, payload) => {
                at += header.frame_len();
                seen(header.seq);
                if !visit(&header, payload, at) {
                    return damage;
                }
            }
            Found::Damaged(header) => {
                at += header.frame_len();
                seen(header.seq);
                damage.damaged += 1;
            }
            Found::Noise(len) => {
                at += len;
                damage.damaged += 1;
            }
            Found::Cut => {
                damage.torn = true;
                return damage;
            }
        }
    }
    damage
}

/// A segment's bytes behind its magic, or all of them if the magic is damaged: `walk` finds the frames.
pub(crate) fn begin(bytes: &[u8]) -> usize {
    if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 }
}
