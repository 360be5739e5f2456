//! LLM profiles and tasks: a task runs through a profile as a traced agent execution.

use crate::clients::Provider;
use crate::running::{Daemon, eventually};
use serde_json::json;

#[test]
fn a_task_runs_and_is_traced() {
    let provider = Provider::start();
    let data = tempfile::tempdir().expect("a temporary folder");
    let config = data.path().join("at.toml");
    let text = format!(
        "[profiles.mock]\nprovider = \"openai\"\nbase_url = \"{}/v1\"\nmodel = \"gpt-4o\"\nkey_variable = \"MOCK_KEY\"\n",
        provider.url
    );
    std::fs::write(&config, text).expect("a file");
    let path = config.display().to_string();
    let daemon =
        Daemon::start_in(data.path(), &[("AT_CONFIG", &path), ("MOCK_KEY", "not-a-real-key-1234567890")]);
    eventually("the profile is chosen", || {
        (daemon.get("/api/profiles")["chosen"] == json!("mock")).then_some(())
    });
    let task = json!({"agent_name": "weather_agent", "task_type": "question", "input": "Weather in Paris?"});
    let (status, started) = daemon.post("/api/tasks", &task);
    assert_eq!(status, 202, "{started}");
    let id = started["id"].as_str().expect("an id").to_owned();
    let done = eventually("the task ends", || {
        let task = daemon.get(&format!("/api/tasks/{id}"));
        let ended = task["state"] == json!("succeeded") || task["state"] == json!("failed");
        ended.then_some(task)
    });
    assert_eq!(done["state"], json!("succeeded"), "{done}");
    assert!(done["result"].as_str().expect("a text").contains("18 C"), "{done}");
    let trace = done["trace_id"].as_str().expect("a trace").to_owned();
    let call = eventually("the call is stored", || {
        let rows = daemon.sql(&format!(
            "SELECT request_model, input_tokens, cost_pusd, agent_name FROM llm_calls WHERE trace_id = '{trace}'"
        ));
        assert!(rows.len() <= 1, "{rows:?}");
        rows.into_iter().next()
    });
    assert_eq!(
        (&call["input_tokens"], &call["cost_pusd"]),
        (&json!(1234), &json!(2_365_000_000_i64)),
        "{call}"
    );
    assert!(!daemon.output().contains("not-a-real-key"), "the key was printed");
    let (status, error) = daemon.post("/api/tasks", &json!({"agent_name": "x"}));
    assert!((400..500).contains(&status) && error["error"]["message"].is_string(), "{status}: {error}");
}

#[test]
fn without_a_profile_a_task_says_what_to_set() {
    let daemon = Daemon::start();
    let (status, answer) =
        daemon.post("/api/tasks", &json!({"agent_name": "a", "task_type": "t", "input": "hello"}));
    let text = if status == 202 {
        let id = answer["id"].as_str().expect("an id").to_owned();
        let task = eventually("the task fails", || {
            let task = daemon.get(&format!("/api/tasks/{id}"));
            (task["state"] == json!("failed")).then_some(task)
        });
        task["error"].to_string()
    } else {
        answer.to_string()
    };
    assert!(text.contains("OPENAI_API_KEY"), "{text}");
}
