//! The referee's end: processes that measure themselves, and how they are asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A child of this program with the given arguments.
pub fn command(arguments: &[&str], sink: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command
        .args(arguments)
        .env("BENCH_SINK", sink)
        .env("DD_TRACE_AGENT_URL", sink)
        .env("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
        .env("DD_REMOTE_CONFIGURATION_ENABLED", "false")
        .env_remove("RUST_LOG")
        .stderr(Stdio::null());
    command
}

/// Runs a child to its end and gives the numbers that it printed.
pub fn once(arguments: &[&str], sink: &str) -> Vec<f64> {
    let output = command(arguments, sink).stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().last().unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok()).collect()
}

/// A child that answers rows; killed on drop.
pub struct Sided {
    pub name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Sided {
    pub fn start(name: &'static str, sink: &str) -> std::io::Result<Self> {
        let mut child =
            command(&["side", name], sink).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { name, child, input, output: BufReader::new(output) })
    }

    /// One round of a row; `None` where the side has none.
    pub fn round(&mut self, row: &str) -> Option<Vec<f64>> {
        writeln!(self.input, "{row}").ok()?;
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        (!numbers.is_empty()).then_some(numbers)
    }
}

impl Drop for Sided {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service and one connection to it; killed on drop.
pub struct Service {
    child: Child,
    stream: BufReader<TcpStream>,
}

impl Service {
    pub fn start(name: &str, sink: &str) -> std::io::Result<Self> {
        let mut child =
            command(&["serve", name], sink).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut port = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut port)?;
        }
        let stream = TcpStream::connect(format!("127.0.0.1:{}", port.trim()))?;
        stream.set_nodelay(true)?;
        Ok(Self { child, stream: BufReader::new(stream) })
    }

    /// Stops the process, or lets it go on.
    pub fn stop(&self, yes: bool) {
        let signal = if yes { libc::SIGSTOP } else { libc::SIGCONT };
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // SAFETY: the child was not waited for, so the id is its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// One request; the body of its answer as a number.
    pub fn ask(&mut self, path: &str) -> std::io::Result<f64> {
        write!(self.stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(size) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = size.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).parse().unwrap_or(f64::NAN))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
