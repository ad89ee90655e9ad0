use rigtape::serve::Mode;

#[test]
fn modes_are_a_closed_list_and_ci_only_replays_unless_told() {
    for mode in Mode::ALL {
        assert_eq!(mode.to_string().parse(), Ok(mode));
        let explicit = Mode::resolve(Some(mode.as_str()), Mode::Replay, true).unwrap();
        let expected = if mode == Mode::Auto {
            Mode::Replay
        } else {
            mode
        };
        assert_eq!(explicit, expected);
        assert_eq!(Mode::resolve(None, mode, true), Ok(Mode::Replay));
        assert_eq!(Mode::resolve(None, mode, false), Ok(mode));
        assert_eq!(
            Mode::resolve(Some(mode.as_str()), Mode::Replay, false),
            Ok(mode)
        );
    }
    let wrong = Mode::resolve(Some("rerecord"), Mode::Replay, true).unwrap_err();
    assert!(wrong.to_string().contains("`append`"), "{wrong}");
}
