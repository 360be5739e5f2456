//! For this room's tests: a provider that answers as told and remembers what it was asked, and parts that do nothing by
//! chance.

use crate::{Config, Gateway, KeepError, Parts, TaskKeeper};
use llm::Prices;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use tundra_record::env::{Rng, SystemClock};
use tundra_record::redact::{RedactConfig, Redactor};
use tundra_record::{Task, TaskState, TraceId, UnixNanos};

/// A chat answer of OpenAI's shape with 7 and 5 tokens.
pub(crate) const ANSWER: &str = r#"{"model":"gpt-4o-mini-2024-07-18","choices":[{"message":{"role":"assistant",
    "content":"Paris."},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":5}}"#;
/// A list with one model.
pub(crate) const MODELS: &str = r#"{"data":[{"id":"gpt-4o-mini"}]}"#;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// `POST /chat/completions`.
    pub(crate) what: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Status, further header lines, body.
pub(crate) type Told = (u16, &'static str, &'static str);

/// A provider on a port of its own.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Provider {
    /// Answers by what it is asked and how often it was asked that before.
    pub(crate) fn new(answer: impl Fn(&Asked, usize) -> Told + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let provider = Self { port, asked: Arc::default() };
        let asked = Arc::clone(&provider.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let request = read(&stream);
                let before = asked.lock().iter().filter(|old| old.what == request.what).count();
                let (status, headers, body) = answer(&request, before);
                asked.lock().push(request);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}", body.len());
                let _ = (&stream).write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
            }
        });
        provider
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// A port where nobody listens.
    pub(crate) fn nobody() -> u16 {
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked::default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) < 3 {
            break;
        }
        match line.trim().split_once(": ") {
            Some((name, value)) => drop(asked.headers.insert(name.to_lowercase(), value.to_owned())),
            None => asked.what = line.trim().trim_end_matches(" HTTP/1.1").to_owned(),
        }
    }
    let len = asked.headers.get("content-length").map_or(0, |len| len.parse().expect("a length"));
    let _ = reader.take(len).read_to_string(&mut asked.body);
    asked
}

/// Counts up, so that ids differ and pauses stay below a few milliseconds.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl Rng for Counting {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

/// Keeps tasks in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Task>>);

impl TaskKeeper for Memory {
    fn save(&self, task: &Task) -> Result<(), KeepError> {
        self.0.lock().insert(task.id.clone(), task.clone());
        Ok(())
    }

    fn get(&self, id: &str) -> Result<Option<Task>, KeepError> {
        Ok(self.0.lock().get(id).cloned())
    }

    fn list(&self, limit: u32) -> Result<Vec<Task>, KeepError> {
        Ok(self.0.lock().values().rev().take(limit as usize).cloned().collect())
    }

    fn fail_unfinished(&self, error: &str, now: UnixNanos) -> Result<usize, KeepError> {
        let mut tasks = self.0.lock();
        let open = tasks.values_mut().filter(|task| !task.state.is_final());
        let ended = open.map(|task| {
            (task.state, task.error, task.finished) = (TaskState::Failed, Some(error.to_owned()), Some(now));
        });
        Ok(ended.count())
    }
}

/// A gateway whose local runtimes are at `ports` only.
pub(crate) fn gateway(config: Config, variables: &[(&str, String)]) -> Gateway {
    gateway_keeping(config, variables, Arc::default())
}

/// The same with tasks of its own.
pub(crate) fn gateway_keeping(config: Config, variables: &[(&str, String)], keeper: Arc<Memory>) -> Gateway {
    let parts = Parts {
        variables: variables.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        clock: Arc::new(SystemClock),
        rng: Arc::new(Counting::default()),
        redactor: Arc::clone(&REDACTOR),
        prices: Arc::new(Prices::bundled()),
        keeper,
        current_trace: || Some(TraceId(7)),
    };
    Gateway::new(config, parts).expect("builds")
}

/// Built once: its rules take a second to compile without optimization.
static REDACTOR: LazyLock<Arc<Redactor>> =
    LazyLock::new(|| Arc::new(Redactor::new(&RedactConfig::default()).expect("built-in rules compile")));

/// No configured profile, no local runtime.
pub(crate) fn bare() -> Config {
    Config { local_ports: BTreeMap::new(), ..Config::default() }
}

/// The variables of an OpenAI that is really `provider`.
pub(crate) fn openai(provider: &Provider) -> Vec<(&'static str, String)> {
    let base_url = format!("http://127.0.0.1:{}", provider.port);
    vec![("OPENAI_API_KEY", "sk-very-secret".to_owned()), ("OPENAI_BASE_URL", base_url)]
}
