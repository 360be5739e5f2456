//! Appends msgpack to a buffer, each thing in its shortest form. The Datadog encoder and the SDK use it.

use tundra_record::Value;

/// Appends to a buffer that the caller keeps.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Writer<'o> {
    /// Appends to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Everything in the buffer so far.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// The head of an array of `len` items.
    pub fn array(&mut self, len: usize) {
        self.head(len, 0x90, 15, None, 0xdc, 0xdd);
    }

    /// The head of a map of `len` entries.
    #[inline]
    pub fn map(&mut self, len: usize) {
        match len {
            0..16 => self.out.push(0x80 | len as u8),
            len => self.head(len, 0x80, 15, None, 0xde, 0xdf),
        }
    }

    /// The head of an array whose length is told to [`close_array`](Self::close_array), with the place that this gives.
    pub fn open_array(&mut self) -> usize {
        let at = self.out.len();
        self.wide(0xdd, &[0; 4]);
        at
    }

    /// The number of items in an array that was opened at `at`.
    pub fn close_array(&mut self, at: usize, len: usize) {
        self.out[at + 1..at + 5].copy_from_slice(&(len as u32).to_be_bytes());
    }

    /// The same for a map; three bytes are kept for its head.
    #[inline]
    pub fn open_map(&mut self) -> usize {
        let at = self.out.len();
        self.wide(0xde, &[0; 2]);
        at
    }

    /// The number of entries in a map that was opened at `at`.
    #[inline]
    pub fn close_map(&mut self, at: usize, len: usize) {
        match u16::try_from(len) {
            Ok(len) => self.out[at + 1..at + 3].copy_from_slice(&len.to_be_bytes()),
            Err(_) => {
                let [a, b, c, d] = (len as u32).to_be_bytes();
                self.out.splice(at..at + 3, [0xdf, a, b, c, d]);
            }
        }
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        self.text_bytes(text.as_bytes());
    }

    /// A string whose bytes the caller knows to be UTF-8.
    #[inline]
    pub fn text_bytes(&mut self, text: &[u8]) {
        match text.len() {
            len @ 0..32 => self.out.push(0xa0 | len as u8),
            len => self.head(len, 0xa0, 31, Some(0xd9), 0xda, 0xdb),
        }
        self.out.extend_from_slice(text);
    }

    /// Binary data.
    pub fn bytes(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(len) => self.out.extend_from_slice(&[0xc4, len]),
            Err(_) => self.head(bytes.len(), 0xc4, 0, None, 0xc5, 0xc6),
        }
        self.out.extend_from_slice(bytes);
    }

    /// `nil`.
    pub fn nil(&mut self) {
        self.out.push(0xc0);
    }

    /// A truth value.
    pub fn bool(&mut self, truth: bool) {
        self.out.push(if truth { 0xc3 } else { 0xc2 });
    }

    /// A double.
    #[inline]
    pub fn double(&mut self, number: f64) {
        self.out.push(0xcb);
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// A signed number.
    #[inline]
    pub fn int(&mut self, number: i64) {
        match number {
            0.. => self.uint(number as u64),
            -32..0 => self.out.push(number as u8),
            -128..-32 => self.out.extend_from_slice(&[0xd0, number as u8]),
            -32_768..-128 => self.wide(0xd1, &(number as i16).to_be_bytes()),
            -2_147_483_648..-32_768 => self.wide(0xd2, &(number as i32).to_be_bytes()),
            _ => self.wide(0xd3, &number.to_be_bytes()),
        }
    }

    /// An unsigned number.
    #[inline]
    pub fn uint(&mut self, number: u64) {
        match number {
            0..0x80 => self.out.push(number as u8),
            0x80..0x100 => self.out.extend_from_slice(&[0xcc, number as u8]),
            0x100..0x1_0000 => self.wide(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..0x1_0000_0000 => self.wide(0xce, &(number as u32).to_be_bytes()),
            _ => self.wide(0xcf, &number.to_be_bytes()),
        }
    }

    /// A value of any kind.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Str(text) => self.text(text),
            Value::Bool(truth) => self.bool(*truth),
            Value::Int(number) => self.int(*number),
            Value::Double(number) => self.double(*number),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::List(items) => {
                self.array(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Map(entries) => {
                self.map(entries.len());
                for (key, value) in entries {
                    self.text(key);
                    self.value(value);
                }
            }
        }
    }

    #[inline]
    fn wide(&mut self, marker: u8, bytes: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(bytes);
    }

    /// A length in its shortest form. Lengths past 32 bits, which no format here reaches, are cut.
    fn head(&mut self, len: usize, fixed: u8, fixed_max: usize, one: Option<u8>, two: u8, four: u8) {
        match (len, one) {
            _ if len <= fixed_max && fixed_max > 0 => self.out.push(fixed | len as u8),
            (0..0x100, Some(one)) => self.out.extend_from_slice(&[one, len as u8]),
            (0..0x1_0000, _) => self.wide(two, &(len as u16).to_be_bytes()),
            _ => self.wide(four, &(len as u32).to_be_bytes()),
        }
    }
}
