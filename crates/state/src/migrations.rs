//! Brings the state file from any earlier version to ours, one numbered step after the other, each in a transaction.
//! Called at open only. A step that was ever released must never change; a new one goes to the end.

use crate::OpenError;
use rusqlite::{Connection, TransactionBehavior};

/// Step 1 stands first.
const STEPS: [&str; 1] = [include_str!("migrations/001-tasks.sql")];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY) STRICT";

pub(crate) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    let at = |version: u32| move |source| OpenError::Migrate { version, source };
    connection.execute(TABLE, []).map_err(at(0))?;
    let newest = "SELECT coalesce(max(version), 0) FROM migrations";
    let found: u32 = connection.query_row(newest, [], |row| row.get(0)).map_err(at(0))?;
    let known = STEPS.len() as u32;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (version, step) in (1..).zip(STEPS).skip(found as usize) {
        apply(connection, version, step).map_err(at(version))?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, version: u32, step: &str) -> rusqlite::Result<()> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    change.execute_batch(step)?;
    change.execute("INSERT INTO migrations (version) VALUES (?1)", [version])?;
    change.commit()
}
