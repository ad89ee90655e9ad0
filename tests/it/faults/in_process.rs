use std::io::ErrorKind;
use std::time::Duration;

use futures::StreamExt as _;
use rigtape::policy::Policy;
use rigtape::replay::{Player, ReplayError};

use super::{DONE, ROLE, STOP, TEXT, USAGE, plain, policy};

async fn heard(spelled: &str) -> (Vec<u8>, Option<ReplayError>) {
    let tape = plain();
    let mut stream = Player::new(policy(spelled)).stream(&tape);
    let mut body = Vec::new();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(error) => return (body, Some(error)),
        }
    }
    (body, None)
}

#[tokio::test]
async fn a_broken_connection_is_the_error_that_a_client_meets() {
    for (spelled, kind) in [
        ("cut:frame=2", ErrorKind::UnexpectedEof),
        ("half-close:frame=2", ErrorKind::UnexpectedEof),
        ("reset:frame=2", ErrorKind::ConnectionReset),
    ] {
        let (body, error) = heard(spelled).await;
        assert_eq!(body, [ROLE, TEXT].concat().as_bytes());
        let error = error.unwrap();
        assert_eq!(error.kind(), kind);
        assert!(
            error.to_string().contains(&format!("fault {spelled}")),
            "{error}"
        );
    }
    let (body, error) = heard("truncate:frame=2").await;
    assert_eq!(body, [ROLE, TEXT].concat().as_bytes());
    assert!(error.is_none());
    let (body, error) = heard("crlf").await;
    assert_eq!(
        body.len(),
        [ROLE, TEXT, STOP, USAGE, DONE].concat().len() + 10
    );
    assert!(error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stall_never_ends_and_a_pause_does() {
    let waited = tokio::time::timeout(Duration::from_secs(3600), heard("stall:frame=2"));
    assert!(waited.await.is_err());
    let before = tokio::time::Instant::now();
    let (_, error) = heard("stall:frame=2,for=5s").await;
    assert!(error.is_none());
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_head_is_the_fault_s_own() {
    let tape = plain();
    let player = Player::new(policy("status:code=503,retry-after=7s"));
    let response = player.response(&tape).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
    let response = Player::new(policy("gzip")).response(&tape).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_fault_that_does_not_apply_says_so() {
    let tape = plain();
    let player = Player::new(policy("ping"));
    let error = player.http_response(&tape).await.err().unwrap();
    assert!(matches!(error, ReplayError::NotApplicable { .. }));
    let error = error.to_string();
    assert_eq!(
        error,
        "interaction 1: fault `ping` does not apply: the wire has no ping"
    );
    let (_, error) = heard("ping").await;
    assert!(matches!(error, Some(ReplayError::NotApplicable { .. })));
    assert!(
        Player::new(Policy::new())
            .http_response(&tape)
            .await
            .is_ok()
    );
}
