//! A YAML value written as JSON, as the types of YAML's core schema have it.

use super::{Fault, Kind, Node};

/// The longest JSON that is written: aliases can make a small file say very much.
const LIMIT: usize = 64 << 20;

/// Compact JSON of the same value, keys in their order.
pub(in super::super) fn to_json(node: &Node<'_>) -> Result<String, Fault> {
    let mut out = String::new();
    write(node, &mut out)?;
    Ok(out)
}

fn write(node: &Node<'_>, out: &mut String) -> Result<(), Fault> {
    let fault = |found: String| Fault {
        line: node.line,
        found,
    };
    if out.len() > LIMIT {
        return Err(fault(format!("a value of more than {LIMIT} bytes as JSON")));
    }
    match &node.kind {
        Kind::Scalar { binary: true, .. } => {
            return Err(fault("!!binary where JSON is meant".to_owned()));
        }
        Kind::Scalar {
            plain: true, text, ..
        } => {
            plain(text, out).map_err(fault)?;
        }
        Kind::Scalar { text, .. } => string(text, out),
        Kind::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(index, out);
                write(item, out)?;
            }
            out.push(']');
        }
        Kind::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                comma(index, out);
                let key = key.text().ok_or_else(|| Fault {
                    line: key.line,
                    found: "a key that is no text".to_owned(),
                })?;
                string(key, out);
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn comma(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A scalar without quotes: null, a boolean, a number, or text, as PyYAML resolves it (YAML 1.1):
/// to it `1e3` and `08` are text, and it writes such text without quotes.
fn plain(text: &str, out: &mut String) -> Result<(), String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => out.push_str("null"),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            out.push_str("true");
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            out.push_str("false");
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(format!("{text}, which JSON cannot say"));
        }
        text => match number(text) {
            Some(number) => out.push_str(&number),
            None => string(text, out),
        },
    }
    Ok(())
}

/// The number in JSON's spelling; its digits stay as they are.
fn number(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = |whole: &str| whole.len() > 1 && whole.starts_with('0');
    let Some((whole, fraction)) = rest.split_once('.') else {
        let whole = !rest.is_empty() && digits(rest) && !leading_zero(rest);
        return whole.then(|| format!("{sign}{rest}"));
    };
    let split = fraction.find(['e', 'E']).unwrap_or(fraction.len());
    let (fraction, exponent) = fraction.split_at(split);
    let power = exponent.get(1..).unwrap_or_default();
    let signed = power.strip_prefix(['+', '-']).unwrap_or_default();
    let fits = digits(whole) && digits(fraction) && digits(signed) && !leading_zero(whole);
    let some = !whole.is_empty() || !fraction.is_empty();
    if !fits || !some || (!exponent.is_empty() && signed.is_empty()) {
        return None;
    }
    let or_zero = |digits: &str| if digits.is_empty() { "0" } else { digits }.to_owned();
    let (whole, fraction) = (or_zero(whole), or_zero(fraction));
    Some(format!("{sign}{whole}.{fraction}{exponent}"))
}
