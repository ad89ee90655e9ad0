use std::fmt;

/// What a file did not tell, or a tape cannot hold, of an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Note {
    /// The file holds no request: method and target are not the client's.
    RequestUnknown,
    /// A request body was sent and not recorded.
    RequestBodyUnknown,
    /// The request body was written anew from its parsed form: its value is true, its bytes are not.
    RequestReserialised,
    /// The query was written anew from decoded names and values.
    QueryReserialised,
    /// Conditions on the request that no tape can hold were left out.
    ConditionsDropped,
    /// The file holds no status; 200 stands in its place.
    StatusUnknown,
    /// The file holds no response headers.
    HeadersUnknown,
    /// The response body was written anew from its parsed form.
    ResponseReserialised,
    /// The response body was transcoded to UTF-8 by the recorder.
    Transcoded,
    /// The file holds the payloads of a stream; the framing around them is the importer's.
    FramingSupplied,
    /// A content coding was declared that the body does not have; it is as the file has it.
    CodingMismatch,
    /// The file says that the body was longer or shorter than what it holds.
    SizeMismatch,
    /// How the body ended is not known.
    EndUnknown,
    /// Another recorder's placeholders stand in it.
    Placeholders,
}

impl Note {
    /// Every note.
    pub const ALL: &'static [Note] = &[
        Note::RequestUnknown,
        Note::RequestBodyUnknown,
        Note::RequestReserialised,
        Note::QueryReserialised,
        Note::ConditionsDropped,
        Note::StatusUnknown,
        Note::HeadersUnknown,
        Note::ResponseReserialised,
        Note::Transcoded,
        Note::FramingSupplied,
        Note::CodingMismatch,
        Note::SizeMismatch,
        Note::EndUnknown,
        Note::Placeholders,
    ];

    /// Its word in the header of a tape.
    pub const fn as_str(self) -> &'static str {
        match self {
            Note::RequestUnknown => "request-unknown",
            Note::RequestBodyUnknown => "request-body-unknown",
            Note::RequestReserialised => "request-reserialised",
            Note::QueryReserialised => "query-reserialised",
            Note::ConditionsDropped => "conditions-dropped",
            Note::StatusUnknown => "status-unknown",
            Note::HeadersUnknown => "headers-unknown",
            Note::ResponseReserialised => "response-reserialised",
            Note::Transcoded => "transcoded",
            Note::FramingSupplied => "framing-supplied",
            Note::CodingMismatch => "coding-mismatch",
            Note::SizeMismatch => "size-mismatch",
            Note::EndUnknown => "end-unknown",
            Note::Placeholders => "placeholders",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
