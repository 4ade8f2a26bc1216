//! The results of a run: read from the suite's reports, compared, counted, and shown on a page.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::{Value as Json, json};

use super::{AGENT, suite::file};
use crate::run::{self, Result};

/// The two verdicts on each case: on what was sent and received, and on how the connection ended.
const KEYS: [&str; 2] = ["behavior", "behaviorClose"];

/// The results of the cases that were to be run.
#[derive(Debug)]
pub(super) struct Report {
    cases: Vec<Case>,
}

#[derive(Debug)]
struct Case {
    id: String,
    /// The suite's report; `None`: the case was not run.
    report: Option<Json>,
    expected: Expected,
}

/// The result that a case must have.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Expected {
    verdict: String,
    /// Why it isn't `OK`.
    reason: String,
}

impl Report {
    /// Reads what the suite wrote about `cases` into the folders `outs`.
    pub(super) fn read<'a>(cases: &[String], outs: impl Iterator<Item = &'a Path>) -> Result<Self> {
        let mut reports = BTreeMap::new();
        for out in outs {
            // Without an index nothing was run: the cases are missing.
            let Ok(index) = run::read(&out.join("index.json")) else { continue };
            let index: Json = serde_json::from_str(&index).map_err(|e| e.to_string())?;
            for (id, entry) in index.get(AGENT).and_then(Json::as_object).into_iter().flatten() {
                let path = out.join(text(entry, "reportfile"));
                let mut report: Json =
                    serde_json::from_str(&run::read(&path)?).map_err(run::about(&path))?;
                // Long, and of no use to a reader.
                for stats in ["rxOctetStats", "txOctetStats"] {
                    report.as_object_mut().and_then(|report| report.remove(stats));
                }
                reports.insert(id.clone(), report);
            }
        }
        let exceptions = exceptions(&run::read(&file("expected.json"))?)?;
        let ok = Expected { verdict: "OK".to_owned(), reason: String::new() };
        let case = |id: &String| Case {
            id: id.clone(),
            report: reports.remove(id),
            expected: exceptions.get(id).unwrap_or(&ok).clone(),
        };
        Ok(Self { cases: cases.iter().map(case).collect() })
    }

    /// How often each verdict was given, by section: `1: 16 OK; 2: 11 OK; …`.
    pub(super) fn summary(&self) -> String {
        let mut sections: BTreeMap<u32, BTreeMap<String, usize>> = BTreeMap::new();
        for case in &self.cases {
            let section = case.id.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            *sections.entry(section).or_default().entry(case.verdict()).or_default() += 1;
        }
        let sections = sections.iter().map(|(section, counts)| {
            let counts: Vec<_> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
            format!("{section}: {}", counts.join(", "))
        });
        sections.collect::<Vec<_>>().join("; ")
    }

    /// A line for each case whose verdicts aren't the expected ones.
    pub(super) fn differences(&self) -> Vec<String> {
        let different = self.cases.iter().filter(|case| !case.passed());
        different
            .map(|case| {
                let (got, expected) = (case.verdict(), &case.expected.verdict);
                let result = case.report.as_ref().map_or("", |report| text(report, "result"));
                format!("{}: {got}, expected {expected}: {result}", case.id)
            })
            .collect()
    }

    /// A page that shows everything, and needs no other file.
    pub(super) fn page(&self, title: &str, time: Duration) -> Result<String> {
        let cases = self.cases.iter().map(|case| {
            json!({
                "id": case.id,
                "verdict": case.verdict(),
                "passed": case.passed(),
                "reason": case.expected.reason,
                "report": case.report,
            })
        });
        let data = json!({
            "title": title,
            "seconds": time.as_secs_f64(),
            "cases": cases.collect::<Vec<_>>(),
        });
        // What a peer said may not end the script.
        let data = data.to_string().replace('<', "\\u003c");
        Ok(run::read(&file("report.html"))?.replace("\"DATA\"", &data))
    }
}

impl Case {
    /// Both verdicts of the suite as one, if they agree.
    fn verdict(&self) -> String {
        let Some(report) = &self.report else { return "not run".to_owned() };
        match KEYS.map(|key| text(report, key)) {
            [one, two] if one == two => one.to_owned(),
            both => both.join("/"),
        }
    }

    fn passed(&self) -> bool {
        self.verdict() == self.expected.verdict
    }
}

/// The cases that must give another verdict than `OK`.
fn exceptions(file: &str) -> Result<BTreeMap<String, Expected>> {
    let file: BTreeMap<String, Json> = serde_json::from_str(file).map_err(|e| e.to_string())?;
    let exception = |(id, json): (String, Json)| {
        let [verdict, reason] = ["verdict", "reason"].map(|key| text(&json, key).to_owned());
        (id, Expected { verdict, reason })
    };
    Ok(file.into_iter().map(exception).collect())
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or("nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, verdicts: Option<[&str; 2]>, expected: &str) -> Case {
        let json = |[one, two]: [&str; 2]| json!({ "behavior": one, "behaviorClose": two, "result": "</script>" });
        let expected = Expected { verdict: expected.to_owned(), reason: String::new() };
        Case { id: id.to_owned(), report: verdicts.map(json), expected }
    }

    #[test]
    fn only_the_expected_verdicts_pass() {
        for (one, two, expected, passes) in [
            ("OK", "OK", "OK", true),
            ("INFORMATIONAL", "INFORMATIONAL", "INFORMATIONAL", true),
            ("OK", "OK", "INFORMATIONAL", false),
            ("INFORMATIONAL", "INFORMATIONAL", "OK", false),
            ("NON-STRICT", "OK", "OK", false),
            ("UNIMPLEMENTED", "OK", "OK", false),
            ("OK", "UNCLEAN", "OK", false),
            ("FAILED", "FAILED", "OK", false),
        ] {
            let cases = vec![case("7.1.6", Some([one, two]), expected)];
            let found = Report { cases }.differences();
            assert_eq!(found.is_empty(), passes, "{one} {two} {expected}: {found:?}");
        }
        let cases = vec![case("7.1.6", None, "OK")];
        assert_eq!(Report { cases }.differences(), ["7.1.6: not run, expected OK: "]);
    }

    #[test]
    fn verdicts_are_counted_by_section() {
        let ok = |id| case(id, Some(["OK", "OK"]), "OK");
        let unclean = case("7.1.6", Some(["OK", "UNCLEAN"]), "OK");
        let cases = vec![unclean, ok("10.1.1"), ok("7.1.1"), ok("7.1.2")];
        assert_eq!(Report { cases }.summary(), "7: 2 OK, 1 OK/UNCLEAN; 10: 1 OK");
    }

    #[test]
    fn nothing_but_informational_is_excused_and_always_with_a_reason() -> Result<()> {
        for (id, expected) in exceptions(&run::read(&file("expected.json"))?)? {
            assert_eq!(expected.verdict, "INFORMATIONAL", "{id}");
            assert!(expected.reason.len() > 20, "{id}");
        }
        Ok(())
    }

    #[test]
    fn the_page_holds_its_data_and_what_a_peer_said_cannot_end_the_script() -> Result<()> {
        let cases = vec![case("1.1.1", Some(["OK", "OK"]), "OK")];
        let page = Report { cases }.page("a title", Duration::ZERO)?;
        assert!(page.contains(r#""title":"a title""#) && page.contains("\\u003c/script>"));
        assert_eq!(page.matches("</script>").count(), 1);
        Ok(())
    }
}
