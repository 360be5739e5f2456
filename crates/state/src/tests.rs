//! The file: made private, opened again, refused when it comes from the future.

use crate::{OpenError, State};
use tundra_record::Task;

#[test]
fn what_was_kept_survives_a_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let task = Task { id: "a".to_owned(), ..Task::default() };
    State::open(&path).expect("makes").save_task(&task).expect("saves");
    let state = State::open(&path).expect("opens again");
    assert_eq!(state.task("a").expect("reads"), Some(task));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().expect("is there").permissions());
        assert_eq!(mode & 0o077, 0, "nobody else may read it");
    }
}

#[test]
fn files_that_cannot_be_used_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let newer = folder.path().join("newer.db");
    let state = State::open(&newer).expect("makes");
    state.lock().execute("INSERT INTO migrations (version) VALUES (99)", []).expect("ages");
    drop(state);
    assert!(matches!(State::open(&newer), Err(OpenError::Newer { found: 99, known: 1 })));

    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "this is no database, however long one looks at it").expect("writes");
    assert!(matches!(State::open(&garbage), Err(OpenError::File { .. } | OpenError::Migrate { .. })));
    assert!(matches!(State::open(&folder.path().join("no/such/folder")), Err(OpenError::File { .. })));
}
