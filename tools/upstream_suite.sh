#!/usr/bin/env bash
# Runs pytest-benchmark's own tests with and without this plugin and fails where a test's outcome differs.
# Usage: tools/upstream_suite.sh PYTHON   (an environment that has the plugin installed)
set -euo pipefail
python="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
version="$("$python" -c 'from importlib.metadata import version; print(version("pytest-benchmark"))')"
plugin="$("$python" -c 'import pathlib, pytest_formfunc; print(pathlib.Path(pytest_formfunc.__file__).parents[1])')"
# An environment of its own: the suite needs packages that we do not, and no engine.
"$python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --quiet "$@"; }
pip install --constraint "$plugin/constraints.txt" "pytest-benchmark==$version" \
    aspectlib elastic-transport elasticsearch freezegun hunter mock pygal pygaljs setuptools
pip download --no-deps --no-binary :all: --dest "$work" "pytest-benchmark==$version"
tar -xzf "$work"/pytest*benchmark-"$version".tar.gz -C "$work"
cd "$work"/pytest*benchmark-"$version"

outcomes() {
    "$work/venv/bin/python" -m pytest tests -o addopts= -q -rA -p no:cacheprovider >"$work/$1.log" 2>&1 || true
    grep -E '^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) ' "$work/$1.log" | sed 's/ - .*//' | sort >"$work/$1.txt"
    echo "$1 the plugin: $(tail -n 1 "$work/$1.log")"
}
outcomes without # not installed at all: the suite's inner runs would not see an option that switches it off
pip install --constraint "$plugin/constraints.txt" "$plugin"
outcomes with
[ -s "$work/with.txt" ] || { tail -n 20 "$work/with.log"; exit 1; }
diff "$work/without.txt" "$work/with.txt"
echo "the same outcome for each of $(wc -l <"$work/with.txt") tests"
