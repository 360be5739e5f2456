//! The application metrics most services want, under fixed names: one call each.
//!
//! The functions are `async` because callers await them in the promised snippets; they never wait for anything.

use super::site::{Counter, Histogram};
use std::fmt::Display;

/// Ready-made metrics of a service: `AppMetrics::api_request("GET", "/api/tasks", 200, 45.2).await`.
#[derive(Clone, Copy, Debug)]
pub struct AppMetrics;

fn count_and_time(counter: &str, histogram: &str, labels: &[(&str, &dyn Display)], millis: f64) {
    Counter::new(counter, labels).add(1);
    Histogram::new(histogram, labels).record(millis);
}

impl AppMetrics {
    /// A request was answered: `api.requests` and `api.request.duration_ms`. `route` is the pattern, not the path.
    pub async fn api_request(method: &str, route: &str, status: u16, millis: f64) {
        let labels: &[(&str, &dyn Display)] = &[("method", &method), ("route", &route), ("status", &status)];
        count_and_time("api.requests", "api.request.duration_ms", labels, millis);
    }

    /// A task ended: `tasks.executed` and `task.duration_ms`.
    pub async fn task_executed(task_type: &str, success: bool, millis: f64) {
        let labels: &[(&str, &dyn Display)] = &[("task_type", &task_type), ("success", &success)];
        count_and_time("tasks.executed", "task.duration_ms", labels, millis);
    }

    /// Something failed: `errors`.
    pub async fn error_occurred(error_type: &str, component: &str) {
        Counter::new("errors", &[("error_type", &error_type), ("component", &component)]).add(1);
    }

    /// A model was called: `llm.requests` and `llm.request.duration_ms`.
    pub async fn llm_request(provider: &str, model: &str, success: bool, millis: f64) {
        let labels: &[(&str, &dyn Display)] =
            &[("provider", &provider), ("model", &model), ("success", &success)];
        count_and_time("llm.requests", "llm.request.duration_ms", labels, millis);
    }

    /// A model read and wrote tokens: `llm.tokens` with `direction` input or output.
    pub async fn llm_tokens(provider: &str, model: &str, input: u64, output: u64) {
        for (direction, tokens) in [("input", input), ("output", output)] {
            let labels: &[(&str, &dyn Display)] =
                &[("provider", &provider), ("model", &model), ("direction", &direction)];
            Counter::new("llm.tokens", labels).add(tokens);
        }
    }
}
