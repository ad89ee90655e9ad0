//! YAML as a small tree that keeps what bodies need: text exactly, style, tag and line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine as _;
use granit_parser::{Event, Parser, ScalarStyle, Span, Tag, options};

mod breaks;
mod json;
mod parse_json;

use breaks::Breaks;
pub(super) use json::to_json;

/// A value of a document. What stands behind an anchor is shared, not copied, so aliases take no
/// memory however often they are repeated.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Counts from 1.
    pub(super) line: u64,
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
        binary: bool,
    },
    List(Vec<Rc<Node<'a>>>),
    Map(Vec<(Rc<Node<'a>>, Rc<Node<'a>>)>),
}

/// Where a text is no YAML.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) found: String,
}

/// The documents of a text, YAML or JSON.
pub(super) fn documents(text: &str) -> Result<Vec<Rc<Node<'_>>>, Fault> {
    if text.trim_start().starts_with(['{', '[']) {
        return match parse_json::parse(text) {
            Ok(document) => Ok(vec![document]),
            // A mapping in YAML's flow style begins so too.
            Err(fault) => load(text, |value, _, _| Ok(value)).map_err(|_| fault),
        };
    }
    if let Some(breaks) = Breaks::in_text(text) {
        let read = load(breaks.text(), |value, style, span| {
            breaks.restore(&value, style, span).map(Cow::Owned)
        });
        if let Ok(documents) = read {
            return Ok(documents);
        }
        // Written by YAML 1.2, to which these are ordinary characters.
    }
    load(text, |value, _, _| Ok(value))
}

fn load<'s, 'a>(
    source: &'s str,
    mut scalar: impl FnMut(Cow<'s, str>, ScalarStyle, &Span) -> Result<Cow<'a, str>, Fault>,
) -> Result<Vec<Rc<Node<'a>>>, Fault> {
    // As libyaml reads, which wrote nearly all of these files.
    let options = options! {
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
        simple_key_max_lookahead: 1 << 20,
    };
    let mut documents = Vec::new();
    let mut tree = Tree::default();
    for event in Parser::new_from_str_with_options(source, options) {
        let (event, span) = event.map_err(|error| Fault {
            line: error.marker().line() as u64,
            found: error.info().to_string(),
        })?;
        let line = span.start.line() as u64;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = scalar(text, style, &span)?;
                let kind = Kind::Scalar {
                    text,
                    plain: style == ScalarStyle::Plain && tag.is_none(),
                    binary: is_binary(tag.as_deref()),
                };
                tree.put(Rc::new(Node { line, kind }), anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                tree.open(line, Kind::List(Vec::new()), anchor);
            }
            Event::MappingStart(_, anchor, _) => tree.open(line, Kind::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => tree.close(),
            Event::Alias(anchor) => tree.alias(anchor, line)?,
            Event::DocumentEnd => documents.extend(std::mem::take(&mut tree).root),
            _ => {}
        }
    }
    Ok(documents)
}

fn is_binary(tag: Option<&Tag>) -> bool {
    // A type of YAML 1.1, which is not in the core schema.
    tag.is_some_and(|tag| {
        tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() == Some("binary")
    })
}

/// A document under construction.
#[derive(Default)]
struct Tree<'a> {
    root: Option<Rc<Node<'a>>>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, Rc<Node<'a>>>,
}

struct Open<'a> {
    node: Node<'a>,
    anchor: usize,
    key: Option<Rc<Node<'a>>>,
}

impl<'a> Tree<'a> {
    fn open(&mut self, line: u64, kind: Kind<'a>, anchor: usize) {
        self.open.push(Open {
            node: Node { line, kind },
            anchor,
            key: None,
        });
    }

    fn close(&mut self) {
        if let Some(Open { node, anchor, .. }) = self.open.pop() {
            self.put(Rc::new(node), anchor);
        }
    }

    fn put(&mut self, node: Rc<Node<'a>>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(node),
            (Kind::Map(entries), Some(key)) => entries.push((key, node)),
            (Kind::Map(_), None) => open.key = Some(node),
            (Kind::Scalar { .. }, _) => {}
        }
    }

    fn alias(&mut self, anchor: usize, line: u64) -> Result<(), Fault> {
        let node = self.anchors.get(&anchor).cloned();
        let node = node.ok_or_else(|| Fault {
            line,
            found: "an alias stands inside what it names".to_owned(),
        })?;
        self.put(node, 0);
        Ok(())
    }
}

impl<'a> Node<'a> {
    /// The value of a key; the last one, should it stand twice.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let named = |(name, _): &&(Rc<Node<'a>>, Rc<Node<'a>>)| name.text() == Some(key);
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        let (_, value) = entries.iter().rev().find(named)?;
        (!value.is_null()).then_some(&**value)
    }

    /// Keys and values of a mapping; none of anything else.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Node<'a>, &Node<'a>)> {
        let entries = match &self.kind {
            Kind::Map(entries) => &entries[..],
            _ => &[],
        };
        entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Items of a list; none of anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = &Node<'a>> {
        let items = match &self.kind {
            Kind::List(items) => &items[..],
            _ => &[],
        };
        items.iter().map(|item| &**item)
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    pub(super) fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain, .. } => {
                *plain && matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// The text of a scalar, whatever its type.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The bytes of a scalar: its text, or what `!!binary` encodes.
    pub(super) fn bytes(&self) -> Option<Result<Cow<'_, [u8]>, Fault>> {
        let Kind::Scalar { text, binary, .. } = &self.kind else {
            return None;
        };
        if !binary {
            return Some(Ok(text.as_bytes().into()));
        }
        Some(unbase64(text).map(Cow::Owned).map_err(|found| Fault {
            line: self.line,
            found,
        }))
    }
}

/// What base64 encodes, white space and missing padding allowed.
pub(super) fn unbase64(text: &str) -> Result<Vec<u8>, String> {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mut bytes = text.as_bytes().to_vec();
    bytes.retain(|byte| !byte.is_ascii_whitespace());
    LENIENT
        .decode(&bytes)
        .map_err(|error| format!("no base64: {error}"))
}
