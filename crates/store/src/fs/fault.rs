//! A file system in memory that can lose power, tear writes, fill up and fail. For tests only.
//!
//! Every call counts as an operation; a plan says what happens at which. After a crash only what was synced is sure;
//! of the rest an arbitrary part survives, chosen by the seed.

use super::{Fs, FsFile, Stat};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// At this operation the power fails: it happens in part, and all later ones fail.
    pub(crate) crash_at: Option<u64>,
    /// This operation fails once.
    pub(crate) fail_at: Option<u64>,
    /// Bytes that fit on the disk.
    pub(crate) space: Option<u64>,
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, Default)]
struct Node {
    bytes: Vec<u8>,
    /// Bytes that survive a crash.
    synced: Vec<u8>,
}

type NodeRef = Arc<Mutex<Node>>;

#[derive(Debug, Default)]
struct Disk {
    plan: Plan,
    ops: u64,
    crashed: bool,
    /// Names now, and names that survive a crash.
    names: BTreeMap<PathBuf, NodeRef>,
    durable: BTreeMap<PathBuf, NodeRef>,
    dirs: BTreeSet<PathBuf>,
    locked: BTreeSet<PathBuf>,
}

/// A file system in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultFs {
    disk: Arc<Mutex<Disk>>,
}

/// Whether an operation goes through, and if not, whether a part of it does.
enum Fate {
    Whole,
    Part(u64),
}

impl Disk {
    fn step(&mut self) -> io::Result<Fate> {
        self.ops += 1;
        if self.crashed {
            return Err(io::Error::other("the power is off"));
        }
        if self.plan.crash_at == Some(self.ops) {
            self.crashed = true;
            return Ok(Fate::Part(mix(self.plan.seed ^ self.ops)));
        }
        if self.plan.fail_at == Some(self.ops) {
            return Ok(Fate::Part(mix(self.plan.seed ^ self.ops)));
        }
        Ok(Fate::Whole)
    }

    /// An operation without a middle: it happens, or it does not.
    fn whole(&mut self) -> io::Result<()> {
        match self.step()? {
            Fate::Whole => Ok(()),
            Fate::Part(_) => Err(io::Error::other("injected failure")),
        }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|node| node.lock().bytes.len() as u64).sum()
    }
}

fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl FaultFs {
    pub(crate) fn new(plan: Plan) -> Self {
        let fs = Self::default();
        fs.disk.lock().plan = plan;
        fs
    }

    /// Changes what goes wrong from now on; operations are counted from zero again.
    pub(crate) fn plan(&self, plan: Plan) {
        let mut disk = self.disk.lock();
        disk.plan = plan;
        disk.ops = 0;
    }

    pub(crate) fn ops(&self) -> u64 {
        self.disk.lock().ops
    }

    /// The disk as it is found after the power came back: of unsynced bytes and names a part survives.
    pub(crate) fn after_crash(&self, seed: u64) -> FaultFs {
        let disk = self.disk.lock();
        let mut next = Disk { dirs: disk.dirs.clone(), ..Disk::default() };
        let all: BTreeSet<&PathBuf> = disk.names.keys().chain(disk.durable.keys()).collect();
        for (at, path) in all.into_iter().enumerate() {
            let luck = mix(seed ^ mix(at as u64));
            let node = match (disk.names.get(path), disk.durable.get(path)) {
                // A rename over it that was not synced: either file.
                (Some(now), Some(then)) if luck & 1 == 0 || Arc::ptr_eq(now, then) => now,
                (Some(_), Some(then)) => then,
                // A name that was made or removed without a sync of its folder: either way.
                (Some(now), None) if luck & 1 == 0 => now,
                (None, Some(then)) if luck & 1 == 0 => then,
                _ => continue,
            };
            let node = node.lock();
            let bytes = survivors(&node, mix(luck));
            let node = Arc::new(Mutex::new(Node { synced: bytes.clone(), bytes }));
            next.names.insert(path.clone(), node.clone());
            next.durable.insert(path.clone(), node);
        }
        FaultFs { disk: Arc::new(Mutex::new(next)) }
    }

    /// Flips a bit of a file.
    pub(crate) fn flip(&self, path: &Path, bit: usize) {
        let disk = self.disk.lock();
        if let Some(node) = disk.names.get(path) {
            let mut node = node.lock();
            node.bytes[bit / 8] ^= 1 << (bit % 8);
            node.synced = node.bytes.clone();
        }
    }

    /// The same disk, independent from now on, without faults.
    pub(crate) fn copy(&self) -> FaultFs {
        let disk = self.disk.lock();
        let mut next = Disk { dirs: disk.dirs.clone(), ..Disk::default() };
        for (path, node) in &disk.names {
            let node = Arc::new(Mutex::new(node.lock().clone()));
            next.names.insert(path.clone(), node.clone());
            next.durable.insert(path.clone(), node);
        }
        FaultFs { disk: Arc::new(Mutex::new(next)) }
    }
}

/// Bytes that reach a disk together.
const SECTOR: usize = 512;

