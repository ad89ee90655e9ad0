use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Rules;
use super::form::{self, Content, Digest, Form};
use crate::cassette::Request;

/// A request that is asked, with what was made of it so far: who is asked the same again and again
/// reads it once.
pub struct Asked {
    pub(super) request: Request,
    pub(super) route: String,
    pub(super) host: Option<Box<str>>,
    content: OnceLock<Content>,
    /// Its forms under each of the rules that were needed.
    forms: Mutex<Vec<(Rules, Arc<Form>, Digest)>>,
}

impl Asked {
    /// A request as [`Library::choose`](super::Library::choose) takes it: masked as the recorded
    /// ones are, without a scope's prefix in its path.
    pub fn new(request: Request) -> Asked {
        Asked {
            route: form::route(&request.method, &request.target),
            host: form::host_of(&request),
            content: OnceLock::new(),
            forms: Mutex::default(),
            request,
        }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Its form under `rules`, made once.
    pub(super) fn form(&self, rules: &Rules) -> (Arc<Form>, Digest) {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, form, digest)) = forms.iter().find(|(own, ..)| own == rules) {
            return (form.clone(), *digest);
        }
        let content = self.content.get_or_init(|| Content::of(&self.request));
        let form = Arc::new(Form::new(&self.request, content.clone(), rules));
        let digest = form.digest();
        forms.push((rules.clone(), form.clone(), digest));
        (form, digest)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.request).finish()
    }
}
