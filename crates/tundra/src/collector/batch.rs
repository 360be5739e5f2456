//! Drained records in one piece of memory, as the threads wrote them, until every exporter has walked them.
//!
//! Filled by `pipeline`, walked through `Exported::drive`. Heap parts of records are owned here from the moment a record
//! leaves its ring.
#![expect(unsafe_code, reason = "records are words with a head in front")]

use super::clean::{Cleaner, Redaction};
use super::translate::Translator;
use crate::clock::Anchor;
use crate::engine::{self, EVENT, FIRST, FOREIGN, Head, KEPT_ERROR, KEPT_LLM, SPAN, Spill, UNSAMPLED, Word};
use crate::export::Records;
use crate::sampling::Worth;
use tundra_record::{LogRecord, MetricPoint, Resource, Scope, Sink, Span};

/// One record of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) head: &'a Head,
    pub(crate) fields: &'a [u8],
    pub(crate) spill: Option<&'a Spill>,
}

/// What a record is kept for, although its trace was not sampled.
#[inline]
pub(crate) fn worth(head: &Head) -> Option<Worth> {
    match head.flags {
        0 => None,
        flags if flags & KEPT_LLM != 0 => Some(Worth::Llm),
        flags if flags & KEPT_ERROR != 0 => Some(Worth::Error),
        _ => None,
    }
}

/// A span with what only the engine knows of it.
#[derive(Debug)]
pub(crate) struct Marked<'a> {
    pub(crate) span: Span<'a>,
    /// Whether its parent, if it has one, is in another process.
    pub(crate) first: bool,
    /// Whether it was decided here if its trace is sampled.
    pub(crate) decided_here: bool,
    pub(crate) sampled: bool,
    /// What it is kept for, although its trace was not sampled.
    pub(crate) worth: Option<Worth>,
}

/// What made all of it.
pub(crate) fn scope() -> Scope<'static> {
    Scope { name: "tundra".into(), version: env!("CARGO_PKG_VERSION").into() }
}

/// Records, log lines made by the collector itself, and points.
#[derive(Debug)]
pub(crate) struct Batch {
    words: Vec<Word>,
    #[expect(clippy::vec_box, reason = "spills arrive boxed and are not moved again")]
    spills: Vec<Box<Spill>>,
    /// Bytes of texts that spills hold.
    spilled: usize,
    pub(crate) anchor: Anchor,
    redaction: Redaction,
    pub(crate) spans: usize,
    /// Spans of traces that were not sampled; in no way part of what is exported.
    pub(crate) unsampled: usize,
    pub(crate) logs: usize,
    /// Clean already, as the points are.
    pub(crate) own_logs: Vec<LogRecord<'static>>,
    pub(crate) points: Vec<MetricPoint<'static>>,
}

impl Batch {
    pub(crate) fn new(anchor: Anchor, redaction: Redaction) -> Self {
        Self {
            words: Vec::new(),
            spills: Vec::new(),
            spilled: 0,
            anchor,
            redaction,
            spans: 0,
            unsampled: 0,
            logs: 0,
            own_logs: Vec::new(),
            points: Vec::new(),
        }
    }

    /// Takes a record over; gives where it lies.
    pub(crate) fn push(&mut self, mut head: Head, record: &[Word]) -> usize {
        let at = self.words.len();
        if !head.spill.is_null() {
            // SAFETY: the pointer came from `Box::into_raw`, and the record was its one holder.
            let spill = unsafe { Box::from_raw(head.spill) };
            self.spilled += text_bytes(&spill);
            self.spills.push(spill);
            // From here on the place in our list, off by one so that null means none.
            head.spill = std::ptr::without_provenance_mut(self.spills.len());
        }
        self.words.extend_from_slice(record);
        // SAFETY: a record is at least a head long.
        unsafe { self.words.as_mut_ptr().add(at).cast::<Head>().write(head) };
        match head.kind {
            SPAN if head.tag & UNSAMPLED != 0 => self.unsampled += 1,
            SPAN => self.spans += 1,
            _ => self.logs += 1,
        }
        at
    }

    /// Takes over records that have nothing on the heap, so many spans of sampled traces and so many events.
    pub(crate) fn push_run(&mut self, records: &[Word], (spans, logs): (usize, usize)) {
        self.words.extend_from_slice(records);
        self.spans += spans;
        self.logs += logs;
    }

    /// Bytes of all that was recorded, wherever it lies.
    pub(crate) fn len_bytes(&self) -> usize {
        size_of_val(self.words.as_slice()) + self.spilled
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.points.is_empty() && self.own_logs.is_empty()
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.spills.clear();
        self.own_logs.clear();
        self.points.clear();
        (self.spilled, self.spans, self.unsampled, self.logs) = (0, 0, 0, 0);
    }

