//! The SDK's only randomness: one small generator per thread for ids, seeded by the system.
//!
//! Called when a thread first records and, in a forked child, once more. Not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A fresh seed that no other thread, process or forked child has.
pub(crate) fn seed() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(crate::clock::ticks());
    hasher.finish()
}

/// 64 random bits, never zero, by wyrand's step.
#[inline(always)]
pub(crate) fn next(state: &Cell<u64>) -> u64 {
    let stepped = state.get().wrapping_add(0x2d35_8dcc_aa6c_78a5);
    state.set(stepped);
    let wide = u128::from(stepped).wrapping_mul(u128::from(stepped ^ 0x8bb8_4b93_962e_acc9));
    let mixed = (wide as u64) ^ ((wide >> 64) as u64);
    if mixed == 0 { 1 } else { mixed }
}
