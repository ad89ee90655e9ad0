use bytes::Bytes;

/// Header fields: lower-case names, order and duplicates kept, values as bytes.
///
/// ```
/// use rigtape::cassette::Headers;
///
/// let mut headers = Headers::new();
/// headers.push("Content-Type", "text/event-stream");
/// assert_eq!(headers.get("CONTENT-TYPE").unwrap(), "text/event-stream");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Bytes)>);

impl Headers {
    /// No fields.
    pub const fn new() -> Headers {
        Headers(Vec::new())
    }

    /// Adds a field after the others; its name is lower-cased.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Bytes>) {
        let mut name = name.into();
        name.make_ascii_lowercase();
        self.0.push((name, value.into()));
    }

    /// The value of the first field called `name`, in whatever case.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        let named = |(key, _): &&(String, Bytes)| key.eq_ignore_ascii_case(name);
        self.0.iter().find(named).map(|(_, value)| value)
    }

    /// The value of the first field called `name` when it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The values of all fields called `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Bytes> + 'a {
        let named = move |(key, _): &&(String, Bytes)| key.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Bytes)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: Into<Bytes>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Headers {
        let mut headers = Headers::new();
        headers.extend(fields);
        headers
    }
}

impl<N: Into<String>, V: Into<Bytes>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }
}
