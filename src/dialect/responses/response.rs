//! The response as a whole: its identity, its list of items, its end.

use super::items::Items;
use super::places::Said;
use crate::dialect::fields;
use crate::json::{Json, Kind, Raw, Str};
use crate::transcript::{Emitter, Usage};

/// Reads an answer that was not streamed.
pub(super) fn read_whole(body: &str, items: &mut Items, out: &mut Emitter<'_>) -> bool {
    let Ok(raw) = Raw::parse(body) else {
        return false;
    };
    let [object, output, error, status] = raw.pick(["object", "output", "error", "status"]);
    let is_response = object
        .and_then(Raw::str)
        .is_some_and(|o| o.plain() == "response");
    let has_output = output.is_some_and(|raw| raw.kind() == Kind::Array);
    if is_response || (has_output && status.is_some()) {
        read(raw, "", items, out);
        return true;
    }
    match fields::error(error) {
        Some(error) => {
            out.error(error);
            true
        }
        None => false,
    }
}

/// Reads a response as it stands at its end. `said` is the word of the event that brought it.
pub(super) fn read(response: Raw<'_>, said: &str, items: &mut Items, out: &mut Emitter<'_>) {
    read_identity(response, out);
    let [status, output, usage, error, details] =
        response.pick(["status", "output", "usage", "error", "incomplete_details"]);
    let mut position = 0;
    fields::elements(output, "response.output", out, |item, out| {
        if item.kind() == Kind::Object {
            items.item(Some(position), item, Said::Listed, out);
        } else {
            out.wrong_type("response.output[]", "an object", item);
        }
        position += 1;
    });
    if let Some(usage) = fields::object(usage, "response.usage", out) {
        read_usage(usage, out);
    }
    if let Some(error) = fields::error(error) {
        out.error(error);
    }
    let status = fields::text(status, "response.status", out).map(Str::plain);
    // A status that is none of an ended turn yields to the event's own word.
    let is_final =
        |status: &str| matches!(status, "completed" | "incomplete" | "failed" | "cancelled");
    let status = status
        .as_deref()
        .filter(|status| is_final(status))
        .unwrap_or(said);
    if is_final(status) {
        out.finish(0, status);
        if let Some(details) = details {
            out.finish_details(0, details);
        }
        if matches!(status, "failed" | "cancelled") {
            out.failed();
        }
    }
}

/// Reads an event after the terminal one: only an error still counts.
pub(super) fn read_late(kind: &str, error: Option<Json>, data: &str, out: &mut Emitter<'_>) {
    let raw = Raw::parse(data).unwrap_or(Raw::EMPTY_ARRAY);
    match kind {
        "error" => out.error(error.unwrap_or_else(|| Json::from_raw(raw))),
        "response.failed" => {
            out.failed();
            let response = raw.get("response").unwrap_or(Raw::EMPTY_ARRAY);
            if let Some(error) = fields::error(response.get("error")) {
                out.error(error);
            }
        }
        _ => {}
    }
}

/// Takes over a response's id and model. Both may change between events (copilot), the last stay.
pub(super) fn read_identity(response: Raw<'_>, out: &mut Emitter<'_>) {
    let [id, model] = response.pick(["id", "model"]);
    if let Some(id) = fields::text(id, "response.id", out).filter(|id| !id.is_empty()) {
        out.response_id(&id.plain());
    }
    if let Some(model) = fields::text(model, "response.model", out).filter(|m| !m.is_empty()) {
        out.model(&model.plain());
    }
}

fn read_usage(raw: Raw<'_>, out: &mut Emitter<'_>) {
    let [input, output, total, input_details, output_details] = raw.pick([
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "input_tokens_details",
        "output_tokens_details",
    ]);
    let mut detail = |details, of, name| {
        fields::object(details, of, out).and_then(|details| details.pick([name])[0])
    };
    let cached = detail(input_details, "usage.input_tokens_details", "cached_tokens");
    let reasoning = detail(
        output_details,
        "usage.output_tokens_details",
        "reasoning_tokens",
    );
    let mut usage = Usage::default();
    for (count, value, field) in [
        (&mut usage.input_tokens, input, "usage.input_tokens"),
        (&mut usage.output_tokens, output, "usage.output_tokens"),
        (&mut usage.total_tokens, total, "usage.total_tokens"),
        (
            &mut usage.cached_input_tokens,
            cached,
            "usage.cached_tokens",
        ),
        (
            &mut usage.reasoning_tokens,
            reasoning,
            "usage.reasoning_tokens",
        ),
    ] {
        *count = fields::number(value, field, out);
    }
    out.usage(usage, raw.text());
}
