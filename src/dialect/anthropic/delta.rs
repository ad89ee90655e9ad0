//! A `content_block_delta` as it nearly always stands, read in one pass.
//!
//! Whatever stands otherwise is odd, and read by name. Both ways write by the same functions.

use super::blocks::BlockKind;
use crate::dialect::fields;
use crate::json::{Odd, Scan, Str};

#[derive(Debug, Default)]
pub(super) struct BlockDelta<'a> {
    pub index: Option<u64>,
    pub piece: Option<(BlockKind, Str<'a>)>,
}

impl<'a> BlockDelta<'a> {
    pub(super) fn parse(line: &str, data: &'a str) -> Result<BlockDelta<'a>, Odd> {
        let mut delta = BlockDelta::default();
        let mut kind = None;
        let mut scan = Scan::new(data);
        scan.object(|name, scan| {
            match name {
                "type" => kind = Some(fields::expected(line, &["content_block_delta"], scan)?),
                "index" => delta.index = scan.number()?,
                "delta" if delta.piece.is_some() => return Err(Odd),
                "delta" => delta.piece = Some(read_piece(scan)?),
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        scan.end()?;
        kind.map(|_| delta).ok_or(Odd)
    }
}

fn read_piece<'a>(scan: &mut Scan<'a>) -> Result<(BlockKind, Str<'a>), Odd> {
    let [mut kind, mut text, mut json, mut thinking] = [const { None }; 4];
    scan.object(|name, scan| {
        match name {
            "type" => kind = scan.string()?,
            "text" => text = scan.string()?,
            "partial_json" => json = scan.string()?,
            "thinking" => thinking = scan.string()?,
            _ => scan.skip()?,
        }
        Ok(())
    })?;
    let Some(Str::Text(kind)) = kind else {
        return Err(Odd);
    };
    let (kind, piece) = match &*kind {
        "text_delta" => (BlockKind::Text, text),
        "input_json_delta" => (BlockKind::Call, json),
        "thinking_delta" => (BlockKind::Thinking, thinking),
        _ => return Err(Odd),
    };
    Ok((kind, piece.ok_or(Odd)?))
}
