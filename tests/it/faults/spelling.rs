use rigtape::policy::fault::{FAULTS, Fault, ParseFaultError};

#[test]
fn every_fault_is_read_back_as_it_is_written() {
    let mut names = Vec::new();
    for info in FAULTS {
        let fault: Fault = info.example().parse().unwrap();
        assert_eq!(fault.to_string(), info.example());
        assert_eq!(fault.name(), info.name());
        assert_eq!(
            info.name().parse::<Fault>().unwrap().to_string(),
            info.name()
        );
        assert!(
            !names.contains(&info.name()),
            "{} stands twice",
            info.name()
        );
        names.push(info.name());
    }
    let spelled = |text: &str| text.parse::<Fault>().unwrap().to_string();
    assert_eq!(spelled("stall:for=2000ms,frame=3"), "stall:frame=3,for=2s");
    assert_eq!(spelled("split:at=crlf"), "split:at=crlf");
    assert_eq!(
        spelled("content-type:as=text/html"),
        "content-type:as=text/html"
    );
    assert_eq!(spelled("cut:time=1500us"), "cut:time=1500us");
}

#[test]
fn what_is_no_fault_is_refused_with_what_is_allowed() {
    let refused = |text: &str| text.parse::<Fault>().unwrap_err();
    let unknown = refused("cutt:frame=1").to_string();
    assert!(unknown.starts_with("unknown fault `cutt`: expected one of `cut`, `truncate`"));
    assert!(unknown.ends_with("`garbage`"));
    for (text, words) in [
        (
            "cut:chunk=1",
            "fault `cut` takes no `chunk`: expected `frame`, `byte`, `time`, `seed`",
        ),
        ("bom:frame=1", "fault `bom` takes no `frame`: it takes none"),
        (
            "cut:frame=x",
            "fault `cut`: `frame=x`: expected a whole number from 0",
        ),
        (
            "cut:frame=",
            "fault `cut`: `frame=`: expected a whole number from 0",
        ),
        ("cut:frame=1,frame=2", "fault `cut`: `frame` is given twice"),
        (
            "cut:frame=1,byte=2",
            "fault `cut`: `frame` and `byte` both say where; give one of them",
        ),
        (
            "stall:for=2",
            "fault `stall`: `for=2`: expected whole microseconds with their unit, such as `20ms`",
        ),
        (
            "status:code=200",
            "fault `status`: `code=200`: expected a whole number from 400 to 599",
        ),
        (
            "split:at=byte",
            "fault `split`: `at=byte`: expected one of `utf8`, `crlf`, `data`",
        ),
        (
            "content-type:as=a b",
            "fault `content-type`: `as=a b`: expected a media type, such as `text/plain`",
        ),
    ] {
        assert_eq!(refused(text).to_string(), words);
    }
    assert!(matches!(refused("cut:"), ParseFaultError::Key { .. }));
}

#[test]
fn the_described_catalogue_is_the_one_that_runs() {
    let text = include_str!("../../../docs/faults.md");
    let table = text.split("## The catalogue").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.collect();
    let expected: Vec<String> = FAULTS
        .iter()
        .map(|info| {
            let keys: Vec<String> = info.keys().iter().map(|key| format!("`{key}`")).collect();
            format!(
                "| `{}` | {} | {} | {} | {} | `{}` |",
                info.name(),
                info.class(),
                info.does(),
                info.expects(),
                keys.join(" "),
                info.example()
            )
        })
        .collect();
    assert_eq!(rows, expected);
}
