//! Integration tests: real requests, hostile bytes, and round trips. One binary, so that it links once.

mod alloc;
mod dialects;
mod fixtures;
mod hostile;
mod mutate;
mod recorder;
mod render;
mod roundtrip;
mod strategies;
