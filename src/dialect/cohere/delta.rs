//! A delta as it nearly always stands, read in one pass.
//!
//! Whatever stands otherwise is odd, and read by name. Both ways write by the same functions.

use super::BlockKind;
use crate::dialect::fields;
use crate::json::{Odd, Scan, Str};

#[derive(Debug)]
pub(super) enum Delta<'a> {
    Content {
        index: Option<u64>,
        kind: BlockKind,
        text: Str<'a>,
    },
    Arguments {
        index: u64,
        piece: Str<'a>,
    },
}

#[derive(Debug, Default)]
struct Pieces<'a> {
    text: Option<Str<'a>>,
    thinking: Option<Str<'a>>,
    arguments: Option<Str<'a>>,
}

impl<'a> Delta<'a> {
    pub(super) fn parse(line: &str, data: &'a str) -> Result<Delta<'a>, Odd> {
        const KINDS: [&str; 2] = ["content-delta", "tool-call-delta"];
        let (mut kind, mut index) = (None, None);
        let mut pieces = Pieces::default();
        let mut scan = Scan::new(data);
        scan.object(|name, scan| {
            match name {
                "type" => kind = Some(fields::expected(line, &KINDS, scan)?),
                "index" => index = scan.number()?,
                "delta" => {
                    pieces = Pieces::default();
                    pieces.read(scan)?;
                }
                "error" | "logprobs" => fields::absent(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        scan.end()?;
        let Pieces {
            text,
            thinking,
            arguments,
        } = pieces;
        match (kind, index, text, thinking, arguments) {
            (Some(0), index, Some(text), None, None) => Ok(Delta::Content {
                index,
                kind: BlockKind::Text,
                text,
            }),
            (Some(0), index, None, Some(text), None) => Ok(Delta::Content {
                index,
                kind: BlockKind::Thinking,
                text,
            }),
            (Some(1), Some(index), None, None, Some(piece)) => {
                Ok(Delta::Arguments { index, piece })
            }
            _ => Err(Odd),
        }
    }
}

impl<'a> Pieces<'a> {
    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        scan.object(|name, scan| match name {
            "message" => {
                // Of two objects of one name the last counts, whole; here and below.
                *self = Pieces::default();
                scan.object(|name, scan| match name {
                    "content" => self.read_content(scan),
                    "tool_calls" => self.read_call(scan),
                    _ => scan.skip(),
                })
            }
            _ => scan.skip(),
        })
    }

    fn read_content(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        (self.text, self.thinking) = (None, None);
        scan.object(|name, scan| {
            match name {
                "text" => self.text = scan.string()?,
                "thinking" => self.thinking = scan.string()?,
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    fn read_call(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        self.arguments = None;
        scan.object(|name, scan| match name {
            "function" => {
                self.arguments = None;
                scan.object(|name, scan| {
                    match name {
                        "arguments" => self.arguments = scan.string()?,
                        _ => scan.skip()?,
                    }
                    Ok(())
                })
            }
            _ => scan.skip(),
        })
    }
}
