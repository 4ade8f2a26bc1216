#!/usr/bin/env bash
# Sets up the Autobahn|Testsuite, ported to Python 3, from PyPI packages only.
# Prints the path of the `wstest` executable (and nothing else on stdout).
#
# env: AUTOBAHN_HOME  where to install (`cargo xtask autobahn` sets it)
#      PYTHON         a Python 3.11 or 3.12 (default: python3.11, else python3.12, else python3)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${AUTOBAHN_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/websockets-xtask/autobahn}

python=${PYTHON:-}
if [ -z "$python" ]; then
   for p in python3.11 python3.12 python3; do
      if command -v "$p" >/dev/null; then python=$p; break; fi
   done
fi
"$python" -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 12) else "setup.sh: Python 3.11 or 3.12 is needed (lib2to3), not %d.%d" % sys.version_info[:2])'

stamp=$(cat "$here/setup.sh" "$here/port.py" "$here/requirements.txt" | sha256sum | cut -d' ' -f1)
wstest=$home/bin/wstest
if [ -x "$wstest" ] && [ "$(cat "$home/stamp" 2>/dev/null)" = "$stamp" ]; then
   echo "$wstest"
   exit 0
fi

{
   mkdir -p "$home"
   # one setup at a time
   exec 9>"$home/lock"
   flock 9
   if [ -x "$wstest" ] && [ "$(cat "$home/stamp" 2>/dev/null)" = "$stamp" ]; then
      echo "already set up"
   else
      rm -rf "$home/venv" "$home/sdist" "$home/bin" "$home/stamp"
      "$python" -m venv "$home/venv"
      py=$home/venv/bin/python
      # setuptools and wheel: only for the two sdists below
      "$py" -m pip install -q --disable-pip-version-check setuptools==80.9.0 wheel==0.48.0
      "$py" -m pip install -q --disable-pip-version-check --no-deps -r "$here/requirements.txt"
      "$py" -m pip check >/dev/null

      mkdir "$home/sdist"
      "$py" -m pip download -q --disable-pip-version-check --no-deps --no-build-isolation \
         --no-binary :all: -d "$home/sdist" autobahntestsuite==25.10.1 autobahn==0.10.9
      (cd "$home/sdist" && sha256sum -c --quiet <<SUMS
b083d6e15330fc16f3e5f0975cce2b15f21bfa0c6db09547316b1852c6dbd6df  autobahntestsuite-25.10.1.tar.gz
3fecc1e2a26a0421128ddcfb4e577f0bc669dd65d0e0fdad1c773965cbcef75a  autobahn-0.10.9.tar.gz
SUMS
      )
      tar -xzf "$home/sdist/autobahntestsuite-25.10.1.tar.gz" -C "$home/sdist"
      tar -xzf "$home/sdist/autobahn-0.10.9.tar.gz" -C "$home/sdist"

      site=$("$py" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
      "$py" "$here/port.py" "$home/sdist/autobahntestsuite-25.10.1" "$home/sdist/autobahn-0.10.9" "$site"
      "$py" -m compileall -q "$site/autobahntestsuite" "$site/autobahn"

      # -bb: an error, and so a failed case, wherever octets would be compared with text
      mkdir "$home/bin"
      printf '#!/bin/sh\nexec "%s" -bb -W ignore::DeprecationWarning -m autobahntestsuite.wstest "$@"\n' "$py" >"$wstest"
      chmod +x "$wstest"

      # the port must have the list of cases of the original
      "$py" -bb - <<'PY'
from collections import Counter
from autobahntestsuite.case import Cases
from autobahntestsuite.case.case6_x_x import Utf8Validator, createUtf8TestSequences
n = Counter(int(c.__name__[4:].split("_")[0]) for c in Cases)
assert dict(n) == {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126}, n
v = Utf8Validator()
for _, sequences in createUtf8TestSequences():
    for valid, octets in sequences:
        v.reset()
        ok = v.validate(octets)
        assert (bool(ok[0] and ok[1])) == bool(valid), octets
        try:
            octets.decode("utf-8")
            assert valid, octets
        except UnicodeDecodeError:
            assert not valid, octets
PY
      rm -rf "$home/sdist"
      echo "$stamp" >"$home/stamp"
   fi
} >&2

echo "$wstest"
