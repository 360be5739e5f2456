//! Segment files of the log: their names, their lives, and reading their frames past any damage.
//!
//! A file that is no longer needed is given a new number and written over, because a file that grows makes every sync
//! write down its new length and blocks. What it holds behind the new frames is of an earlier life, told apart by a number
//! that its head and all its frames carry, and that nobody who sends texts can know. The last frame is followed by one that
//! says so: what is missing before it was damaged, and if it is missing itself, the end is torn.
//!
//! ```text
//! head: 0 magic  16 life  20 CRC32C of it all, or, in the first version, the magic alone
//! ```

use super::frame::{FLAG_END, Found, Header, end, find};
use crate::fs::Fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a segment begins with.
const MAGIC: &[u8; 16] = b"tundra log 2\n\0\0\0";
/// What segments of the first version begin with.
const MAGIC_1: &[u8; 16] = b"tundra log 1\n\0\0\0";
/// Bytes of the head.
pub(crate) const HEAD: usize = 24;

/// A segment that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// The lowest sequence that may be in it.
    pub(crate) first: u64,
    /// The highest sequence that may be in it; below `first` if it is empty.
    pub(crate) last: u64,
    /// Where its frames end.
    pub(crate) bytes: u64,
    /// Which frames are its own; those of any life if it is not known.
    pub(crate) life: Option<u32>,
    /// Whether nothing will be added to it.
    pub(crate) closed: bool,
    /// Whether writing to it failed: its file does not serve again.
    pub(crate) failed: bool,
}

pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.wal"))
}

/// Where the file of a segment waits to be used again.
pub(crate) fn spare_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}{SPARE}"))
}

const SPARE: &str = ".spare";

/// The numbers of the segments in a folder, rising.
pub(crate) fn numbers(fs: &dyn Fs, dir: &Path) -> io::Result<Vec<u64>> {
    let names = fs.list(dir)?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".wal")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The files that wait to be used again.
pub(crate) fn spares(fs: &dyn Fs, dir: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(fs.list(dir)?.iter().filter(|name| name.ends_with(SPARE)).map(|name| dir.join(name)).collect())
}

/// The head of an empty segment, and the frame that says that nothing follows.
pub(crate) fn empty(life: u32, before: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&life.to_le_bytes());
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&end(before, life));
    bytes
}

/// Where a segment's frames begin, and its life. If its head is damaged, `walk` finds the frames.
pub(crate) fn begin(bytes: &[u8]) -> (usize, Option<u32>) {
    if bytes.starts_with(MAGIC_1) {
        return (MAGIC_1.len(), None);
    }
    let Some(head) = bytes.first_chunk::<HEAD>() else { return (0, None) };
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let good = head.starts_with(MAGIC) && crc32c::crc32c(&head[..20]) == word(20);
    if good { (HEAD, Some(word(16))) } else { (0, None) }
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
    (mut at, life): (usize, Option<u32>),
    mut seen: impl FnMut(u64),
    mut visit: impl FnMut(&Header, &'a [u8], usize) -> bool,
) -> Damage {
    let mut damage = Damage::default();
    // What was damaged behind the last good frame: the end may be torn there.
    let mut doubtful = 0;
    while at < bytes.len() {
        match find(&bytes[at..], life) {
            Found::Frame(header, payload) => {
                damage.damaged += std::mem::take(&mut doubtful);
                if header.flags & FLAG_END != 0 {
                    return damage;
                }
                at += header.frame_len();
                seen(header.seq);
                if !visit(&header, payload, at) {
                    return damage;
                }
            }
            Found::Damaged(header) => {
                at += header.frame_len();
                seen(header.seq);
                doubtful += 1;
            }
            Found::Noise(len) => {
                at += len;
                doubtful += 1;
            }
            Found::Cut => {
                damage.torn = true;
                break;
            }
        }
    }
    // Segments of the first version end with their file.
    match life {
        Some(_) => damage.torn = true,
        None => damage.damaged += doubtful,
    }
    damage
}

#[cfg(test)]
mod tests;
