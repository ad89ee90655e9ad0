//! Which test this is.

use std::any::type_name;
use std::path::PathBuf;

use super::VcrBuilder;

/// The path of a function, as the compiler names it.
pub fn name_of<T>(_: &T) -> &'static str {
    type_name::<T>()
}

/// A builder for the test of a crate; `here` is a function inside the one that asks.
pub fn vcr(package: &str, module: &str, here: &str) -> VcrBuilder {
    let krate = module.split("::").next().unwrap_or(module);
    let test = test_name().unwrap_or_else(|| function_of(here, krate));
    let folders = test.split("::").map(file_name);
    let tape: PathBuf = std::iter::once(krate.to_owned()).chain(folders).collect();
    VcrBuilder::new(PathBuf::from(package), tape, Some(test))
}

/// The test that this thread runs, as `module::test`, by the name that the test harness has given
/// the thread; `None` on the threads of a runtime and on the main thread.
pub fn test_name() -> Option<String> {
    let thread = std::thread::current();
    let name = thread.name()?;
    let is_segment = |segment: &str| {
        let mut characters = segment.chars();
        characters
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_')
            && characters.all(|c| c.is_alphanumeric() || c == '_')
    };
    let is_path = name.split("::").all(is_segment);
    (is_path && name != "main").then(|| name.to_owned())
}

/// `krate::module::test::{{closure}}::here` is the test `module::test`.
fn function_of(here: &str, krate: &str) -> String {
    let mut names = Vec::new();
    let mut rest = here;
    while let Some((name, behind)) = rest.split_once("::") {
        names.push(name);
        rest = behind;
    }
    names.retain(|name| *name != "{{closure}}");
    if names.first() == Some(&krate) {
        names.remove(0);
    }
    names.join("::")
}

fn file_name(segment: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    segment.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_of_a_test_bears_its_name() {
        assert_eq!(
            test_name().as_deref(),
            Some("vcr::name::tests::the_thread_of_a_test_bears_its_name")
        );
        let other = std::thread::Builder::new().name("tokio-rt-worker".into());
        assert_eq!(other.spawn(test_name).unwrap().join().unwrap(), None);
    }

    #[test]
    fn a_function_is_named_as_its_test_is() {
        async fn asked() -> &'static str {
            fn here() {}
            name_of(&here)
        }
        let mut asked = Box::pin(asked());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(here) = asked.as_mut().poll(&mut context) else {
            panic!("it does not wait");
        };
        assert_eq!(
            function_of(here, "rigtape"),
            "vcr::name::tests::a_function_is_named_as_its_test_is::asked"
        );
    }
}