    /// The record at a place that `push` or `places` gave.
    #[inline(always)]
    pub(crate) fn record(&self, at: usize) -> Option<Record<'_>> {
        // SAFETY: records alone are pushed, and places are where one begins.
        let (head, fields) = unsafe { engine::record(self.words.get(at..)?) }?;
        let spill =
            head.spill.addr().checked_sub(1).and_then(|place| self.spills.get(place)).map(|spill| &**spill);
        Some(Record { head, fields, spill })
    }

    /// All records with their places, in the order they were drained.
    pub(crate) fn places(&self) -> Places<'_> {
        Places { batch: self, at: 0 }
    }

    /// The heads of all records with their places, in the order they were drained.
    #[inline]
    pub(crate) fn heads(&self) -> impl Iterator<Item = (usize, &Head)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let at = next;
            // SAFETY: as in `record`.
            let head = unsafe { engine::head(self.words.get(at..)?) }?;
            next += usize::from(head.units);
            Some((at, head))
        })
    }

    /// So many spans from the one at a place on.
    #[inline]
    pub(crate) fn spans_from(&self, at: usize, count: usize) -> Spans<'_> {
        Spans { places: Places { batch: self, at }, left: count }
    }

    /// For exporters that look at the records themselves.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk { translator: Translator::new(self.anchor), cleaner: self.redaction.cleaner() }
    }

    /// All spans, clean, also those of traces that were not sampled.
    pub(crate) fn marked(&self) -> Vec<Marked<'_>> {
        let mut walk = self.walk();
        let spans = self.places().filter(|(_, record)| record.head.kind == SPAN);
        let marked = spans.map(|(_, record)| Marked {
            first: record.head.tag & FIRST != 0,
            decided_here: record.head.tag & FOREIGN == 0,
            sampled: record.head.tag & UNSAMPLED == 0,
            worth: worth(record.head),
            span: walk.span(&record),
        });
        marked.collect()
    }

    /// Log records of events with this name, clean.
    pub(crate) fn logs_named(&self, name: &str) -> Vec<LogRecord<'_>> {
        let is_it = |record: &Record<'_>| {
            record.head.kind == EVENT && record.head.metadata().is_some_and(|meta| meta.name() == name)
        };
        let mut records = self.places().map(|(_, record)| record).filter(is_it).peekable();
        if records.peek().is_none() {
            return Vec::new();
        }
        let mut walk = self.walk();
        records.map(|record| walk.log(&record)).collect()
    }

    /// Cleans what an exporter knows from elsewhere, as if it had been recorded.
    pub(crate) fn clean(&self, span: &mut Span<'_>) {
        self.redaction.cleaner().span(span);
    }

    /// Everything that is kept, as lists, clean.
    pub(crate) fn collect(&self) -> Records<'_> {
        let mut walk = self.walk();
        let (mut spans, mut logs) = (Vec::with_capacity(self.spans), Vec::with_capacity(self.logs));
        for record in self.kept() {
            match record.head.kind {
                EVENT => logs.push(walk.log(&record)),
                _ => spans.push(walk.span(&record)),
            }
        }
        logs.extend(self.own_logs.iter().cloned());
        Records { scope: scope(), spans, logs, points: &self.points }
    }

    /// The records of everything that is kept.
    pub(crate) fn kept(&self) -> Kept<'_> {
        Kept(self.places())
    }

    /// Walks everything that is kept into a sink, clean.
    pub(crate) fn drive(&self, resource: &Resource<'static>, sink: &mut dyn Sink) {
        sink.resource(&mut resource.clone());
        sink.scope(&mut scope());
        let mut walk = self.walk();
        let mut span = Span::default();
        for record in self.kept() {
            if record.head.kind == EVENT {
                sink.log(&mut walk.log(&record));
            } else {
                span.clear();
                walk.translator.span(&record, &mut span);
                walk.cleaner.span(&mut span);
                sink.span(&mut span);
            }
        }
        self.own_logs.iter().for_each(|log| sink.log(&mut log.clone()));
        self.points.iter().for_each(|point| sink.metric(&mut point.clone()));
    }
}

/// Bytes of the texts that did not fit into a record.
fn text_bytes(spill: &Spill) -> usize {
    let of_events = spill.events.iter().flat_map(|event| &event.long);
    let long: usize = spill.long.iter().chain(of_events).map(|(_, _, text)| text.len()).sum();
    let added = spill.added.iter().filter_map(|(_, value)| value.as_str());
    long + added.map(str::len).sum::<usize>()
}

/// Records with their places. Types of our own, for the library's adapters are not always inlined, and what one call leaves in
/// memory by halves and the next one reads as a whole costs as much as a tenth of a span.
#[derive(Clone)]
pub(crate) struct Places<'b> {
    batch: &'b Batch,
    at: usize,
}

impl<'b> Iterator for Places<'b> {
    type Item = (usize, Record<'b>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let record = self.batch.record(at)?;
        self.at += usize::from(record.head.units);
        Some((at, record))
    }
}

/// Some spans.
#[derive(Clone)]
pub(crate) struct Spans<'b> {
    places: Places<'b>,
    left: usize,
}

impl<'b> Iterator for Spans<'b> {
    type Item = Record<'b>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let (_, record) = self.places.next()?;
            if record.head.kind == SPAN {
                return Some(record);
            }
        }
    }
}

/// Records that are exported.
pub(crate) struct Kept<'b>(Places<'b>);

impl<'b> Iterator for Kept<'b> {
    type Item = Record<'b>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (_, record) = self.0.next()?;
            if record.head.kind == EVENT || record.head.tag & UNSAMPLED == 0 {
                return Some(record);
            }
        }
    }
}

/// One walk over a batch: what it says in the words of `tundra_record`, clean.
pub(crate) struct Walk<'b> {
    translator: Translator,
    pub(crate) cleaner: Cleaner<'b>,
}

impl Walk<'_> {
    /// A record of a span.
    pub(crate) fn span<'r>(&mut self, record: &Record<'r>) -> Span<'r> {
        let mut span = self.translator.one(record);
        self.cleaner.span(&mut span);
        span
    }

    /// A record of an event.
    pub(crate) fn log<'r>(&mut self, record: &Record<'r>) -> LogRecord<'r> {
        let mut log = self.translator.log(record);
        self.cleaner.log(&mut log);
        log
    }
}
