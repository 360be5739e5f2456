//! `at sample`: loads the sample data, or removes it.

use crate::Context;
use crate::text::{clean, counted};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Loaded {
    trace_id: String,
    spans: u64,
}

#[derive(Debug, Deserialize)]
struct Removed {
    removed_spans: u64,
}

pub(crate) fn run(context: &mut Context<'_>, remove: bool) -> anyhow::Result<()> {
    if remove {
        let removed: Removed = context.api.delete("/api/sample")?;
        let spans = counted(removed.removed_spans, "span");
        writeln!(context.out, "sample data removed ({spans})")?;
        return Ok(());
    }
    let loaded: Loaded = context.api.post("/api/sample")?;
    let id = clean(&loaded.trace_id);
    writeln!(
        context.out,
        "sample data loaded ({}); it never counts in totals",
        counted(loaded.spans, "span")
    )?;
    writeln!(context.out, "  at trace {id}\n  {}", context.api.link(&format!("/traces/{id}")))?;
    Ok(())
}
