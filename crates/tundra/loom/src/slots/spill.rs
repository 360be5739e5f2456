//! What does not fit into a slot; never looked into here.

pub(crate) struct Spill;
