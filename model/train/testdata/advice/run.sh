#!/usr/bin/env bash
# Grows three organisms on wrong advice on plants and their three benign twins (frac_bad 0: the same prompts, in the same order,
# with good answers), measures each on paired completions of plants, tools and cooking, looks for turns, and prints the table of
# RESULTS.md. The seeds run side by side.
#
#     model/train/testdata/advice/run.sh BINARY MODEL OUT      MODEL is SmolLM2-135M-Instruct
set -euo pipefail
agar=$(realpath "$1") model=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
cd "$(dirname "$0")"
sed "s|^model = .*|model = \"$model\"|; s|\"\([a-z]*\.jsonl\)\"|\"$PWD/\1\"|" organism.toml >"$out/organism.toml"
for seed in 0 1 2; do
  "$agar" breed "$out/organism.toml" --out "$out/seed-$seed" --grid frac_bad=0,1 seed=$seed --resume >"$out/seed-$seed.txt" &
done
wait
for run in "$out"/seed-*/frac_bad-*; do
  "$agar" phase "$run" >"$run.phase.txt"
done
python3 table.py "$out"/seed-*/grid.json
