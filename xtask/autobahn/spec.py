"""Writes the specification of a run for wstest, with the list of the cases that it consists of.

usage: spec.py client|server URL AGENT OUTDIR CASES EXCLUDED   (to standard output)

client: wstest is the fuzzing client, for a server under test; server: the other way round.
CASES and EXCLUDED are patterns separated by blanks, such as "1.* 7.1.1".
"""

import json
import sys


def main(role, url, agent, outdir, cases, excluded):
    spec = {
        "outdir": outdir,
        "agent": agent,
        "cases": cases.split(),
        "exclude-cases": excluded.split(),
        "exclude-agent-cases": {},
    }
    if role == "client":
        spec["servers"] = [{"agent": agent, "url": url}]
    else:
        spec["url"] = url
        spec["interface"] = "127.0.0.1"
    spec["expected"] = selected(spec)
    if not spec["expected"]:
        sys.exit("no case matches %s" % cases)
    json.dump(spec, sys.stdout, indent=1)


def selected(spec):
    from autobahntestsuite import case
    from autobahntestsuite.caseset import CaseSet

    cases = CaseSet(case.CaseSetname, case.CaseBasename, case.Cases,
                    case.CaseCategories, case.CaseSubCategories)
    names = cases.parseSpecCases(spec)
    unknown = [name for name in names if name not in cases.CasesById]
    if unknown:
        sys.exit("no such case: %s" % " ".join(unknown))
    return names


if __name__ == "__main__":
    main(*sys.argv[1:])
