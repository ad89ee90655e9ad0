//! Small clients of Chat Completions: one that is right, and the same with one thing done wrong. The
//! scripts in `tests/clients/broken` do the same in Python.

use std::time::Duration;

use serde_json::Value;

/// What a client does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    None,
    /// Decodes each piece of the body for itself.
    Utf8PerChunk,
    /// Takes whatever came for the answer.
    EofIsSuccess,
    /// Looks for events in each piece for itself.
    SplitPerChunk,
    /// Takes every line for `data:`.
    ChokesOnComments,
    /// Tells tool calls apart by their index alone.
    TrustsToolIndex,
    /// Passes over an error inside a 200.
    IgnoresError,
    /// Has no limit of time.
    Waits,
    /// Panics where it should fail.
    Panics,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    pub text: String,
    pub finish: Option<String>,
    pub calls: Vec<Call>,
}

#[derive(Clone, Default, PartialEq)]
pub struct Call {
    index: Option<u64>,
    pub id: Option<String>,
    pub name: String,
    pub arguments: String,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}({})", self.id, self.name, self.arguments)
    }
}

/// Asks for a chat completion and says what came.
pub async fn ask(url: &str, body: &[u8], defect: Defect) -> Result<Choice, String> {
    match asked(url, body, defect).await {
        Err(error) if defect == Defect::Panics => panic!("{error}"),
        asked => asked,
    }
}

async fn asked(url: &str, body: &[u8], defect: Defect) -> Result<Choice, String> {
    let limit = match defect {
        Defect::Waits => Duration::from_secs(1_000),
        _ => Duration::from_millis(400),
    };
    let client = reqwest::Client::builder().no_proxy().read_timeout(limit);
    let client = client.build().map_err(words)?;
    let request = client.post(format!("{url}/v1/chat/completions"));
    let request = request.header("content-type", "application/json");
    let mut response = request.body(body.to_vec()).send().await.map_err(words)?;
    if response.status() != 200 {
        return Err(response.text().await.unwrap_or_default());
    }
    let mut reader = Reader::new(defect);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => reader.chunk(&chunk)?,
            Ok(None) => break,
            Err(_) if defect == Defect::EofIsSuccess => break,
            Err(error) => return Err(words(error)),
        }
        if reader.done {
            break;
        }
    }
    reader.whole()
}

fn words(error: impl std::error::Error) -> String {
    error.to_string()
}

struct Reader {
    defect: Defect,
    rest: Vec<u8>,
    is_first: bool,
    data: Vec<String>,
    choice: Choice,
    errors: bool,
    done: bool,
}

impl Reader {
    fn new(defect: Defect) -> Reader {
        Reader {
            defect,
            rest: Vec::new(),
            is_first: true,
            data: Vec::new(),
            choice: Choice::default(),
            errors: false,
            done: false,
        }
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(bytes);
        match self.defect {
            Defect::SplitPerChunk => {
                for event in text.split("\n\n") {
                    if let Some(data) = event.strip_prefix("data: ") {
                        self.event(data)?;
                    }
                }
                return Ok(());
            }
            Defect::Utf8PerChunk => self.rest.extend_from_slice(text.as_bytes()),
            _ => self.rest.extend_from_slice(bytes),
        }
        while let Some(end) = self
            .rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            let mut next = end + 1;
            if self.rest[end] == b'\r' {
                match self.rest.get(next) {
                    // Whether this is CR LF is not known yet.
                    None => return Ok(()),
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                }
            }
            let line: Vec<u8> = self.rest.drain(..next).take(end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            let was_first = std::mem::take(&mut self.is_first);
            let line = match line.strip_prefix('\u{feff}') {
                Some(line) if was_first => line,
                _ => &line,
            };
            self.line(line)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return match data.is_empty() {
                true => Ok(()),
                false => self.event(&data.join("\n")),
            };
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.is_empty() && self.defect == Defect::ChokesOnComments {
            return Err(format!("no field: {line}"));
        }
        if name == "data" {
            self.data
                .push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        }
        Ok(())
    }

    fn event(&mut self, data: &str) -> Result<(), String> {
        if self.done || data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let event: Value = serde_json::from_str(data).map_err(words)?;
        if !event["error"].is_null() {
            self.errors = true;
            if self.defect != Defect::IgnoresError {
                return Err(format!("the server says: {}", event["error"]));
            }
        }
        let said = &event["choices"][0];
        if let Some(finish) = said["finish_reason"].as_str() {
            self.choice.finish = Some(finish.to_owned());
        }
        self.choice.text += said["delta"]["content"].as_str().unwrap_or_default();
        for fragment in said["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let call = self.call(fragment)?;
            call.name += fragment["function"]["name"].as_str().unwrap_or_default();
            let arguments = fragment["function"]["arguments"].as_str();
            call.arguments += arguments.unwrap_or_default();
        }
        Ok(())
    }

    fn call(&mut self, fragment: &Value) -> Result<&mut Call, String> {
        let index = fragment["index"].as_u64();
        let id = fragment["id"].as_str().filter(|id| !id.is_empty());
        let calls = &mut self.choice.calls;
        let is_same = |call: &Call| index.is_none() || call.index == index;
        let place = match self.defect {
            Defect::TrustsToolIndex => {
                let index = index.ok_or("a fragment without index")?;
                calls.iter().position(|call| call.index == Some(index))
            }
            _ => match id {
                Some(id) => calls
                    .iter()
                    .position(|call| is_same(call) && call.id.as_deref() == Some(id)),
                None => calls.iter().rposition(is_same),
            },
        };
        let place = place.unwrap_or_else(|| {
            calls.push(Call {
                index,
                id: id.map(str::to_owned),
                ..Call::default()
            });
            calls.len() - 1
        });
        Ok(&mut calls[place])
    }

    fn whole(self) -> Result<Choice, String> {
        let ignores = self.defect == Defect::IgnoresError && self.errors;
        if self.defect == Defect::EofIsSuccess || ignores {
            return Ok(self.choice);
        }
        match self.choice.finish.as_deref() {
            None => return Err("the answer broke off".to_owned()),
            Some("tool_calls") => {
                for call in &self.choice.calls {
                    serde_json::from_str::<Value>(&call.arguments).map_err(words)?;
                }
            }
            Some(_) => {}
        }
        Ok(self.choice)
    }
}
