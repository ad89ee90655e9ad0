//! Which interaction of one tape is the counterpart of which of the other.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use super::Heard;

/// How much two requests must have in common to be counterparts.
const ALIKE: f32 = 0.3;

/// Beyond this many comparisons the order alone decides.
const COMPARISONS: usize = 1 << 20;

/// Positions of counterparts, rising in both.
pub(super) fn pairs(a: &[Heard], b: &[Heard]) -> Vec<(usize, usize)> {
    let numbers = |of: &[Heard]| -> Vec<u64> { of.iter().map(|heard| heard.interaction).collect() };
    let in_order = || (0..a.len().min(b.len())).map(|at| (at, at)).collect();
    if numbers(a) == numbers(b) || a.len().saturating_mul(b.len()) > COMPARISONS {
        return in_order();
    }
    let (of_a, of_b) = (a.iter().map(Asked::of), b.iter().map(Asked::of));
    best(&of_a.collect::<Vec<_>>(), &of_b.collect::<Vec<_>>())
}

/// The rising pairs whose likenesses have the greatest sum.
fn best(a: &[Asked], b: &[Asked]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut sums = vec![0f32; (a.len() + 1) * width];
    let mut likeness = vec![0f32; a.len() * b.len()];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let alike = a[i].likeness(&b[j]);
            likeness[i * b.len() + j] = alike;
            let paired = match alike >= ALIKE {
                true => alike + sums[(i + 1) * width + j + 1],
                false => 0.0,
            };
            sums[i * width + j] = paired
                .max(sums[(i + 1) * width + j])
                .max(sums[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        let alike = likeness[i * b.len() + j];
        let here = sums[i * width + j];
        if alike >= ALIKE && here <= alike + sums[(i + 1) * width + j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here <= sums[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// What a request asks, as the set of its words.
struct Asked {
    route: u64,
    words: Vec<u64>,
}

impl Asked {
    fn of(heard: &Heard) -> Asked {
        let Some(request) = &heard.request else {
            return Asked {
                route: 0,
                words: Vec::new(),
            };
        };
        let body = request.body.as_bytes();
        let pieces = body.split(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
        let mut words: Vec<u64> = pieces.filter(|word| !word.is_empty()).map(hash).collect();
        words.sort_unstable();
        Asked {
            route: hash(format!("{} {}", request.method, request.path()).as_bytes()),
            words,
        }
    }

    /// From 0 to 1: twice what is common, divided by what there is; 0 for another route.
    fn likeness(&self, other: &Asked) -> f32 {
        if self.route != other.route {
            return 0.0;
        }
        let all = self.words.len() + other.words.len();
        if all == 0 {
            return 1.0;
        }
        let (mut i, mut j, mut common) = (0, 0, 0usize);
        while i < self.words.len() && j < other.words.len() {
            match self.words[i].cmp(&other.words[j]) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => {
                    common += 1;
                    (i, j) = (i + 1, j + 1);
                }
            }
        }
        (2 * common) as f32 / all as f32
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
