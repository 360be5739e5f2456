//! What the checks look at: the repository's files and the rooms' manifests, read once.
//! Called by `main` and by the test that keeps the house tidy. It must never write.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Texts above this size are generated or data; no rule reads them.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// The repository.
#[derive(Debug)]
pub(crate) struct House {
    /// Where it lies.
    pub(crate) root: PathBuf,
    /// Every text file that git keeps or would keep, sorted by path.
    pub(crate) files: Vec<File>,
    /// Every path that git keeps or would keep, text or not.
    pub(crate) paths: Vec<String>,
    /// The crates of the workspace.
    pub(crate) rooms: Vec<Room>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Room {
    /// The package's name.
    pub(crate) package: String,
    /// The folder's name.
    pub(crate) folder: String,
    /// The manifest, relative to the root.
    pub(crate) manifest: String,
    /// Packages that it needs to build and run; not those for its tests.
    pub(crate) needs: Vec<String>,
}

impl House {
    /// Reads the repository that this program was built from.
    pub(crate) fn open() -> Result<Self> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let here = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = here.parent().context("xtask lies in the root of the repository")?.to_path_buf();
        let listed = output(&root, "git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let mut paths: Vec<String> =
            listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        paths.sort_unstable();
        paths.dedup();
        // A file deleted in the work tree is still listed until the deletion is staged.
        paths.retain(|path| root.join(path).is_file());
        let files = paths.iter().filter_map(|path| read_text(&root, path)).collect();
        let rooms = rooms(&root)?;
        Ok(Self { root, files, paths, rooms })
    }

    /// The file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// All Rust sources of the workspace.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

/// Runs a program in `root` and returns what it printed.
pub(crate) fn output(root: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program).args(arguments).current_dir(root).output();
    let done = done.with_context(|| format!("cannot run `{program}`"))?;
    let complaint = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "`{program} {}` failed: {complaint}", arguments.join(" "));
    Ok(String::from_utf8(done.stdout)?)
}

fn read_text(root: &Path, path: &str) -> Option<File> {
    let full = root.join(path);
    if full.metadata().ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    // Not UTF-8 means not text: pictures and recorded bytes.
    let text = std::fs::read_to_string(full).ok()?;
    Some(File { path: path.to_owned(), text })
}

fn rooms(root: &Path) -> Result<Vec<Room>> {
    let told = output(root, &cargo(), &["metadata", "--no-deps", "--format-version=1"])?;
    let told: Value = serde_json::from_str(&told).context("cargo metadata is JSON")?;
    let packages = told["packages"].as_array().context("cargo metadata lists packages")?;
    packages.iter().map(|package| room(root, package)).collect()
}

fn room(root: &Path, package: &Value) -> Result<Room> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a text in cargo metadata");
    let manifest = PathBuf::from(text(&package["manifest_path"])?);
    let manifest = manifest.strip_prefix(root).unwrap_or(&manifest).to_path_buf();
    let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
    let needs = package["dependencies"].as_array().into_iter().flatten();
    let needs = needs.filter(|need| need["kind"].as_str() != Some("dev"));
    Ok(Room {
        package: text(&package["name"])?,
        folder: folder.to_string_lossy().into_owned(),
        manifest: manifest.to_string_lossy().into_owned(),
        needs: needs.map(|need| text(&need["name"])).collect::<Result<_>>()?,
    })
}

/// The cargo that runs us, so that a pinned toolchain stays pinned.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
