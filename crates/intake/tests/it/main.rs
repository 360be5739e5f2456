//! The way in against a real store in a temporary folder: captured traffic of real clients, and what must not survive it.

mod captured;
mod house;
