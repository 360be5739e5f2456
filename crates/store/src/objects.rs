//! An object store in a local folder, over this room's `Fs`: what is put is durable before the answer, a name
//! appears with all its bytes or not at all, and tests can fault every step. `daemon` opens it where no bucket is
//! configured.

use crate::fs::Fs;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Half-written objects lie here; what is left of them is removed at the next start.
const TEMPORARY: &str = ".tmp";

/// An object store in a local folder.
#[derive(Clone, Debug)]
pub struct FolderObjects {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fs: Arc<dyn Fs>,
    root: PathBuf,
    next: AtomicU64,
    /// Objects that were refused after their name had appeared, and whose name could not be taken back.
    doubtful: Mutex<HashSet<PathBuf>>,
}

impl fmt::Display for FolderObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "folder `{}`", self.inner.root.display())
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    let (path, source) = (path.to_string(), Box::new(error));
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound { path, source },
        ErrorKind::AlreadyExists => Error::AlreadyExists { path, source },
        _ => Error::Generic { store: "folder", source },
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(source) => Err(Error::JoinError { source }),
    }
}

impl FolderObjects {
    /// Opens the folder, makes it if need be and clears what an earlier process left half-written. Only one process
    /// may use a folder: lock the data folder first.
    pub fn open(fs: Arc<dyn Fs>, root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let temporary = root.join(TEMPORARY);
        fs.create_dir_all(&temporary)?;
        for name in fs.list(&temporary)? {
            fs.remove(&temporary.join(name))?;
        }
        Ok(Self { inner: Arc::new(Inner { fs, root, next: AtomicU64::new(0), doubtful: Mutex::default() }) })
    }
}

impl Inner {
    fn at(&self, path: &Path) -> PathBuf {
        path.parts().fold(self.root.clone(), |at, part| at.join(part.as_ref()))
    }

    fn put<'a>(&self, path: &Path, parts: impl Iterator<Item = &'a Bytes>, create: bool) -> io::Result<()> {
        let at = self.at(path);
        let dir = at.parent().unwrap_or(&self.root);
        self.fs.create_dir_all(dir)?;
        self.settle(&at)?;
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let temporary = self.root.join(TEMPORARY).join(name);
        let result = self.put_through(&temporary, &at, parts, create);
        if result.is_err() || create {
            // What stays behind is removed at the next start.
            let _left = self.fs.remove(&temporary);
        }
        result?;
        self.fs.sync_dir(dir).inspect_err(|_| {
            // The name is there but may not last. Nobody may take it for a fact, so it is taken back.
            if create && self.fs.remove(&at).is_err() {
                self.doubtful.lock().insert(at);
            }
        })
    }

    /// Takes back a name that may not last, before anybody looks at it.
    fn settle(&self, at: &std::path::Path) -> io::Result<()> {
        let mut doubtful = self.doubtful.lock();
        if doubtful.contains(at) {
            match self.fs.remove(at) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => doubtful.remove(at),
            };
        }
        Ok(())
    }

    fn put_through<'a>(
        &self,
        temporary: &std::path::Path,
        at: &std::path::Path,
        parts: impl Iterator<Item = &'a Bytes>,
        create: bool,
    ) -> io::Result<()> {
        let mut file = self.fs.create_new(temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync()?;
        if create { self.fs.link(temporary, at) } else { self.fs.rename(temporary, at) }
    }

    fn meta(&self, path: &Path) -> Result<ObjectMeta> {
        let at = self.at(path);
        let stat = self.settle(&at).and_then(|()| self.fs.stat(&at)).map_err(|error| failed(path, error))?;
        if stat.is_dir {
            return Err(failed(path, ErrorKind::NotFound.into()));
        }
        let modified = stat.modified;
        let e_tag = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(ObjectMeta {
            location: path.clone(),
            last_modified: modified.into(),
            size: stat.len,
            e_tag: Some(format!("{e_tag:x}-{:x}", stat.len)),
            version: None,
        })
    }

    fn get(&self, path: &Path, options: &GetOptions) -> Result<GetResult> {
        let meta = self.meta(path)?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range
                .as_range(meta.size)
                .map_err(|source| Error::Generic { store: "folder", source: Box::new(source) })?,
            None => 0..meta.size,
        };
        let bytes = if options.head {
            Bytes::new()
        } else {
            let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            self.fs.read(&self.at(path), range.start, len).map_err(|error| failed(path, error))?.into()
        };
        let payload = GetResultPayload::Stream(futures::stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    fn list(&self, prefix: &Path, deep: bool) -> Result<ListResult> {
        let mut found = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut dirs = vec![prefix.clone()];
        while let Some(dir) = dirs.pop() {
            let names = self.fs.list(&self.at(&dir)).map_err(|error| failed(&dir, error))?;
            for name in names.iter().filter(|name| name.as_str() != TEMPORARY) {
                let path = Path::from_iter(dir.parts().chain([name.as_str().into()]));
                match self.fs.stat(&self.at(&path)) {
                    Ok(stat) if stat.is_dir && deep => dirs.push(path),
                    Ok(stat) if stat.is_dir => found.common_prefixes.push(path),
                    Ok(_) => found.objects.push(self.meta(&path)?),
                    // Removed since it was listed.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(&path, error)),
                }
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl ObjectStore for FolderObjects {
    async fn put_opts(&self, path: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("put with update")),
        };
        let (inner, path) = (self.inner.clone(), path.clone());
        blocking(move || inner.put(&path, payload.iter(), create).map_err(|error| failed(&path, error)))
            .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { inner: self.inner.clone(), path: path.clone(), parts: Arc::default() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (inner, path) = (self.inner.clone(), path.clone());
        blocking(move || inner.get(&path, &options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = self.inner.clone();
        locations
            .and_then(move |path| {
                let inner = inner.clone();
                blocking(move || match inner.fs.remove(&inner.at(&path)) {
                    Ok(()) => Ok(path),
                    Err(error) => Err(failed(&path, error)),
                })
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix) = (self.inner.clone(), prefix.cloned().unwrap_or_default());
        let found = blocking(move || inner.list(&prefix, true));
        futures::stream::once(found)
            .map_ok(|found| futures::stream::iter(found.objects.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (inner, prefix) = (self.inner.clone(), prefix.cloned().unwrap_or_default());
        blocking(move || inner.list(&prefix, false)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let create = matches!(options.mode, CopyMode::Create);
        let (inner, from, to) = (self.inner.clone(), from.clone(), to.clone());
        blocking(move || {
            let bytes = inner.fs.read(&inner.at(&from), 0, usize::MAX).map_err(|e| failed(&from, e))?;
            inner.put(&to, [Bytes::from(bytes)].iter(), create).map_err(|error| failed(&to, error))
        })
        .await
    }
}

fn unsupported(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: "FolderObjects".to_owned() }
}

/// An upload in parts; they are held in memory until the end, so it suits files of moderate size.
#[derive(Debug)]
struct Upload {
    inner: Arc<Inner>,
    path: Path,
    parts: Arc<Mutex<Vec<PutPayload>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.lock().push(data);
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = std::mem::take(&mut *self.parts.lock());
        let (inner, path) = (self.inner.clone(), self.path.clone());
        blocking(move || {
            inner.put(&path, parts.iter().flat_map(PutPayload::iter), false).map_err(|e| failed(&path, e))
        })
        .await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.lock().clear();
        Ok(())
    }
}
