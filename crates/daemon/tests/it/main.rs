//! End-to-end tests: the real binary, real clients, a real browser, real kills. Everything goes through the doors that
//! users have; nothing here links the daemon's own code.

mod agent;
mod browser;
mod clients;
mod datadog;
mod doors;
mod hostile;
mod kill;
mod running;
mod start;
mod tasks;
