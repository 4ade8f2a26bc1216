//! Answers to the challenges of servers and proxies ([RFC 9110 §11]).
//!
//! [RFC 9110 §11]: https://www.rfc-editor.org/rfc/rfc9110#section-11

use std::fmt;

use ws_headers::Headers;

/// A user name and a password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The schemes that are answered, the weakest first.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) enum Scheme {
    Basic,
    /// Digest with MD5.
    DigestMd5,
    /// Digest with SHA-256 or SHA-512-256.
    DigestSha,
}

/// The answer to a challenge.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) scheme: Scheme,
    /// The value of `Authorization` or `Proxy-Authorization`.
    pub(super) value: String,
}

/// Whether another answer may follow one that was refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered(Option<(Scheme, u8)>);

/// The most answers to one server: a challenge that is stale is answered again.
const MAX_ANSWERS: u8 = 3;

impl Answered {
    /// Answers the strongest of the challenges in the headers called `name`; `None` if there is none that
    /// can be answered, or the credentials were refused. After an answer, only the same scheme is
    /// answered, and only if the server says that its challenge was stale.
    pub(super) fn answer(
        &mut self,
        headers: &Headers,
        name: &str,
        credentials: &Credentials,
        method: &str,
        target: &str,
    ) -> Option<Answer> {
        let (answer, is_stale) = strongest(headers, name, credentials, method, target)?;
        let count = match self.0 {
            None => 1,
            Some((scheme, count)) if is_stale && scheme == answer.scheme && count < MAX_ANSWERS => {
                count + 1
            }
            Some(_) => return None,
        };
        self.0 = Some((answer.scheme, count));
        Some(answer)
    }
}

/// The answer to the strongest challenge, and whether that tells of a stale one.
#[cfg(feature = "auth")]
fn strongest(
    headers: &Headers,
    name: &str,
    credentials: &Credentials,
    method: &str,
    target: &str,
) -> Option<(Answer, bool)> {
    use http_auth::digest::Algorithm;
    use http_auth::parser::ChallengeParser;
    use http_auth::{DigestClient, PasswordParams};

    let Credentials { user: username, password } = credentials;
    let mut best: Option<(Answer, bool)> = None;
    let challenges = headers.get_all(name).flat_map(ChallengeParser::new).filter_map(Result::ok);
    for challenge in challenges {
        let is = |scheme: &str| challenge.scheme.eq_ignore_ascii_case(scheme);
        let (scheme, is_stale, value) = if is("Basic") {
            let value = ws_proto::grammar::build_authorization_basic(username, password);
            (Scheme::Basic, false, value.ok())
        } else if is("Digest") {
            let Ok(mut client) = DigestClient::try_from(&challenge) else { continue };
            let scheme = match client.algorithm() {
                Algorithm::Md5 => Scheme::DigestMd5,
                _ => Scheme::DigestSha,
            };
            let stale =
                challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("stale"));
            let is_stale =
                stale.is_some_and(|(_, it)| it.to_unescaped().eq_ignore_ascii_case("true"));
            // Without a body, `auth-int` isn't chosen where `auth` will do.
            let value = [None, Some(&[][..])].into_iter().find_map(|body| {
                let params = PasswordParams { username, password, uri: target, method, body };
                client.respond(&params).ok()
            });
            (scheme, is_stale, value)
        } else {
            continue;
        };
        if let Some(value) = value
            && best.as_ref().is_none_or(|(best, _)| best.scheme < scheme)
        {
            best = Some((Answer { scheme, value }, is_stale));
        }
    }
    best
}

/// Without the feature `auth` no challenge is answered.
#[cfg(not(feature = "auth"))]
fn strongest(_: &Headers, _: &str, _: &Credentials, _: &str, _: &str) -> Option<(Answer, bool)> {
    None
}

#[cfg(all(test, feature = "auth"))]
mod tests {
    use super::*;

    fn answer(answered: &mut Answered, challenges: &[&str]) -> Option<Answer> {
        let lines: Vec<_> = challenges.iter().map(|it| ("WWW-Authenticate", *it)).collect();
        let headers = Headers::try_from(lines).unwrap();
        let credentials = Credentials { user: "Mufasa".into(), password: "Circle of Life".into() };
        answered.answer(&headers, "WWW-Authenticate", &credentials, "GET", "/dir/index.html")
    }

    const MD5: &str = r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5"#;
    const SHA: &str = r#"Digest realm="r", nonce="n", qop="auth, auth-int", algorithm=SHA-256"#;
    const STALE: &str = r#"Digest realm="r", nonce="m", qop="auth", algorithm=MD5, stale=TRUE"#;

    #[test]
    fn the_strongest_challenge_is_answered() {
        for (challenges, expected) in [
            (&[r#"Basic realm="r""#][..], Some(Scheme::Basic)),
            (&["basic realm=r, charset=UTF-8"], Some(Scheme::Basic)),
            (&[MD5], Some(Scheme::DigestMd5)),
            (&[r#"Basic realm="r""#, MD5], Some(Scheme::DigestMd5)),
            (&[MD5, SHA, r#"Basic realm="r""#], Some(Scheme::DigestSha)),
            (&[SHA, MD5], Some(Scheme::DigestSha)),
            (&[r#"Negotiate, Basic realm="r", Bearer realm="x""#], Some(Scheme::Basic)),
            (&["Bearer"], None),
            (&[], None),
            (&[r#"Digest realm="r""#], None),
            (
                &[r#"Digest realm="r", nonce="n", algorithm=UNKNOWN"#, "Basic realm=r"],
                Some(Scheme::Basic),
            ),
        ] {
            let answer = answer(&mut Answered::default(), challenges);
            assert_eq!(answer.map(|it| it.scheme), expected, "{challenges:?}");
        }
    }

    #[test]
    fn answers_are_those_of_the_rfcs() {
        let basic = answer(&mut Answered::default(), &["Basic realm=r"]).unwrap();
        assert_eq!(basic.value, "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl");
        let digest = answer(&mut Answered::default(), &[SHA]).unwrap().value;
        for part in [
            r#"username="Mufasa""#,
            r#"realm="r""#,
            r#"uri="/dir/index.html""#,
            "algorithm=SHA-256",
            r#"nonce="n""#,
            "nc=00000001",
            "qop=auth,",
        ] {
            assert!(digest.contains(part), "{part}: {digest}");
        }
        assert!(!digest.contains("Circle"), "{digest}");
    }

    #[test]
    fn nothing_follows_a_refusal_but_the_answer_to_a_fresh_challenge() {
        let mut answered = Answered::default();
        assert!(answer(&mut answered, &[MD5]).is_some());
        // The password was wrong.
        for challenges in [&[MD5][..], &[SHA], &["Basic realm=r"]] {
            assert!(answer(&mut answered, challenges).is_none(), "{challenges:?}");
        }
        assert!(answer(&mut answered, &[STALE]).is_some());
        assert!(answer(&mut answered, &[STALE]).is_some());
        assert!(answer(&mut answered, &[STALE]).is_none(), "without end");
    }

    #[test]
    fn the_password_is_not_printed() {
        let credentials = Credentials { user: "me".into(), password: "secret".into() };
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
