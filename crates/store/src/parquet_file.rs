//! Parquet files: how rows are sorted, how columns are written, and what their manifest entry says. Used by `encode` and
//! `compact`; runs on a blocking thread.

use crate::limits::{DATES_PER_FLUSH_MAX, PAGE_ROWS, ROW_GROUP_ROWS, SERVICES_LISTED_MAX};
use crate::table::{Kind, Table};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::collections::BTreeSet;
use tundra_record::EVENT_SCOPE;

/// Compression of files fresh from memory.
pub(crate) const ZSTD_FRESH: i32 = 1;
/// Compression of merged files.
pub(crate) const ZSTD_MERGED: i32 = 3;

pub(crate) const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// A row in a list of batches: its time, its batch, its place.
pub(crate) type Place = (i64, u32, u32);

/// The rows of some batches in the order of time.
#[derive(Debug)]
pub(crate) struct Sorted {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
}

pub(crate) fn times(table: Table, batch: &RecordBatch) -> &[i64] {
    batch
        .column_by_name(table.time_column())
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .map_or(&[], |column| column.values())
}

fn seqs(batch: &RecordBatch) -> &[i64] {
    let column = batch.column_by_name("seq").and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map_or(&[], |column| column.values())
}

impl Sorted {
    pub(crate) fn new(table: Table, batches: Vec<RecordBatch>) -> Self {
        let mut given = Self::as_given(table, batches);
        given.places.sort_unstable();
        given
    }

    /// The rows in the order they stand in, which only tests may want to keep.
    pub(crate) fn as_given(table: Table, batches: Vec<RecordBatch>) -> Self {
        let mut places = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (at, batch) in batches.iter().enumerate() {
            let rows = times(table, batch).iter().enumerate();
            places.extend(rows.map(|(row, time)| (*time, at as u32, row as u32)));
        }
        Self { batches, places }
    }

    /// The rows of each day, at most so many days; the last part has whatever is left.
    pub(crate) fn days(&self) -> Vec<(i64, std::ops::Range<usize>)> {
        let mut days: Vec<(i64, std::ops::Range<usize>)> = Vec::new();
        for (at, (time, ..)) in self.places.iter().enumerate() {
            let day = time.div_euclid(DAY_NS);
            let full = days.len() >= DATES_PER_FLUSH_MAX;
            match days.last_mut() {
                Some((last, range)) if *last == day => range.end = at + 1,
                Some((_, range)) if full => range.end = at + 1,
                _ => days.push((day, at..at + 1)),
            }
        }
        days
    }

    /// The batches that the rows lie in.
    pub(crate) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Some of the rows.
    pub(crate) fn places(&self, range: std::ops::Range<usize>) -> &[Place] {
        &self.places[range]
    }
}

/// `2026-11-21` of a number of days since 1970.
pub(crate) fn date(day: i64) -> String {
    // Days to civil date, by counting from 1 March of year 0 in eras of 400 years.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

/// What is known of a file's rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) rows: u64,
    pub(crate) times: Option<(i64, i64)>,
    pub(crate) seqs: Option<(u64, u64)>,
    /// Whether some of the rows are spans that were told by events.
    pub(crate) events: bool,
    services: BTreeSet<String>,
    /// Whether there are more services than were counted.
    unlisted: bool,
}

impl Facts {
    pub(crate) fn add(&mut self, table: Table, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        let widen = |range: Option<(i64, i64)>, values: &[i64]| {
            values.iter().fold(range, |range, value| match range {
                Some((low, high)) => Some((low.min(*value), high.max(*value))),
                None => Some((*value, *value)),
            })
        };
        self.times = widen(self.times, times(table, batch));
        let known = self.seqs.map(|(low, high)| (low as i64, high as i64));
        self.seqs = widen(known, seqs(batch)).map(|(low, high)| (low as u64, high as u64));
        self.events |= table == Table::Spans && told_by_events(batch);
        let services = batch.column_by_name("service").and_then(|column| column.as_string_view_opt());
        let mut last = None;
        for service in services.into_iter().flatten() {
            if Some(service) != last && self.services.len() <= SERVICES_LISTED_MAX {
                // NULL is listed as the empty text.
                let name = service.unwrap_or_default();
                if !self.services.contains(name) {
                    self.services.insert(name.to_owned());
                }
                last = Some(service);
            }
        }
    }

