//! A delta of text as it nearly always stands, read in one pass.
//!
//! Whatever stands otherwise is odd, and read by name. Both ways write by the same functions.

use crate::dialect::fields;
use crate::json::{Odd, Scan, Str};

#[derive(Debug, Default)]
pub(super) struct TextDelta<'a> {
    pub index: Option<u64>,
    pub text: Option<Str<'a>>,
}

impl<'a> TextDelta<'a> {
    pub(super) fn parse(line: &str, data: &'a str) -> Result<TextDelta<'a>, Odd> {
        const KINDS: [&str; 2] = ["step.delta", "content.delta"];
        let mut delta = TextDelta::default();
        let mut kind = None;
        let mut scan = Scan::new(data);
        scan.object(|name, scan| {
            match name {
                "event_type" => kind = Some(fields::expected(line, &KINDS, scan)?),
                "index" => delta.index = scan.number()?,
                "delta" if delta.text.is_some() => return Err(Odd),
                "delta" => delta.text = Some(read_text(scan)?),
                "error" => fields::absent(scan)?,
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        scan.end()?;
        kind.map(|_| delta).ok_or(Odd)
    }
}

fn read_text<'a>(scan: &mut Scan<'a>) -> Result<Str<'a>, Odd> {
    let (mut is_text, mut text) = (false, None);
    scan.object(|name, scan| {
        match name {
            "type" => is_text = scan.string()? == Some(Str::Text("text".into())),
            "text" => text = scan.string()?,
            _ => scan.skip()?,
        }
        Ok(())
    })?;
    text.filter(|_| is_text).ok_or(Odd)
}
