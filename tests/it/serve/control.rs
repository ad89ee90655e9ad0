use rigtape::serve::MockServer;
use serde_json::{Value, json};

use super::{client, whole};

async fn call(method: &str, url: String, body: &str) -> (u16, Value) {
    let request = client()
        .request(method.parse().unwrap(), url)
        .header("x-rigtape-control", "1")
        .body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn the_control_api_shows_and_forgets() {
    let tapes = vec![
        whole(1, "GET", "/v1/models", 200, "{}"),
        whole(2, "GET", "/v1/files", 200, "{}"),
    ];
    let server = MockServer::start(tapes).await.unwrap();
    let url = server.url();
    let (status, health) = call("GET", format!("{url}/__rigtape/health"), "").await;
    assert_eq!((status, &health["requests"]), (200, &json!(0)));

    let ask = format!("{url}/@a/v1/models");
    assert_eq!(client().get(&ask).send().await.unwrap().status(), 200);
    assert_eq!(client().get(&ask).send().await.unwrap().status(), 404);
    let (_, journal) = call("GET", format!("{url}/__rigtape/journal"), "").await;
    assert_eq!(journal[0]["outcome"], "played");
    assert_eq!(journal[0]["scope"], "a");
    assert_eq!(journal[0]["target"], "/v1/models");
    assert_eq!(journal[0]["taken"], 2);
    assert_eq!(journal[1]["outcome"], "missed");
    let (_, other) = call("GET", format!("{url}/@b/__rigtape/journal"), "").await;
    assert_eq!(other, json!([]));

    let (_, report) = call("GET", format!("{url}/__rigtape/report"), "").await;
    assert_eq!(report["ok"], false);
    assert_eq!(report["missed"][0]["target"], "/v1/models");
    assert_eq!(report["unused"][0]["target"], "/v1/files");
    let (_, report) = call("GET", format!("{url}/@b/__rigtape/report"), "").await;
    assert_eq!(report["ok"], true);

    let (_, done) = call("POST", format!("{url}/@a/__rigtape/reset"), "").await;
    assert_eq!(done, json!({"ok": true}));
    assert_eq!(client().get(&ask).send().await.unwrap().status(), 200);
    let allow = r#"{"unused":true}"#;
    let (_, allowed) = call("POST", format!("{url}/@a/__rigtape/allow"), allow).await;
    assert_eq!(allowed, json!({"unused": true, "misses": false}));
    let report = server.finish();
    assert!(report.is_ok(), "{report}");
}

#[tokio::test]
async fn the_control_api_wants_its_header_and_known_words() {
    let server = MockServer::start(whole(1, "GET", "/v1/models", 200, "{}"))
        .await
        .unwrap();
    let url = server.url();
    let health = format!("{url}/__rigtape/health");
    assert_eq!(client().get(health).send().await.unwrap().status(), 403);
    let (status, said) = call("GET", format!("{url}/__rigtape/nothing"), "").await;
    assert_eq!(status, 404);
    assert!(
        said["error"]["message"]
            .as_str()
            .unwrap()
            .contains("GET health")
    );
    let (status, _) = call(
        "POST",
        format!("{url}/__rigtape/allow"),
        r#"{"unsued":true}"#,
    )
    .await;
    assert_eq!(status, 400);
    server.finish();
}
