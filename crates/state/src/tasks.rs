//! Tasks: kept when ordered and at each change, listed newest first, forgotten beyond the newest
//! `TASKS_KEPT_MAX`. Called by `gateway` through a trait that `daemon` fulfils.

use crate::limits::TASKS_KEPT_MAX;
use crate::{State, StateError, failing};
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};
use tundra_record::{PicoUsd, Task, TaskState, UnixNanos};

const COLUMNS: &str = "id, agent_name, task_type, profile, model, state, input, result, error, created_ns, \
                       finished_ns, trace_id, tokens, cost_pusd";

impl State {
    /// Keeps `task`: a new row, or the new state of a known one. Old tasks beyond the bound are forgotten.
    pub fn save_task(&self, task: &Task) -> Result<(), StateError> {
        let failed = failing("save a task");
        let mut connection = self.lock();
        let change = connection.transaction().map_err(&failed)?;
        save(&change, task).map_err(&failed)?;
        let forget = "DELETE FROM tasks WHERE seq <= (SELECT max(seq) FROM tasks) - ?1";
        change.execute(forget, [TASKS_KEPT_MAX]).map_err(&failed)?;
        change.commit().map_err(&failed)
    }

    /// The task called `id`.
    pub fn task(&self, id: &str) -> Result<Option<Task>, StateError> {
        let ask = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1");
        let found = self.lock().query_row(&ask, [id], read).optional();
        found.map_err(failing("read a task"))
    }

    /// The newest tasks, newest first, at most `limit`.
    pub fn tasks(&self, limit: u32) -> Result<Vec<Task>, StateError> {
        let failed = failing("list tasks");
        let ask = format!("SELECT {COLUMNS} FROM tasks ORDER BY seq DESC LIMIT ?1");
        let connection = self.lock();
        let mut rows = connection.prepare_cached(&ask).map_err(&failed)?;
        let rows = rows.query_map([limit.min(TASKS_KEPT_MAX)], read).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Ends every task that was queued or running with `error`; called once at start. Says how many there were.
    pub fn fail_unfinished_tasks(&self, error: &str, now: UnixNanos) -> Result<usize, StateError> {
        let change = "UPDATE tasks SET state = 'failed', error = ?1, finished_ns = ?2 \
                      WHERE state IN ('queued', 'running')";
        self.lock().execute(change, params![error, now.0]).map_err(failing("end unfinished tasks"))
    }
}

fn save(connection: &rusqlite::Connection, task: &Task) -> rusqlite::Result<usize> {
    let change = format!(
        "INSERT INTO tasks ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
         ON CONFLICT (id) DO UPDATE SET profile = ?4, model = ?5, state = ?6, result = ?8, error = ?9, \
         finished_ns = ?11, trace_id = ?12, tokens = ?13, cost_pusd = ?14"
    );
    connection.prepare_cached(&change)?.execute(params![
        task.id,
        task.agent_name,
        task.task_type,
        task.profile,
        task.model,
        task.state.as_str(),
        task.input,
        task.result,
        task.error,
        task.created.0,
        task.finished.map(|at| at.0),
        task.trace_id.map(|id| id.to_string()),
        task.tokens.map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
        task.cost.map(|cost| cost.0),
    ])
}

fn read(row: &Row<'_>) -> rusqlite::Result<Task> {
    let state: String = row.get(5)?;
    let unknown = || rusqlite::Error::InvalidColumnType(5, state.clone(), Type::Text);
    let trace_id: Option<String> = row.get(11)?;
    let tokens: Option<i64> = row.get(12)?;
    Ok(Task {
        id: row.get(0)?,
        agent_name: row.get(1)?,
        task_type: row.get(2)?,
        profile: row.get(3)?,
        model: row.get(4)?,
        state: TaskState::from_word(&state).ok_or_else(unknown)?,
        input: row.get(6)?,
        result: row.get(7)?,
        error: row.get(8)?,
        created: UnixNanos(row.get(9)?),
        finished: row.get::<_, Option<i64>>(10)?.map(UnixNanos),
        trace_id: trace_id.and_then(|id| id.parse().ok()),
        tokens: tokens.and_then(|tokens| u64::try_from(tokens).ok()),
        cost: row.get::<_, Option<i64>>(13)?.map(PicoUsd),
    })
}

#[cfg(test)]
mod tests;
