use crate::support::place::Place;

fn tape(header: &str, body: &str) -> String {
    format!(
        "{{\"rigtape\":1{header}}}\n\
         {{\"request\":1,\"at\":0,\"method\":\"POST\",\"target\":\"/v1/chat/completions\",\"body\":{{\"json\":{body}}}}}\n\
         {{\"response\":1,\"at\":1,\"status\":200,\"headers\":[]}}\n\
         {{\"end\":1,\"at\":2,\"how\":\"complete\"}}\n"
    )
}

#[tokio::test]
async fn learned_rules_are_a_piece_of_the_projects_file() {
    let place = Place::new();
    place.write(
        "one.jsonl",
        tape("", r#"{"run":"a\u001b[31m","messages":[1]}"#),
    );
    place.write("two.jsonl", tape("", r#"{"run":"b","messages":[1]}"#));
    let ran = place
        .rigtape(&["rules", "learn", "one.jsonl", "two.jsonl"])
        .await
        .expect(0);
    insta::assert_snapshot!(ran.stdout, @r#"
    # learned from 1 pair of requests
    # ignore /run: /run was "a\u001b[31m", then "b"
    [match]
    ignore = ["/run"]
    "#);
    place.write("rigtape.toml", &ran.stdout);
    let ran = place
        .rigtape(&["rules", "show", "one.jsonl"])
        .await
        .expect(0);
    insta::assert_snapshot!(ran.stdout, @r#"
    # one.jsonl
    ignore = ["/run"]
    "#);

    place.write("three.jsonl", tape("", r#"{"run":"b","messages":[1,2]}"#));
    let args = [
        "rules",
        "learn",
        "two.jsonl",
        "three.jsonl",
        "--format",
        "json",
    ];
    let ran = place.rigtape(&args).await.expect(1);
    insta::assert_snapshot!(ran.stdout, @r#"{"rules":{},"pairs":1,"lessons":[],"left":["interactions 1 and 1: only the second has /messages/1: 2"]}"#);
    place
        .rigtape(&["rules", "learn", "two.jsonl", "none.jsonl"])
        .await
        .expect(2)
        .says("none.jsonl");
}

#[tokio::test]
async fn rules_of_all_homes_are_shown_and_mistakes_named() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("tapes/weather")).unwrap();
    place.write(
        "tapes/weather/a.jsonl",
        tape(r#","match":{"order":"ordered"}"#, "1"),
    );
    place.write("tapes/b.jsonl", tape("", "1"));
    place.write(
        "rigtape.toml",
        "[match]\nnormalise = [\"uuid\"]\n\n[[match.for]]\ntapes = \"weather/*\"\nreuse = \"repeat-last\"\n",
    );
    let args = ["rules", "show", "tapes", "--format", "json"];
    let ran = place.rigtape(&args).await.expect(0);
    insta::assert_snapshot!(ran.stdout, @r#"
    {"cassette":"tapes/b.jsonl","rules":{"normalise":["uuid"]}}
    {"cassette":"tapes/weather/a.jsonl","rules":{"order":"ordered","reuse":"repeat-last","normalise":["uuid"]}}
    "#);

    place.write("tapes/c.jsonl", tape(r#","match":{"oder":1}"#, "1"));
    place
        .rigtape(&args)
        .await
        .expect(2)
        .says("c.jsonl: line 1, `match`: unknown key `oder`");
    for (text, said) in [
        (
            "[match]\noder = 1\n",
            "unknown key `oder` among the matching rules; the keys are `for`, `order`",
        ),
        (
            "[match]\norder = \"some\"\n",
            "unknown order `some`; there are `any`, `ordered`",
        ),
        ("[match]\nignore = [\"x\"]\n", "`x` is no JSON pointer"),
        ("[[match.for]]\norder = \"any\"\n", "needs `tapes`"),
    ] {
        place.write("rigtape.toml", text);
        let ran = place.rigtape(&args).await.expect(2);
        ran.says("rigtape.toml: TOML parse error at line")
            .says(said);
    }
}
