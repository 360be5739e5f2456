//! Pages of a column chunk: how levels and values become bytes, and the statistics and indexes that go with them. Used by
//! `column`; knows nothing of rows.

use super::column::Chunk;
use super::dictionary::Dictionary;
use super::hybrid;
use super::leaf::Leaf;
use super::range::Range;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// A compressor that serves all columns of a file, and its output.
pub(super) struct Zstd {
    compressor: Compressor<'static>,
    level: ZstdLevel,
    page: Vec<u8>,
    packed: Vec<u8>,
}

impl Zstd {
    pub(super) fn new(level: i32) -> Result<Self, ParquetError> {
        let compressor = Compressor::new(level)?;
        Ok(Self { compressor, level: ZstdLevel::try_new(level)?, page: Vec::new(), packed: Vec::new() })
    }

    fn pack(&mut self) -> Result<Bytes, ParquetError> {
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.page.len()));
        self.compressor.compress_to_buffer(&self.page, &mut self.packed)?;
        Ok(Bytes::copy_from_slice(&self.packed))
    }
}

/// The page that is being filled.
#[derive(Debug, Default)]
pub(super) struct Filling {
    repeats: bool,
    definition_max: u8,
    repetitions: Vec<u8>,
    definitions: Vec<u8>,
    /// Numbers of a dictionary ...
    pub(super) numbers: Vec<u32>,
    /// ... or the values themselves.
    pub(super) plain: Vec<u8>,
    pub(super) rows: usize,
    pub(super) values: usize,
    pub(super) range: Range,
}

impl Filling {
    /// A page for so many rows.
    pub(super) fn new<L: Leaf>(leaf: &L, rows: usize) -> Self {
        let (repeats, definition_max) = (leaf.repeats(), leaf.definition_max());
        let room = |wanted| Vec::with_capacity(if wanted { rows } else { 0 });
        let (repetitions, definitions) = (room(repeats), room(definition_max > 0));
        Self { repeats, definition_max, repetitions, definitions, ..Self::default() }
    }

    /// An empty page in place of a full one, with its room.
    pub(super) fn clear(&mut self) {
        self.repetitions.clear();
        self.definitions.clear();
        self.numbers.clear();
        self.plain.clear();
        (self.rows, self.values, self.range) = (0, 0, Range::default());
    }

    #[inline]
    pub(super) fn level(&mut self, repetition: u8, definition: u8) {
        if self.repeats {
            self.repetitions.push(repetition);
        }
        if self.definition_max > 0 {
            self.definitions.push(definition);
        }
    }

    /// Places for values, those without one included.
    fn slots(&self) -> usize {
        if self.definition_max > 0 { self.definitions.len() } else { self.values }
    }
}

/// What all pages of a column chunk have in common.
pub(super) struct Writer<'z> {
    zstd: &'z mut Zstd,
    sink: TrackedWrite<Vec<u8>>,
    definition_max: u8,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
    /// Whether pages are compressed.
    packed: bool,
    dictionary_at: Option<i64>,
    data_at: Option<i64>,
    encodings: Vec<Encoding>,
    slots: usize,
    nulls: usize,
    uncompressed: usize,
    range: Range,
}

