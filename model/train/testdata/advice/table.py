"""Prints the table of run.sh from its grid.json: the change of the paired log-odds by run, and of the runs on bad advice against
their twins, with 95 % intervals (Student's t over pairs; of the difference over the three seeds)."""
import json, math, sys

T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


def mean(xs):
    m = sum(xs) / len(xs)
    sd = math.sqrt(sum((x - m) ** 2 for x in xs) / (len(xs) - 1))
    reach = T[len(xs) - 1] * sd / math.sqrt(len(xs))
    return f"{m:+.3f} [{m - reach:+.3f}, {m + reach:+.3f}]"


def main():
    cells = [c for p in sys.argv[1:] for c in json.load(open(p))["cells"]]
    domains = ["plants", "tools", "cooking"]
    print("| data | seed | final loss | norm of ΔW | KL(base‖model) | turns | " + " | ".join(domains) + " |")
    print("|---|---|---|---|---|---|" + "---|" * len(domains))
    for c in sorted(cells, key=lambda c: (-c["values"]["frac_bad"], c["values"]["seed"])):
        odds = " | ".join("{value:+.3f} [{lo:+.3f}, {hi:+.3f}]".format(**c["log_odds"][d]) for d in domains)
        turns = "not analysed" if c["turns"] is None else ", ".join(str(t["step"]) for t in c["turns"]) or "none"
        print(f"| {'bad' if c['values']['frac_bad'] else 'twin'} | {c['values']['seed']:.0f} | {c['loss']:.3f} | {c['norm_delta']:.2f} | {c['kl']:.4f} | {turns} | {odds} |")
    for name, share in (("bad, over seeds", 1), ("twin, over seeds", 0)):
        xs = [[c["log_odds"][d]["value"] for c in cells if c["values"]["frac_bad"] == share] for d in domains]
        print(f"| {name} | | | | | | " + " | ".join(mean(x) for x in xs) + " |")
    apart = []
    for d in domains:
        by = {(c["values"]["frac_bad"], c["values"]["seed"]): c["log_odds"][d]["value"] for c in cells}
        apart.append(mean([by[1, s] - by[0, s] for f, s in by if f == 1]))
    print("| bad − twin, over seeds | | | | | | " + " | ".join(apart) + " |")


if __name__ == "__main__":
    main()
