use http::HeaderMap;
use rigtape::provider::{PROVIDERS, Provider};
use rigtape::record::{Route, RouteError, Routes, Upstream};

fn routes(upstreams: &[&str]) -> Routes {
    Routes::new(upstreams.iter().map(|text| Upstream::parse(text).unwrap())).unwrap()
}

fn route(routes: &Routes, target: &str, header: Option<&'static str>) -> Result<Route, String> {
    let mut headers = HeaderMap::new();
    if let Some(name) = header {
        headers.insert(name, "x".parse().unwrap());
    }
    routes
        .route(target, &headers)
        .map_err(|refusal| format!("{} {refusal}", refusal.status))
}

fn url(routes: &Routes, target: &str, header: Option<&'static str>) -> String {
    route(routes, target, header).map_or_else(|error| error, |route| route.url.into())
}

#[test]
fn without_upstreams_the_provider_is_told_by_path_and_headers() {
    let routes = routes(&[]);
    for (target, header, expected) in [
        (
            "/v1/chat/completions",
            None,
            "https://api.openai.com/v1/chat/completions",
        ),
        (
            "/chat/completions?a=b",
            None,
            "https://api.openai.com/v1/chat/completions?a=b",
        ),
        ("/v1/responses", None, "https://api.openai.com/v1/responses"),
        ("/v1/models", None, "https://api.openai.com/v1/models"),
        (
            "/v1/models",
            Some("anthropic-version"),
            "https://api.anthropic.com/v1/models",
        ),
        ("/messages", None, "https://api.anthropic.com/v1/messages"),
        (
            "/v1/messages",
            None,
            "https://api.anthropic.com/v1/messages",
        ),
        (
            "/v1/v1/messages",
            None,
            "https://api.anthropic.com/v1/messages",
        ),
        (
            "/v1/messages/count_tokens?beta=true",
            None,
            "https://api.anthropic.com/v1/messages/count_tokens?beta=true",
        ),
        (
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            None,
            "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent?alt=sse",
        ),
        (
            "/v1/models/g:generateContent",
            None,
            "https://generativelanguage.googleapis.com/v1/models/g:generateContent",
        ),
        ("/v2/chat", None, "https://api.cohere.com/v2/chat"),
        ("/api/chat", None, "http://127.0.0.1:11434/api/chat"),
        (
            "/openai/v1/responses",
            None,
            "https://api.openai.com/v1/responses",
        ),
        (
            "/anthropic/v1/messages",
            None,
            "https://api.anthropic.com/v1/messages",
        ),
        (
            "/groq/v1/chat/completions",
            None,
            "https://api.groq.com/openai/v1/chat/completions",
        ),
        (
            "/openrouter/chat/completions",
            None,
            "https://openrouter.ai/api/v1/chat/completions",
        ),
        (
            "/perplexity/v1/chat/completions",
            None,
            "https://api.perplexity.ai/chat/completions",
        ),
        (
            "/mistral/v1/fim/completions",
            None,
            "https://api.mistral.ai/v1/fim/completions",
        ),
    ] {
        assert_eq!(url(&routes, target, header), expected, "{target}");
    }
    let unknown = url(&routes, "/graphql", None);
    assert!(
        unknown.starts_with("404 Not Found no upstream is known for /graphql"),
        "{unknown}"
    );
    let azure = url(
        &routes,
        "/openai/deployments/d/chat/completions?api-version=1",
        None,
    );
    assert!(azure.contains("say --upstream azure=URL"), "{azure}");
}

