//! Every bound of the SDK, in one place. All rooms of the crate read these; nothing here computes.

use std::time::Duration;

/// Bytes of finished records one thread can have waiting for the collector.
pub(crate) const RING_BYTES: usize = 128 * 1024;
/// The same while bursts come.
pub(crate) const BURST_RING_BYTES: usize = 1024 * 1024;
/// Bytes of all such larger rings of the process.
pub(crate) const BURST_BYTES: usize = 64 << 20;
/// A larger ring is given back when its thread had less than a burst to write between so many sleeps of the collector in a row.
pub(crate) const CALM_SLEEPS: u32 = 8;
/// A ring of the usual size that holds this much wakes a sleeping collector; a larger one when three quarters are full.
pub(crate) const WAKE_BYTES: u64 = 96 * 1024;
/// After a wake-up the thread looks again only when it has written this much more.
pub(crate) const WAKE_AGAIN_BYTES: u64 = 8 * 1024;
/// Spans that one page of slots holds (256 bytes each).
pub(crate) const SLOTS_PER_PAGE: usize = 64;
/// Pages in the whole process: 2 million spans open at once, 512 MiB.
pub(crate) const PAGES: usize = 32_768;
/// Threads that can record at the same moment.
pub(crate) const THREADS: usize = 4096;
/// Bytes a thread keeps ready to format one event in.
pub(crate) const SCRATCH_BYTES: usize = 4096;
/// Open spans that only a second subscriber wants.
pub(crate) const GUESTS: usize = 65_536;
/// Spans one thread can be inside of at once; deeper ones are recorded but are nobody's parent.
pub(crate) const CONTEXT_DEPTH: usize = 65_536;
/// Bytes of one value; longer ones are cut.
pub(crate) const VALUE_BYTES: usize = 1 << 20;
/// Bytes of long values, links and span events that wait for export in the whole process.
pub(crate) const SPILL_BYTES: usize = 64 << 20;
/// Links of one span.
pub(crate) const LINKS: usize = 128;
/// Error events kept on one span.
pub(crate) const SPAN_EVENTS: usize = 128;
/// Attributes added to one span by name after its creation.
pub(crate) const ADDED_ATTRS: usize = 256;
/// Bytes of one request to a model, or of one answer, that are read along with; of longer ones only the frame is known.
#[cfg(any(feature = "async-openai", feature = "genai"))]
pub(crate) const CALL_BODY_BYTES: usize = 4 << 20;
/// Answers in one stream, tool calls in one answer, and items in one response that is streamed.
#[cfg(feature = "async-openai")]
pub(crate) const CALL_CHOICES: usize = 128;
/// Bytes of a name, an id or a finish reason in a stream.
#[cfg(feature = "async-openai")]
pub(crate) const CALL_NAME_BYTES: usize = 256;
/// Pipelines that one process can install, closed ones included.
pub(crate) const PIPELINES: usize = 4096;
/// Commands that can wait for the collector.
pub(crate) const COMMANDS: usize = 64;
/// A batch is exported when it holds this many bytes, however young it is.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// The same while more than this comes at once: what was just copied is still in the second cache.
pub(crate) const HOT_BATCH_BYTES: usize = 256 * 1024;
/// Call sites of which an exporter remembers how their records are written.
pub(crate) const SITES: usize = 16_384;
/// Forms of records of one call site that are told apart for that; some hundred bytes each and the longest texts that it had (no
/// more than `SCRATCH_BYTES`), and no more of all than `SITES`.
pub(crate) const FRAMES_PER_SITE: usize = 8;
/// Series in the whole process.
pub(crate) const SERIES: usize = 8192;
/// Series of one metric; the others count in its overflow series.
pub(crate) const SERIES_PER_METRIC: usize = 1000;
/// Bytes of the names and labels of all series, but for the one that goes over it; the others count in overflow series.
pub(crate) const SERIES_BYTES: usize = 16 << 20;
/// Characters of a metric's name; longer ones are cut, as Datadog takes no more (OpenTelemetry: 255, Prometheus: any number).
pub(crate) const METRIC_NAME_CHARS: usize = 200;
/// Characters of a label's name, and of its value; longer ones are cut, as Datadog cuts its tags.
pub(crate) const LABEL_CHARS: usize = 200;
/// Labels of one series, the first ones by name; OpenTelemetry keeps twice as many attributes of a span.
pub(crate) const LABELS: usize = 64;
/// Sampling rules of one pipeline.
pub(crate) const SAMPLING_RULES: usize = 1000;
/// Bytes of spans of unsampled traces that wait for a reason to keep them, in one pipeline.
pub(crate) const HELD_BYTES: usize = 4 << 20;
/// Unsampled traces that are waited for at once, in one pipeline.
pub(crate) const HELD_TRACES: usize = 65_536;
/// Unsampled traces of which is remembered that there was one.
pub(crate) const KEPT_TRACES: usize = 4096;
/// Directives of one filter.
pub(crate) const DIRECTIVES: usize = 256;
/// Bytes of a `tracestate` header that is passed on.
pub(crate) const TRACE_STATE_BYTES: usize = 512;
/// Members of a `tracestate` header that are passed on, ours included.
pub(crate) const TRACE_STATE_MEMBERS: usize = 32;
/// Bytes of a `baggage` header that is passed on.
pub(crate) const BAGGAGE_BYTES: usize = 8192;
/// Bytes of an `x-datadog-tags` header that is read.
pub(crate) const DATADOG_TAGS_BYTES: usize = 512;
/// Traces whose `tracestate`, `baggage` or decision from above is remembered: as many as a busy service has at once.
pub(crate) const REMOTE_STATES: usize = 16_384;
/// Bytes of all of them.
pub(crate) const REMOTE_STATE_BYTES: usize = 8 << 20;
/// Bytes of payloads that wait in one network exporter while its target is away; the oldest makes room.
pub(crate) const OUTBOX_BYTES: usize = 16 << 20;
/// Targets that fail of which is remembered why.
pub(crate) const AILING: usize = 32;
/// Bytes of such a reason; longer ones are cut.
pub(crate) const AILING_BYTES: usize = 1024;
/// A target that failed, recovered and fails again within this time is not told of again.
pub(crate) const AILING_PERIOD: Duration = Duration::from_secs(600);
/// Periods of client statistics that are counted at the same time.
pub(crate) const STATS_BUCKETS: usize = 16;
/// Groups of client statistics in one period; the others count in one overflow group for each service.
pub(crate) const STATS_GROUPS: usize = 2048;
/// Remote configurations that hold at the same time.
pub(crate) const REMOTE_CONFIGS: usize = 64;
/// Peer tags that an Agent can ask for.
pub(crate) const PEER_TAGS: usize = 128;
/// Bytes of one DogStatsD datagram over UDP: fits into a frame of any common network.
pub(crate) const DATAGRAM_UDP_BYTES: usize = 1432;
/// The same over a Unix socket.
pub(crate) const DATAGRAM_UNIX_BYTES: usize = 8192;
/// Bytes of lines that wait for one stream: standard output, or what a program gave in its place.
pub(crate) const LINES_BYTES: usize = 8 << 20;
/// Bytes of a file of JSON lines before it is put aside.
pub(crate) const FILE_BYTES: u64 = 64 << 20;
/// Files put aside that are kept.
pub(crate) const FILES_KEPT: usize = 3;
/// Bytes of a response's head.
pub(crate) const RESPONSE_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of a response's body that are read; the rest is left behind with the connection.
pub(crate) const RESPONSE_BODY_BYTES: usize = 256 * 1024;
/// Bytes that one payload should have at most: what waits is put together up to this, and a batch that makes more is sent
/// in pieces.
pub(crate) const PAYLOAD_BYTES: usize = 4 << 20;
/// A payload in the making that has this much is complete: small buffers come back soon and stay in the caches.
pub(crate) const BODY_BYTES: usize = 384 * 1024;
/// Bytes of buffers of sent payloads that one network exporter keeps while it is at work.
pub(crate) const SPARE_BYTES: usize = 4 << 20;
/// Times that a payload is offered to a server that answers and fails.
pub(crate) const ANSWERED_TRIES: u32 = 8;
/// Places for open spans of a `Registry` that are found without a lock; 16 bytes each once used.
#[cfg(feature = "layer")]
pub(crate) const PLACES: usize = 1 << 15;
/// Call sites whose filter answer a layer remembers.
#[cfg(feature = "layer")]
pub(crate) const VERDICTS: usize = 512;
/// Targets of the `log` crate that are told apart; the others are called `log`.
#[cfg(feature = "log")]
pub(crate) const LOG_TARGETS: usize = 1024;
/// Bytes of such a target; longer ones are cut.
#[cfg(feature = "log")]
pub(crate) const LOG_TARGET_BYTES: usize = 256;
/// Open spans of the `opentelemetry` API whose place in the tree is remembered.
#[cfg(feature = "opentelemetry")]
pub(crate) const OTEL_OPEN: usize = 65_536;
/// How far up the tree a span of the `opentelemetry` API is followed.
#[cfg(feature = "opentelemetry")]
pub(crate) const OTEL_DEPTH: usize = 64;
/// Stacks of panics that wait for their names; the oldest makes room.
pub(crate) const STACKS: usize = 64;
/// Bytes of the text of one stack.
pub(crate) const STACK_BYTES: usize = 64 * 1024;
/// Longer times that the program asks for are as good as for ever, and the clock has an end.
pub(crate) const LONGEST_TIME: Duration = Duration::from_secs(365 * 86_400);
/// How long a fork waits for an exporter that is at work.
pub(crate) const FORK_PATIENCE: Duration = Duration::from_millis(100);
/// How long a panic may hold up a program that aborts on panic.
pub(crate) const PANIC_DEADLINE: Duration = Duration::from_secs(1);
/// How long lines are waited for when the process exits and everything else was handed over.
pub(crate) const EXIT_LINES: Duration = Duration::from_secs(1);
