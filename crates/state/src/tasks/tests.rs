//! What is kept comes back, in order, within the bound.

use crate::{State, TASKS_KEPT_MAX};
use tundra_record::{PicoUsd, Task, TaskState, TraceId, UnixNanos};

fn task(id: &str) -> Task {
    Task {
        id: id.to_owned(),
        agent_name: "writer".to_owned(),
        task_type: "summary".to_owned(),
        input: "say 'hi'; DROP TABLE tasks".to_owned(),
        created: UnixNanos(1_700_000_000_000_000_000),
        ..Task::default()
    }
}

#[test]
fn a_task_comes_back_as_it_was_at_each_change() {
    let state = State::in_memory().expect("opens");
    let check = |task: &Task| {
        state.save_task(task).expect("saves");
        assert_eq!(state.task(&task.id).expect("reads").as_ref(), Some(task));
    };
    let queued = task("0000000000000001");
    check(&queued);
    let running = Task {
        state: TaskState::Running,
        profile: Some("openai".to_owned()),
        model: Some("gpt-4o".to_owned()),
        trace_id: Some(TraceId(7 << 80)),
        ..queued
    };
    check(&running);
    check(&Task {
        state: TaskState::Succeeded,
        result: Some("hi\0 ü".to_owned()),
        finished: Some(UnixNanos(i64::MAX)),
        tokens: Some(12),
        cost: Some(PicoUsd(34)),
        ..running.clone()
    });
    check(&Task { state: TaskState::Failed, error: Some("no".to_owned()), ..running });
    assert_eq!(state.tasks(10).expect("lists").len(), 1);
    assert_eq!(state.task("nobody").expect("reads"), None);
}

#[test]
fn the_newest_come_first_and_the_oldest_are_forgotten() {
    let state = State::in_memory().expect("opens");
    let kept = TASKS_KEPT_MAX as usize;
    // One transaction instead of thousands, then two ordinary saves.
    state
        .lock()
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             INSERT INTO tasks (id, agent_name, task_type, state, input, created_ns) \
             SELECT 'old' || i, '', '', 'succeeded', '', i FROM n",
            [TASKS_KEPT_MAX],
        )
        .expect("fills");
    for id in ["a", "b"] {
        state.save_task(&task(id)).expect("saves");
    }
    let ids: Vec<String> = state.tasks(u32::MAX).expect("lists").into_iter().map(|task| task.id).collect();
    assert_eq!((ids.len(), &ids[..3]), (kept, &["b".to_owned(), "a".to_owned(), format!("old{kept}")][..]));
    assert_eq!(ids.last(), Some(&"old3".to_owned()));
}

#[test]
fn what_was_under_way_is_ended_at_start() {
    let state = State::in_memory().expect("opens");
    let with = |id: &str, state| Task { state, ..task(id) };
    for task in [
        with("a", TaskState::Queued),
        with("b", TaskState::Running),
        with("c", TaskState::Succeeded),
        with("d", TaskState::Failed),
    ] {
        state.save_task(&task).expect("saves");
    }
    let ended = state.fail_unfinished_tasks("daemon stopped", UnixNanos(5)).expect("ends");
    assert_eq!(ended, 2);
    let check = |id: &str, expected: TaskState, error: Option<&str>| {
        let task = state.task(id).expect("reads").expect("is there");
        assert_eq!((task.state, task.error.as_deref()), (expected, error), "{id}");
    };
    check("a", TaskState::Failed, Some("daemon stopped"));
    check("b", TaskState::Failed, Some("daemon stopped"));
    check("c", TaskState::Succeeded, None);
    check("d", TaskState::Failed, None);
}
