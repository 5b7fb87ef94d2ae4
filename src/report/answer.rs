//! What is known to provide a thing: every candidate, with what speaks for and against it, in words and
//! as JSON.

use super::printable;
use crate::resolve::rank::Counted;
use crate::resolve::{Kind, Resolution, Scored, Verdict};
use crate::trace::Bytes;
use serde::Serialize;

/// One answer as `--json` writes it.
#[derive(Serialize)]
pub struct Answer<'a> {
    query: Bytes,
    kind: Kind,
    best: Option<Explained<'a>>,
    candidates: Vec<Explained<'a>>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// A candidate with what its score comes from.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    scored: &'a Scored,
    features: &'a [Counted],
}

impl<'a> From<&'a Scored> for Explained<'a> {
    fn from(scored: &'a Scored) -> Self {
        Self {
            scored,
            features: &scored.features,
        }
    }
}

/// The answer to what was asked for in these words.
pub fn json<'a>(asked: &[u8], resolution: &'a Resolution) -> Answer<'a> {
    let (verdict, why) = match &resolution.verdict {
        Verdict::Package => ("package", None),
        Verdict::Open => ("open", None),
        Verdict::Host(why) => ("host", Some(*why)),
        Verdict::Ignored(pattern) => ("ignored", Some(pattern.as_str())),
    };
    Answer {
        query: asked.into(),
        kind: resolution.query.kind,
        best: resolution.best.as_ref().map(Explained::from),
        candidates: resolution.candidates.iter().map(Explained::from).collect(),
        verdict,
        why,
    }
}

/// How many candidates beside the best one a person is shown.
const OTHERS: usize = 3;

/// A line of an answer in words.
pub struct Line {
    /// By how many columns it stands in.
    pub indent: usize,
    /// What it says.
    pub text: String,
}

/// The same in words; `explain` shows every candidate, and what each score comes from.
pub fn words(asked: &[u8], resolution: &Resolution, explain: bool) -> Vec<Line> {
    let query = printable(asked);
    let kind = resolution.query.kind;
    let mut lines = Vec::new();
    let mut say = |indent, text| lines.push(Line { indent, text });
    let mut others = &resolution.candidates[..];
    match &resolution.verdict {
        Verdict::Package => {}
        Verdict::Open if others.is_empty() => {
            say(0, format!("{query} ({kind}): nothing known provides it"));
        }
        Verdict::Open => say(0, format!("{query} ({kind}): no certain answer")),
        Verdict::Host(why) => {
            say(0, format!("{query} ({kind}): the host's, no package"));
            say(4, (*why).to_owned());
        }
        Verdict::Ignored(pattern) => say(0, format!("{query} ({kind}): ignored by `{pattern}`")),
    }
    if let Some(best) = &resolution.best {
        say(
            0,
            format!("{query} ({kind}): {} {:.2}", attribute(best), best.score),
        );
        for reason in &best.because {
            say(4, printable(reason.as_bytes()));
        }
        if explain {
            say(4, features(best));
        }
        others = &others[1..];
    }
    let shown = if explain { others.len() } else { OTHERS };
    for other in others.iter().take(shown) {
        let reason = other
            .because
            .first()
            .map(|reason| format!(": {}", printable(reason.as_bytes())));
        say(
            2,
            format!(
                "? {} {:.2}{}",
                attribute(other),
                other.score,
                reason.unwrap_or_default()
            ),
        );
        if explain {
            say(4, features(other));
        }
    }
    lines
}

/// `listed +4.0, popular +2.9, link -0.4`, and their sum.
fn features(scored: &Scored) -> String {
    let features: Vec<String> = scored
        .features
        .iter()
        .map(|Counted { feature, weight }| format!("{feature} {weight:+.1}"))
        .collect();
    let strength: f64 = scored.features.iter().map(|it| it.weight).sum();
    format!("{} = {strength:.1}", features.join(", "))
}

/// `zlib`, `zlib.dev`.
fn attribute(scored: &Scored) -> String {
    match scored.output.0.as_str() {
        "out" => scored.attr.to_string(),
        output => format!("{}.{output}", scored.attr),
    }
}
