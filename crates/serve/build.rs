//! Turns a built `ui/dist` into a static table of files, so that the daemon carries its web UI inside itself.
//!
//! Cargo runs it; `src/assets.rs` includes what it writes. It never runs npm and never touches the network: without
//! `ui/dist` the build succeeds with an empty table, unless `TUNDRA_REQUIRE_UI=1` says that a release must have a UI.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Far more folders than the UI has; a link that leads round in a circle ends here.
const MAX_DEPTH: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let dist = manifest.join("../../ui/dist");
    // A watched path that does not exist would make cargo rebuild this crate every time, so an empty folder stands in.
    if !dist.exists() && manifest.join("../../ui").is_dir() {
        let _ = fs::create_dir(&dist);
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-env-changed=TUNDRA_REQUIRE_UI");

    let mut files = BTreeMap::new();
    if dist.join("index.html").is_file() {
        list(&dist, &dist, 0, &mut files)?;
    } else if env::var("TUNDRA_REQUIRE_UI").is_ok_and(|value| value == "1") {
        return Err("`TUNDRA_REQUIRE_UI=1`, but `ui/dist/index.html` is missing: run `make ui` first".into());
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("assets.rs"), table(&files)?)?;
    Ok(())
}

/// Every file below `dir`, by its path in the URL; `BTreeMap`, because the lookup is a binary search.
fn list(root: &Path, dir: &Path, depth: usize, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, depth + 1, files)?;
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            files.insert(name.replace('\\', "/"), path.canonicalize()?);
        }
    }
    Ok(())
}

/// The table as Rust source. Compressed copies stand beside their original as `name.br` and `name.gz`.
fn table(files: &BTreeMap<String, PathBuf>) -> Result<String, Box<dyn std::error::Error>> {
    let mut source = String::from("static TABLE: &[Asset] = &[\n");
    for (name, path) in files {
        if is_copy(name) {
            continue;
        }
        let brotli = files.get(&format!("{name}.br"));
        let gzip = files.get(&format!("{name}.gz"));
        // Where a gzip copy exists, the plain bytes are inflated from it for the rare client that wants them.
        let plain = if gzip.is_some() { None } else { Some(path) };
        writeln!(
            source,
            "    Asset {{ path: {name:?}, etag: \"{:016x}\", plain: {}, gzip: {}, brotli: {} }},",
            fingerprint(&fs::read(path)?),
            include(plain),
            include(gzip),
            include(brotli),
        )?;
    }
    source.push_str("];\n");
    Ok(source)
}

fn is_copy(name: &str) -> bool {
    matches!(Path::new(name).extension().and_then(|e| e.to_str()), Some("br" | "gz" | "map"))
}

fn include(path: Option<&PathBuf>) -> String {
    match path {
        Some(path) => format!("Some(include_bytes!({:?}))", path.display().to_string()),
        None => "None".to_owned(),
    }
}

/// FNV-1a: an ETag tells versions apart, it protects nothing.
fn fingerprint(body: &[u8]) -> u64 {
    body.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
