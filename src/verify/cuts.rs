//! Where a body is cut in two.

/// Bodies are cut at every byte while the bytes read by that stay under this many.
const EVERY_BYTE: usize = 8 << 20;

/// Longer ones are cut at a sample, as large as these bytes allow.
const SAMPLED: usize = 2 << 20;

/// The fewest and the most cuts of a sample.
const FEWEST: usize = 8;
const MOST: usize = 128;

/// Cuts that decoders get wrong are tried first, up to this many of each kind.
const DELICATE: usize = 16;

pub(super) struct Cuts {
    pub(super) at: Vec<usize>,
    pub(super) every_byte: bool,
}

/// Every byte of a small body; of a larger one the delicate places and an even sample.
pub(super) fn cuts(body: &[u8], seed: u64, exhaustive: bool) -> Cuts {
    let length = body.len();
    if exhaustive || length.saturating_mul(length) / 2 <= EVERY_BYTE {
        return Cuts {
            at: (0..length).collect(),
            every_byte: true,
        };
    }
    let mut at = delicate(body);
    let wanted = (SAMPLED / length).clamp(FEWEST, MOST);
    at.extend((0..wanted as u64).map(|step| spread(seed.wrapping_add(step), length)));
    at.sort_unstable();
    at.dedup();
    Cuts {
        at,
        every_byte: false,
    }
}

/// A few cuts of a body whose meaning is no transcript.
pub(super) fn few(body: &[u8], seed: u64) -> Vec<usize> {
    let length = body.len().max(1);
    let steps = 0..FEWEST.min(body.len()) as u64;
    steps
        .map(|step| spread(seed.wrapping_add(step), length))
        .collect()
}

/// Steps by the golden ratio: any run of them lies evenly over the body.
fn spread(step: u64, length: usize) -> usize {
    let part = step.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let at = (u128::from(part) * length as u128) >> 64;
    // Smaller than `length`.
    at as usize
}

/// Inside code points and inside CR LF, spread over the body.
fn delicate(body: &[u8]) -> Vec<usize> {
    let inside = |at: usize| body[at] & 0xC0 == 0x80;
    let line_end = |at: usize| body[at - 1] == b'\r' && body[at] == b'\n';
    let mut found = thinned((1..body.len()).filter(|at| inside(*at)));
    found.extend(thinned((1..body.len()).filter(|at| line_end(*at))));
    found
}

/// At most [`DELICATE`] places, from all over: each time there are too many, every other one goes.
fn thinned(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut stride = 1;
    for (number, at) in places.enumerate() {
        if number % stride == 0 {
            kept.push(at);
        }
        if kept.len() > DELICATE {
            let mut position = 0;
            kept.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            stride *= 2;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_even_delicate_and_the_same_for_one_seed() {
        let mut body = vec![b'a'; 400_000];
        body[1_000..1_002].copy_from_slice("é".as_bytes());
        body[2_000..2_002].copy_from_slice(b"\r\n");
        let first = cuts(&body, 7, false);
        assert!(!first.every_byte);
        assert!(first.at.contains(&1_001) && first.at.contains(&2_001));
        assert!((FEWEST..=MOST + 2 * DELICATE).contains(&first.at.len()));
        assert_eq!(first.at, cuts(&body, 7, false).at);
        assert_ne!(first.at, cuts(&body, 8, false).at);
        let half = first.at.iter().filter(|at| **at < 200_000).count();
        assert!(half * 3 > first.at.len() && half * 3 < 2 * first.at.len());
        assert_eq!(cuts(&body[..1_500], 7, false).at.len(), 1_500);
    }

    #[test]
    fn thinning_keeps_places_from_all_over() {
        let kept = thinned(0..100_000);
        assert!(kept.len() <= DELICATE + 1 && kept.len() > DELICATE / 3);
        assert!(kept.last().is_some_and(|last| *last > 80_000));
    }
}
