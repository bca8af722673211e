#!/usr/bin/env bash
# Runs pytest-benchmark's own tests with and without this plugin and fails where a test's outcome differs.
# Usage: tools/upstream_suite.sh PYTHON   (an environment that has the plugin installed)
set -euo pipefail
python="$1"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
version="$("$python" -c 'from importlib.metadata import version; print(version("pytest-benchmark"))')"
plugin="$("$python" -c 'import pathlib, pytest_formfunc; print(pathlib.Path(pytest_formfunc.__file__).parents[1])')"
# The sources from which it was made: the tests are not among what is installed.
"$python" -m pip --quiet download --no-deps --no-binary :all: --dest "$work" "pytest-benchmark==$version"

# Environments of their own: the suite needs packages that we do not, and no engine. Without the plugin it is not
# installed at all, for the suite's inner runs would not see an option that switches it off.
outcomes() { # NAME PACKAGE...
    local name="$1" folder="$work/$1"
    shift
    "$python" -m venv "$folder"
    "$folder/bin/python" -m pip --quiet install --constraint "$plugin/constraints.txt" "pytest-benchmark==$version" \
        aspectlib elastic-transport elasticsearch freezegun hunter mock pygal pygaljs setuptools "$@"
    mkdir "$folder/suite"
    tar -xzf "$work"/pytest*benchmark-"$version".tar.gz -C "$folder/suite" --strip-components=1
    cd "$folder/suite"
    # The suite starts pytest and pytest-benchmark by name.
    PATH="$folder/bin:$PATH" "$folder/bin/python" -m pytest tests -o addopts= -q -rA -p no:cacheprovider \
        --basetemp="$folder/tmp" >"$work/$name.log" 2>&1 || true
    grep -E '^(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) ' "$work/$name.log" | sed 's/ - .*//' | sort >"$work/$name.txt"
    echo "$name the plugin: $(tail -n 1 "$work/$name.log")"
}
# Side by side: half of their time is the suite's own calibration.
outcomes without &
other=$!
outcomes with "$plugin"
wait "$other"
grep -q '^PASSED ' "$work/with.txt" || { tail -n 20 "$work/with.log"; exit 1; }
diff "$work/without.txt" "$work/with.txt"
echo "every test ends the same with the plugin as without"
