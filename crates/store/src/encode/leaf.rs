//! Where a column's values come from: text columns and the two sides of maps, spread over the batches of a flush. `column`
//! asks for them row by row, in the order of time, so that no row is copied before it is encoded.

use crate::cells::INLINE_MAX;
use crate::parquet_file::Place;
use arrow_array::cast::AsArray;
use arrow_array::{Array, MapArray, RecordBatch, StringArray, StringViewArray};

/// A value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'v> {
    pub(super) text: &'v [u8],
    pub(super) name: Option<Name>,
}

/// What stands for a text without its bytes being read: equal names are equal texts, as long as the batches live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The text itself if it is short, else its beginning and where it lies.
    view: u128,
    /// The batch in which it lies; the same for all short texts.
    batch: u32,
}

impl Name {
    /// Some bits of it, mixed.
    #[inline]
    pub(super) fn hash(self) -> usize {
        let mixed = (self.view as u64 ^ (self.view >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize
    }
}

/// What Parquet knows of one value: its repetition and definition levels, and the value if there is one.
pub(super) type Slot<'v> = (u8, u8, Option<Value<'v>>);

/// One leaf column over all batches.
pub(super) trait Leaf {
    /// The highest definition level.
    fn definition_max(&self) -> u8;
    /// Whether a row may hold several values.
    fn repeats(&self) -> bool;
    /// Whether all of these rows are NULL.
    fn is_null(&self, rows: &[Place]) -> bool;
    /// Hands over the values of one row.
    fn row<'v>(&'v self, place: Place, each: impl FnMut(Slot<'v>));
}

/// A text column.
pub(super) struct Texts<'b> {
    arrays: Vec<&'b StringViewArray>,
    nullable: bool,
    all_null: bool,
}

impl<'b> Texts<'b> {
    /// Column `at` of the batches; `None` if it is no text column.
    pub(super) fn of(batches: &'b [RecordBatch], at: usize) -> Option<Self> {
        let arrays: Option<Vec<_>> =
            batches.iter().map(|batch| batch.column(at).as_string_view_opt()).collect();
        let arrays = arrays?;
        let nullable = batches.first()?.schema_ref().field(at).is_nullable();
        let all_null = arrays.iter().all(|array| array.null_count() == array.len());
        Some(Self { arrays, nullable, all_null })
    }
}

impl Leaf for Texts<'_> {
    fn definition_max(&self) -> u8 {
        u8::from(self.nullable)
    }

    fn repeats(&self) -> bool {
        false
    }

    fn is_null(&self, _: &[Place]) -> bool {
        self.all_null && self.nullable
    }

    #[inline]
    fn row<'v>(&'v self, (_, batch, row): Place, mut each: impl FnMut(Slot<'v>)) {
        let (array, row) = (self.arrays[batch as usize], row as usize);
        if array.is_valid(row) {
            let view = array.views()[row];
            let short = view as u32 as usize <= INLINE_MAX;
            let name = Name { view, batch: if short { u32::MAX } else { batch } };
            let value = Value { text: array.value(row).as_bytes(), name: Some(name) };
            each((0, u8::from(self.nullable), Some(value)));
        } else {
            each((0, 0, None));
        }
    }
}

/// A map column's keys or values.
pub(super) struct Entries<'b> {
    arrays: Vec<(&'b MapArray, &'b StringArray)>,
    nullable: bool,
}

impl<'b> Entries<'b> {
    /// The keys (0) or values (1) of column `at`; `None` if it is no map of texts.
    pub(super) fn of(batches: &'b [RecordBatch], at: usize, side: usize) -> Option<Self> {
        let array = |batch: &'b RecordBatch| {
            let map = batch.column(at).as_map_opt()?;
            Some((map, map.entries().column(side).as_string_opt::<i32>()?))
        };
        let arrays: Option<Vec<_>> = batches.iter().map(array).collect();
        let nullable = batches.first()?.schema_ref().field(at).is_nullable();
        Some(Self { arrays: arrays?, nullable })
    }
}

impl Leaf for Entries<'_> {
    fn definition_max(&self) -> u8 {
        1 + u8::from(self.nullable)
    }

    fn repeats(&self) -> bool {
        true
    }

    fn is_null(&self, rows: &[Place]) -> bool {
        self.nullable
            && rows.iter().all(|(_, batch, row)| self.arrays[*batch as usize].0.is_null(*row as usize))
    }

    #[inline]
    fn row<'v>(&'v self, (_, batch, row): Place, mut each: impl FnMut(Slot<'v>)) {
        let ((map, texts), row) = (self.arrays[batch as usize], row as usize);
        let ends = map.value_offsets();
        let (from, to) = (ends[row] as usize, ends[row + 1] as usize);
        if map.is_null(row) {
            each((0, 0, None));
        } else if from == to {
            each((0, u8::from(self.nullable), None));
        }
        let full = self.definition_max();
        for at in if map.is_null(row) { from..from } else { from..to } {
            let value = Value { text: texts.value(at).as_bytes(), name: None };
            each((u8::from(at > from), full, Some(value)));
        }
    }
}
