//! Growing columns: where rows are put until a batch is finished. Used by `entry` alone.
//!
//! Own builders, because the usual ones reserve kilobytes for a single row and keep every repeated text.

use crate::limits::{REPEAT_FROM_ROW, REPEAT_SLOTS, SHARED_NULL_ROWS};
use crate::sizes::{Size, trim};
use crate::table::{map_entries, map_fields};
use arrow_array::builder::make_view;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, MapArray, StringArray, StringViewArray, StructArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use std::sync::{Arc, OnceLock};

/// Texts up to this long live inside their view.
pub(crate) const INLINE_MAX: usize = 12;

/// A text column.
#[derive(Debug)]
pub(crate) struct Text {
    views: Vec<u128>,
    data: Vec<u8>,
    nulls: NullBufferBuilder,
    /// NULLs before the first text; a column without a text is this number and nothing else.
    waiting: usize,
    any: bool,
    /// Views of texts seen lately, by a weak hash.
    recent: Vec<u128>,
    /// How large it will be once it has a text.
    expected: Size,
}

impl Text {
    pub(crate) fn sized(expected: Size) -> Self {
        Self {
            views: Vec::new(),
            data: Vec::new(),
            nulls: NullBufferBuilder::new(0),
            waiting: 0,
            any: false,
            recent: Vec::new(),
            expected,
        }
    }

    pub(crate) fn size(&self) -> Size {
        Size { rows: self.views.len(), bytes: self.data.len(), ..Size::default() }
    }

    /// A text that may well repeat.
    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        let bytes = text.as_bytes();
        if bytes.len() <= INLINE_MAX || self.views.len() < REPEAT_FROM_ROW {
            return self.unique(text);
        }
        if self.recent.is_empty() {
            self.recent = vec![0; REPEAT_SLOTS];
        }
        let slot = weak_hash(bytes) & (REPEAT_SLOTS - 1);
        let known = self.recent[slot];
        if self.bytes_of(known) == Some(bytes) {
            self.nulls.append_non_null();
            self.views.push(known);
            return;
        }
        self.unique(text);
        self.recent[slot] = self.views.last().copied().unwrap_or_default();
    }

    /// A text that will not repeat (an id, a body).
    #[inline]
    pub(crate) fn unique(&mut self, text: &str) {
        if !self.any {
            self.begin();
        }
        let bytes = text.as_bytes();
        let offset = self.data.len();
        if bytes.len() > INLINE_MAX {
            self.data.extend_from_slice(bytes);
        }
        self.nulls.append_non_null();
        // A batch is bounded far below 4 GiB, see `BATCH_BYTES_MAX`.
        self.views.push(make_view(bytes, 0, offset as u32));
    }

    /// ASCII digits that the caller just made. Ids of a trace and of a parent come in rows of the same.
    #[inline]
    pub(crate) fn ascii(&mut self, digits: &[u8]) {
        if let Some(last) = self.views.last().copied()
            && self.bytes_of(last) == Some(digits)
        {
            self.nulls.append_non_null();
            self.views.push(last);
            return;
        }
        self.unique(std::str::from_utf8(digits).unwrap_or_default());
    }

    /// The text, or NULL if there is none.
    #[inline]
    pub(crate) fn maybe(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.push(text),
            None => self.null(),
        }
    }

    /// The text, or NULL if it is empty.
    #[inline]
    pub(crate) fn filled(&mut self, text: &str) {
        if text.is_empty() { self.null() } else { self.push(text) }
    }

    /// NULL.
    #[inline]
    pub(crate) fn null(&mut self) {
        if !self.any {
            self.waiting += 1;
            return;
        }
        self.nulls.append_null();
        self.views.push(0);
    }

    /// The first text is about to come: the NULLs before it become rows.
    #[cold]
    fn begin(&mut self) {
        self.any = true;
        self.views.reserve_exact(self.expected.rows.max(self.waiting + 1));
        self.data.reserve_exact(self.expected.bytes);
        self.views.resize(self.waiting, 0);
        self.nulls.append_n_nulls(self.waiting);
    }

    fn bytes_of(&self, view: u128) -> Option<&[u8]> {
        let len = view as u32 as usize;
        let offset = (view >> 96) as u32 as usize;
        if len <= INLINE_MAX { None } else { self.data.get(offset..offset + len) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.views.len() * 16 + self.data.len()
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        if !self.any {
            return null_texts(self.waiting);
        }
        trim(&mut self.views);
        let buffers = if self.data.is_empty() { Vec::new() } else { vec![buffer(self.data)] };
        let (views, nulls) = (ScalarBuffer::from(self.views), self.nulls.finish());
        #[expect(unsafe_code, reason = "reading every text a second time takes 2 % of all CPU of an ingest")]
        // SAFETY: every view was made by `unique` from a `&str` that it appended whole to `data`, the only buffer, at the
        // offset in the view; `data` only grows. There are as many views as null bits: both are pushed together.
        let array = unsafe { StringViewArray::new_unchecked(views, buffers, nulls) };
        Arc::new(array)
    }
}

