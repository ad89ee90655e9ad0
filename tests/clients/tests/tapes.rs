//! Every Chat Completions tape, served to each client: what the client made of it, against our
//! transcript. `docs/clients.md` is made of what this finds; when a client changes its mind, the
//! test says where.

use std::fmt::Write as _;
use std::time::Duration;

use rigtape::cassette::Cassette;
use rigtape::serve::MockServer;
use rigtape_clients::{Said, Seen, async_openai, genai, rig, tape, transcripts, verdict};

/// The tapes on which a client differs from the transcript, and how. Everything else is equal, or
/// an error for an error.
const KNOWN: &str = include_str!("known.txt");

/// Two conversations, two turns, and another route.
const SEVERAL: [&str; 3] = [
    "openai-chat/agent_loop",
    "openai-chat/two_streams",
    "openai-chat/azure",
];

#[tokio::test]
async fn on_all_tapes_each_client_does_what_is_known_of_it() {
    let mut found = String::new();
    for name in names() {
        let said = transcripts(&name);
        // What a client that asks for a stream can be answered with.
        let Some(last) = said
            .last()
            .filter(|said| said.streamed || said.error.is_some())
        else {
            continue;
        };
        for client in ["async-openai", "rig-core", "genai"] {
            let seen = ask(client, &name).await;
            let verdict = verdict(&seen, last);
            if verdict != "equal" && verdict != "error" {
                writeln!(found, "{name} {client}: {verdict}").unwrap();
            }
        }
    }
    if std::env::var_os("RIGTAPE_UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known.txt");
        std::fs::write(path, &found).unwrap();
        return;
    }
    assert_eq!(found, KNOWN, "RIGTAPE_UPDATE=1 writes tests/known.txt anew");
}

/// Tapes of one conversation's turn: a retry answers it too.
fn names() -> Vec<String> {
    let folder = tape("openai-chat/x");
    let folder = std::path::Path::new(&folder).parent().unwrap();
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let mut names: Vec<String> = names
        .map(|name| format!("openai-chat/{}", name.to_str().unwrap()))
        .filter(|name| !SEVERAL.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

async fn ask(client: &str, name: &str) -> Seen {
    let server = MockServer::builder()
        .tapes(Cassette::open(tape(name)).unwrap())
        .rules("ignore=/**".parse().unwrap())
        .rules("reuse=repeat-last".parse().unwrap())
        .start_blocking()
        .unwrap();
    let url = server.base_url("openai");
    let asked = [Said::User("What is the weather in Oslo?".to_owned())];
    let turn = async {
        match client {
            "async-openai" => async_openai::turn(&async_openai::at(&url, "none"), &asked).await,
            "rig-core" => rig::turn(&rig::at(&url, "none"), &asked).await,
            _ => genai::turn(&genai::at(&url, "none"), &asked).await,
        }
    };
    // async-openai waits between retries, for minutes when all of them fail.
    let seen = tokio::time::timeout(Duration::from_secs(20), turn).await;
    let _ = server.finish();
    seen.unwrap_or_else(|_| Seen::failed("no end within 20 s"))
}