    /// Counts rows that were not put together yet; services and scopes come by themselves.
    pub(crate) fn add_places(&mut self, batches: &[RecordBatch], places: &[Place]) {
        self.rows += places.len() as u64;
        let seqs: Vec<&[i64]> = batches.iter().map(seqs).collect();
        for (time, batch, row) in places {
            self.times =
                Some(self.times.map_or((*time, *time), |(low, high)| (low.min(*time), high.max(*time))));
            let Some(seq) = seqs[*batch as usize].get(*row as usize) else { continue };
            let seq = *seq as u64;
            self.seqs = Some(self.seqs.map_or((seq, seq), |(low, high)| (low.min(seq), high.max(seq))));
        }
    }

    /// Adds the services of some rows, if they are known.
    pub(crate) fn add_services<'s>(&mut self, services: Option<impl Iterator<Item = &'s [u8]>>, nulls: bool) {
        // NULL is listed as the empty text.
        let none = nulls.then_some(&b""[..]);
        let Some(services) = services else {
            self.unlisted = true;
            return;
        };
        for service in services.chain(none) {
            if self.services.len() <= SERVICES_LISTED_MAX {
                self.services.insert(String::from_utf8_lossy(service).into_owned());
            }
        }
    }

    /// Looks whether a scope of some spans is that of events; if scopes are not known, it may be.
    pub(crate) fn add_scopes<'s>(&mut self, scopes: Option<impl Iterator<Item = &'s [u8]>>) {
        self.events |= scopes.is_none_or(|mut scopes| scopes.any(|scope| scope == EVENT_SCOPE.as_bytes()));
    }

    pub(crate) fn services(&self) -> Option<Vec<String>> {
        let listed =
            !self.unlisted && !self.services.is_empty() && self.services.len() <= SERVICES_LISTED_MAX;
        listed.then(|| self.services.iter().cloned().collect())
    }
}

/// Whether some spans of a batch were told by events.
pub fn told_by_events(spans: &RecordBatch) -> bool {
    let scopes = spans.column_by_name("scope_name").and_then(|column| column.as_string_view_opt());
    scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == Some(EVENT_SCOPE)))
}

/// Columns whose texts hardly repeat.
pub(crate) const UNIQUE: &[&str] = &["span_id", "call_key", "content"];
/// Columns that point queries look for.
pub(crate) const LOOKED_UP: &[&str] = &["trace_id", "session_id"];
/// How often a bloom filter may be wrong.
pub(crate) const BLOOM_FPP: f64 = 0.001;

/// How a table's file of about so many rows is written.
pub(crate) fn properties(table: Table, zstd: i32, rows: u64) -> Result<WriterProperties, ParquetError> {
    // Filters are made for so many different values and fold to what there are.
    let distinct = rows.clamp(64, ROW_GROUP_ROWS as u64);
    // Fresh texts and maps are encoded by `encode`, which packs them itself. The writers that are made for them all the same
    // must not cost a compressor, a dictionary and a filter each.
    let fresh = zstd == ZSTD_FRESH;
    let compression =
        if fresh { Compression::UNCOMPRESSED } else { Compression::ZSTD(ZstdLevel::try_new(zstd)?) };
    let mut builder = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(!fresh)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_created_by("tundra store 1".to_owned());
    for column in table.columns() {
        let path = ColumnPath::from(column.name);
        if UNIQUE.contains(&column.name) {
            builder = builder.set_column_dictionary_enabled(path.clone(), false);
        }
        // Times and sequences rise, sizes and prices are all different, counts and flags are small: differences packed
        // into few bits suit them all, and no value needs to be looked up.
        if column.kind == Kind::Int {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
        }
        // Measurements repeat, and come through the general writer in fresh files, too.
        if column.kind == Kind::Double {
            builder = builder.set_column_dictionary_enabled(path.clone(), true);
        }
        if LOOKED_UP.contains(&column.name) && !fresh {
            builder = builder
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FPP)
                .set_column_bloom_filter_max_ndv(path, distinct);
        }
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests;
