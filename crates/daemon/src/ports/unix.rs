//! Unix sockets: made where the path is free or holds a socket that nobody listens on any more, removed at the end.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Whoever may reach the path may send, as on a loopback port and with a Datadog Agent's own sockets; nobody but us
/// may do more.
const MODE: u32 = 0o722;

/// A path that is needed and cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("`{path}` is taken: somebody listens on it; stop it, or set {variable} to another path")]
    Taken { path: String, variable: &'static str },
    #[error("`{path}` is no socket and stays as it is: set {variable} to another path")]
    NoSocket { path: String, variable: &'static str },
    #[error("cannot listen on `{path}`: {source}; set {variable} to another path")]
    Other { path: String, variable: &'static str, source: io::Error },
}

/// A socket that is bound and not yet served, and its file.
#[derive(Debug)]
pub(crate) struct Bound<S> {
    pub(crate) socket: S,
    pub(crate) file: SocketFile,
}

/// The file of a socket; removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: Option<Id>,
}

impl SocketFile {
    /// As clients are told: `unix:///run/apm.socket`.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_some_and(|now| Some(now) == self.id) {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

/// Device, number and time of birth: a number is given away again at once.
type Id = (u64, u64, i64, i64);

fn id(path: &Path) -> Option<Id> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.mtime(), about.mtime_nsec()))
}

/// For traces: HTTP over a stream.
pub(super) fn stream(path: &Path, variable: &'static str) -> Result<Bound<UnixListener>, SocketError> {
    bind(path, variable, |path| {
        let socket = UnixListener::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })
}

/// For DogStatsD: datagrams.
pub(super) fn datagram(path: &Path, variable: &'static str) -> Result<Bound<UnixDatagram>, SocketError> {
    bind(path, variable, |path| {
        let socket = UnixDatagram::bind(path)?;
        let _as_much_as_the_kernel_grants =
            socket2::SockRef::from(&socket).set_recv_buffer_size(super::DATAGRAM_BUFFER);
        socket.set_nonblocking(true)?;
        Ok(socket)
    })
}

fn bind<S>(
    path: &Path,
    variable: &'static str,
    make: impl Fn(&Path) -> io::Result<S>,
) -> Result<Bound<S>, SocketError> {
    let name = || path.display().to_string();
    let other = |source| SocketError::Other { path: name(), variable, source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(other)?;
    }
    if let Ok(about) = fs::symlink_metadata(path) {
        if !about.file_type().is_socket() {
            return Err(SocketError::NoSocket { path: name(), variable });
        }
        if is_served(path) {
            return Err(SocketError::Taken { path: name(), variable });
        }
        // A daemon that was killed left it behind.
        fs::remove_file(path).map_err(other)?;
    }
    let socket = make(path).map_err(other)?;
    let file = SocketFile { path: path.to_owned(), id: id(path) };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(other)?;
    Ok(Bound { socket, file })
}

/// Whether somebody listens, be it for a stream or for datagrams. When in doubt somebody does.
fn is_served(path: &Path) -> bool {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let stream = UnixStream::connect(path).map(drop);
    let datagram = UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    !(stream.is_err_and(|error| refused(&error)) || datagram.is_err_and(|error| refused(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLE: &str = "AT_LISTEN_DATADOG_SOCKET";

    #[test]
    fn a_path_is_taken_over_only_from_the_dead() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("new/apm.socket");
        let first = stream(&path, VARIABLE).expect("the path is free");
        let mode = fs::metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(first.file.url(), format!("unix://{}", path.display()));
        let taken = |error: SocketError| matches!(error, SocketError::Taken { .. });
        assert!(taken(stream(&path, VARIABLE).expect_err("it is served")));
        assert!(taken(datagram(&path, VARIABLE).expect_err("it is served")));
        // As after kill -9: the file is there, and nobody listens.
        let Bound { socket, file } = first;
        drop(socket);
        let second = datagram(&path, VARIABLE).expect("nobody listens any more");
        drop(file);
        assert!(path.exists(), "the file is another one's now");
        assert!(taken(stream(&path, VARIABLE).expect_err("it is served")));
        drop(second);
        assert!(!path.exists(), "its file goes with it");
        fs::write(&path, "precious").expect("written");
        let error = stream(&path, VARIABLE).expect_err("it is no socket");
        assert!(error.to_string().contains("is no socket and stays as it is: set AT_LISTEN"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("untouched"), "precious");
        let below = path.join("deeper/apm.socket");
        let error = stream(&below, VARIABLE).expect_err("a file is no folder");
        assert!(matches!(error, SocketError::Other { .. }), "{error}");
        let long = home.path().join("x".repeat(200));
        assert!(stream(&long, VARIABLE).is_err(), "longer than a socket's address may be");
    }
}
