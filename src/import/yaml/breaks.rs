//! The line breaks of YAML 1.1 that are none to YAML 1.2.
//!
//! libyaml and PyYAML write U+2028 and U+2029 as line breaks, with the indentation of the next line
//! behind them. A reader of YAML 1.2 would take that indentation for text.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::Fault;

/// A text whose special breaks were made line feeds, and where they stood.
pub(super) struct Breaks {
    text: String,
    /// Offset in `text` of the line feed, and what it was.
    places: Vec<(usize, char)>,
    /// A character that the text does not hold.
    mark: char,
}

impl Breaks {
    /// None when there is nothing special in `text`.
    pub(super) fn in_text(text: &str) -> Option<Breaks> {
        const NEXT_LINE: char = '\u{85}';
        let special = |c: char| matches!(c, '\u{2028}' | '\u{2029}' | NEXT_LINE);
        if !text.contains(special) {
            return None;
        }
        let mark = ('\u{f8f0}'..='\u{f8ff}').find(|&mark| !text.contains(mark))?;
        let mut breaks = Breaks {
            text: String::with_capacity(text.len()),
            places: Vec::new(),
            mark,
        };
        for c in text.chars() {
            // NEXT LINE is read as a line feed, as the writers' own readers do.
            if special(c) && c != NEXT_LINE {
                breaks.places.push((breaks.text.len(), c));
            }
            breaks.text.push(if special(c) { '\n' } else { c });
        }
        Some(breaks)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The value of a scalar with its special breaks back in their places.
    pub(super) fn restore(
        &self,
        value: &str,
        style: ScalarStyle,
        span: &Span,
    ) -> Result<String, Fault> {
        let range = span.byte_range().unwrap_or_default();
        if style == ScalarStyle::Literal {
            return Ok(self.literal(value, range.start));
        }
        let first = self.places.partition_point(|(at, _)| *at < range.start);
        let inside = self.places[first..]
            .iter()
            .take_while(|(at, _)| *at < range.end);
        let inside: Vec<(usize, char)> = inside.copied().collect();
        if inside.is_empty() {
            return Ok(value.to_owned());
        }
        match style {
            ScalarStyle::Folded => Err(self.fault(span, "U+2028 in a folded scalar")),
            _ => self
                .flow(range, &inside)
                .ok_or_else(|| self.fault(span, "U+2028 in a scalar that cannot be read again")),
        }
    }

    /// In a literal scalar each line break of the source is one of the value. The text begins at
    /// `start`, behind the blank lines and the indentation of the first line.
    fn literal(&self, value: &str, start: usize) -> String {
        let blank = value.bytes().take_while(|byte| *byte == b'\n').count();
        let before = self.text[..start].rmatch_indices('\n').take(blank);
        let mut before: Vec<usize> = before.map(|(at, _)| at).collect();
        before.reverse();
        let after = self.text[start..].match_indices('\n');
        let mut feeds = before.into_iter().chain(after.map(|(at, _)| start + at));
        let special = |at: usize| {
            let found = self.places.binary_search_by_key(&at, |(at, _)| *at).ok()?;
            Some(self.places[found].1)
        };
        let restored = value.chars().map(|c| match c {
            '\n' => feeds.next().and_then(special).unwrap_or('\n'),
            c => c,
        });
        restored.collect()
    }

    /// In a quoted scalar lines are folded: a mark before each special break finds it again.
    fn flow(&self, range: std::ops::Range<usize>, inside: &[(usize, char)]) -> Option<String> {
        let mut marked = String::new();
        let mut from = range.start;
        for (at, _) in inside {
            marked.push_str(&self.text[from..*at]);
            marked.push(self.mark);
            from = *at;
        }
        marked.push_str(&self.text[from..range.end]);
        let folded = Parser::new_from_str(&marked).find_map(|event| match event {
            Ok((Event::Scalar(text, ..), _)) => Some(text.into_owned()),
            _ => None,
        })?;
        let mut characters = inside.iter().map(|(_, c)| *c);
        let mut out = String::with_capacity(folded.len());
        let mut rest = &folded[..];
        while let Some(at) = rest.find(self.mark) {
            out.push_str(&rest[..at]);
            out.push(characters.next()?);
            rest = &rest[at + self.mark.len_utf8()..];
            // The line feed behind the mark, folded to a space.
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
        out.push_str(rest);
        characters.next().is_none().then_some(out)
    }

    fn fault(&self, span: &Span, found: &str) -> Fault {
        Fault {
            line: span.start.line() as u64,
            found: found.to_owned(),
        }
    }
}