/// What is left of a file: the synced bytes, some sectors of which may have been written over, and of what came after them
/// nothing, a part, or a part with a hole of zeros (blocks reach a disk in any order).
fn survivors(node: &Node, luck: u64) -> Vec<u8> {
    let (mut bytes, sure) = (node.bytes.clone(), node.synced.len());
    if bytes.len() < sure {
        return node.synced.clone();
    }
    for (at, old) in node.synced.chunks(SECTOR).enumerate() {
        let new = at * SECTOR..at * SECTOR + old.len();
        let kept = match luck / 4 % 3 {
            0 => false,
            1 => true,
            _ => mix(luck ^ at as u64) & 1 == 0,
        };
        if !kept {
            bytes[new].copy_from_slice(old);
        }
    }
    let unsure = bytes.len() - sure;
    if unsure == 0 {
        return bytes;
    }
    let kept = match luck % 4 {
        0 => 0,
        1 => unsure,
        _ => (mix(luck) % (unsure as u64 + 1)) as usize,
    };
    bytes.truncate(sure + kept);
    if luck % 4 == 3 && kept > 0 {
        let from = sure + (mix(luck ^ 1) % kept as u64) as usize;
        let to = (from + 4096).min(bytes.len());
        bytes[from..to].fill(0);
    }
    bytes
}

#[derive(Debug)]
struct FaultFile {
    node: NodeRef,
    disk: Arc<Mutex<Disk>>,
}

impl FsFile for FaultFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.node.lock().bytes.len();
        self.write_at(end as u64, bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let fate = disk.step()?;
        let there = self.node.lock().bytes.len();
        let free = disk.plan.space.map(|space| space.saturating_sub(disk.used()));
        let offset = offset as usize;
        let grown = (offset + bytes.len()).saturating_sub(there) as u64;
        let (kept, error) = match (fate, free) {
            (Fate::Part(luck), _) => {
                (luck as usize % (bytes.len() + 1), Some(io::Error::other("injected failure")))
            }
            (Fate::Whole, Some(free)) if free < grown => {
                let fits = (there + free as usize).saturating_sub(offset).min(bytes.len());
                (fits, Some(ErrorKind::StorageFull.into()))
            }
            _ => (bytes.len(), None),
        };
        let mut node = self.node.lock();
        let end = node.bytes.len().max(offset + kept);
        node.bytes.resize(end, 0);
        node.bytes[offset..offset + kept].copy_from_slice(&bytes[..kept]);
        error.map_or(Ok(()), Err)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.lock().whole()?;
        let mut node = self.node.lock();
        node.synced = node.bytes.clone();
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.lock().whole()?;
        self.node.lock().bytes.truncate(len as usize);
        Ok(())
    }
}

struct Lock(Arc<Mutex<Disk>>, PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.lock().locked.remove(&self.1);
    }
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

impl Fs for FaultFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        if disk.dirs.contains(dir) {
            return Ok(());
        }
        disk.whole()?;
        disk.dirs.extend(dir.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        if disk.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let node = NodeRef::default();
        disk.names.insert(path.to_path_buf(), node.clone());
        Ok(Box::new(FaultFile { node, disk: self.disk.clone() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        let node = disk.names.get(path).ok_or_else(missing)?.clone();
        Ok(Box::new(FaultFile { node, disk: self.disk.clone() }))
    }

    fn read(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let disk = self.disk.lock();
        if disk.crashed {
            return Err(io::Error::other("the power is off"));
        }
        let node = disk.names.get(path).ok_or_else(missing)?.lock();
        let from = (offset as usize).min(node.bytes.len());
        let to = from.saturating_add(len).min(node.bytes.len());
        Ok(node.bytes[from..to].to_vec())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let disk = self.disk.lock();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        if disk.dirs.contains(path) {
            return Ok(Stat { len: 0, modified, is_dir: true });
        }
        let len = disk.names.get(path).ok_or_else(missing)?.lock().bytes.len() as u64;
        Ok(Stat { len, modified, is_dir: false })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        let names = disk.names.keys().chain(&disk.dirs).filter(|path| path.parent() == Some(dir));
        let names: BTreeSet<String> =
            names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        Ok(names.into_iter().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        let node = disk.names.remove(from).ok_or_else(missing)?;
        disk.names.insert(to.to_path_buf(), node);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        if disk.names.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let node = disk.names.get(from).ok_or_else(missing)?.clone();
        disk.names.insert(to.to_path_buf(), node);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        disk.names.remove(path).map(|_| ()).ok_or_else(missing)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.whole()?;
        let disk = &mut *disk;
        disk.durable.retain(|path, _| path.parent() != Some(dir));
        let here = disk.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        disk.durable.extend(here.map(|(path, node)| (path.clone(), node.clone())));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut disk = self.disk.lock();
        let fresh = disk.locked.insert(path.to_path_buf());
        Ok(fresh.then(|| Box::new(Lock(self.disk.clone(), path.to_path_buf())) as Box<_>))
    }
}
