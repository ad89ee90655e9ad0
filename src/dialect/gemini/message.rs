//! A message as it nearly always stands, a piece of one candidate's text, read in one pass.
//!
//! Whatever stands otherwise is odd, and read by name. Both ways write by the same functions.

use std::borrow::Cow;

use crate::dialect::fields;
use crate::json::{Odd, Scan, Str};

/// The members of `usageMetadata` that a transcript needs.
pub(super) const COUNTS: [&str; 5] = [
    "promptTokenCount",
    "candidatesTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
    "thoughtsTokenCount",
];

#[derive(Debug, Default)]
pub(super) struct TextMessage<'a> {
    pub id: Option<Cow<'a, str>>,
    pub model: Option<Cow<'a, str>>,
    pub index: Option<u64>,
    pub text: Option<Str<'a>>,
    pub is_thought: bool,
    pub finish_reason: Option<Cow<'a, str>>,
    pub usage: Option<([Option<u64>; 5], &'a str)>,
    candidates: u32,
    parts: u32,
}

impl<'a> TextMessage<'a> {
    /// Reads an ordinary message into this empty one.
    pub(super) fn parse(&mut self, data: &'a str) -> Result<(), Odd> {
        let mut scan = Scan::new(data);
        scan.object(|name, scan| {
            match name {
                // Of two lists or objects of one name the last counts, whole.
                "candidates" if self.candidates > 0 => return Err(Odd),
                "candidates" => scan.array(|scan| self.read_candidate(scan))?,
                "usageMetadata" if scan.null() => self.usage = None,
                "usageMetadata" => self.usage = Some(read_usage(scan)?),
                "modelVersion" => self.model = scan.string()?.map(Str::plain),
                "responseId" => self.id = scan.string()?.map(Str::plain),
                "promptFeedback" | "error" | "response" => fields::absent(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        scan.end()?;
        if self.candidates == 1 {
            Ok(())
        } else {
            Err(Odd)
        }
    }

    fn read_candidate(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        self.candidates += 1;
        scan.object(|name, scan| {
            match name {
                "index" => self.index = scan.number()?,
                "content" if self.parts > 0 => return Err(Odd),
                "content" => scan.object(|name, scan| match name {
                    "parts" if self.parts > 0 => Err(Odd),
                    "parts" => scan.array(|scan| self.read_part(scan)),
                    _ => scan.skip(),
                })?,
                "finishReason" => self.finish_reason = scan.string()?.map(Str::plain),
                "finishMessage" | "logprobsResult" | "citationMetadata" | "groundingMetadata"
                | "urlContextMetadata" => fields::absent(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    fn read_part(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        self.parts += 1;
        if self.parts > 1 {
            return Err(Odd);
        }
        scan.object(|name, scan| {
            match name {
                "text" => self.text = scan.string()?,
                "thought" => {
                    let thought = scan.raw()?;
                    self.is_thought = match thought.map_or("false", |thought| thought.text()) {
                        "true" => true,
                        "false" => false,
                        _ => return Err(Odd),
                    };
                }
                _ => fields::absent(scan)?,
            }
            Ok(())
        })
    }
}

fn read_usage<'a>(scan: &mut Scan<'a>) -> Result<([Option<u64>; 5], &'a str), Odd> {
    let mut counts = [None; 5];
    let text = scan.span(|scan| {
        scan.object(|name, scan| {
            match COUNTS.iter().position(|count| *count == name) {
                Some(place) => counts[place] = scan.number()?,
                None => scan.skip()?,
            }
            Ok(())
        })
    })?;
    Ok((counts, text))
}
