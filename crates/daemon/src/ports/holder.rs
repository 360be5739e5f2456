//! Who holds a port: read from /proc where there is one. A guess that fails is no error.

use std::fs;

/// `name (pid 123)` of the process that listens on `port`, if it can be known.
pub(super) fn of(protocol: &str, port: u16) -> Option<String> {
    let inode = [protocol.to_owned(), format!("{protocol}6")].iter().find_map(|table| {
        let text = fs::read_to_string(format!("/proc/net/{table}")).ok()?;
        text.lines().skip(1).find_map(|line| listening_inode(line, protocol, port))
    })?;
    let link = format!("socket:[{inode}]");
    let process = fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(process.path().join("fd"))
            .ok()?
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == link.as_str()));
        holds.then_some(pid)
    })?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    Some(format!("{} (pid {process})", name.trim()))
}

/// The socket's inode if `line` of /proc/net/{tcp,udp} is a socket bound to `port` and (TCP) listening.
fn listening_inode(line: &str, protocol: &str, port: u16) -> Option<String> {
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    let bound = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
    let listens = protocol != "tcp" || state == "0A";
    (bound == port && listens && inode != "0").then(|| inode.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let holder = super::of("tcp", port).expect("we hold it");
        assert!(holder.contains(&format!("pid {}", std::process::id())), "{holder}");
    }
}
