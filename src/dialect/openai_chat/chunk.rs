//! A chunk: only the fields that a transcript needs, borrowed from the frame.
//!
//! Read in one pass, in place, because moving values of this size costs as much as reading them;
//! what is rare stands in a box. Whatever is odd is left to `tolerant`, which fills the same types
//! by name. Of duplicate members the last wins in both.

use memchr::memmem;
use smallvec::SmallVec;

use crate::json::{Odd, Raw, Scan, Str};

#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub id: Text<'a>,
    pub model: Text<'a>,
    pub choices: SmallVec<[Choice<'a>; 1]>,
    pub usage: Option<Raw<'a>>,
    pub x_groq: Option<Raw<'a>>,
    pub error: Option<Raw<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub index: Option<u64>,
    /// The `message` of an answer that was not streamed stands here, too.
    pub delta: Option<Message<'a>>,
    pub finish_reason: Text<'a>,
    pub logprobs: Option<Raw<'a>>,
    pub error: Option<Raw<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub content: Text<'a>,
    /// The elements of a `content` that is an array.
    pub content_parts: Vec<Raw<'a>>,
    pub refusal: Text<'a>,
    pub reasoning_content: Text<'a>,
    pub reasoning: Text<'a>,
    pub reasoning_details: Option<Raw<'a>>,
    pub tool_calls: SmallVec<[Box<Call<'a>>; 1]>,
    pub function_call: Option<Box<Function<'a>>>,
}

#[derive(Debug, Default)]
pub(super) struct Call<'a> {
    pub index: Option<u64>,
    pub id: Text<'a>,
    pub function: Option<Function<'a>>,
    pub custom: Option<Custom<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct Function<'a> {
    pub name: Text<'a>,
    pub arguments: Text<'a>,
}

#[derive(Debug, Default)]
pub(super) struct Custom<'a> {
    pub name: Text<'a>,
    pub input: Text<'a>,
}

/// A string field; absent, `null` and empty are one.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Str<'a>>);

impl<'a> Text<'a> {
    /// Takes the string out, when it says something.
    pub(super) fn some(&mut self) -> Option<Str<'a>> {
        self.0.take().filter(|text| !text.is_empty())
    }

    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        self.0 = scan.string()?;
        Ok(())
    }
}

impl<'a> Chunk<'a> {
    /// Reads an ordinary chunk into this empty one.
    pub(super) fn parse(&mut self, data: &'a str) -> Result<(), Odd> {
        let mut scan = Scan::new(data);
        scan.object(|name, scan| self.read(name, scan))?;
        scan.end()
    }

    #[inline]
    fn read(&mut self, name: &str, scan: &mut Scan<'a>) -> Result<(), Odd> {
        match name {
            "id" => self.id.read(scan)?,
            "model" => self.model.read(scan)?,
            "choices" => {
                self.choices.clear();
                if !scan.null() {
                    scan.array(|scan| {
                        self.choices.push(Choice::default());
                        self.choices.last_mut().ok_or(Odd)?.read(scan)
                    })?;
                }
            }
            "usage" => self.usage = scan.raw()?,
            "x_groq" => self.x_groq = scan.raw()?,
            "error" => self.error = scan.raw()?,
            _ => scan.skip()?,
        }
        Ok(())
    }
}

impl<'a> Choice<'a> {
    #[inline]
    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        let mut message = None;
        scan.object(|name, scan| {
            match name {
                "index" => self.index = scan.number()?,
                "delta" if scan.null() => self.delta = None,
                "delta" => self.delta.insert(Message::default()).read(scan)?,
                "finish_reason" => self.finish_reason.read(scan)?,
                "logprobs" => self.logprobs = scan.raw()?,
                "error" => self.error = scan.raw()?,
                "message" => message = scan.raw()?,
                _ => scan.skip()?,
            }
            Ok(())
        })?;
        match (&self.delta, message) {
            // A cumulative `message` beside `delta` (perplexity) says the same twice.
            (Some(_), _) | (None, None) => Ok(()),
            (None, Some(_)) => Err(Odd),
        }?;
        // `tolerant` says what is wrong with a value of another type.
        match self.logprobs {
            Some(logprobs) if !logprobs.text().starts_with('{') => Err(Odd),
            _ => Ok(()),
        }
    }
}

impl<'a> Message<'a> {
    #[inline]
    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        scan.object(|name, scan| {
            match name {
                "content" => self.content.read(scan)?,
                "refusal" => self.refusal.read(scan)?,
                "reasoning_content" => self.reasoning_content.read(scan)?,
                "reasoning" => self.reasoning.read(scan)?,
                "reasoning_details" => self.reasoning_details = scan.raw()?,
                "tool_calls" => self.read_calls(scan)?,
                "function_call" if scan.null() => self.function_call = None,
                "function_call" => {
                    let call = self.function_call.insert(Box::default());
                    **call = Function::default();
                    call.read(scan)?;
                }
                _ => scan.skip()?,
            }
            Ok(())
        })
    }

    fn read_calls(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        self.tool_calls.clear();
        if scan.null() {
            return Ok(());
        }
        scan.array(|scan| {
            let mut call = Box::<Call<'_>>::default();
            call.read(scan)?;
            self.tool_calls.push(call);
            Ok(())
        })
    }

    /// The encrypted ones among the `reasoning_details`; the readable ones repeat `reasoning`.
    pub(super) fn encrypted_reasoning(&self) -> Vec<Raw<'a>> {
        let mut encrypted = Vec::new();
        // Nearly every chunk of such a stream carries readable details, and none of these.
        let details = self.reasoning_details;
        let details =
            details.filter(|raw| memmem::find(raw.text().as_bytes(), b"encrypted").is_some());
        if let Some(details) = details {
            details.elements(|detail| {
                let kind = detail.get_str("type").map(Str::plain);
                if kind.as_deref() == Some("reasoning.encrypted") {
                    encrypted.push(detail);
                }
            });
        }
        encrypted
    }
}

impl<'a> Call<'a> {
    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        scan.object(|name, scan| {
            match name {
                "index" => self.index = scan.number()?,
                "id" => self.id.read(scan)?,
                "function" if scan.null() => self.function = None,
                "function" => self.function.insert(Function::default()).read(scan)?,
                "custom" if scan.null() => self.custom = None,
                "custom" => {
                    let custom = self.custom.insert(Custom::default());
                    scan.object(|name, scan| match name {
                        "name" => custom.name.read(scan),
                        "input" => custom.input.read(scan),
                        _ => scan.skip(),
                    })?;
                }
                _ => scan.skip()?,
            }
            Ok(())
        })
    }
}

impl<'a> Function<'a> {
    fn read(&mut self, scan: &mut Scan<'a>) -> Result<(), Odd> {
        scan.object(|name, scan| match name {
            "name" => self.name.read(scan),
            "arguments" => self.arguments.read(scan),
            _ => scan.skip(),
        })
    }
}