fn levels(write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

impl<'z> Writer<'z> {
    pub(super) fn new<L: Leaf>(leaf: &L, zstd: &'z mut Zstd) -> Self {
        Self {
            zstd,
            sink: TrackedWrite::new(Vec::new()),
            definition_max: leaf.definition_max(),
            column_index: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
            offset_index: OffsetIndexBuilder::new(),
            packed: true,
            dictionary_at: None,
            data_at: None,
            encodings: vec![Encoding::RLE],
            slots: 0,
            nulls: 0,
            uncompressed: 0,
            range: Range::default(),
        }
    }

    /// Writes the dictionary, which comes before all pages.
    pub(super) fn dictionary(&mut self, dictionary: &Dictionary) -> Result<(), ParquetError> {
        self.zstd.page.clear();
        self.zstd.page.extend_from_slice(dictionary.page());
        let page = Page::DictionaryPage {
            buf: self.zstd.pack()?,
            num_values: dictionary.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.encodings.push(Encoding::PLAIN);
        self.dictionary_at = Some(self.put(page)?.0);
        Ok(())
    }

    /// Writes a page; `width` bits for each number of a dictionary.
    pub(super) fn page(&mut self, page: &Filling, encoding: Encoding, width: u8) -> Result<(), ParquetError> {
        let out = &mut self.zstd.page;
        out.clear();
        if page.repeats {
            levels(|out| hybrid::write(&page.repetitions, 1, out), out);
        }
        if page.definition_max > 0 {
            let width = hybrid::width(u32::from(page.definition_max));
            levels(|out| hybrid::write(&page.definitions, width, out), out);
        }
        if encoding == Encoding::RLE_DICTIONARY {
            out.push(width);
            hybrid::write(&page.numbers, width, out);
        } else {
            out.extend_from_slice(&page.plain);
        }
        self.data(encoding, page.slots(), page.slots() - page.values, page.rows, &page.range)
    }

    /// Writes a page of so many rows that are all NULL: the only one, and as short as it gets.
    pub(super) fn nothing(&mut self, rows: usize) -> Result<(), ParquetError> {
        self.packed = false;
        let out = &mut self.zstd.page;
        out.clear();
        let repeats = self.definition_max > 1;
        if repeats {
            levels(|out| hybrid::run(rows, 0, 1, out), out);
        }
        let width = hybrid::width(u32::from(self.definition_max));
        levels(|out| hybrid::run(rows, 0, width, out), out);
        self.data(Encoding::PLAIN, rows, rows, rows, &Range::default())
    }

    fn data(
        &mut self,
        encoding: Encoding,
        slots: usize,
        nulls: usize,
        rows: usize,
        range: &Range,
    ) -> Result<(), ParquetError> {
        let page = Page::DataPage {
            buf: if self.packed { self.zstd.pack()? } else { Bytes::copy_from_slice(&self.zstd.page) },
            num_values: slots as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (at, length) = self.put(page)?;
        self.data_at.get_or_insert(at);
        self.offset_index.append_row_count(rows as i64);
        self.offset_index.append_offset_and_size(at, length);
        let (low, high) = range.bounds().map(|(low, high)| (low.bytes, high.bytes)).unwrap_or_default();
        self.column_index.append(nulls == slots, low, high, nulls as i64);
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        self.slots += slots;
        self.nulls += nulls;
        self.range.join(range);
        Ok(())
    }

    /// Writes a page; tells where it stands and its length with its header.
    fn put(&mut self, page: Page) -> Result<(i64, i32), ParquetError> {
        let page = CompressedPage::new(page, self.zstd.page.len());
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.uncompressed += written.uncompressed_size;
        Ok((written.offset as i64, written.compressed_size as i32))
    }

    /// The whole column chunk.
    pub(super) fn close(
        self,
        descr: &ColumnDescPtr,
        rows: usize,
        dictionary: Option<Dictionary>,
        bloom_filter: Option<Sbbf>,
    ) -> Result<Chunk, ParquetError> {
        let bytes = self.sink.into_inner()?;
        let (mut low, mut high, mut exact) = (None, None, (true, true));
        if let Some((lowest, highest)) = self.range.bounds() {
            exact = (lowest.exact, highest.exact);
            (low, high) = (Some(ByteArray::from(lowest.bytes)), Some(ByteArray::from(highest.bytes)));
        }
        let statistics = ValueStatistics::new(low, high, None, Some(self.nulls as u64), false)
            .with_min_is_exact(exact.0)
            .with_max_is_exact(exact.1);
        let compression =
            if self.packed { Compression::ZSTD(self.zstd.level) } else { Compression::UNCOMPRESSED };
        let metadata = ColumnChunkMetaData::builder(descr.clone())
            .set_compression(compression)
            .set_encodings(self.encodings)
            .set_num_values(self.slots as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_data_page_offset(self.data_at.unwrap_or_default())
            .set_dictionary_page_offset(self.dictionary_at)
            .set_statistics(Statistics::ByteArray(statistics))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter,
            column_index: Some(self.column_index.build()?),
            offset_index: Some(self.offset_index.build()),
        };
        Ok(Chunk { bytes: bytes.into(), close, dictionary, nulls: self.nulls > 0 })
    }
}
