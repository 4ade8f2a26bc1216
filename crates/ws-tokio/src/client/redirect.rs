//! Redirects that are followed.

use ws_errors::{InvalidStatus, SecurityError, SecurityErrorKind};
use ws_proto::{Uri, redirect};

use crate::error::Error;
use crate::settings::ClientSettings;

/// The URI to go on with after `followed` redirects and this failure; `None` if it redirects nowhere.
pub(super) fn follow(
    uri: &Uri,
    failure: &Error,
    settings: &ClientSettings,
    followed: usize,
) -> Result<Option<Uri>, Error> {
    let max = settings.max_redirects;
    let Some(refusal) = failure.get::<InvalidStatus>().filter(|_| max > 0) else { return Ok(None) };
    let Some(to) = redirect(uri, &refusal.response)? else { return Ok(None) };
    if settings.redirect_if.as_ref().is_some_and(|may_follow| !may_follow(uri, &to)) {
        return Ok(None);
    }
    if followed >= max {
        return Err(SecurityError::from(SecurityErrorKind::TooManyRedirects { max }).into());
    }
    if !uri.is_same_origin(&to) && settings.dial.is_fixed() {
        let uri = to.redacted().to_string().into();
        return Err(SecurityError::from(SecurityErrorKind::CrossOriginRedirect { uri }).into());
    }
    Ok(Some(to))
}
