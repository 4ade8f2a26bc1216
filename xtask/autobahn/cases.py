"""Prints the cases that patterns name, one a line.

usage: cases.py CASES EXCLUDED

CASES and EXCLUDED are patterns separated by blanks, such as "1.* 7.1.1".
"""

import sys

from autobahntestsuite import case
from autobahntestsuite.caseset import CaseSet


def main(cases, excluded):
    known = CaseSet(case.CaseSetname, case.CaseBasename, case.Cases,
                    case.CaseCategories, case.CaseSubCategories)
    names = known.parseSpecCases({"cases": cases.split(), "exclude-cases": excluded.split()})
    unknown = [name for name in names if name not in known.CasesById]
    if unknown:
        sys.exit("no such case: %s" % " ".join(unknown))
    if not names:
        sys.exit("no case matches %s" % cases)
    print("\n".join(names))


if __name__ == "__main__":
    main(*sys.argv[1:])
