//! Colors and width: on a terminal only, and never against `NO_COLOR`. Nothing else asks what the output is.

use crate::limits::{WIDTH_DEFAULT, WIDTH_MAX, WIDTH_MIN};
use std::io::IsTerminal;

/// How to write to one output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    /// Whether a person looks at it.
    pub(crate) terminal: bool,
    /// Columns.
    pub(crate) width: usize,
    colors: bool,
}

/// One color for each service of a trace, in turn; red is for errors, magenta for model calls.
const SERVICES: [u8; 4] = [36, 34, 32, 33];

impl Paint {
    pub(crate) fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    pub(crate) fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size().filter(|_| terminal);
        let width = size.map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0));
        Self { terminal, width: width.clamp(WIDTH_MIN, WIDTH_MAX), colors: terminal && !dumb && !refused }
    }

    /// A pipe of the given width, for tests.
    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self { terminal: false, width, colors: false }
    }

    /// A terminal without colors, for tests.
    #[cfg(test)]
    pub(crate) fn terminal(width: usize) -> Self {
        Self { terminal: true, width, colors: false }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with(2, text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with(31, text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.with(32, text)
    }

    pub(crate) fn magenta(self, text: &str) -> String {
        self.with(35, text)
    }

    pub(crate) fn service(self, index: usize, text: &str) -> String {
        self.with(SERVICES[index % SERVICES.len()], text)
    }

    fn with(self, code: u8, text: &str) -> String {
        if self.colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
