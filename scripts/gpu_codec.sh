#!/usr/bin/env bash
# Trains the codec on a machine with a GPU that has torch but neither a network nor our packages.
#
#   scripts/gpu_codec.sh pack                here: sounds, wheels and the encodec package into build/gpu
#   scripts/gpu_codec.sh train [SECONDS]     there: unpack once, train or go on, write to $OUT
#
# STEPS sets the length of the whole run (the learning rate falls at its end); CONFIG another config.
set -euo pipefail
cd "$(dirname "$0")/.."
carried=${CARRIED:-build/gpu}
config=${CONFIG:-configs/codec-gpu.toml}
out=${OUT:-build/gpu-out}
export PYTHONUNBUFFERED=1

pack() {
    python=${PYTHON:-.venv/bin/python}
    rm -rf "$carried"
    mkdir -p "$carried/wheels" "$carried/site"
    "$python" -m vatt_engine.training.travel pack "$config" "$carried/sounds" --kbps "${KBPS:-28}"
    # encodec is pure Python and published as source only, so the installed package travels.
    package=$("$python" -c 'import encodec, pathlib; print(pathlib.Path(encodec.__file__).parent)')
    cp -r "$package" "$carried/site/"
    find "$carried/site" -name __pycache__ -prune -exec rm -rf {} +
    "$python" -m pip download -q --no-deps --only-binary=:all: --python-version "${THERE:-3.12}" \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 -d "$carried/wheels" \
        soundfile==0.14.0 soxr==1.1.0 cffi pycparser
    du -sh "$carried"
}

train() {
    python=${PYTHON:-python3}
    site=$PWD/build/gpu-site
    if [ ! -d "$site" ]; then
        "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" \
            "$carried"/wheels/*.whl
        cp -r "$carried/site/." "$site/"
    fi
    export PYTHONPATH="$PWD/engine:$site"
    [ -f runs/gpu-sounds/train.npy ] ||
        "$python" -m vatt_engine.training.travel unpack "$carried/sounds" runs/gpu-sounds
    mkdir -p runs "$out"
    # The same config, with the unpacked sounds and the length that was asked for.
    "$python" - "$config" "${STEPS:-}" > runs/codec-gpu.toml <<'EOF'
import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text()
text = text.replace("runs/corpus/train.jsonl", "runs/gpu-sounds/train.npy")
text = text.replace("runs/corpus/test.jsonl", "runs/gpu-sounds/held_out.npy")
if sys.argv[2]:
    steps = int(sys.argv[2])
    text = re.sub(r"(?m)^steps = \d+", f"steps = {steps}", text)
    text = re.sub(r"(?m)^warmup_steps = \d+", f"warmup_steps = {min(1000, steps // 20)}", text)
    text = re.sub(r"(?m)^decay_steps = \d+", f"decay_steps = {steps // 4}", text)
print(text)
EOF
    folder=$(sed -n 's/^folder = "\(.*\)"/\1/p' runs/codec-gpu.toml)
    resume=()
    [ -f "$folder/checkpoint.safetensors" ] && resume=(--resume)
    status=0
    "$python" -W ignore -m vatt_engine.training codec runs/codec-gpu.toml "${resume[@]}" \
        --stop-after "${1:-480}" --out "$out/codec" 2>&1 | tee "$out/train.txt" | tail -n 40 || status=$?
    cp "$folder/log.jsonl" "$folder/report.html" "$out/" || true
    return "$status"
}

case "${1:-}" in
    pack) pack ;;
    train) shift && train "$@" ;;
    *) sed -n '2,7p' "$0" >&2 && exit 2 ;;
esac