/// A text column that is NULL throughout. About a third of the columns usually are, so they share their zeros.
pub(crate) fn null_texts(rows: usize) -> ArrayRef {
    static NULLS: OnceLock<StringViewArray> = OnceLock::new();
    if rows > SHARED_NULL_ROWS {
        return Arc::new(StringViewArray::new_null(rows));
    }
    let nulls = NULLS.get_or_init(|| StringViewArray::new_null(SHARED_NULL_ROWS));
    Arc::new(nulls.slice(0, rows))
}

/// Mixes the length and both ends: enough to spread the few texts that repeat in a column.
fn weak_hash(bytes: &[u8]) -> usize {
    let end = bytes.len() - 8;
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
    let mixed = (word(0) ^ word(end).rotate_left(17) ^ word(end / 2).rotate_left(31) ^ bytes.len() as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize
}

fn buffer(mut data: Vec<u8>) -> Buffer {
    trim(&mut data);
    Buffer::from_vec(data)
}

/// A column of plain numbers.
#[derive(Debug)]
pub(crate) struct Numbers<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

/// Whole numbers.
pub(crate) type Int = Numbers<i64>;
/// Floating-point numbers.
pub(crate) type Double = Numbers<f64>;

impl<T: Default> Numbers<T> {
    pub(crate) fn sized(expected: Size) -> Self {
        Self { values: Vec::with_capacity(expected.rows), nulls: NullBufferBuilder::new(0) }
    }

    pub(crate) fn size(&self) -> Size {
        Size { rows: self.values.len(), ..Size::default() }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    #[inline]
    pub(crate) fn maybe(&mut self, value: Option<T>) {
        match value {
            Some(value) => self.push(value),
            None => {
                self.values.push(T::default());
                self.nulls.append_null();
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.len() * 8
    }

    fn parts(mut self) -> (Vec<T>, Option<arrow_buffer::NullBuffer>) {
        trim(&mut self.values);
        (self.values, self.nulls.finish())
    }
}

impl Int {
    /// A count; what does not fit is clamped.
    #[inline]
    pub(crate) fn count(&mut self, count: Option<u64>) {
        self.maybe(count.map(|n| i64::try_from(n).unwrap_or(i64::MAX)));
    }

    pub(crate) fn finish(self) -> ArrayRef {
        let (values, nulls) = self.parts();
        Arc::new(Int64Array::new(values.into(), nulls))
    }
}

impl Double {
    pub(crate) fn finish(self) -> ArrayRef {
        let (values, nulls) = self.parts();
        Arc::new(Float64Array::new(values.into(), nulls))
    }
}

/// A column of truth values.
#[derive(Debug)]
pub(crate) struct Bool {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Bool {
    pub(crate) fn sized(expected: Size) -> Self {
        Self { values: BooleanBufferBuilder::new(expected.rows), nulls: NullBufferBuilder::new(0) }
    }

    pub(crate) fn size(&self) -> Size {
        Size { rows: self.values.len(), ..Size::default() }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: bool) {
        self.maybe(Some(value));
    }

    #[inline]
    pub(crate) fn maybe(&mut self, value: Option<bool>) {
        self.values.append(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.len() / 8
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}

/// A column of text-to-text maps. Entries are pushed first, then the row is ended.
#[derive(Debug)]
pub(crate) struct Map {
    keys: Strings,
    values: Strings,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

#[derive(Debug)]
struct Strings {
    data: Vec<u8>,
    ends: Vec<i32>,
}

impl Strings {
    fn sized(entries: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(entries + 1);
        ends.push(0);
        Self { data: Vec::with_capacity(bytes), ends }
    }

    #[inline]
    fn end(&mut self) {
        self.ends.push(self.data.len() as i32);
    }

    fn finish(mut self) -> StringArray {
        trim(&mut self.ends);
        let ends = OffsetBuffer::new(self.ends.into());
        #[expect(unsafe_code, reason = "reading every text a second time takes 2 % of all CPU of an ingest")]
        // SAFETY: `data` is made of whole `&str`, and `ends` has its length behind each of them.
        let array = unsafe { StringArray::new_unchecked(ends, buffer(self.data), None) };
        array
    }
}

impl Map {
    pub(crate) fn sized(expected: Size) -> Self {
        let Size { rows, entries, bytes, value_bytes } = expected;
        let (keys, values) = (Strings::sized(entries, bytes), Strings::sized(entries, value_bytes));
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { keys, values, ends, nulls: NullBufferBuilder::new(0) }
    }

    pub(crate) fn size(&self) -> Size {
        let (bytes, value_bytes) = (self.keys.data.len(), self.values.data.len());
        Size { rows: self.ends.len(), entries: self.keys.ends.len(), bytes, value_bytes }
    }

    #[inline]
    pub(crate) fn entry(&mut self, key: &str, value: &str) {
        self.keys.data.extend_from_slice(key.as_bytes());
        self.keys.end();
        self.values.data.extend_from_slice(value.as_bytes());
        self.values.end();
    }

    /// Ends a row; an empty one is an empty map.
    #[inline]
    pub(crate) fn row(&mut self) {
        self.ends.push((self.keys.ends.len() - 1) as i32);
        self.nulls.append_non_null();
    }

    /// Ends a row; an empty one is NULL.
    #[inline]
    pub(crate) fn row_or_null(&mut self) {
        let end = (self.keys.ends.len() - 1) as i32;
        let empty = self.ends.last() == Some(&end);
        self.ends.push(end);
        self.nulls.append(!empty);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.keys.data.len() + self.values.data.len() + (self.keys.ends.len() * 2 + self.ends.len()) * 4
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        trim(&mut self.ends);
        let entries = vec![Arc::new(self.keys.finish()) as ArrayRef, Arc::new(self.values.finish())];
        let entries = StructArray::new(map_fields(), entries, None);
        let ends = OffsetBuffer::new(self.ends.into());
        Arc::new(MapArray::new(map_entries(), ends, entries, self.nulls.finish(), false))
    }
}

/// The growing rows of a table.
pub(crate) trait TableRows {
    /// No rows yet, and room for what is expected of each column.
    fn sized(expected: &[Size]) -> Self;
    /// Bytes held by now.
    fn bytes(&self) -> usize;
    /// How large each column is.
    fn sizes(&self) -> Vec<Size>;
    /// The finished columns.
    fn finish(self) -> Vec<ArrayRef>;
}

/// Declares a table: its columns with their docs, and the struct that collects its rows, in one order.
macro_rules! rows {
    ($(#[$meta:meta])* $rows:ident, $columns:ident {
        $($column:ident: $kind:ident $need:ident $doc:literal,)*
    }) => {
        /// The columns, in the order of the files.
        pub(crate) const $columns: &[$crate::table::Column] = &[$($crate::table::Column {
            name: $crate::cells::plain_name(stringify!($column)),
            kind: $crate::table::Kind::$kind,
            nullable: $crate::cells::nullable(stringify!($need)),
            doc: $doc,
        }),*];

        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $rows { $(pub(crate) $column: $crate::cells::$kind,)* }

        impl $crate::cells::TableRows for $rows {
            fn sized(expected: &[$crate::sizes::Size]) -> Self {
                let mut expected = expected.iter().copied();
                Self { $($column: $crate::cells::$kind::sized(expected.next().unwrap_or_default()),)* }
            }

            fn sizes(&self) -> Vec<$crate::sizes::Size> {
                vec![$(self.$column.size()),*]
            }

            fn bytes(&self) -> usize {
                0 $(+ self.$column.bytes())*
            }

            fn finish(self) -> Vec<arrow_array::ArrayRef> {
                vec![$(self.$column.finish()),*]
            }
        }
    };
}
pub(crate) use rows;

/// `r#type` is the column `type`.
pub(crate) const fn plain_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// `null` or `some`, as the declaration says it.
pub(crate) const fn nullable(need: &str) -> bool {
    matches!(need.as_bytes(), b"null")
}

#[cfg(test)]
mod tests;
