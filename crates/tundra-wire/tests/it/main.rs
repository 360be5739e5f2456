//! Integration tests: real requests, hostile bytes, and round trips. One binary, so that it links once.

#[cfg(test)]
mod alloc;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod llmobs;
#[cfg(test)]
mod mutate;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod render;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod strategies;
