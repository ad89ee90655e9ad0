use std::collections::HashMap;

/// Which id of one tape stands for which of the other.
#[derive(Debug)]
pub(super) struct Ids {
    literal: bool,
    forth: HashMap<String, String>,
    back: HashMap<String, String>,
}

impl Ids {
    pub(super) fn new(literal: bool) -> Ids {
        Ids {
            literal,
            forth: HashMap::new(),
            back: HashMap::new(),
        }
    }

    /// Whether two ids link the same; a pair that was never seen does from now on.
    pub(super) fn same(&mut self, a: &str, b: &str) -> bool {
        if self.literal {
            return a == b;
        }
        match (self.forth.get(a), self.back.get(b)) {
            (None, None) => {
                self.forth.insert(a.to_owned(), b.to_owned());
                self.back.insert(b.to_owned(), a.to_owned());
                true
            }
            (Some(known), _) => known == b,
            (None, Some(_)) => false,
        }
    }

    /// Whether an answer, or an earlier place, has shown this pair.
    pub(super) fn know(&self, a: &str, b: &str) -> bool {
        !self.literal && self.forth.get(a).is_some_and(|known| known == b)
    }

    /// How many differ in their letters.
    pub(super) fn aligned(&self) -> usize {
        self.forth.iter().filter(|(a, b)| a != b).count()
    }
}
