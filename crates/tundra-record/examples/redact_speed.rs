//! How fast the redactor is: `cargo run --release -p tundra-record --features redact --example redact_speed`.
//! Prints MB/s for clean and mixed prompts, nanoseconds for short attribute values, and the time for hostile
//! texts of 1 MiB. A tool for people, not a test: figures depend on the machine.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::hint::black_box;
use std::time::Instant;
use tundra_record::redact::{Pass, RedactConfig, Redactor};
use tundra_record::{Span, Value};

const CLEAN: &str = "You are a helpful assistant for a travel agency. Answer briefly: what can one see in Lisbon in \
two days, and how does one get from the airport to Alfama? The user prefers walking, good coffee and old trams. Note: \
reply in English; budget is 300 per day. Rooms were last checked in March 2024.\n";
const DIRTY: [&str; 6] = [
    "My name is Ana, write to ana.silva@example.com or call me at +351 912 345 678 tomorrow. ",
    "Charge 4111 1111 1111 1111, and the IBAN is DE89 3704 0044 0532 0130 00. ",
    "The server at 203.0.113.7 logged Authorization: Bearer abcdef0123456789abcdef for user 12. ",
    "export OPENAI_API_KEY=sk-abcdefghijklmnopqrstuvwxyz0123456789 && run it again please. ",
    "postgres://app:s3cr3t@db.internal:5432/app failed with password=hunter2 at noon. ",
    "SSN 123-45-6789, MAC 00:1a:2b:3c:4d:5e, nothing else of interest in this line. ",
];

/// CPU seconds of this thread where the system tells them (Linux), else seconds on the clock.
fn cpu(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or_else(|| start.elapsed().as_secs_f64(), |nanos| nanos * 1e-9)
}

/// The best of several runs, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let once = |run: &mut dyn FnMut()| {
        let before = cpu(start);
        run();
        cpu(start) - before
    };
    (0..7).map(|_| once(&mut run)).fold(f64::MAX, f64::min)
}

fn throughput(name: &str, redactor: &Redactor, docs: &[String]) {
    let bytes: usize = docs.iter().map(String::len).sum();
    let seconds = best(|| {
        for doc in docs {
            black_box(redactor.text(doc));
        }
    });
    println!("{name}: {:.0} MB/s", bytes as f64 / seconds / 1e6);
}

fn documents(len: usize, dirty_every: usize, json: bool) -> Vec<String> {
    let doc = |number: usize| {
        let mut out = String::new();
        let mut piece = number;
        while out.len() < len {
            out.push_str(CLEAN);
            if dirty_every > 0 && piece.is_multiple_of(dirty_every) {
                out.push_str(DIRTY[piece % DIRTY.len()]);
            }
            piece += 1;
        }
        if json {
            format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}", out.replace('\n', "\\n"))
        } else {
            out
        }
    };
    (0..(4 << 20) / len).map(doc).collect()
}

fn short_values(redactor: &Redactor) {
    let values: Vec<String> = (0..64).map(|at| format!("value-{at:04}")).collect();
    let rounds = 2000;
    let attrs: Vec<_> = values.iter().map(|v| ("http.route".into(), Value::from(v.as_str()))).collect();
    let mut span = Span { attrs, ..Span::default() };
    let mut pass = Pass::new(redactor);
    let known = best(|| {
        for _ in 0..rounds {
            black_box(pass.span(black_box(&mut span)).get());
        }
    });
    let fresh = best(|| {
        for value in values.iter().cycle().take(64 * rounds) {
            black_box(redactor.text(black_box(value)));
        }
    });
    println!(
        "short attribute, name and value known to the batch: {:.1} ns",
        known * 1e9 / (rounds * 64) as f64
    );
    println!("short text, not known: {:.1} ns", fresh * 1e9 / (rounds * 64) as f64);
}

fn hostile(redactor: &Redactor) {
    let pieces = [
        "a@b.co ",
        "aa:bb:",
        "4111 ",
        "1 ",
        "password=(",
        "password: x1y2 ",
        "eyJ-",
        "://a:b@",
        "\\u0040",
        "%40",
        "8.8.8.8 ",
        "-----BEGIN PRIVATE KEY-----",
        "sk-a1",
        "cookie:a=",
        "+1 ",
        "[\"a@b.co\",",
        "DE89",
    ];
    for piece in pieces {
        let text = piece.repeat((1 << 20) / piece.len());
        let seconds = best(|| drop(black_box(redactor.text(&text))));
        println!("1 MiB of {piece:?}: {:.1} ms", seconds * 1e3);
    }
}

fn main() {
    let start = Instant::now();
    let redactor = Redactor::new(&RedactConfig::default()).expect("the built-in rules are sound");
    println!("built in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    throughput("clean, 1.1 KB", &redactor, &documents(1100, 0, false));
    throughput("clean JSON with escapes, 1.1 KB", &redactor, &documents(1100, 0, true));
    throughput("mixed, 1.9 KB", &redactor, &documents(1900, 3, false));
    throughput("mixed, 30 KB", &redactor, &documents(30_000, 3, false));
    throughput("mixed JSON, 1.9 KB", &redactor, &documents(1900, 3, true));
    throughput("dense, 1.9 KB", &redactor, &documents(1900, 1, false));
    short_values(&redactor);
    hostile(&redactor);
}
