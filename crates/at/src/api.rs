//! Asks the daemon: finds it, sends the request, makes errors readable. Every command goes through here. It follows no
//! redirect, reads up to a bound, and sends the token to the daemon's own address only.

use crate::home::{self, Listening};
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_WAIT, CONNECT_WAIT, LINE_BYTES_MAX};
use reqwest::blocking::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};

/// The daemon's API.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    base: String,
    token: Option<String>,
    /// The UI's address, if it is known.
    pub(crate) ui: Option<String>,
}

/// No answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no daemon running: start it with `make run` or pass `--api URL`")]
    NotRunning,
    #[error("no daemon answers at `{base}`: start it with `make run` or pass `--api URL` ({detail})")]
    NoDaemon { base: String, detail: String },
    #[error("the daemon did not finish its answer: {detail}")]
    Broken { detail: String },
    #[error("`{base}` does not answer like a Tundra daemon: check the address ({detail})")]
    NotOurs { base: String, detail: String },
    #[error("{message}{}", hint_text(.hint))]
    Refused { message: String, hint: String },
}

fn hint_text(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n  {hint}") }
}

impl Api {
    /// The API at `url`, else that of the running daemon.
    pub(crate) fn find(url: Option<&str>) -> Result<Self, AskError> {
        let token = std::env::var("AT_API_TOKEN").ok().filter(|token| !token.is_empty());
        if let Some(url) = url {
            return Self::at(&home::url(url), None, token);
        }
        let folder = home::data_folder(|name| std::env::var_os(name));
        let listening = folder.and_then(|folder| home::listening(&folder));
        let Some(Listening { api: Some(api), ui, .. }) = listening else {
            return Err(AskError::NotRunning);
        };
        Self::at(&home::url(&api), ui.as_deref().map(home::url), token)
    }

    fn at(base: &str, ui: Option<String>, token: Option<String>) -> Result<Self, AskError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .timeout(None)
            .redirect(reqwest::redirect::Policy::none())
            // The daemon is on this machine or named on purpose: a proxy for the web has no part in it.
            .no_proxy()
            .user_agent(concat!("at/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| AskError::Broken { detail: chain(&error) })?;
        Ok(Self { client, base: base.to_owned(), token, ui })
    }

    /// The address of a view in the UI; the API's origin serves it too.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.ui.as_ref().unwrap_or(&self.base))
    }

    /// `GET`, parsed.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, AskError> {
        let request = self.client.get(self.url(path)).query(query).timeout(ANSWER_WAIT);
        self.parsed(self.send(request)?)
    }

    /// `POST` without a body, parsed.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let request = self.client.post(self.url(path)).json(&serde_json::json!({})).timeout(ANSWER_WAIT);
        self.parsed(self.send(request)?)
    }

    /// `DELETE`, parsed.
    pub(crate) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, AskError> {
        let request = self.client.delete(self.url(path)).timeout(ANSWER_WAIT);
        self.parsed(self.send(request)?)
    }

    /// `POST` of JSON, answered line by line.
    pub(crate) fn post_lines(&self, path: &str, body: &Value) -> Result<Lines, AskError> {
        Ok(Lines::new(self.send(self.client.post(self.url(path)).json(body))?))
    }

    /// `GET` of a stream that goes on until somebody hangs up.
    pub(crate) fn get_lines(&self, path: &str, query: &[(&str, String)]) -> Result<Lines, AskError> {
        let request = self.client.get(self.url(path)).query(query).header("accept", "text/event-stream");
        Ok(Lines::new(self.send(request)?))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, AskError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> AskError {
        let base = self.base.clone();
        match error.is_builder() {
            true => AskError::NotOurs { base, detail: chain(error) },
            false => AskError::NoDaemon { base, detail: chain(error) },
        }
    }

    fn refused(&self, answer: Response) -> AskError {
        let status = answer.status();
        let body = read(answer).unwrap_or_default();
        match serde_json::from_slice(&body).ok().as_ref().and_then(refusal) {
            Some(refused) => refused,
            None => AskError::NotOurs { base: self.base.clone(), detail: format!("status {status}") },
        }
    }

    fn parsed<T: DeserializeOwned>(&self, answer: Response) -> Result<T, AskError> {
        let body = read(answer)?;
        serde_json::from_slice(&body)
            .map_err(|error| AskError::NotOurs { base: self.base.clone(), detail: error.to_string() })
    }
}

fn read(answer: Response) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    let broken = |detail: String| AskError::Broken { detail };
    answer.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut body).map_err(|error| broken(error.to_string()))?;
    if body.len() as u64 > ANSWER_BYTES_MAX {
        return Err(broken(format!("longer than {} MiB", ANSWER_BYTES_MAX >> 20)));
    }
    Ok(body)
}

/// The error that the API put into `value`, if it is one.
pub(crate) fn refusal(value: &Value) -> Option<AskError> {
    let error = value.get("error")?;
    let text = |key: &str| crate::text::clean(error[key].as_str().unwrap_or_default()).into_owned();
    error.get("code")?;
    let message = error["message"].as_str().map(|_| text("message"))?;
    let place = match (error["position"]["line"].as_u64(), error["position"]["column"].as_u64()) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    Some(AskError::Refused { message: message + &place, hint: text("hint") })
}

/// An answer, line by line.
pub(crate) struct Lines {
    from: BufReader<Response>,
}

impl Lines {
    fn new(answer: Response) -> Self {
        Self { from: BufReader::new(answer) }
    }
}

impl Iterator for Lines {
    type Item = Result<String, AskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let broken = |detail: String| Some(Err(AskError::Broken { detail }));
        let mut line = String::new();
        match self.from.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) => None,
            Ok(len) if len as u64 == LINE_BYTES_MAX => broken("a line is too long".to_owned()),
            Ok(_) => Some(Ok(line.trim_end_matches(['\n', '\r']).to_owned())),
            Err(error) => broken(error.to_string()),
        }
    }
}

/// The innermost cause says what happened; the outer layers only say where.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