#[test]
fn one_upstream_takes_everything_as_it_is() {
    let routes = routes(&["http://127.0.0.1:8080"]);
    for (target, expected) in [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/chat/completions", "/chat/completions"),
        ("/openai/v1/x", "/openai/v1/x"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/messages", "/v1/messages"),
        ("//evil.example/x", "//evil.example/x"),
        ("/a%2Fb%20c?d=%26&e", "/a%2Fb%20c?d=%26&e"),
        ("/\\evil.example", "//evil.example"),
        ("/@/x", "400"),
    ] {
        let url = url(&routes, target, None);
        if expected == "400" {
            assert!(url.starts_with("400 "), "{url}");
        } else {
            assert_eq!(url, format!("http://127.0.0.1:8080{expected}"));
        }
    }
}

#[test]
fn a_base_path_is_said_once() {
    let routes = routes(&["https://gateway.example/llm/v1/"]);
    for target in [
        "/v1/chat/completions",
        "/chat/completions",
        "/v1/v1/chat/completions",
    ] {
        assert_eq!(
            url(&routes, target, None),
            "https://gateway.example/llm/v1/chat/completions"
        );
    }
}

#[test]
fn names_decide_before_paths_do() {
    let routes = routes(&["anthropic=http://a", "local=http://b/x", "http://c"]);
    for (target, expected) in [
        ("/v1/messages", "http://a/v1/messages"),
        ("/anthropic/v1/messages", "http://a/v1/messages"),
        ("/local/v1/messages", "http://b/x/v1/messages"),
        ("/v1/chat/completions", "http://c/v1/chat/completions"),
        (
            "/openai/v1/chat/completions",
            "http://c/openai/v1/chat/completions",
        ),
    ] {
        assert_eq!(url(&routes, target, None), expected, "{target}");
    }
    let azure = self::routes(&["azure=https://me.openai.azure.example"]);
    for target in [
        "/openai/deployments/d/chat/completions?api-version=1",
        "/openai/v1/responses",
    ] {
        let expected = format!("https://me.openai.azure.example{target}");
        assert_eq!(url(&azure, target, Some("api-key")), expected);
    }
}

#[test]
fn a_variable_that_was_set_is_the_upstream() {
    let upstream = |name, value| {
        let mut variables = PROVIDERS
            .iter()
            .flat_map(|p| p.variables.iter().map(move |v| (p, v)));
        let (provider, variable) = variables.find(|(_, v)| v.name == name).unwrap();
        Routes::new([Upstream::from_variable(provider, variable, value).unwrap()]).unwrap()
    };
    for (name, value, target, expected) in [
        (
            "OPENAI_BASE_URL",
            "https://g/api",
            "/v1/chat/completions",
            "https://g/api/chat/completions",
        ),
        (
            "OPENAI_BASE_URL",
            "https://g/v1",
            "/v1/chat/completions",
            "https://g/v1/chat/completions",
        ),
        (
            "ANTHROPIC_BASE_URL",
            "https://g",
            "/v1/messages",
            "https://g/v1/messages",
        ),
        (
            "ANTHROPIC_BASE_URL",
            "https://g/v1",
            "/messages",
            "https://g/v1/messages",
        ),
        (
            "OLLAMA_HOST",
            "10.0.0.1:11434",
            "/api/chat",
            "http://10.0.0.1:11434/api/chat",
        ),
        (
            "OPENAI_BASE_URL",
            "https://g/api",
            "/v1/messages",
            "https://api.anthropic.com/v1/messages",
        ),
    ] {
        assert_eq!(
            url(&upstream(name, value), target, None),
            expected,
            "{name}={value}"
        );
    }
}

#[test]
fn credentials_of_an_upstream_are_no_part_of_its_url() {
    let routes = routes(&["http://user:pass%20word@gateway.example/x"]);
    let route = route(&routes, "/v1/chat/completions", None).unwrap();
    assert_eq!(
        route.url.as_str(),
        "http://gateway.example/x/v1/chat/completions"
    );
    assert_eq!(route.credentials.unwrap(), "Basic dXNlcjpwYXNzIHdvcmQ=");
}

#[test]
fn upstreams_that_make_no_sense_are_named() {
    for (text, words) in [
        ("gateway.example", "is no upstream"),
        ("ftp://gateway.example", "not http or https"),
        ("http://gateway.example/?key=1", "has no query"),
        ("a b=http://gateway.example", "no name for an upstream"),
    ] {
        let error = Upstream::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    let error = Upstream::parse("ht!tp://user:secret@x y")
        .unwrap_err()
        .to_string();
    assert!(!error.contains("secret"), "{error}");
    let parse = |texts: &[&str]| Routes::new(texts.iter().map(|t| Upstream::parse(t).unwrap()));
    assert_eq!(
        parse(&["a=http://x", "a=http://y"]).unwrap_err(),
        RouteError::Twice("a".into())
    );
    assert!(matches!(
        parse(&["http://x", "http://y"]),
        Err(RouteError::Unnamed(..))
    ));
    parse(&[
        "https://api.openai.com",
        "https://api.anthropic.com",
        "http://x",
    ])
    .unwrap();
}

#[test]
fn the_table_of_providers_is_sound() {
    for provider in PROVIDERS {
        assert_eq!(
            Provider::by_name(provider.name),
            Some(provider),
            "names are unique"
        );
        assert!(provider.name.chars().all(|c| c.is_ascii_lowercase()));
        if let Some(url) = provider.upstream {
            let upstream = Upstream::parse(url).unwrap();
            assert_eq!(upstream.base().as_str().trim_end_matches('/'), url);
        }
        for variable in provider.variables {
            assert!(variable.suffix.is_empty() || variable.suffix == "/v1");
        }
    }
}

#[test]
fn a_scope_is_taken_off_the_path() {
    let routes = routes(&["http://x"]);
    let route = route(&routes, "/@a.b-c_1/v1/models?q", None).unwrap();
    assert_eq!(
        (route.scope.as_deref(), &*route.target),
        (Some("a.b-c_1"), "/v1/models?q")
    );
    assert_eq!(route.url.as_str(), "http://x/v1/models?q");
    for scope in [
        "",
        ".",
        "..",
        ".hidden",
        "-x",
        "a/../b",
        "a%2Fb",
        "a b",
        "ä",
        &"x".repeat(101),
    ] {
        let answer = url(&routes, &format!("/@{scope}?/v1/models"), None);
        assert!(answer.starts_with("400 "), "{scope}: {answer}");
    }
}
