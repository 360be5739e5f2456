//! Check digits and ranges: what separates a payment card, an IBAN, a social security number or a public address
//! from any other number. Pure; used by `number` and `address`.

use std::net::Ipv4Addr;

/// Length of an IBAN by country.
const IBAN_LENGTHS: [(&[u8; 2], usize); 79] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"XK", 20),
];

/// Where the IBAN ends whose check digits begin at `digits`, if there is one.
pub(super) fn iban_end(bytes: &[u8], digits: usize) -> Option<usize> {
    let start = digits.checked_sub(2)?;
    let country = &bytes[start..digits];
    if !country.iter().all(u8::is_ascii_uppercase) || (start > 0 && bytes[start - 1].is_ascii_alphanumeric())
    {
        return None;
    }
    let (_, length) = IBAN_LENGTHS.iter().find(|(code, _)| code.as_slice() == country)?;
    let mut kept = [0_u8; 34];
    let (mut count, mut at) = (0, start);
    while count < *length {
        let byte = *bytes.get(at)?;
        if byte.is_ascii_uppercase() || byte.is_ascii_digit() {
            kept[count] = byte;
            count += 1;
        } else if !(matches!(byte, b' ' | b'-') && bytes[at - 1].is_ascii_alphanumeric()) {
            return None;
        }
        at += 1;
    }
    let clean = !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let digits_ok = kept[2].is_ascii_digit() && kept[3].is_ascii_digit();
    (clean && digits_ok && mod_97(&kept[..count]) == 1).then_some(at)
}

/// ISO 7064: the first four go last, letters count 10 to 35.
fn mod_97(iban: &[u8]) -> u32 {
    let (head, tail) = iban.split_at(4);
    tail.iter().chain(head).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

/// Whether the digits are a payment card: a known issuer's beginning and length, and the check digit.
pub(super) fn is_card(digits: impl Iterator<Item = u8> + Clone) -> bool {
    let (mut length, mut head) = (0_usize, 0_u32);
    for digit in digits.clone() {
        if length < 4 {
            head = head * 10 + u32::from(digit);
        }
        length += 1;
    }
    is_issuer(head, length) && luhn(digits, length)
}

fn is_issuer(head: u32, length: usize) -> bool {
    match head {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 | 3528..=3589 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => length == 14,
        6011 | 6440..=6599 | 6200..=6299 | 5000..=5099 | 5600..=5899 | 6300..=6399 => {
            (16..=19).contains(&length)
        }
        _ => false,
    }
}

/// The check digit of payment cards.
fn luhn(digits: impl Iterator<Item = u8>, length: usize) -> bool {
    let sum = digits.enumerate().fold(0_u32, |sum, (at, digit)| {
        let digit = u32::from(digit);
        let doubled = (length - at).is_multiple_of(2);
        sum + if !doubled {
            digit
        } else if digit > 4 {
            digit * 2 - 9
        } else {
            digit * 2
        }
    });
    sum > 0 && sum.is_multiple_of(10)
}

/// Whether nine digits may be a US social security number: the areas 000, 666 and 900 up are never given out,
/// nor are the group 00 and the serial 0000.
pub(super) fn is_ssn(digits: impl Iterator<Item = u8>) -> bool {
    let number = digits.fold(0_u32, |number, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit)));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
}

/// Whether an address may belong to somebody outside: not private, loopback, link-local, shared or multicast.
/// Addresses reserved for documentation count as public, since people write them as if they were.
pub(in super::super) fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (second == 18 || second == 19);
    !(first == 0 || first >= 224 || shared || benchmark)
        && !(address.is_private() || address.is_loopback() || address.is_link_local())
}
