//! One column of a row group: its values, gathered in the order of time, as the pages, statistics and indexes of a Parquet
//! column chunk. Called by `encode` for texts and maps, which are most of all cells.
//!
//! The general writer hashes every text with a strong hash, copies rows together first and makes a compressor for each
//! column. Here repeated texts cost a look, nothing is gathered, and a column without values costs nothing.

use super::dictionary::Dictionary;
use super::hybrid;
use super::leaf::{Leaf, Value};
use super::page::{Filling, Writer, Zstd};
use crate::limits::{DICTIONARY_BYTES_MAX, PAGE_BYTES, PAGE_ROWS};
use crate::parquet_file::{BLOOM_FPP, Place};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

/// How a column is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Whether texts may repeat.
    pub(super) dictionary: bool,
    /// Whether point queries look for its values.
    pub(super) looked_up: bool,
}

/// A finished column.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
    /// The different texts, if they repeat.
    pub(super) dictionary: Option<Dictionary>,
    /// Whether there are rows without one.
    pub(super) nulls: bool,
}

/// Encodes the rows of one leaf.
pub(super) fn encode<L: Leaf>(
    leaf: &L,
    rows: &[Place],
    plan: Plan,
    descr: &ColumnDescPtr,
    zstd: &mut Zstd,
) -> Result<Chunk, ParquetError> {
    let mut writer = Writer::new(leaf, zstd);
    if leaf.is_null(rows) {
        writer.nothing(rows.len())?;
        return writer.close(descr, rows.len(), Some(Dictionary::new(0)), None);
    }
    if plan.dictionary
        && let Some((pages, dictionary)) = numbered(leaf, rows)
    {
        writer.dictionary(&dictionary)?;
        let width = hybrid::width(dictionary.len().saturating_sub(1) as u32);
        for page in pages {
            writer.page(&page, Encoding::RLE_DICTIONARY, width)?;
        }
        let mut bloom = bloom(plan, dictionary.len())?;
        if let Some(bloom) = &mut bloom {
            dictionary.texts().for_each(|text| bloom.insert(text));
        }
        return writer.close(descr, rows.len(), Some(dictionary), bloom);
    }
    let mut bloom = bloom(plan, rows.len())?;
    plain(leaf, rows, &mut writer, &mut bloom)?;
    if let Some(bloom) = &mut bloom {
        bloom.fold_to_target_fpp(BLOOM_FPP);
    }
    writer.close(descr, rows.len(), None, bloom)
}

fn bloom(plan: Plan, distinct: usize) -> Result<Option<Sbbf>, ParquetError> {
    let filter = || Sbbf::new_with_ndv_fpp(distinct.max(1) as u64, BLOOM_FPP);
    plan.looked_up.then(filter).transpose()
}

/// All pages as numbers of a dictionary; `None` if the texts hardly repeat.
fn numbered<L: Leaf>(leaf: &L, rows: &[Place]) -> Option<(Vec<Filling>, Dictionary)> {
    let mut dictionary = Dictionary::new(DICTIONARY_BYTES_MAX);
    // The last page that each text was seen in: a page's range needs each of its texts once.
    let mut last_look = Look::default();
    let mut seen: Vec<u32> = Vec::new();
    let mut pages = Vec::new();
    for (number, rows_of_page) in (1..).zip(rows.chunks(PAGE_ROWS)) {
        let mut page = Filling::new(leaf, rows_of_page.len());
        page.numbers.reserve(rows_of_page.len());
        let mut failed = false;
        for (at, place) in rows_of_page.iter().enumerate() {
            leaf.row(*place, |(repetition, definition, value)| {
                page.level(repetition, definition);
                let Some(value) = value else { return };
                let Some(text_number) = dictionary.number(value) else {
                    failed = true;
                    return;
                };
                let at = text_number as usize;
                if at >= seen.len() {
                    seen.resize(at + 1, 0);
                }
                if seen[at] != number {
                    seen[at] = number;
                    page.range.widen(value.text);
                }
                page.numbers.push(text_number);
            });
            if failed {
                return None;
            }
            if number == 1 && at % LOOK_ROWS == LOOK_ROWS - 1 {
                let now = Look::at(&dictionary, &page);
                if now.is_hopeless(&last_look, (rows.len() - at) / LOOK_ROWS) {
                    return None;
                }
                last_look = now;
            }
        }
        (page.rows, page.values) = (rows_of_page.len(), page.numbers.len());
        if number == 1 && page.values > PAGE_ROWS / 4 && dictionary.len() * 2 > page.values {
            return None;
        }
        pages.push(page);
    }
    Some((pages, dictionary))
}

/// Rows of the first page after which the dictionary is looked at: what gives up late has worked in vain.
const LOOK_ROWS: usize = 512;

/// What there is after so many rows.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    values: usize,
    texts: usize,
    bytes: usize,
}

impl Look {
    fn at(dictionary: &Dictionary, page: &Filling) -> Self {
        Self { values: page.numbers.len(), texts: dictionary.len(), bytes: dictionary.page().len() }
    }

    /// Whether texts will not fit if so many more looks go on like the last one, or nearly all of them are new. Some hundred texts
    /// that repeat are all new at first, so the first look alone believes in nothing but new ones.
    fn is_hopeless(&self, before: &Self, more: usize) -> bool {
        let (values, texts) = (self.values - before.values, self.texts - before.texts);
        let all_new = values > 0 && texts * 8 > values * 7;
        let fills = self.bytes + (self.bytes - before.bytes).saturating_mul(more) > 2 * DICTIONARY_BYTES_MAX;
        (fills && (all_new || before.values > 0)) || (all_new && self.values > PAGE_ROWS / 4)
    }
}

fn plain<L: Leaf>(
    leaf: &L,
    rows: &[Place],
    writer: &mut Writer<'_>,
    bloom: &mut Option<Sbbf>,
) -> Result<(), ParquetError> {
    let mut page = Filling::new(leaf, rows.len().min(PAGE_ROWS));
    for place in rows {
        leaf.row(*place, |(repetition, definition, value)| {
            page.level(repetition, definition);
            let Some(Value { text, .. }) = value else { return };
            page.values += 1;
            page.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
            page.plain.extend_from_slice(text);
            page.range.widen(text);
            if let Some(bloom) = bloom {
                bloom.insert(text);
            }
        });
        page.rows += 1;
        if page.rows >= PAGE_ROWS || page.plain.len() >= PAGE_BYTES {
            writer.page(&page, Encoding::PLAIN, 0)?;
            page.clear();
        }
    }
    if page.rows > 0 { writer.page(&page, Encoding::PLAIN, 0) } else { Ok(()) }
}
