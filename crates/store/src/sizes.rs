//! How large the columns of late batches were, so that those of the next one begin as large: a column that grows by doubling
//! is copied twice on its way to a few hundred rows, and its pages are made anew each time. `Store` keeps one, `batch` asks
//! it and tells it.

use crate::limits::{EXPECTED_BYTES_MAX, EXPECTED_ROWS_MAX};
use crate::table::Table;
use parking_lot::Mutex;

/// How large a column is, or will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    /// Of a map: its entries.
    pub(crate) entries: usize,
    /// Bytes of texts; of a map, of its keys.
    pub(crate) bytes: usize,
    /// Of a map: bytes of its values.
    pub(crate) value_bytes: usize,
}

impl Size {
    /// What the next column is made for: a little more than the smaller of two, and not more than a request usually has.
    fn expect(self, other: Self) -> Self {
        let some =
            |one: usize, other: usize, max: usize| one.min(other).saturating_mul(9).div_ceil(8).min(max);
        Self {
            rows: some(self.rows, other.rows, EXPECTED_ROWS_MAX),
            entries: some(self.entries, other.entries, EXPECTED_ROWS_MAX * 8),
            bytes: some(self.bytes, other.bytes, EXPECTED_BYTES_MAX),
            value_bytes: some(self.value_bytes, other.value_bytes, EXPECTED_BYTES_MAX),
        }
    }
}

/// The sizes of the columns of each table's last two batches.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    tables: [Mutex<[Vec<Size>; 2]>; Table::ALL.len()],
}

impl Sizes {
    fn of(&self, table: Table) -> &Mutex<[Vec<Size>; 2]> {
        &self.tables[usize::from(table.number() - 1)]
    }

    /// What to make the columns of a table's next batch for; empty before there were two.
    pub(crate) fn expected(&self, table: Table) -> Vec<Size> {
        let [last, before] = &*self.of(table).lock();
        last.iter().zip(before).map(|(last, before)| last.expect(*before)).collect()
    }

    /// Takes note of a finished batch.
    pub(crate) fn learn(&self, table: Table, sizes: Vec<Size>) {
        let mut known = self.of(table).lock();
        known.swap(0, 1);
        known[0] = sizes;
    }
}

/// Gives back what a vector holds beyond its values, if that is worth copying it.
pub(crate) fn trim<T>(values: &mut Vec<T>) {
    if values.capacity() - values.len() > values.len() / 4 {
        values.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests;
