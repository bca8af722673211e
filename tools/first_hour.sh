#!/usr/bin/env bash
# The first hour of a new user, to the letter: the wheel in a fresh environment, an empty repository with a network of its
# own, its first measurement, a comparison, and a gate. Prints each command and how long it took.
# Usage: tools/first_hour.sh [PYTHON]
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
python=${1:-python3}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
began=$SECONDS
count=0

step() {
    local from=$SECONDS code=0
    count=$((count + 1))
    echo "\$ $*"
    "$@" || code=$?
    echo "# $((SECONDS - from)) s"
    return $code
}

git clone --quiet "$source" "$place/source"
"$python" -m venv "$place/venv"
export PATH="$place/venv/bin:$PATH"
pip wheel --quiet --no-deps --wheel-dir "$place" "$place/source"
mkdir "$place/repository"
cd "$place/repository"
cp "$source/constraints.txt" .
git init --quiet --initial-branch main
cat > net.py <<'PY'
from torch import nn


def build(norm=nn.BatchNorm2d):
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), norm(32), nn.ReLU(), nn.Conv2d(32, 64, 3), norm(64), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )
PY
step pip install --quiet --constraint constraints.txt "$(echo "$place"/*.whl)[openvino]"
step pytest-formfunc init --model net:build --input 1x3x96x96
step pytest test_speedup.py
step git add net.py test_speedup.py pytest.ini .github
step git -c user.name=new -c user.email=new@localhost commit --quiet --message "A network and its test"
sed -i 's/return nn.Sequential(/return nn.Sequential(  # in this order/' net.py
step pytest-formfunc gate --tests test_speedup.py --base HEAD
sed -i 's/norm=nn.BatchNorm2d/norm=lambda width: nn.GroupNorm(8, width)/' net.py
echo "# batch norms became group norms: the engine executes other kernels, which no noise hides"
if step pytest-formfunc gate --tests test_speedup.py --base HEAD --options "--formfunc-gate graph"; then
    echo "the gate passed what it had to fail" >&2
    exit 1
fi
echo "# $count commands, $((SECONDS - began)) s in all, on $("$python" --version)"
